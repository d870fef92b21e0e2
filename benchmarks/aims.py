"""What ctrlog aims at, and whether the numbers bear it out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.contestants import Ctrlog, Job, Peer
from benchmarks.trials import Outcome, Results, Trial

#: The length of log that the aims name.
EVENTS = 4_000_000
SUMMARY_SHARE = 0.5
RUN_SHARE = 1.0
SPEEDUP = 1.7
PEAK_MB = 300
#: What still counts as flat or linear: so much more per event on the longer log.
GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Aim:
    """An aim.

    Attributes:
        what: What is aimed at.
        found: What was measured.
        is_met: Whether that is within the aim; None if it was not measured.
    """

    what: str
    found: str
    is_met: bool | None = None


def aims(results: Results) -> Iterator[Aim]:
    """Yield each aim with what was measured."""
    yield _against_engines(
        results,
        Job.SUMMARY,
        SUMMARY_SHARE,
        "`summary` takes less than half the time of the fastest engine",
    )
    yield _against_engines(
        results, Job.RUN, RUN_SHARE, "`run` takes no longer than the fastest engine"
    )
    for job in Job:
        yield _speedup(results, job)
    yield _peak(results)
    for job in Job:
        yield _flat(results, job)
        yield _linear(results, job)


def judged_trial(results: Results, job: Job) -> Trial | None:
    """Return the trial that the aims of a job are for: the longest plain log up to `EVENTS`."""
    trials = [trial for trial in _plain(results, job) if trial.events <= EVENTS]
    return trials[-1] if trials else None


def judged(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the outcome of ctrlog as it comes; None if it failed."""
    for outcome in outcomes:
        if isinstance(outcome.contestant, Ctrlog):
            return outcome if outcome.usages else None
    return None


def _plain(results: Results, job: Job) -> list[Trial]:
    """Return the trials of a job on plain logs in which ctrlog did it, by length."""
    trials = [
        trial
        for trial, outcomes in results.items()
        if trial.job is job and not trial.is_compressed and judged(outcomes)
    ]
    return sorted(trials, key=lambda trial: trial.events)


def _against_engines(results: Results, job: Job, share: float, what: str) -> Aim:
    trial = judged_trial(results, job)
    outcomes = results[trial] if trial else []
    ours = judged(outcomes)
    engines = [
        outcome
        for outcome in outcomes
        if isinstance(outcome.contestant, Peer) and outcome.contestant.is_engine and outcome.usages
    ]
    if trial is None or ours is None or not engines:
        return Aim(what, "not measured")
    fastest = min(engines, key=lambda outcome: outcome.wall_s)
    ratio = ours.times_as_long_as(fastest)
    found = (
        f"{ratio:.2f} of the time of {fastest.contestant.name} on {trial.events:,} events"
        f" ({ours.wall_s:.2f} s, {fastest.wall_s:.2f} s)"
    )
    is_met = ratio < share if share < 1 else ratio <= share
    return Aim(what, found if is_met else f"{found}: {ratio / share:.1f} times the aim", is_met)


def _speedup(results: Results, job: Job) -> Aim:
    what = f"two jobs do `{job}` at least {SPEEDUP} times as fast as one"
    trial = judged_trial(results, job)
    by_workers = {
        outcome.contestant.workers: outcome
        for outcome in (results[trial] if trial else [])
        if isinstance(outcome.contestant, Ctrlog) and outcome.usages
    }
    if 1 not in by_workers or 2 not in by_workers:  # noqa: PLR2004
        return Aim(what, "not measured: there is no `--jobs` yet")
    speedup = by_workers[1].times_as_long_as(by_workers[2])
    return Aim(what, f"{speedup:.2f} times", speedup >= SPEEDUP)


def _peak(results: Results) -> Aim:
    what = f"all processes together hold less than {PEAK_MB} MB"
    peaks = [
        (outcome.peak_bytes / 1e6, trial, outcome.contestant.name)
        for trial, outcomes in results.items()
        for outcome in outcomes
        if isinstance(outcome.contestant, Ctrlog) and outcome.peak_bytes
    ]
    if not peaks:
        return Aim(what, "not measured")
    peak_mb, trial, name = max(peaks, key=lambda peak: peak[0])
    found = f"at most {peak_mb:.0f} MB (`{name}`, {trial.job} of {trial.events:,} events)"
    return Aim(what, found, peak_mb < PEAK_MB)


def _flat(results: Results, job: Job) -> Aim:
    what = f"the memory of `{job}` doesn't grow with the log"
    pair = _longest_two(results, job)
    if pair is None:
        return Aim(what, "not measured")
    (short, before), (long, after) = pair
    if not before.peak_bytes or not after.peak_bytes:
        return Aim(what, "not measured")
    growth = after.peak_bytes / before.peak_bytes
    found = (
        f"{before.peak_bytes / 1e6:.0f} MB on {short.events:,} events,"
        f" {after.peak_bytes / 1e6:.0f} MB on {long.events:,}: {growth:.2f} times"
    )
    return Aim(what, found, growth <= GROWTH)


def _linear(results: Results, job: Job) -> Aim:
    what = f"the time of `{job}` grows no faster than the log"
    pair = _longest_two(results, job)
    if pair is None:
        return Aim(what, "not measured")
    (short, before), (long, after) = pair
    length = long.events / short.events
    growth = after.wall_s / before.wall_s
    found = f"{growth:.1f} times on {long.events:,} events, {length:g} times {short.events:,}"
    return Aim(what, found, growth <= GROWTH * length)


def _longest_two(
    results: Results, job: Job
) -> tuple[tuple[Trial, Outcome], tuple[Trial, Outcome]] | None:
    trials = _plain(results, job)[-2:]
    outcomes = [judged(results[trial]) for trial in trials]
    match list(zip(trials, outcomes, strict=True)):
        case [(short, Outcome() as before), (long, Outcome() as after)]:
            return (short, before), (long, after)
        case _:
            return None
