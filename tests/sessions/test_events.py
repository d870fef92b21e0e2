"""The vocabulary: events made by hand are checked, and records say their ratios."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from making import ALL_SPELLINGS, at

from ctrlog.errors import UsageError
from ctrlog.sessions.events import (
    REQUIRED,
    SPELLINGS,
    ClosedBy,
    Event,
    Kind,
    SearchRecord,
    SessionRecord,
    TrustedEvent,
    pack_items,
    unpack_items,
)

KINDS_OF_THE_REFERENCE = {
    "open": Kind.APP_OPEN,
    "search": Kind.SEARCH,
    "results": Kind.RESULTS,
    "click": Kind.CLICK_RESULT,
    "close": Kind.APP_CLOSE,
    "timeout": Kind.TIMEOUT,
}


def test_spellings_are_those_of_the_design() -> None:
    """Every spelling of the design is known and means its kind; there are no others."""
    kinds = KINDS_OF_THE_REFERENCE
    assert {spelling: kinds[kind] for spelling, kind in reference.KINDS.items()} == SPELLINGS
    assert {kinds[kind]: name for kind, (name,) in reference.NEEDED.items()} == REQUIRED


def test_closed_by_has_the_values_of_the_design() -> None:
    """`closed_by` says search, close, timeout, gap, max or end."""
    assert set(ClosedBy) == {"search", "close", "timeout", "gap", "max", "end"}


@pytest.mark.parametrize("spelling", ALL_SPELLINGS)
def test_an_event_needs_the_field_of_its_type(spelling: str) -> None:
    """A Search needs a query, Results need items, a click needs an item, others nothing."""
    needed = REQUIRED.get(SPELLINGS.get(spelling, Kind.OTHER))
    if needed is None:
        assert Event(spelling, 1).type == spelling
    else:
        with pytest.raises(UsageError, match=f"{spelling} event without {needed}"):
            Event(spelling, 1)


@pytest.mark.parametrize(("type_", "field"), [("Search", "query"), ("click", "item"), ("x", "x")])
def test_empty_values_are_values(type_: str, field: str) -> None:
    """An empty query or item id, no items and an empty user are there, not missing."""
    values: dict[str, Any] = {field: ""} if field != "x" else {}
    assert Event(type_, "", **values).user == ""
    assert Event("Results", 0, items=[]).items == (0, msgspec.Raw(b"[]"))


WRONG: list[dict[str, Any]] = [
    {"type": 5},
    {"user": None},
    {"user": 1.0},
    {"user": True},
    {"user": ["a"]},
    {"time": 0},
    {"query": 5},
    {"item": 1.5},
    {"item": True},
    {"rank": 1.0},
    {"rank": "1"},
    {"rank": True},
    {"search_id": 1.0},
    {"search_id": True},
    {"search_id": ["a"]},
    {"items": 5},
    {"items": [1.5]},
    {"items": [None]},
    {"items": [True]},
    {"items": [["a"]]},
    {"items": [...]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_field_of_the_wrong_type_is_refused(wrong: dict[str, Any]) -> None:
    """An event made by hand is checked, also in fields that its type does not use."""
    fields: dict[str, Any] = {"type": "scroll", "user": 1} | wrong
    with pytest.raises(UsageError, match=r"event: .+"):
        Event(**fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": ["Search"]},
        {"time": "2024-01-01T00:00:00Z"},
        {"items": ["\ud800"]},
        {"time": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))},
        {"time": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
    ],
    ids=["type", "written time", "surrogate", "after", "before"],
)
def test_whatever_is_wrong_with_an_event_is_a_usage_error(wrong: dict[str, Any]) -> None:
    """An unhashable type, a time as text, half a surrogate pair and a time out of range are too."""
    fields: dict[str, Any] = {"type": "scroll", "user": 1} | wrong
    with pytest.raises(UsageError):
        Event(**fields)


@pytest.mark.parametrize(
    "time",
    [
        datetime(2024, 1, 1),  # noqa: DTZ001  # what has no offset means UTC
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2023, 12, 31, 16, tzinfo=timezone(timedelta(hours=-8))),
    ],
)
def test_a_time_is_brought_to_utc(time: datetime) -> None:
    """A time without an offset means UTC; any other offset is converted."""
    event = Event("scroll", 1, time)
    assert event.time == at(0)
    assert event.time.tzinfo is UTC


@pytest.mark.parametrize(
    ("search_id", "text"), [(1, "1"), ("1", "1"), (-7, "-7"), ("a b", "a b"), ("", None), (0, "0")]
)
def test_the_id_of_a_search_is_text(search_id: str | int, text: str | None) -> None:
    """1 and "1" are the same id, and an empty one is none."""
    assert Event("Search", 1, query="dogs", search_id=search_id).search_id == text


def test_an_event_made_by_hand_can_be_fed() -> None:
    """An `Event` is what a decoder makes, with its items packed."""
    event = Event("Results", 1, items=["a", 2])
    assert isinstance(event, TrustedEvent)
    assert event.items == (2, msgspec.Raw(b'["a",2]'))


def through_pickle(event: Event) -> Any:
    """Send an event to another process and back."""
    return pickle.loads(pickle.dumps(event))  # noqa: S301  # our own


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
def test_an_event_made_by_hand_can_be_copied(copied: Callable[[Event], Any]) -> None:
    """An event goes from one process to another as any value does, Results as well."""
    event = Event("Results", 1, items=["a", 2])
    assert copied(event) == event


IDS = st.lists(st.text() | st.integers(), max_size=6)


@given(IDS)
def test_packed_items_are_counted_and_come_out_as_strings(ids: list[str | int]) -> None:
    """Unpacking gives each id as a string, in order: 1 and "1" are the same item."""
    packed = pack_items(msgspec.Raw(msgspec.json.encode(ids)))
    assert packed[0] == len(ids)
    assert unpack_items(packed) == [str(item) for item in ids]


@given(IDS)
def test_items_may_be_any_sequence(ids: list[str | int]) -> None:
    """A list and a tuple of ids are packed alike."""
    assert Event("Results", 1, items=ids) == Event("Results", 1, items=tuple(ids))


@pytest.mark.parametrize("items", [b'"a"', b"5", b"{}", b"[1.5]", b"[true]", b"[null]", b"[[1]]"])
def test_what_is_no_list_of_ids_is_not_packed(items: bytes) -> None:
    """Only a list of strings or integers can be packed."""
    with pytest.raises(msgspec.ValidationError):
        pack_items(msgspec.Raw(items))


@pytest.mark.parametrize(("clicks", "ctr"), [(0, 0.0), (1, 1.0), (7, 1.0)])
def test_a_search_has_a_click_through_of_one_or_nothing(clicks: int, ctr: float) -> None:
    """The click-through of a search is 1.0 with any clicks, else 0.0."""
    record = SearchRecord("1", "dogs", None, clicks, None, None, None, None, "end")
    assert record.ctr == ctr


def test_a_session_has_shares_of_its_searches() -> None:
    """CTR is clicked searches / searches and never above 1; clicks per search may be."""
    record = SessionRecord("1", 4, 3, 10, None, None, "end")
    assert (record.ctr, record.clicks_per_search) == (0.75, 2.5)
