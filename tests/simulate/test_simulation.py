"""Whole simulated logs: the metrics that ctrlog finds are the true ones."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from making import summed_up

from ctrlog.errors import UsageError
from ctrlog.run.pipeline import Pipeline
from ctrlog.sessions.shard import Shard
from ctrlog.simulate.catalogue import text_of
from ctrlog.simulate.scenario import Scenario
from ctrlog.simulate.simulation import Simulation
from ctrlog.simulate.user_model import EVENTS_PER_VISIT, Habits, Visit
from ctrlog.times import EPOCH

NOISY = Scenario(events=20_000, users=300, orphans=0.05, bad_lines=0.02)
#: See `test_the_same_scenario_gives_the_same_bytes_everywhere`.
DIGEST = "da8b6d7939a69ce34cd277cb55896c423c77b99f78ec588a99240f527d249782"
#: The metrics of the order of lines, which sorting changes.
ORDER_METRICS = {"out_of_order", "largest_step_back_s"}


def simulated(scenario: Scenario, habits: Habits | None = None) -> tuple[bytes, dict[str, Any]]:
    """Return a log and its truth."""
    simulation = Simulation(scenario, habits)
    log = b"".join(simulation.blocks())
    return log, simulation.truth.to_dict()


def summary_of(log: bytes, reorder: timedelta | None = None) -> dict[str, Any]:
    """Return what `ctrlog summary --format json` reports for a log."""
    pipeline = Pipeline(Shard(), reorder=reorder)
    with TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        path.write_bytes(log)
        return summed_up(pipeline, [str(path)]).to_dict()


def parsed(log: bytes) -> list[dict[str, Any]]:
    """Return the events of a log without bad lines."""
    return [json.loads(line) for line in log.splitlines()]


def assert_has_truth(found: dict[str, Any], truth: dict[str, Any]) -> None:
    """Assert that a summary has all values of the truth."""
    diagnostics, true_diagnostics = found.pop("diagnostics"), truth.pop("diagnostics")
    assert {name: found[name] for name in truth} == truth
    assert {name: diagnostics[name] for name in true_diagnostics} == true_diagnostics
    truth["diagnostics"], found["diagnostics"] = true_diagnostics, diagnostics


# The truth.


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(events=20_000, users=2_000),
        Scenario(events=20_000, users=2_000, seed=2),
        NOISY,
        replace(NOISY, seed=-3, days=0.3),
        replace(NOISY, seed=4, orphans=0.5, queries=20),
        Scenario(events=20_000, users=1, seed=5),
        Scenario(events=20_000, users=30_000, days=0.01, seed=6),
        Scenario(events=20_000, users=10, days=0.01, seed=7),
    ],
    ids=str,
)
def test_a_summary_finds_the_truth(scenario: Scenario) -> None:
    """A summary with the default options has exactly the true counts and ratios."""
    log, truth = simulated(scenario)
    assert truth["events"] == 20_000
    assert truth["searches"] > 1_000
    assert_has_truth(summary_of(log), truth)


chances = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1))
shares = st.one_of(st.just(0.0), st.floats(0, 0.9))
habits = st.builds(Habits, **dict.fromkeys(Habits.__dataclass_fields__, chances))
scenarios = st.builds(
    Scenario,
    events=st.integers(0, 300),
    users=st.integers(1, 40),
    seed=st.integers(-5, 10**20),
    start=st.integers(-(10**8), 10**10).map(lambda s: EPOCH + timedelta(seconds=s)),
    days=st.one_of(st.none(), st.floats(0.001, 3)),
    queries=st.integers(1, 200),
    orphans=shares,
    bad_lines=shares,
)


@given(scenarios, habits)
def test_a_summary_finds_the_truth_whatever_users_do(scenario: Scenario, habits: Habits) -> None:
    """A summary has the true values for any habits and any end of the log."""
    log, truth = simulated(scenario, habits)
    assert truth["events"] == scenario.events
    assert_has_truth(summary_of(log), truth)


@settings(max_examples=50)
@given(scenarios, st.floats(0, 0.9), habits)
def test_sorting_a_log_in_disorder_finds_the_truth(
    scenario: Scenario, disorder: float, habits: Habits
) -> None:
    """Only the order of lines differs, so `--reorder 2m` gives the true values."""
    log, truth = simulated(replace(scenario, disorder=disorder), habits)
    order = {name: truth["diagnostics"].pop(name) for name in ORDER_METRICS}
    as_written = summary_of(log)["diagnostics"]
    assert {name: as_written[name] for name in ORDER_METRICS} == order
    assert_has_truth(summary_of(log, timedelta(minutes=2)), truth)


def test_the_reference_finds_the_truth() -> None:
    """The slow reference, written from the rules without shared code, finds the truth too."""
    log, truth = simulated(replace(NOISY, events=5_000))
    searches: list[dict[str, Any]] = [*reference.run([log], reference.Options()).searches]
    assert len(searches) == truth["searches"]
    assert sum(search["ctr"] == 1.0 for search in searches) == truth["clicked_searches"]
    assert sum(search["clicks"] for search in searches) == truth["clicks"]
    assert sum(search["results"] == 0 for search in searches) == truth["zero_results"]
    ranks = Counter(str(search["first_rank"]) for search in searches if search["first_rank"])
    assert ranks == truth["first_ranks"]
    assert Counter(search["closed_by"] for search in searches) == Counter(truth["closed_by"])


@pytest.mark.parametrize(("later_ms", "closed_by"), [(0, "end"), (1, "gap")])
def test_a_session_overdue_at_the_end_of_a_log_is_closed_by_the_gap(
    later_ms: int, closed_by: str
) -> None:
    """A session ends when the clock passes its latest event by more than 35 minutes (R7)."""
    simulation = Simulation(Scenario())
    visit = Visit(simulation._shop, 1)
    visit._open_search(0)
    simulation._active = [(0, 1, 0, visit, lambda _: 0)]
    simulation.truth.last_ms = 35 * 60_000 + later_ms
    simulation._end_open_sessions()
    true = simulation.truth.to_dict()["closed_by"]
    assert true[closed_by] == 1
    log = (
        '{"type":"Search","user":1,"time":"2024-03-04T00:00:00Z","query":"dogs"}\n'
        f'{{"type":"scroll","user":2,"time":"2024-03-04T00:35:00.00{later_ms}Z"}}\n'
    )
    assert summary_of(log.encode())["closed_by"] == true


def test_disorder_changes_what_a_summary_finds() -> None:
    """A busy log in disorder gives other values, as docs/simulation.md describes."""
    log, truth = simulated(Scenario(events=20_000, users=2_000, disorder=0.2))
    found = summary_of(log)
    assert found["ctr"] != truth["ctr"]
    assert found["diagnostics"]["orphan_clicks"] > truth["diagnostics"]["orphan_clicks"] == 0
    assert found["diagnostics"]["late"] == 0


# The log.


def test_the_same_scenario_gives_the_same_bytes_everywhere() -> None:
    """The digest of a log with all kinds of noise is the same in any Python, on any machine.

    Users may keep simulated logs, so the digest changes only with the model of users.
    """
    log, _ = simulated(
        Scenario(events=50_000, users=3_000, orphans=0.01, disorder=0.01, bad_lines=0.01)
    )
    assert sha256(log).hexdigest() == DIGEST


def test_another_seed_gives_another_log() -> None:
    """Each seed gives a different log."""
    logs = {simulated(Scenario(events=100, seed=seed))[0] for seed in (-1, 0, 1, 2**70)}
    assert len(logs) == 4


@pytest.mark.parametrize("scenario", [Scenario(), NOISY], ids=["clean", "noisy"])
def test_a_longer_log_begins_with_the_shorter_one(scenario: Scenario) -> None:
    """The number of events decides only where the log ends."""
    longer, _ = simulated(replace(scenario, events=5_000))
    for events in (0, 1, 7, 1_999, 2_000, 2_001, 4_321):
        shorter, truth = simulated(replace(scenario, events=events))
        assert longer.startswith(shorter)
        assert shorter.count(b"\n") == truth["diagnostics"]["lines"] >= events


def test_bad_lines_change_nothing_else() -> None:
    """Without its bad lines, a log is the same as one generated without bad lines."""
    noisy, truth = simulated(NOISY)
    clean, _ = simulated(replace(NOISY, bad_lines=0.0))
    good = {*clean.splitlines()}
    assert [line for line in noisy.splitlines() if line in good] == clean.splitlines()
    assert truth["diagnostics"]["bad_lines"] == pytest.approx(400, rel=0.2)


def test_lines_are_in_order_of_time() -> None:
    """Times never decrease, and increase strictly for each user."""
    times: dict[int, str] = {}
    clock = ""
    for event in parsed(simulated(replace(NOISY, bad_lines=0.0))[0]):
        assert event["time"] >= clock
        assert event["time"] > times.get(event["user"], "")
        clock = times[event["user"]] = event["time"]


def test_events_have_the_fields_of_their_type() -> None:
    """Events have ctrlog's own fields in a fixed order, and every type occurs."""
    seen: dict[str, set[str]] = {}
    for event in parsed(simulated(replace(NOISY, bad_lines=0.0))[0]):
        first, second, third, *rest = event
        assert (first, second, third) == ("type", "user", "time")
        seen.setdefault(event["type"], set()).add(" ".join(rest))
    assert seen == {
        "AppOpen": {""},
        "Search": {"query"},
        "Results": {"items"},
        "ClickResult": {"item", "item rank"},
        "AppClose": {""},
        "Timeout": {""},
        "scroll": {""},
    }


