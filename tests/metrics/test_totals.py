"""The metrics: against the reference, against an example worked out by hand, and their laws."""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import reference
import strategies
from expected_metrics import computed, delta_ends, of_records, search, search_records, wilson_ends
from hypothesis import given
from hypothesis import strategies as st
from making import at
from pipelines import run

from ctrlog.metrics import groups as grouping
from ctrlog.metrics import intervals, sketches, user_limit
from ctrlog.metrics import totals as metrics
from ctrlog.metrics.groups import Grouping, Groups, Key
from ctrlog.metrics.intervals import ClusterSums
from ctrlog.metrics.sketches import DistinctCounter, QuantileSketch
from ctrlog.metrics.totals import Metrics, Users
from ctrlog.metrics.user_limit import PerUser
from ctrlog.sessions.events import ClosedBy, SearchRecord, SessionRecord
from ctrlog.sessions.ledger import Ended

SAMPLE_LOGS = Path(__file__).parents[2] / "sample_logs"


# --- Straight from the definitions, over the reference's records.


def ratio(part: float, whole: int) -> float | None:
    """Divide; nothing by nothing is null."""
    return part / whole if whole else None


def kept(rank: Any) -> Any:
    """Return a rank as the metrics keep it: to three digits above 1,000, at most a billion."""
    if not isinstance(rank, int) or rank <= 1000:
        return rank
    digits = str(min(rank, 10**9))
    return int(digits[:3] + "0" * (len(digits) - 3))


def mean_reciprocal(searches: list[reference.Record]) -> float | None:
    """Return the mean of 1 / first rank, where no rank counts 0."""
    ranks = [kept(search["first_rank"]) for search in searches]
    total = sum((Fraction(1, rank) for rank in ranks if isinstance(rank, int)), Fraction(0))
    return ratio(float(total), len(searches))


def search_values(searches: list[reference.Record]) -> dict[str, Any]:
    """Compute what is told of searches."""
    shown = [s for s in searches if s["results"]]
    logged = [s for s in searches if s["results"] is not None]
    clicked = [s for s in searches if s["clicks"]]
    clicks = sum(int(s["clicks"] or 0) for s in searches)
    abandoned = [s for s in shown if not s["clicks"] and not s["followed"]]
    reformulated = [s for s in searches if not s["clicks"] and s["followed"]]
    measured = [s for s in clicked if s["first_rank"] is not None or s["results"] is not None]
    ranks = [rank for s in searches if isinstance(rank := kept(s["first_rank"]), int)]
    low, high = wilson_ends(len(clicked), len(searches)) if searches else (None, None)
    return {
        "searches": len(searches),
        "clicked_searches": len(clicked),
        "ctr": ratio(len(clicked), len(searches)),
        "ctr_low": low,
        "ctr_high": high,
        "clicks": clicks,
        "clicks_per_search": ratio(clicks, len(searches)),
        "with_results": len(shown),
        "zero_results": len([s for s in logged if not s["results"]]),
        "zero_result_rate": ratio(len([s for s in logged if not s["results"]]), len(logged)),
        "abandoned": len(abandoned),
        "abandonment_rate": ratio(len(abandoned), len(shown)),
        "reformulated": len(reformulated),
        "reformulation_rate": ratio(len(reformulated), len(searches)),
        "mrr": mean_reciprocal(logged),
        "mrr_clicked": mean_reciprocal(measured),
        "first_click_at_1": ratio(len([rank for rank in ranks if rank == 1]), len(ranks)),
        "first_click_in_top_3": ratio(len([rank for rank in ranks if rank <= 3]), len(ranks)),
        "first_ranks": {str(rank): count for rank, count in sorted(Counter(ranks).items())},
        "closed_by": {
            cause: len([s for s in searches if s["closed_by"] == cause])
            for cause in ("search", "close", "timeout", "gap", "max", "end")
        },
    }


