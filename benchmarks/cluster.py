"""Measure the adapters: ctrlog on Bytewax and on Spark.

Four comparisons, each in turn (A B A B …), and each with a check that the records are the same:

- one log: `ctrlog run`, and the flow with one process;
- the same log, split by user in two: the flow with one process, and with two;
- a short log: the flow, and the tutorial's own, whose windows hold lists of events;
- the one log: Spark with every core.

Logs are made by `generate.py` if they are not there. Prints Markdown; the exit code is 1 if a
command fails or records differ. No time is ever a failure.

The commands run with the interpreter that runs this one, which needs ctrlog's extras `bytewax`
and `spark`.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import median

from ctrlog.adapters.partitioning import shard_of

BENCHMARKS = Path(__file__).resolve().parent
BYTEWAX = (sys.executable, "-m", "bytewax.run")
TUTORIAL = f"{BENCHMARKS / 'tutorial_flow.py'}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What some processes took together: the time on the wall is that of the longest."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(*commands: Sequence[str]) -> Usage:
    """Run commands side by side.

    Raises:
        SystemExit: One failed.
    """
    start_s = time.perf_counter()
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    cpu_s = peak_kb = 0.0
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu_s += usage.ru_utime + usage.ru_stime
        peak_kb += usage.ru_maxrss
    wall_s = time.perf_counter() - start_s
    for child, command in zip(children, commands, strict=True):
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} ended with exit code {child.returncode}")
    return Usage(wall_s, cpu_s, peak_kb * 1024 / 1e6)


def flow(log: Path, out: Path, processes: int = 1) -> Usage:
    """Run the flow."""
    target = f"ctrlog.dataflow:flow({str(log)!r}, {f'{out}/'!r})"
    if processes == 1:
        return run((*BYTEWAX, target))
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(processes)]
    addresses = ";".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    numbers = map(str, range(processes))
    return run(*((*BYTEWAX, target, "-i", number, "-a", addresses) for number in numbers))


def ctrlog_run(log: Path, out: Path) -> Usage:
    """Run the command line, with the flow's format."""
    out.mkdir(exist_ok=True)
    arguments = ("run", "--format", "jsonl", "-o", str(out / "found.jsonl"), str(log))
    return run((sys.executable, "-m", "ctrlog", *arguments))


def tutorial(log: Path, out: Path) -> Usage:
    """Run the tutorial's flow, which prints a line for each session."""
    out.mkdir(exist_ok=True)
    return run((*BYTEWAX, f"{TUTORIAL}:flow({str(log)!r})"))


def spark(log: Path, out: Path) -> Usage:
    """Run the archive job. Of its processes only the first is waited for, so the time tells."""
    shutil.rmtree(out, ignore_errors=True)
    usage = run((sys.executable, "-m", "ctrlog.spark", str(log), "--out", str(out)))
    return Usage(usage.wall_s, nan, nan)


def digest(folder: Path) -> tuple[int, int]:
    """Sum up the lines of all records of a folder, in any order: how many, and their digests."""
    count = total = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name[0] in "._" or path.suffix not in {".jsonl", ".txt"}:
            continue
        with path.open("rb") as file:
            for line in file:
                count += 1
                total += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest())
    return count, total % 2**128


# Logs.


def make_log(directory: Path, events: int, users: int) -> Path:
    """Make a log unless it is there. Returns where it is."""
    log = directory / f"events-{events}-users-{users}-seed-1.jsonl"
    if not log.exists():
        directory.mkdir(parents=True, exist_ok=True)
        counts = ("--events", str(events), "--users", str(users), "--seed", "1")
        part = log.with_suffix(".part")
        generate = str(BENCHMARKS / "generate.py")
        subprocess.run((sys.executable, generate, *counts, "-o", str(part)), check=True)
        part.rename(log)
    return log


def split(log: Path, parts: int) -> Path:
    """Split a log by user. Returns the folder of the parts."""
    folder = log.with_suffix(f".{parts}-parts")
    if not folder.exists():
        making = log.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        files = [(making / f"{number}.jsonl").open("wb") for number in range(parts)]
        with log.open("rb") as lines:
            for line in lines:
                # Not the number of the shard again, by which processes share the work.
                files[shard_of(json.loads(line)["user"], 1009) % parts].write(line)
        for file in files:
            file.close()
        making.rename(folder)
    return folder