@pytest.mark.parametrize("users", [1, 2, 50])
def test_there_are_no_more_users_than_asked_for(users: int) -> None:
    """A log with few users and many events has exactly these users."""
    log, _ = simulated(Scenario(events=3_000, users=users, days=0.5))
    assert {event["user"] for event in parsed(log)} == {*range(1, users + 1)}


def test_orphans_come_in_their_share() -> None:
    """Orphans make up the requested share of the events."""
    for share in (0.01, 0.3, 0.9):
        _, truth = simulated(Scenario(events=10_000, orphans=share))
        diagnostics = truth["diagnostics"]
        orphans = diagnostics["orphan_clicks"] + diagnostics["orphan_results"]
        assert orphans / 10_000 == pytest.approx(share, rel=0.02)
        assert diagnostics["orphan_clicks"] > diagnostics["orphan_results"] > 0


# Duration.


@pytest.mark.parametrize("days", [0.25, 1, 10])
@pytest.mark.parametrize("orphans", [0.0, 0.3])
def test_a_log_lasts_as_long_as_asked_for(days: float, orphans: float) -> None:
    """The log lasts approximately as many days as requested, from any time of day."""
    start = datetime(2024, 3, 7, 16, 20, tzinfo=UTC)
    _, truth = simulated(
        Scenario(events=50_000, users=10_000, start=start, days=days, orphans=orphans)
    )
    last = datetime.fromisoformat(truth["diagnostics"]["last_time"])
    assert start <= datetime.fromisoformat(truth["diagnostics"]["first_time"])
    assert (last - start) / timedelta(days=1) == pytest.approx(days, rel=0.1)


