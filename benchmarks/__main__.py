"""Measure ctrlog against its peers and write RESULTS.md: `python -m benchmarks`."""

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.aims import judged_trial
from benchmarks.contestants import CONTESTANTS, ROOT, VARIANTS, Contestant, Job
from benchmarks.environment import Environment, machine
from benchmarks.logs import compressed, log_file
from benchmarks.measuring import CommandError, measure, read_output
from benchmarks.report import Report, Start, render
from benchmarks.trials import Judge, Results, Trial

FOLDER = Path(__file__).resolve().parent
#: The shortest log is for those who are too slow for the others.
LENGTHS = (40_000, 400_000, 4_000_000)
LARGE = 40_000_000
#: What is shorter is mostly start-up, so it is neither done compressed nor with rows written.
SHORT = 100_000
STARTS = {
    "`python -c 'import typer'`": ("python", "-c", "import typer"),
    "`ctrlog --help`": ("ctrlog", "--help"),
    "`ctrlog run sample_logs/tutorial_1.jsonl`": ("ctrlog", "run", "sample_logs/tutorial_1.jsonl"),
}
START_ROUNDS = 15


def plan(lengths: Sequence[int]) -> Iterator[Trial]:
    """Yield the trials for logs of some lengths; compressed is only the longest up to 4 million."""
    for job in Job:
        for events in lengths:
            if job is Job.SUMMARY or events > SHORT:
                yield Trial(job, events)
    usual = [events for events in lengths if SHORT < events < LARGE]
    if usual:
        yield Trial(Job.SUMMARY, max(usual), is_compressed=True)


def prepare(
    environment: Environment, contestants: Sequence[Contestant]
) -> tuple[dict[str, str], dict[str, str]]:
    """Install the contestants.

    Returns:
        The versions of those that are there, and why the others are not, by name.
    """
    versions, missing = {}, {}
    for contestant in contestants:
        print(f"installing {contestant.name} …", file=sys.stderr)
        try:
            environment.install(contestant)
            versions[contestant.name] = environment.version(contestant)
        except CommandError as error:
            missing[contestant.name] = str(error)
            print(f"{contestant.name} is left out: {error}", file=sys.stderr)
    return versions, missing


def hold_trials(
    judge: Judge,
    trials: Iterable[Trial],
    logs: Path,
    contestants: Sequence[Contestant],
    rounds: int,
) -> Results:
    """Hold trials, each with those who take part in it, on logs that are made if need be."""
    results: Results = {}
    for trial in trials:
        log = log_file(logs, trial.events)
        able = [
            contestant
            for contestant in contestants
            if contestant.takes_part(trial.job, trial.events, is_compressed=trial.is_compressed)
        ]
        results[trial] = judge.hold(
            trial, compressed(log) if trial.is_compressed else log, able, rounds
        )
    return results


def measure_starts(environment: Environment) -> list[Start]:
    """Run short commands in turn."""
    commands = {name: environment.call(command) for name, command in STARTS.items()}
    walls_s: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(START_ROUNDS + 1):
        for name, command in commands.items():
            walls_s[name].append(measure(command, ROOT, environment.variables).wall_s)
    # The first round fills the caches.
    return [Start(name, median(taken[1:])) for name, taken in walls_s.items()]


def measure_stages(
    environment: Environment, logs: Path, results: Results
) -> dict[Trial, dict[str, float]]:
    """Find out where ctrlog's time goes, on the logs that the aims are for."""
    found = {}
    for trial in filter(None, [judged_trial(results, job) for job in Job]):
        log = str(log_file(logs, trial.events))
        command = environment.call(("python", str(FOLDER / "stages.py"), trial.job, log))
        found[trial] = json.loads(read_output(command, logs))
    return found


def parse_command_line(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--large", action="store_true", help=f"also take a log of {LARGE:,} events")
    add("--events", type=int, nargs="+", metavar="N", help="take logs of these lengths instead")
    add("--rounds", type=int, default=5, help="how often each time is taken (default: %(default)s)")
    names = ", ".join(contestant.name for contestant in CONTESTANTS if contestant not in VARIANTS)
    add("--only", nargs="*", metavar="NAME", help=f"measure only these beside ctrlog: {names}")
    add("--cache", type=Path, default=FOLDER / ".cache", help="where logs and peers are kept")
    add("-o", "--output", type=Path, default=FOLDER / "RESULTS.md", help="the report to write")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or min(options.events or (1,)) < 1:
        parser.error("--rounds and --events are at least 1")
    unknown = set(options.only or ()) - {contestant.name for contestant in CONTESTANTS}
    if unknown:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {names}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for. Returns the exit code: 1 if any contestant failed."""
    options = parse_command_line(arguments)
    lengths = sorted(options.events or (*LENGTHS, *([LARGE] if options.large else [])))
    contestants = [
        contestant
        for contestant in CONTESTANTS
        if options.only is None or contestant in VARIANTS or contestant.name in options.only
    ]
    cache = options.cache.resolve()
    logs, outputs = cache / "logs", cache / "outputs"
    for folder in (logs, outputs):
        folder.mkdir(parents=True, exist_ok=True)
    environment = Environment(cache)
    versions, missing = prepare(environment, contestants)
    there = [contestant for contestant in contestants if contestant.name not in missing]
    results = hold_trials(Judge(environment, outputs), plan(lengths), logs, there, options.rounds)
    report = Report(
        results=results,
        rounds=options.rounds,
        machine=machine(),
        contestants=contestants,
        versions=versions,
        missing=missing,
        starts=measure_starts(environment),
        stages=measure_stages(environment, logs, results),
    )
    options.output.write_text(render(report), encoding="utf-8")
    print(f"wrote {options.output}", file=sys.stderr)
    return int(any(outcome.failure for outcomes in results.values() for outcome in outcomes))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is measured is ended, too
    sys.exit(main())