def count_lines(log: Path) -> int:
    """Count the lines of a log."""
    with log.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


# Comparisons.

Job = tuple[str, Callable[[Path], Usage]]


def compare(title: str, events: int, jobs: Sequence[Job], runs: int, directory: Path) -> list[Path]:
    """Run jobs in turn and print a table. Returns where each wrote."""
    outs = [directory / f"out-{place}" for place in range(len(jobs))]
    for out in outs:
        shutil.rmtree(out, ignore_errors=True)
    rounds = [[job(out) for (_, job), out in zip(jobs, outs, strict=True)] for _ in range(runs)]
    times = "once" if runs == 1 else f"{runs} runs each, in turn, medians"
    print(f"\n{title}, {events:,} events ({times}):\n")
    print("| | wall s | CPU s | events/s | peak MB | wall, times the first | CPU |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for place, (name, _) in enumerate(jobs):
        usages = [turn[place] for turn in rounds]
        wall_s, cpu_s, peak_mb = (
            median(getattr(usage, field) for usage in usages)
            for field in ("wall_s", "cpu_s", "peak_mb")
        )
        wall = median(turn[place].wall_s / turn[0].wall_s for turn in rounds)
        cpu = median(turn[place].cpu_s / turn[0].cpu_s for turn in rounds)
        print(
            f"| {name} | {wall_s:.2f} | {cpu_s:.2f} | {events / wall_s:,.0f} | {peak_mb:.0f}"
            f" | {wall:.2f} | {cpu:.2f} |"
        )
    sys.stdout.flush()
    return outs


def are_the_same(outs: Iterable[Path]) -> bool:
    """Compare the records in folders, and say what comes of it."""
    found = {digest(out) for out in outs}
    count = max(count for count, _ in found)
    verdict = "The records are the same" if len(found) == 1 else "The records DIFFER"
    print(f"\n{verdict}: {count:,} lines.")
    return len(found) == 1


def main() -> int:
    """Compare what the command line asks for. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--events", type=int, default=4_000_000, help="events in the log (default: %(default)s)")
    add("--users", type=int, default=20_000, help="users in the log (default: %(default)s)")
    short = "events in the log for the tutorial's flow, which runs once (default: %(default)s)"
    add("--tutorial-events", type=int, default=400_000, help=short)
    add("--runs", type=int, default=3, help="timed runs of each job (default: %(default)s)")
    add("--no-spark", action="store_true", help="leave Spark out")
    temporary = Path(tempfile.gettempdir()) / "ctrlog-bench"
    where = "where logs are made and kept (default: %(default)s)"
    add("--directory", type=Path, default=temporary, metavar="DIR", help=where)
    options = parser.parse_args()
    log = make_log(options.directory, options.events, options.users)
    parts = split(log, 2)
    events = count_lines(log)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        place = Path(folder)
        jobs: list[Job] = [
            ("`ctrlog run --format jsonl`", lambda out: ctrlog_run(log, out)),
            ("Bytewax, one process", lambda out: flow(log, out)),
        ]
        is_same = are_the_same(compare("One log", events, jobs, options.runs, place))
        jobs = [
            ("Bytewax, one process", lambda out: flow(parts, out)),
            ("Bytewax, two processes", lambda out: flow(parts, out, 2)),
        ]
        is_same &= are_the_same(compare("Split by user", events, jobs, options.runs, place))
        if not options.no_spark:
            jobs = [
                ("`ctrlog run --format jsonl`", lambda out: ctrlog_run(log, out)),
                ("Spark, every core", lambda out: spark(log, out)),
            ]
            is_same &= are_the_same(compare("Archive", events, jobs, options.runs, place))
        short_log = make_log(options.directory, options.tutorial_events, options.users)
        jobs = [
            ("Bytewax, one process", lambda out: flow(short_log, out)),
            ("the tutorial's flow", lambda out: tutorial(short_log, out)),
        ]
        compare("The tutorial's windows", count_lines(short_log), jobs, 1, place)
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
