"""Tests of the benchmark's report: its tables, and whether aims are met."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.__main__ import main, parse_command_line, plan
from benchmarks.aims import Aim, aims, judged_trial
from benchmarks.contestants import CONTESTANTS, Contestant, Ctrlog, Job, Peer
from benchmarks.measuring import Usage
from benchmarks.report import Report, Start, growth_table, render, table, trial_table
from benchmarks.trials import Outcome, Results, Trial

OURS = Ctrlog(name="ctrlog")
ENGINE = Peer(name="Engine", script="", is_engine=True, how="SQL")
SLOWER_ENGINE = Peer(name="Slower", script="", is_engine=True)
LOOP = Peer(name="Loop", script="", most_events=40_000, jobs=(Job.RUN,), why_not_all="it is young")


def outcome(contestant: Contestant, *walls_s: float, peak_mb: float = 20) -> Outcome:
    """Make an outcome; half of the time is processor time."""
    usages = [Usage(wall_s, wall_s / 2) for wall_s in walls_s]
    return Outcome(contestant, usages, int(peak_mb * 1e6))


def results(
    job: Job, *outcomes: Outcome, events: int = 4_000_000, is_compressed: bool = False
) -> Results:
    """Make the results of one trial."""
    return {Trial(job, events, is_compressed): [*outcomes]}


def aim(found: Results, what: str) -> Aim:
    """Return the only aim whose text has some words in it."""
    (match,) = [aim for aim in aims(found) if what in aim.what]
    return match


def test_table_is_markdown() -> None:
    """The first column is aligned left, the numbers right."""
    text = table(("name", "a", "b"), [("x", "1", "2"), ("y", "3", "4")])
    assert text.splitlines() == [
        "| name | a | b |",
        "| --- | --: | --: |",
        "| x | 1 | 2 |",
        "| y | 3 | 4 |",
    ]


def test_table_of_a_trial() -> None:
    """Medians and spread of the rounds; who failed has no row."""
    outcomes = [
        outcome(OURS, 2, 4, 3, peak_mb=25.4),
        outcome(ENGINE, 1, 1, 3, peak_mb=1234),
        Outcome(LOOP, failure="exit code 1"),
    ]
    text = trial_table(Trial(Job.RUN, 6_000_000), outcomes)
    assert text.splitlines()[2:] == [
        "| **ctrlog** | 3.00 (2.00–4.00) | 1.50 (1.00–2.00) | 2,000,000 | 25 | 1.00 |",
        "| Engine | 1.00 (1.00–3.00) | 0.50 (0.50–1.50) | 6,000,000 | 1,234 | 0.50 |",
    ]


def test_table_of_a_trial_that_ctrlog_lost() -> None:
    """Without ctrlog's time there is nothing to compare with; unknown memory is a dash."""
    lost = Outcome(OURS, failure="exit code 1")
    text = trial_table(Trial(Job.RUN, 10), [lost, Outcome(ENGINE, [Usage(1, 1)])])
    assert text.splitlines()[2:] == [
        "| Engine | 1.00 (1.00–1.00) | 1.00 (1.00–1.00) | 10 | – | – |"
    ]


def test_table_of_growth() -> None:
    """A column for each length of log; who was not on one has a dash there."""
    found = results(Job.RUN, outcome(OURS, 1), outcome(LOOP, 2), events=1_000)
    found |= results(Job.RUN, outcome(OURS, 5, peak_mb=21), events=10_000)
    assert growth_table(found).splitlines() == [
        "|  | 1,000 events | 10,000 events |",
        "| --- | --: | --: |",
        "| ctrlog | 1,000, 20 MB | 2,000, 21 MB |",
        "| Loop | 500, 20 MB | – |",
    ]


