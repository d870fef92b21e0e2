"""Measure ctrlog against the obvious script, and its start-up against importing typer.

`ctrlog run` and the script print every search of one log to /dev/null, and `ctrlog summary` sums it
up, in turn (A B C A B C …), so that a change in the machine's load meets all. First, untimed, the
outputs of `run` and the script are compared. `ctrlog simulate` makes the log if it is not there.
Prints Markdown; the exit code is 1 if a command fails or the outputs differ. No time is ever a
failure.

The commands run with the interpreter that runs this one, from the root of the repository.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
CTRLOG = (sys.executable, "-m", "ctrlog")
SCRIPT = (sys.executable, str(BENCHMARKS / "orjson_script.py"))
STARTS = {
    "`python -c 'import typer'`": (sys.executable, "-c", "import typer"),
    "`ctrlog --help`": (*CTRLOG, "--help"),
    "`ctrlog run sample_logs/tutorial_1.jsonl`": (*CTRLOG, "run", "sample_logs/tutorial_1.jsonl"),
}
START_RUNS = 15
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What one command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Lines:
    """A multiset of lines: how many, and the sum of their digests (modulo 2^128)."""

    count: int
    digest: int


def fail(command: Sequence[str], code: int) -> SystemExit:
    """Say that a command failed; the exception is to be raised."""
    return SystemExit(f"compare.py: {' '.join(command)} ended with exit code {code}")


def measure(command: Sequence[str]) -> Usage:
    """Run a command with its output to /dev/null.

    The peak is never less than what this process holds, about 20 MB: Linux counts it in when a
    child starts.

    Raises:
        SystemExit: The command failed.
    """
    start_s = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - start_s
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise fail(command, child.returncode)
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Usage(wall_s, usage.ru_utime + usage.ru_stime, peak_bytes / 1e6)


def printed_lines(command: Sequence[str]) -> Lines:
    """Run a command and sum up the lines it prints, in any order.

    Raises:
        SystemExit: The command failed.
    """
    count = digest = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        for line in child.stdout or ():
            count += 1
            digest += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest())
    if child.returncode:
        raise fail(command, child.returncode)
    return Lines(count, digest % 2**128)


def log_file(directory: Path, events: int, users: int) -> Path:
    """Make the log in the directory unless it is there. Returns where it is.

    Raises:
        SystemExit: The log could not be made.
    """
    log = directory / f"simulated-{events}-users-{users}.jsonl"
    if not log.exists():
        print(f"making {log} …", file=sys.stderr)
        directory.mkdir(parents=True, exist_ok=True)
        counts = ("--events", str(events), "--users", str(users))
        command = (*CTRLOG, "simulate", *counts, "-o", str(log))
        code = subprocess.run(command, check=False).returncode
        if code:
            raise fail(command, code)
    return log


def count_events(log: Path) -> int:
    """Count the lines of a log."""
    with log.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))


def table_row(name: str, usages: Sequence[Usage], events: int) -> str:
    """One row of the table of jobs: the medians."""
    wall_s = median(usage.wall_s for usage in usages)
    cpu_s = median(usage.cpu_s for usage in usages)
    peak_mb = median(usage.peak_mb for usage in usages)
    return f"| {name} | {wall_s:.2f} | {cpu_s:.2f} | {events / wall_s:,.0f} | {peak_mb:.0f} |"


def compare_jobs(log: Path, runs: int) -> bool:
    """Print how long both jobs of ctrlog and the script take; return whether rows are the same."""
    script = (*SCRIPT, str(log))
    jobs = {
        "`ctrlog run`": (*CTRLOG, "run", "--quiet", str(log)),
        "`ctrlog summary`": (*CTRLOG, "summary", "--quiet", str(log)),
        "`orjson_script.py`": script,
    }
    found, expected = printed_lines(jobs["`ctrlog run`"]), printed_lines(script)
    rounds = [[measure(command) for command in jobs.values()] for _ in range(runs)]
    events = count_events(log)
    size_mb = log.stat().st_size / 1e6
    print(f"{events:,} events, {size_mb:,.0f} MB, {runs} runs each, in turn, medians:\n")
    print("| | wall s | CPU s | events/s | peak MB | script takes, times as long (CPU) |")
    print("|---|--:|--:|--:|--:|--:|")
    for place, name in enumerate(jobs):
        usages = [turn[place] for turn in rounds]
        wall = median(turn[-1].wall_s / turn[place].wall_s for turn in rounds)
        cpu = median(turn[-1].cpu_s / turn[place].cpu_s for turn in rounds)
        print(f"{table_row(name, usages, events)} {wall:.2f} ({cpu:.2f}) |")
    is_same = found == expected
    verdict = "the same" if is_same else "OTHER lines than the script:"
    print(f"\n`ctrlog run` prints {verdict} {found.count:,} lines, in whatever order.")
    return is_same


def compare_starts() -> None:
    """Run each short command in turn and print how long it takes."""
    for command in STARTS.values():
        measure(command)  # fills the caches
    rounds = [[measure(command).wall_s for command in STARTS.values()] for _ in range(START_RUNS)]
    print(f"\nStart-up, {START_RUNS} runs each, medians:\n")
    print("| | wall ms | ratio |\n|---|--:|--:|")
    for place, name in enumerate(STARTS):
        wall_s = median(walls[place] for walls in rounds)
        ratio = median(walls[place] / walls[0] for walls in rounds)
        print(f"| {name} | {wall_s * 1000:.0f} | {ratio:.2f} |")


def main() -> int:
    """Compare what the command line asks for. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--events", type=int, default=4_000_000, help="events in the log (default: %(default)s)")
    add("--users", type=int, default=20_000, help="users in the log (default: %(default)s)")
    add("--runs", type=int, default=5, help="timed runs of each job (default: %(default)s)")
    temporary = Path(tempfile.gettempdir()) / "ctrlog-bench"
    where = "where logs are made and kept (default: %(default)s)"
    add("--directory", type=Path, default=temporary, metavar="DIR", help=where)
    which = "a log to take instead: well-formed, in time order, with native field names"
    add("--log", type=Path, metavar="FILE", help=which)
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1 is needed")
    log = options.log or log_file(options.directory, options.events, options.users)
    same = compare_jobs(log.resolve(), options.runs)
    compare_starts()
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
