"""The report: what was measured, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.aims import GROWTH, aims, judged
from benchmarks.contestants import Contestant, Job
from benchmarks.trials import Outcome, Results, Trial

HOW_TO_READ = """\
# How fast ctrlog is, beside what else does its job

`python -m benchmarks` wrote this page: it installed all that is measured into an environment of
its own, made the logs, let each contestant do each job, and compared what they wrote.

**The jobs.** `summary` is the numbers that a search team looks at first: events, users, sessions,
searches, clicked searches, clicks, searches with and without results, abandoned and reformulated
ones, and the median and 90th percentile of the time to the first click. Only these are asked of
the others, while ctrlog computes all that it always does. `run` writes a row for every search with
all ten fields, as CSV. Sessions end by AppClose, by Timeout and by pauses over 30 minutes.

**The same answer.** Before anything was timed, each one's answer was compared with ctrlog's: every
number of a summary (quantiles to within 0.5 %, since they are defined differently between two
values; all else exactly), and every row of a run, in any order. Who gave another answer, or
failed, has no times below.

**Times** are of whole commands, start-up included, from a file that the system's cache holds to a
file. The contestants took turns, and in each round another one went first. Given are medians, with
the least and the most of all rounds. *Wall* is what one waits. *CPU* is processor time on all
cores, in the program and in the kernel, of all processes of the job. *Times ctrlog's* is the median
of the ratios to ctrlog's wall time in the same round: at 2 it took twice as long as ctrlog, at 0.5
half as long. Other programs may have run on the machine; the spread shows how much that matters.

**Memory** is the most that all processes of the job held together while the answer was checked:
the sum of their proportional set sizes (PSS), looked at every 20 ms. What several processes share,
libraries for instance, is divided among them.

