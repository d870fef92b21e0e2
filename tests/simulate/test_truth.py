"""The true metrics of a simulated log, from searches counted by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from ctrlog.sessions.events import ClosedBy
from ctrlog.simulate.truth import Truth

SEARCH, CLOSE, GAP = ClosedBy.SEARCH, ClosedBy.CLOSE, ClosedBy.GAP


def example() -> Truth:
    """Return a truth of twelve searches."""
    truth = Truth(users=100)
    truth.searches = Counter(
        {
            (True, 1, 1, SEARCH): 3,
            (True, 2, 4, CLOSE): 2,
            (True, 0, None, CLOSE): 1,
            (True, 0, None, SEARCH): 1,
            (True, 1, None, GAP): 1,  # an advert
            (False, 0, None, SEARCH): 2,
            (None, 1, 2, CLOSE): 1,  # results lost, but the click names its rank
            (None, 0, None, GAP): 1,
        }
    )
    return truth


def test_searches_give_all_their_metrics() -> None:
    """Each number is counted by hand, by the definitions in docs/metrics.md."""
    found = example().to_dict()
    assert found["searches"] == 12
    assert found["clicked_searches"] == 3 + 2 + 1 + 1
    assert found["ctr"] == 7 / 12
    assert found["clicks"] == 3 + 4 + 1 + 1
    assert found["clicks_per_search"] == 9 / 12
    assert found["with_results"] == 8
    assert found["zero_results"] == 2
    assert found["zero_result_rate"] == 2 / 10
    assert found["abandoned"] == 1
    assert found["abandonment_rate"] == 1 / 8
    assert found["reformulated"] == 3
    assert found["reformulation_rate"] == 3 / 12
    assert found["mrr"] == pytest.approx((3 + 2 / 4) / 10)
    assert found["mrr_clicked"] == pytest.approx((3 + 2 / 4 + 1 / 2) / 7)
    assert found["first_click_at_1"] == 3 / 6
    assert found["first_click_in_top_3"] == 4 / 6
    assert found["first_ranks"] == {"1": 3, "2": 1, "4": 2}
    assert found["closed_by"] == {
        "search": 6, "close": 4, "timeout": 0, "gap": 2, "max": 0, "end": 0
    }  # fmt: skip


def test_sessions_and_their_users_are_counted() -> None:
    """A user counts once, and only with a search."""
    truth = example()
    for user, searches in (1, 4), (100, 6), (1, 2), (50, 0), (8, 0):
        truth.end_session(user, searches)
    found = truth.to_dict()
    assert (found["users"], found["sessions"]) == (2, 3)
    assert found["searches_per_session"] == 4
    assert found["diagnostics"]["sessions_without_search"] == 2


def test_each_user_is_counted_separately() -> None:
    """Each user is counted separately, from the first to the last."""
    truth = Truth(users=17)
    for user in range(1, 18):
        truth.end_session(user, 1)
        assert truth.users == user


def test_nothing_measured_is_null() -> None:
    """Without a search, all ratios are null and all counts are 0."""
    found = Truth(users=1).to_dict()
    diagnostics = found.pop("diagnostics")
    nulls = {name for name, value in found.items() if value is None}
    assert nulls == {
        "ctr", "clicks_per_search", "zero_result_rate", "abandonment_rate", "reformulation_rate",
        "mrr", "mrr_clicked", "first_click_at_1", "first_click_in_top_3", "searches_per_session",
    }  # fmt: skip
    assert not any(found[name] for name in found.keys() - nulls - {"closed_by"})
    assert set(found["closed_by"].values()) == {0}
    assert {name for name, value in diagnostics.items() if value is None} == {
        "first_time", "last_time"
    }  # fmt: skip


def test_diagnostics_are_as_a_summary_has_them() -> None:
    """Lines include the bad ones; times and steps have the units of the summary."""
    truth = Truth(users=1)
    truth.events, truth.bad_lines = 10, Counter({"cut off": 2, "not JSON": 1})
    truth.orphan_clicks, truth.orphan_results = 3, 4
    truth.out_of_order, truth.largest_step_back_ms = 5, 1_250
    truth.first_ms, truth.last_ms = 0, 86_400_120
    assert truth.to_dict()["diagnostics"] == {
        "lines": 13,
        "bad_lines": 3,
        "bad_lines_by_reason": {"cut off": 2, "not JSON": 1},
        "orphan_clicks": 3,
        "orphan_results": 4,
        "sessions_without_search": 0,
        "out_of_order": 5,
        "largest_step_back_s": 1.25,
        "first_time": "1970-01-01T00:00:00.000Z",
        "last_time": "1970-01-02T00:00:00.120Z",
    }
