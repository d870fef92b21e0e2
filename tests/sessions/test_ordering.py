"""Sorting events that are a little out of order."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import reference
import strategies
from hypothesis import example, given
from hypothesis import strategies as st
from making import US, at, decoded, event, s

from ctrlog.sessions.events import TrustedEvent, unpack_items
from ctrlog.sessions.ordering import Reorder

WINDOWS = st.sampled_from([s(0), s(1), s(5), s(20), s(5) + US])


def pieces_of(events: list[TrustedEvent], places: list[int]) -> list[list[TrustedEvent]]:
    """Cut events at places, which may lie anywhere."""
    bounds = sorted(min(place, len(events)) for place in places)
    return [events[start:end] for start, end in pairwise([0, *bounds, len(events)])]


PLACES = st.lists(st.integers(0, 40), max_size=6)


@given(strategies.log_bytes(), WINDOWS, PLACES)
def test_the_order_is_that_of_the_reference_in_any_pieces(
    log: bytes, window: timedelta, places: list[int]
) -> None:
    """However events are fed, every one of them goes on once, in the order of the rules (R1)."""
    events = decoded(log, has_ids=False)
    reorder = Reorder(window)
    ordered = [each for piece in pieces_of(events, places) for each in reorder.feed(piece)]
    ordered += reorder.flush()
    by_reference = reference.read_log(log).events
    number_of = {id(each): number for number, each in enumerate(by_reference)}
    expected = [number_of[id(each)] for each in reference.in_order(by_reference, window)]
    mine = {id(each): number for number, each in enumerate(events)}
    assert [mine[id(each)] for each in ordered] == expected
    assert sorted(expected) == [*range(len(events))]


@given(strategies.log_bytes(), WINDOWS)
def test_disorder_within_the_window_is_sorted_out(log: bytes, window: timedelta) -> None:
    """If no event is further behind the latest one than the window, times come out in order."""
    timed = [each for each in decoded(log, has_ids=False) if each.time is not None]
    latest: datetime | None = None
    kept = []
    for each in timed:
        assert each.time is not None
        latest = each.time if latest is None else max(latest, each.time)
        if latest - each.time <= window:
            kept.append(each)
    reorder = Reorder(window)
    times = [each.time for each in reorder.feed(kept) + reorder.flush()]
    assert times == sorted(each.time for each in kept if each.time is not None)


def named(events: list[TrustedEvent]) -> list[str | int]:
    """Return the users of events, by which the tests tell them apart."""
    return [each.user for each in events]


def test_an_event_goes_on_when_one_comes_that_is_later_by_the_window() -> None:
    """A microsecond less than the window is held back, exactly the window is enough."""
    reorder = Reorder(s(10))
    assert named(reorder.feed([event("x", at(0), "a"), event("x", at(10) - US, "b")])) == []
    assert named(reorder.feed([event("x", at(10), "c")])) == ["a"]
    assert named(reorder.flush()) == ["b", "c"]


@pytest.mark.parametrize(("seconds", "order"), [(0, ["late", "a"]), (-1e-06, ["late", "a"])])
def test_an_event_older_than_the_window_goes_on_at_once(seconds: float, order: list[str]) -> None:
    """Exactly the window behind is sorted in; more than that goes on as it comes."""
    reorder = Reorder(s(10))
    assert named(reorder.feed([event("x", at(5), "a"), event("x", at(10), "b")])) == []
    out = named(reorder.feed([event("x", at(seconds), "late")]))
    assert out == ["late"]
    assert [*out, *named(reorder.flush())] == [*order, "b"]


def test_of_equal_times_the_first_to_arrive_goes_first() -> None:
    """Sorting is stable."""
    reorder = Reorder(s(10))
    events = [
        event("x", at(second), name) for second, name in [(2, "a"), (1, "b"), (2, "c"), (1, "d")]
    ]
    assert named(reorder.feed(events) + reorder.flush()) == ["b", "d", "a", "c"]


def test_an_untimed_event_keeps_its_place_behind_the_latest_before_it() -> None:
    """An event without a time is as late as the latest event before it."""
    reorder = Reorder(s(10))
    events = [event("x", at(5), "a"), event("x", None, "none"), event("x", at(3), "b"),
              event("x", at(5), "c"), event("x", at(6), "d")]  # fmt: skip
    assert named(reorder.feed(events) + reorder.flush()) == ["b", "a", "none", "c", "d"]


def test_without_a_window_events_go_on_as_they_come() -> None:
    """With nothing to wait for, nothing is held and nothing is sorted."""
    reorder = Reorder(s(0))
    events = [event("x", at(second), second) for second in (3, 1, 2)]
    assert named(reorder.feed(events)) == [3, 1, 2]
    assert reorder.flush() == []


def test_each_file_is_sorted_for_itself() -> None:
    """After `flush` an old event is in time again, and nothing is held twice."""
    reorder = Reorder(s(10))
    reorder.feed([event("x", at(1000), "a")])
    assert named(reorder.flush()) == ["a"]
    assert reorder.flush() == []
    assert named(reorder.feed([event("x", at(0), "b"), event("x", at(1), "c")])) == []
    assert named(reorder.flush()) == ["b", "c"]


def test_only_what_can_still_be_overtaken_is_held() -> None:
    """Memory holds the events of a window, however long the log is."""
    reorder = Reorder(s(10))
    for second in range(1_000):
        reorder.feed([event("x", at(second))])
        assert len(reorder._held) <= 10


def test_events_before_any_time_go_on_at_once() -> None:
    """As long as no time was seen there is nothing that could be sorted in before an event."""
    assert len(Reorder(s(10)).feed([event("x")] * 5)) == 5


def as_values(each: TrustedEvent) -> tuple[object, ...]:
    """What of an event has a part in results."""
    items = each.items if isinstance(each.items, tuple) else None
    shown = None if items is None else (items[0], unpack_items(items))
    return each.type, each.user, each.time, each.query, shown, each.item, each.rank


@given(strategies.log_bytes(), WINDOWS, PLACES)
@example(
    b'{"type":"Search","user":1,"time":0,"query":"dogs","items":["of no use"]}\n'
    b'{"type":"Results","user":1,"time":0,"items":["a",2]}\n',
    s(5),
    [1, 2],
)
def test_saved_and_restored_it_goes_on(log: bytes, window: timedelta, places: list[int]) -> None:
    """Through plain values at any place, events as a log is decoded to come in the same order."""
    events = decoded(log, has_ids=False)
    whole = Reorder(window)
    expected = [*whole.feed(events), *whole.flush()]
    reorder = Reorder(window)
    ordered = []
    for piece in pieces_of(events, places):
        ordered += reorder.feed(piece)
        reorder = Reorder.restore(json.loads(json.dumps(reorder.save())), window)
    ordered += reorder.flush()
    assert [*map(as_values, ordered)] == [*map(as_values, expected)]