@pytest.mark.parametrize(
    ("job", "words", "wall_s", "is_met", "found"),
    [
        (
            Job.SUMMARY,
            "less than half",
            0.8,
            True,
            "0.40 of the time of Engine on 4,000,000 events (0.80 s, 2.00 s)",
        ),
        (
            Job.SUMMARY,
            "less than half",
            3.0,
            False,
            "1.50 of the time of Engine on 4,000,000 events (3.00 s, 2.00 s): 3.0 times the aim",
        ),
        (
            Job.RUN,
            "no longer than",
            2.0,
            True,
            "1.00 of the time of Engine on 4,000,000 events (2.00 s, 2.00 s)",
        ),
        (
            Job.RUN,
            "no longer than",
            2.5,
            False,
            "1.25 of the time of Engine on 4,000,000 events (2.50 s, 2.00 s): 1.2 times the aim",
        ),
    ],
)
def test_aim_against_the_fastest_engine(
    job: Job, words: str, wall_s: float, found: str, *, is_met: bool
) -> None:
    """Only engines count, and of them the fastest; what else is fast does not."""
    others = (outcome(SLOWER_ENGINE, 9), outcome(ENGINE, 2), outcome(LOOP, 0.1))
    assert aim(results(job, outcome(OURS, wall_s), *others), words) == Aim(
        aim(results(job), words).what, found, is_met
    )


def test_half_the_time_is_not_less_than_half() -> None:
    """The aim says under half."""
    found = results(Job.SUMMARY, outcome(OURS, 1), outcome(ENGINE, 2))
    assert aim(found, "less than half").is_met is False


@pytest.mark.parametrize(("two_s", "is_met"), [(1.0, True), (1.25, False)])
def test_aim_of_two_jobs(two_s: float, *, is_met: bool) -> None:
    """The variants of ctrlog are told apart by their workers."""
    one, two = Ctrlog(name="1", workers=1), Ctrlog(name="2", workers=2)
    found = results(Job.RUN, outcome(OURS, 9), outcome(one, 2), outcome(two, two_s))
    assert aim(found, "two jobs do `run`") == Aim(
        "two jobs do `run` at least 1.7 times as fast as one", f"{2 / two_s:.2f} times", is_met
    )
    assert aim(found, "two jobs do `summary`").is_met is None


@pytest.mark.parametrize(("peak_mb", "is_met"), [(299, True), (300, False)])
def test_aim_of_memory_is_for_all_variants_and_logs(peak_mb: float, *, is_met: bool) -> None:
    """The most of any of ctrlog's variants counts, and that of others does not."""
    variant = Ctrlog(name="ctrlog --jobs 2", workers=2)
    found = results(Job.RUN, outcome(OURS, 1), outcome(ENGINE, 1, peak_mb=999))
    found |= results(Job.SUMMARY, outcome(variant, 1, peak_mb=peak_mb), is_compressed=True)
    assert aim(found, "hold less than") == Aim(
        "all processes together hold less than 300 MB",
        f"at most {peak_mb:.0f} MB (`ctrlog --jobs 2`, summary of 4,000,000 events)",
        is_met,
    )


@pytest.mark.parametrize(
    ("long_s", "long_mb", "is_linear", "is_flat"),
    [(10.9, 21.9, True, True), (11.1, 22.1, False, False)],
)
def test_aim_of_growth(long_s: float, long_mb: float, *, is_linear: bool, is_flat: bool) -> None:
    """Time and memory on the longest log are compared with the next shorter one's."""
    found = results(Job.RUN, outcome(OURS, 9, peak_mb=99), events=40_000)
    found |= results(Job.RUN, outcome(OURS, 10, peak_mb=long_mb), outcome(ENGINE, 3))
    found |= results(Job.RUN, outcome(OURS, 10 * long_s, peak_mb=long_mb), events=40_000_000)
    found[Trial(Job.RUN, 4_000_000)][0].peak_bytes = 20_000_000
    linear, flat = aim(found, "time of `run` grows"), aim(found, "memory of `run` doesn't")
    assert (linear.is_met, flat.is_met) == (is_linear, is_flat)
    assert linear.found == f"{long_s:.1f} times on 40,000,000 events, 10 times 4,000,000"


def test_aims_without_numbers_are_not_met_nor_missed() -> None:
    """What was not measured says so, also where ctrlog failed."""
    failed = results(Job.SUMMARY, Outcome(OURS, failure="exit code 1"), outcome(ENGINE, 1))
    for found in ({}, failed):
        assert all(aim.is_met is None for aim in aims(found))
        assert all(aim.found.startswith("not measured") for aim in aims(found))


