"""What comes of sessions: counts, and how those of parts of a log are put together."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from making import at

from ctrlog.sessions.ledger import Counts


def test_all_counts_are_merged() -> None:
    """A count that is added to the class is summed, unless it is an extreme."""
    names = [field.name for field in fields(Counts)]
    numbers = {name: 3 for name in names if isinstance(getattr(Counts(), name), int)}
    one = Counts(**numbers, largest_step_back=timedelta(3), first_time=at(1), last_time=at(2))
    other = Counts(**numbers, largest_step_back=timedelta(1), first_time=at(0), last_time=at(1))
    one.merge(other)
    assert {name: getattr(one, name) for name in numbers} == dict.fromkeys(numbers, 6)
    assert (one.largest_step_back, one.first_time, one.last_time) == (timedelta(3), at(0), at(2))
    assert len(numbers) == len(names) - 3


def test_nothing_seen_changes_nothing() -> None:
    """The counts of an empty part leave those of another as they are, and have no times."""
    counts = Counts(events=2, clicks=1, first_time=at(0), last_time=at(5))
    counts.merge(Counts())
    assert counts == Counts(events=2, clicks=1, first_time=at(0), last_time=at(5))
    empty = Counts()
    empty.merge(Counts())
    assert empty == Counts()