def test_users_come_as_often_however_long_the_log_is() -> None:
    """Twice as many users produce the same number of events in half the time."""
    lasts = {}
    for users in (1_000, 2_000, 4_000):
        _, truth = simulated(Scenario(events=200_000, users=users))
        first, last = (
            datetime.fromisoformat(truth["diagnostics"][name])
            for name in ("first_time", "last_time")
        )
        lasts[users] = (last - first) / timedelta(days=1)
    assert lasts[1_000] == pytest.approx(200_000 / EVENTS_PER_VISIT / 1_000 / 1.2, rel=0.05)
    assert lasts[1_000] / 2 == pytest.approx(lasts[2_000], rel=0.05)
    assert lasts[2_000] / 2 == pytest.approx(lasts[4_000], rel=0.1)


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(events=10**9, users=1),
        Scenario(events=1_000, start=datetime(9999, 12, 31, 23, tzinfo=UTC)),
        Scenario(events=1_000, days=30, start=datetime(9999, 12, 20, tzinfo=UTC)),
    ],
    ids=str,
)
def test_a_log_beyond_the_year_9999_is_refused(scenario: Scenario) -> None:
    """A log that would last beyond the year 9999 is refused, with a remedy."""
    with pytest.raises(UsageError, match=r"beyond the year 9999; use more --users"):
        simulated(scenario)


def test_a_log_can_begin_in_the_first_and_in_the_last_year() -> None:
    """A log can begin in the year 1 and in the last hours of the year 9999."""
    log, _ = simulated(Scenario(events=10, users=10**6, start=datetime(1, 1, 1, tzinfo=UTC)))
    assert parsed(log)[0]["time"].startswith("0001-01-01T00:")
    start = datetime(9999, 12, 31, 20, tzinfo=UTC)
    log, _ = simulated(Scenario(events=10, users=10**6, start=start))
    assert parsed(log)[0]["time"].startswith("9999-12-31T20:")