def session_values(sessions: list[reference.Record]) -> dict[str, Any]:
    """Compute what is told of sessions and users."""
    by_user: defaultdict[object, list[int]] = defaultdict(lambda: [0, 0])
    for session in sessions:
        by_user[session["user"]][0] += int(session["clicked_searches"] or 0)
        by_user[session["user"]][1] += int(session["searches"] or 0)
    low, high = delta_ends([(clicked, n) for clicked, n in by_user.values()]) or (None, None)
    searches = sum(n for _, n in by_user.values())
    return {
        "users": len(by_user),
        "users_exact": True,
        "sessions": len(sessions),
        "searches_per_session": ratio(searches, len(sessions)),
        "ctr_low_clustered": low,
        "ctr_high_clustered": high,
        "clustered_by": "user",
    }


def exact_quantile(values: Sequence[float], tenths: int) -> Any:
    """Return the value at place ⌊share · (n - 1)⌋, where nothing is less than 0."""
    if not values:
        return None
    exact = max(0.0, sorted(values)[tenths * (len(values) - 1) // 10])
    return pytest.approx(exact, rel=0.001 + 1e-9, abs=1e-6)


def duration_values(
    searches: list[reference.Record], sessions: list[reference.Record]
) -> dict[str, Any]:
    """Compute the quantiles, with what they may be off."""

    def time(text: object) -> datetime:
        return datetime.fromisoformat(str(text))

    first_clicks_s = [s["first_click_s"] for s in searches]
    known_s = [seconds for seconds in first_clicks_s if isinstance(seconds, float)]
    lengths_s = [
        (time(session["session_end"]) - time(session["session_start"])).total_seconds()
        for session in sessions
        if session["session_start"] is not None
    ]
    return {
        "first_click_s_p50": exact_quantile(known_s, 5),
        "first_click_s_p90": exact_quantile(known_s, 9),
        "session_s_p50": exact_quantile(lengths_s, 5),
        "session_s_p90": exact_quantile(lengths_s, 9),
    }


def assert_as_in_the_reference(logs: list[bytes], options: reference.Options) -> None:
    """Compare every metric."""
    outcome, expected = run(logs, options), reference.run(logs, options)
    values = of_records(outcome.searches, outcome.sessions)
    by_definition = search_values(expected.searches)
    by_definition |= session_values(expected.sessions)
    by_definition |= duration_values(expected.searches, expected.sessions)
    assert set(values) == set(by_definition)
    for name, value in by_definition.items():
        wanted = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
        assert values[name] == wanted, name


@given(strategies.several_logs(), strategies.options())
def test_every_metric_is_what_its_definition_gives(
    logs: list[bytes], options: reference.Options
) -> None:
    """On any log and with any options, the records of the slow reference give the same metrics."""
    assert_as_in_the_reference(logs, options)


@pytest.mark.parametrize("name", ["tutorial_1", "tutorial_2", "tutorial_3", "shop"])
def test_metrics_of_the_sample_logs_are_what_the_definitions_give(name: str) -> None:
    """The lifelike log and those of the tutorials have the metrics that the reference gives."""
    assert_as_in_the_reference([(SAMPLE_LOGS / f"{name}.jsonl").read_bytes()], reference.Options())


# --- An example to check by hand, and what null means.


def test_metrics_of_an_example_are_those_worked_out_by_hand() -> None:
    """Each count has the searches in it that its definition names, each ratio its denominator."""
    searches = [
        search(clicks=3, first_rank=1, first_click_s=2.0, closed_by="search"),
        search(clicks=1, first_rank=4, first_click_s=8.0),
        search(clicks=1, first_rank=None),  # on an item that was not in the list
        search(closed_by="search"),  # reformulated
        search(closed_by="gap"),  # abandoned
        search(closed_by="end"),  # abandoned
        search(results=0, closed_by="search"),  # found nothing, reformulated
        search(results=0, closed_by="timeout"),  # found nothing: that is not abandoned
        search(results=None, clicks=1, first_rank=2),  # a rank of the log, without Results
        search(results=None, clicks=1),  # a rank that nobody can tell
    ]
    sessions = [
        SessionRecord("a", 4, 2, 4, at(0), at(100), "close"),
        SessionRecord("a", 1, 1, 1, at(200), at(210), "close"),
        SessionRecord("b", 5, 2, 2, None, None, "end"),
    ]
    values = of_records(searches, sessions)
    assert values == values | {
        "searches": 10,
        "clicked_searches": 5,
        "ctr": 0.5,
        "clicks": 7,
        "clicks_per_search": 0.7,
        "with_results": 6,
        "zero_results": 2,
        "zero_result_rate": 2 / 8,
        "abandoned": 2,
        "abandonment_rate": 2 / 6,
        "reformulated": 2,
        "reformulation_rate": 2 / 10,
        "mrr": (1 + 1 / 4) / 8,
        "mrr_clicked": (1 + 1 / 4 + 1 / 2) / 4,
        "first_click_at_1": 1 / 3,
        "first_click_in_top_3": 2 / 3,
        "first_ranks": {"1": 1, "2": 1, "4": 1},
        "closed_by": {"search": 3, "close": 4, "timeout": 1, "gap": 1, "max": 0, "end": 1},
        "first_click_s_p50": pytest.approx(2, rel=0.001),
        "session_s_p50": pytest.approx(10, rel=0.001),
        "users": 2,
        "sessions": 3,
        "searches_per_session": 10 / 3,
    }


#: All that is a count, or says how users were counted; everything else is null without searches.
NEVER_NULL = {
    *("users", "users_exact", "clustered_by", "sessions", "searches", "clicked_searches"),
    *("clicks", "with_results", "zero_results", "abandoned", "reformulated"),
    *("first_ranks", "closed_by"),
}


def test_nothing_has_counts_of_0_and_no_ratio() -> None:
    """Without a search every count is 0 and everything else is null, never 0."""
    values = of_records()
    assert {name for name, value in values.items() if value is not None} == NEVER_NULL
    counts = [value for name, value in values.items() if isinstance(value, int)]
    assert sum(counts) == values["users_exact"] == 1  # a bool is an integer
    assert not values["first_ranks"]
    assert not any(values["closed_by"].values())


def test_a_log_without_results_has_no_rates_of_results() -> None:
    """What was not logged is unknown: no zero-result rate, abandonment or rank; but a CTR."""
    values = of_records([search(results=None, clicks=1), search(results=None)])
    unknown = [
        *("zero_result_rate", "abandonment_rate", "mrr", "mrr_clicked"),
        *("first_click_at_1", "first_click_in_top_3"),
    ]
    assert [values[name] for name in unknown] == [None] * len(unknown)
    assert values["ctr"] == 0.5


def test_a_click_in_an_empty_list_has_the_rank_that_it_names() -> None:
    """Logged results may be empty: a search with them is part of both means, by its own rank."""
    values = of_records([search(results=0, clicks=1, first_rank=2), search(results=0)])
    assert values["mrr"] == 0.25
    assert values["mrr_clicked"] == 0.5


def test_a_log_without_clicks_has_rates_of_0() -> None:
    """Shown and never clicked is measured: CTR and mean reciprocal rank are 0, not null."""
    values = of_records([search(), search(results=0)])
    measured = {"ctr": 0.0, "clicks_per_search": 0.0, "mrr": 0.0, "abandonment_rate": 1.0}
    assert values == values | measured
    assert values["mrr_clicked"] is None
    assert values["first_click_s_p50"] is None


# --- Users.


def user_sessions(count: int) -> list[SessionRecord]:
    """Make one session of each of so many users; every fourth search of theirs is clicked."""
    return [
        SessionRecord(f"user-{n}", 1 + n % 3, int(n % 4 == 0), n % 4, None, None, "end")
        for n in range(count)
    ]


def test_users_are_counted_exactly_up_to_the_bound() -> None:
    """With as many users as are kept their number is exact and the interval is over users."""
    metrics = Metrics(most_users=1000)
    metrics.update(Ended([], [*user_sessions(1000), *user_sessions(1000)]))
    users = metrics.users
    assert users.is_exact
    assert users.count == 1000
    sums = [(2 * s.clicked_searches, 2 * s.searches) for s in user_sessions(1000)]
    assert metrics.clustered_interval() == pytest.approx(delta_ends(sums))
    assert users.heaviest is not None
    user, searches = users.heaviest
    assert searches == 6
    assert int(user.removeprefix("user-")) % 3 == 2


def test_users_are_estimated_beyond_the_bound() -> None:
    """With one user more the number is an estimate and the interval is over sessions."""
    metrics = Metrics(most_users=1000)
    metrics.update(Ended([], [*user_sessions(1001), *user_sessions(1001)]))
    users = metrics.users
    assert not users.is_exact
    assert users.count == pytest.approx(1001, rel=4 * DistinctCounter.RELATIVE_ERROR)
    sums = [(s.clicked_searches, s.searches) for s in user_sessions(1001)]
    assert metrics.clustered_interval() == pytest.approx(delta_ends([*sums, *sums]))
    assert users.heaviest is None


# --- Laws: whatever can be merged gives of its parts what it gives of the whole.


@st.composite
def session_records(draw: st.DrawFn) -> SessionRecord:
    """Draw sessions."""
    searches = draw(st.integers(1, 5))
    clicked = draw(st.integers(0, searches))
    start_s = draw(st.one_of(st.none(), st.integers(0, 1000)))
    return SessionRecord(
        draw(st.sampled_from("abcdef")),
        searches,
        clicked,
        clicked + (draw(st.integers(0, 3)) if clicked else 0),
        None if start_s is None else at(start_s),
        None if start_s is None else at(start_s + draw(st.sampled_from([0, 0.5, 30, 90_000]))),
        draw(st.sampled_from([cause.value for cause in ClosedBy if cause != ClosedBy.SEARCH])),
    )


@dataclass(frozen=True)
class Mergeable:
    """A class that can be merged.

    Attributes:
        make: Makes an empty one.
        items: What can be added to it.
        add: Adds items at once.
        answers: Everything it says.
    """

    make: Callable[[], Any]
    items: st.SearchStrategy[Any]
    add: Callable[[Any, list[Any]], object]
    answers: Callable[[Any], object]

    def filled(self, items: list[Any]) -> Any:
        """Make one of these items."""
        made = self.make()
        self.add(made, items)
        return made


def add_records(to: Metrics | PerUser, records: list[Any]) -> None:
    """Add searches and sessions."""
    searches = [record for record in records if isinstance(record, SearchRecord)]
    sessions = [record for record in records if isinstance(record, SessionRecord)]
    to.update(Ended(searches, sessions))


def users(most_users: int) -> Mergeable:
    """Describe `Users` with a bound."""
    return Mergeable(
        lambda: Users(most_users),
        session_records(),
        lambda made, items: made.update(items),
        lambda made: (made.is_exact, made.count, made.heaviest, made.cluster_sums()),
    )


def whole_metrics(most_users: int) -> Mergeable:
    """Describe `Metrics` with a bound."""
    records = st.one_of(search_records(), session_records())
    return Mergeable(lambda: Metrics(most_users), records, add_records, computed)


def held_back(key_of: Callable[[SearchRecord], Key] | None) -> Mergeable:
    """Describe `PerUser`, with or without groups."""

    def answers(held: PerUser) -> object:
        all_metrics = Metrics()
        groups = None if key_of is None else Groups(key_of, most_groups=10_000)
        held.release(all_metrics, groups)
        by_key = {group.key: group for group in groups.groups()} if groups else {}
        return computed(all_metrics), by_key, held.left_out

    records = st.one_of(search_records(), session_records())
    return Mergeable(lambda: PerUser(3, key_of), records, add_records, answers)


MERGEABLE = {
    "ClusterSums": Mergeable(
        ClusterSums,
        st.integers(1, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        lambda made, items: [made.add(*item) for item in items],
        lambda made: (made.clusters, made.successes, made.trials, made.interval()),
    ),
    "QuantileSketch": Mergeable(
        QuantileSketch,
        st.floats(-1, 1e9),
        lambda made, items: made.update(items),
        lambda made: (made.count, [made.quantile(tenths / 10) for tenths in range(11)]),
    ),
    "DistinctCounter": Mergeable(
        DistinctCounter,
        st.text(max_size=3),
        lambda made, items: [made.add(item) for item in items],
        lambda made: (made.estimate(), bytes(made._registers)),
    ),
    "Users": users(6),
    "Users beyond the bound": users(2),
    "Metrics": whole_metrics(6),
    "Metrics beyond the bound": whole_metrics(2),
    "PerUser": held_back(None),
    "PerUser with groups": held_back(Grouping(("query", "user")).key_of(())),
    "Groups": Mergeable(
        lambda: Groups(Grouping(("query", "user")).key_of(()), most_groups=10_000),
        search_records(),
        lambda made, items: made.update(items),
        lambda made: ({group.key: group for group in made.groups()}, made.merged_searches),
    ),
}

every_mergeable = pytest.mark.parametrize("kind", MERGEABLE.values(), ids=MERGEABLE)


def test_every_class_that_can_be_merged_obeys_the_laws() -> None:
    """No class with a method `merge` is left out of the laws."""
    found = {
        name
        for module in (intervals, sketches, metrics, grouping, user_limit)
        for name, class_ in inspect.getmembers(module, inspect.isclass)
        if hasattr(class_, "merge")
    }
    assert found == {type(kind.make()).__name__ for kind in MERGEABLE.values()}


@every_mergeable
@given(data=st.data())
def test_parts_merged_in_any_order_equal_one_pass(kind: Mergeable, data: st.DataObject) -> None:
    """Any split, the empty parts among it, merged two by two in any order gives the whole."""
    numbered = data.draw(st.lists(st.tuples(st.integers(0, 4), kind.items), max_size=30))
    parts = [
        kind.filled([item for number, item in numbered if number == part]) for part in range(5)
    ]
    while len(parts) > 1:
        into, taken = data.draw(st.permutations(range(len(parts))))[:2]
        parts[into].merge(parts[taken])
        del parts[taken]
    whole = kind.filled([item for _, item in numbered])
    assert kind.answers(parts[0]) == kind.answers(whole)


@every_mergeable
@given(data=st.data())
def test_all_at_once_equals_one_by_one(kind: Mergeable, data: st.DataObject) -> None:
    """It does not matter how many are added at a time."""
    items = data.draw(st.lists(kind.items, max_size=30))
    one_by_one = kind.make()
    for item in items:
        kind.add(one_by_one, [item])
    assert kind.answers(one_by_one) == kind.answers(kind.filled(items))


@every_mergeable
@given(data=st.data())
def test_empty_is_the_identity(kind: Mergeable, data: st.DataObject) -> None:
    """Merged with nothing, on either side, anything stays what it is."""
    items = data.draw(st.lists(kind.items, max_size=10))
    left, right = kind.make(), kind.filled(items)
    left.merge(kind.filled(items))
    right.merge(kind.make())
    assert kind.answers(left) == kind.answers(right) == kind.answers(kind.filled(items))


@every_mergeable
def test_two_empty_ones_merge_to_an_empty_one(kind: Mergeable) -> None:
    """Nothing and nothing is nothing."""
    merged = kind.make()
    merged.merge(kind.make())
    assert kind.answers(merged) == kind.answers(kind.make())


@every_mergeable
@given(data=st.data())
def test_what_was_merged_in_stays_as_it_was(kind: Mergeable, data: st.DataObject) -> None:
    """The other one is only read, and shares nothing with the one it was merged into."""
    before, other_items, after = data.draw(st.tuples(*[st.lists(kind.items, max_size=10)] * 3))
    merged, other = kind.filled(before), kind.filled(other_items)
    merged.merge(other)
    kind.add(merged, after)
    assert kind.answers(other) == kind.answers(kind.filled(other_items))
    assert kind.answers(merged) == kind.answers(kind.filled([*before, *other_items, *after]))