**Fairness.** The engines are told the columns and their types, use all cores, and may rely on the
order of time. Their queries are the fastest of several that were tried. ctrlog needs none of this,
and gives its results while it reads; the engines read everything first, and sort it.
"""


@dataclass(frozen=True, slots=True)
class Start:
    """How long a short command takes.

    Attributes:
        command: As one types it.
        wall_s: Its median time.
    """

    command: str
    wall_s: float


@dataclass(slots=True, kw_only=True)
class Report:
    """All that is reported.

    Attributes:
        results: The trials.
        rounds: How often each time was taken.
        machine: What to know of the machine, by name.
        contestants: Who was to take part.
        versions: Their versions, by name.
        missing: Why some could not take part, by name.
        starts: Short commands; the others are compared with the first.
        stages: For some trials, where ctrlog's time goes: seconds of CPU by stage.
    """

    results: Results
    rounds: int
    machine: Mapping[str, str]
    contestants: Sequence[Contestant]
    versions: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)
    starts: Sequence[Start] = ()
    stages: Mapping[Trial, Mapping[str, float]] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(report))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str = "--:") -> str:
    """Return a Markdown table.

    Args:
        header: What stands over the columns.
        rows: The cells.
        align: How columns but the first are aligned, in Markdown.
    """
    rule = ["---", *[align for _ in header[1:]]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *rows))


def title(trial: Trial) -> str:
    """Return what a trial is called."""
    packed = ", compressed by gzip" if trial.is_compressed else ""
    return f"`{trial.job}` of {trial.events:,} events{packed}"


def with_spread(values: Sequence[float]) -> str:
    """Write the median of values, and the least and the greatest."""
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def megabytes(size_bytes: int | None) -> str:
    """Write a number of bytes in MB, or a dash if it is not known."""
    return "–" if size_bytes is None else f"{size_bytes / 1e6:,.0f}"


def trial_table(trial: Trial, outcomes: Sequence[Outcome]) -> str:
    """Return the table of a trial: a row for each contestant that did the job."""
    ours = judged(outcomes)
    rows = []
    for outcome in outcomes:
        if not outcome.usages:
            continue
        name = outcome.contestant.name
        rows.append(
            (
                f"**{name}**" if outcome is ours else name,
                with_spread([usage.wall_s for usage in outcome.usages]),
                with_spread([usage.cpu_s for usage in outcome.usages]),
                f"{trial.events / outcome.wall_s:,.0f}",
                megabytes(outcome.peak_bytes),
                "–" if ours is None else f"{outcome.times_as_long_as(ours):.2f}",
            )
        )
    return table(("", "wall s", "CPU s", "events/s", "peak MB", "times ctrlog's"), rows)


def growth_table(results: Results) -> str:
    """Return a table with a row for each contestant and a column for each trial."""
    cells: dict[str, dict[Trial, str]] = {}
    for trial, outcomes in results.items():
        for outcome in outcomes:
            row = cells.setdefault(outcome.contestant.name, {})
            if outcome.usages:
                speed, peak = trial.events / outcome.wall_s, megabytes(outcome.peak_bytes)
                row[trial] = f"{speed:,.0f}, {peak} MB"
    return table(
        ("", *(f"{trial.events:,} events" for trial in results)),
        [(name, *(row.get(trial, "–") for trial in results)) for name, row in cells.items()],
    )


def _lines(report: Report) -> Iterator[str]:
    yield HOW_TO_READ
    yield from _aims(report)
    yield from _stages(report)
    for trial, outcomes in report.results.items():
        yield f"## {title(trial)}\n"
        yield trial_table(trial, outcomes)
        failures = [outcome for outcome in outcomes if outcome.failure]
        for outcome in failures:
            yield f"- {outcome.contestant.name} did not do it: {outcome.failure}"
        if failures:
            yield ""
    yield from _growth(report.results)
    yield from _starts(report.starts)
    yield from _surroundings(report)


def _aims(report: Report) -> Iterator[str]:
    verdicts = {True: "yes", False: "**no**", None: "–"}
    rows = [(aim.what, aim.found, verdicts[aim.is_met]) for aim in aims(report.results)]
    yield "## Aims\n"
    yield table(("aim", "measured", "met"), rows, "---")
    yield f"What is up to {GROWTH - 1:.0%} more per event on the longer log counts as no growth.\n"


def _stages(report: Report) -> Iterator[str]:
    if not report.stages:
        return
    rows = []
    for trial, stages in report.stages.items():
        total_s = sum(stages.values())
        parts = "; ".join(f"{name} {s:.2f} s ({s / total_s:.0%})" for name, s in stages.items())
        rows.append((title(trial), parts))
    yield "## Where ctrlog's time goes\n"
    yield "Processor time of one process, without start-up, taken block by block of lines:\n"
    yield table(("job", "stages"), rows, "---")


def _growth(results: Results) -> Iterator[str]:
    """A table for each job on plain logs of several lengths."""
    for job in Job:
        trials = [trial for trial in results if trial.job is job and not trial.is_compressed]
        if len(trials) > 1:
            yield f"## How `{job}` grows with the log\n"
            yield "Events per second, and the most memory held:\n"
            yield growth_table({trial: results[trial] for trial in trials})


def _starts(starts: Sequence[Start]) -> Iterator[str]:
    if not starts:
        return
    first_s = starts[0].wall_s
    rows = [
        (start.command, f"{start.wall_s * 1000:.0f}", f"{start.wall_s / first_s:.2f}")
        for start in starts
    ]
    yield "## Start-up\n"
    yield table(("", "wall ms", "times the first"), rows)


def _surroundings(report: Report) -> Iterator[str]:
    rows = [
        (contestant.name, report.versions.get(contestant.name, "–"), contestant.how)
        for contestant in report.contestants
    ]
    yield "## Machine and versions\n"
    yield f"Each time was taken {report.rounds} times.\n"
    yield table(("", ""), report.machine.items(), "---")
    yield table(("contestant", "version", "how"), rows, "---")
    yield from _limits(report)


def _limits(report: Report) -> Iterator[str]:
    """Say who was not measured on everything, and why."""
    for contestant in report.contestants:
        if contestant.most_events is not None:
            yield f"- {contestant.name} is slow: no logs over {contestant.most_events:,} events."
        if len(contestant.jobs) < len(Job):
            done = " and ".join(f"`{job}`" for job in contestant.jobs)
            yield f"- {contestant.name} only does {done}: {contestant.why_not_all}."
    for name, reason in report.missing.items():
        yield f"- {name} was left out, since it could not be installed: {reason}."
    yield ""