def test_aims_are_judged_on_the_longest_usual_log() -> None:
    """Longer ones show growth; a compressed one is another job."""
    found: Results = {}
    for events in (40_000, 4_000_000, 40_000_000):
        found |= results(Job.SUMMARY, outcome(OURS, 1), events=events)
    found |= results(Job.SUMMARY, outcome(OURS, 1), events=4_000_000, is_compressed=True)
    assert judged_trial(found, Job.SUMMARY) == Trial(Job.SUMMARY, 4_000_000)
    assert judged_trial(found, Job.RUN) is None


def test_report_has_everything() -> None:
    """A part for each concern, in order; limits and failures are told."""
    found = results(Job.SUMMARY, outcome(OURS, 1), outcome(ENGINE, 2), events=400_000)
    lost = Outcome(SLOWER_ENGINE, failure="killed by SIGKILL")
    found |= results(Job.SUMMARY, outcome(OURS, 9), lost)
    text = render(
        Report(
            results=found,
            rounds=7,
            machine={"processor": "Abacus"},
            contestants=(OURS, ENGINE, SLOWER_ENGINE, LOOP),
            versions={"ctrlog": "1.0", "Engine": "2.0"},
            missing={"Loop": "it is on holiday"},
            starts=[Start("nothing", 0.1), Start("ctrlog", 0.15)],
            stages={Trial(Job.SUMMARY, 4_000_000): {"read": 1.0, "decode": 3.0}},
        )
    )
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# How fast ctrlog is, beside what else does its job",
        "## Aims",
        "## Where ctrlog's time goes",
        "## `summary` of 400,000 events",
        "## `summary` of 4,000,000 events",
        "## How `summary` grows with the log",
        "## Start-up",
        "## Machine and versions",
    ]
    for line in (
        "- Slower did not do it: killed by SIGKILL",
        "| `summary` of 4,000,000 events | read 1.00 s (25%); decode 3.00 s (75%) |",
        "| ctrlog | 150 | 1.50 |",
        "| processor | Abacus |",
        "| Engine | 2.0 | SQL |",
        "Each time was taken 7 times.",
        "- Loop is slow: no logs over 40,000 events.",
        "- Loop only does `run`: it is young.",
        "- Loop was left out, since it could not be installed: it is on holiday.",
    ):
        assert line in text.splitlines()
    assert text.endswith("\n")


@pytest.mark.parametrize(
    ("lengths", "planned"),
    [
        (
            [40_000, 400_000, 4_000_000],
            [
                Trial(Job.SUMMARY, 40_000),
                Trial(Job.SUMMARY, 400_000),
                Trial(Job.SUMMARY, 4_000_000),
                Trial(Job.RUN, 400_000),
                Trial(Job.RUN, 4_000_000),
                Trial(Job.SUMMARY, 4_000_000, is_compressed=True),
            ],
        ),
        ([40_000_000], [Trial(Job.SUMMARY, 40_000_000), Trial(Job.RUN, 40_000_000)]),
        ([1_000], [Trial(Job.SUMMARY, 1_000)]),
    ],
)
def test_plan(lengths: Sequence[int], planned: Sequence[Trial]) -> None:
    """All lengths are summed up; rows and compression are for logs that take a while."""
    assert list(plan(lengths)) == planned


def test_slow_contestants_get_short_logs() -> None:
    """Somebody takes part in everything, and all take part in something."""
    for trial in plan([40_000, 400_000, 4_000_000]):
        able = [
            contestant.name
            for contestant in CONTESTANTS
            if contestant.takes_part(trial.job, trial.events, is_compressed=trial.is_compressed)
        ]
        assert set(able) >= {"ctrlog", "DuckDB", "Polars", "ClickHouse"}
    assert all(c.takes_part(Job.SUMMARY, 40_000, is_compressed=False) for c in CONTESTANTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds and --events are at least 1"),
        (["--events", "0"], "--rounds and --events are at least 1"),
        (["--only", "DuckDB", "Fortran"], "--only: there is no Fortran; there are DuckDB, "),
    ],
)
def test_wrong_options_are_told(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    """Nothing is installed or measured then."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_options_have_defaults() -> None:
    """The command alone does all but the large logs."""
    options = parse_command_line([])
    assert (options.large, options.events, options.only, options.rounds) == (False, None, None, 5)
    assert options.output.name == "RESULTS.md"
