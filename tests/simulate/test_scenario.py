"""The parameters of simulated logs: numbers out of range are refused."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from ctrlog.errors import UsageError
from ctrlog.simulate.scenario import MAX_DAYS, MAX_QUERIES, MAX_USERS, Scenario


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("events", -1, "the number of events cannot be negative"),
        ("users", 0, "the number of users must be 1 to 1,000,000,000"),
        ("users", MAX_USERS + 1, "the number of users must be 1 to 1,000,000,000"),
        ("queries", 0, "the number of queries must be 1 to 1,000,000"),
        ("queries", MAX_QUERIES + 1, "the number of queries must be 1 to 1,000,000"),
        ("days", 0.0, "more than 0 and at most 36,525"),
        ("days", -1.0, "more than 0 and at most 36,525"),
        ("days", MAX_DAYS + 1.0, "more than 0 and at most 36,525"),
        ("days", nan, "more than 0 and at most 36,525"),
        ("days", inf, "more than 0 and at most 36,525"),
        *[
            (share, value, "from 0 to below 1")
            for share in ("orphans", "disorder", "bad_lines")
            for value in (-0.01, 1.0, nan)
        ],
    ],
)
def test_a_number_out_of_its_range_is_refused(name: str, value: Any, message: str) -> None:
    """The message names the valid range."""
    with pytest.raises(UsageError, match=message):
        Scenario(**{name: value})


def test_the_ends_of_each_range_are_accepted() -> None:
    """The least and the greatest valid values are accepted."""
    Scenario(events=0, users=1, seed=-(2**80), days=1e-9, queries=1)
    Scenario(users=MAX_USERS, days=MAX_DAYS, queries=MAX_QUERIES, orphans=0.999)