def test_memory_holds_only_visits_in_progress() -> None:
    """A longer log has more visits, but not more of them in progress."""
    most = {}
    for events in (20_000, 80_000):
        simulation = Simulation(Scenario(events=events, users=5_000))
        most[events] = max(len(simulation._active) for _ in simulation.blocks())
        assert len(simulation._present) == len(simulation._active)
        assert simulation._visits > events / 10
    assert most[80_000] < 150
    assert most[80_000] < 2 * most[20_000]


# Behaviour of users.


@cache
def large() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a log that is large enough to show the distributions of the model, and its truth."""
    log, truth = simulated(Scenario(events=200_000, users=20_000))
    return parsed(log), truth


def test_the_log_looks_like_one_of_a_shop() -> None:
    """The ratios are in the range that web shops report."""
    _, truth = large()
    assert 0.4 < truth["ctr"] < 0.6
    assert 0.02 < truth["zero_result_rate"] < 0.08
    assert 0.1 < truth["abandonment_rate"] < 0.3
    assert 0.2 < truth["reformulation_rate"] < 0.4
    assert 0.3 < truth["first_click_at_1"] < 0.5
    assert 1.5 < truth["searches_per_session"] < 3
    assert all(truth["closed_by"][way] > 100 for way in ("search", "close", "timeout", "gap"))


def test_clicks_fall_with_the_rank() -> None:
    """Each rank gets fewer clicks than the one above, by more than its attraction is lower."""
    clicks = Counter[int]()
    for event in large()[0]:
        if "rank" in event:
            clicks[event["rank"]] += 1
    by_rank = [clicks[rank] for rank in range(1, 11)]
    assert by_rank == sorted(by_rank, reverse=True)
    for rank in range(2, 11):
        assert clicks[rank] / clicks[1] < 4 / (3 + rank)
    assert set(clicks) == {*range(1, 21)}


def test_queries_follow_zipfs_law() -> None:
    """In first searches of visits, the n-th query occurs 1/n times as often as the first."""
    made: Counter[str] = Counter()
    opened: set[int] = set()
    for event in large()[0]:
        if event["type"] == "Search" and event["user"] in opened:
            made[event["query"]] += 1
        (opened.add if event["type"] == "AppOpen" else opened.discard)(event["user"])
    queries = [text_of(number) for number in range(1_000)]
    share = sum(1 / place for place in range(1, Scenario().queries + 1))
    for place in (1, 2, 3, 5, 10, 30):
        expected = made.total() / place / share
        assert made[queries[place - 1]] == pytest.approx(expected, abs=4 * expected**0.5)
    assert sum(made[query] for query in queries) < 0.8 * made.total()


def test_some_queries_are_better_than_others() -> None:
    """The CTR of frequent queries differs by far more than chance explains."""
    clicked: dict[str, list[bool]] = {}
    open_: dict[int, str] = {}
    for event in large()[0]:
        user = event["user"]
        if event["type"] == "Search":
            open_[user] = event["query"]
            clicked.setdefault(event["query"], []).append(False)
        elif event["type"] == "ClickResult":
            clicked[open_[user]][-1] = True
    shares = [sum(all_) / len(all_) for all_ in clicked.values() if len(all_) > 200]
    assert len(shares) > 10
    assert min(shares) < 0.35
    assert max(shares) > 0.7


def test_some_apps_log_ranks_and_others_do_not() -> None:
    """All clicks of a user have ranks, except on adverts, or none has."""
    by_user: dict[int, set[bool]] = {}
    for event in large()[0]:
        if event["type"] == "ClickResult" and event["item"] != "advert":
            by_user.setdefault(event["user"], set()).add("rank" in event)
    assert {len(ways) for ways in by_user.values()} == {1}
    logging = sum(True in ways for ways in by_user.values())
    assert logging / len(by_user) == pytest.approx(Habits().logs_ranks, abs=0.02)


def test_visits_have_the_stated_mean_number_of_events() -> None:
    """`EVENTS_PER_VISIT`, which spreads events over days, is the mean of the model."""
    simulation = Simulation(Scenario(events=200_000, users=50_000))
    for _ in simulation.blocks():
        pass
    ended = simulation._visits - len(simulation._active) / 2
    assert 200_000 / ended == pytest.approx(EVENTS_PER_VISIT, rel=0.02)
