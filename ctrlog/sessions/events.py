"""The vocabulary: events that go into the state machine, records that come out.

This is all that crosses the machine's border, so every module may import it
and it imports none of them, but for the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from ctrlog.errors import UsageError
from ctrlog.times import from_micros, to_micros, to_utc


class Kind(StrEnum):
    """What an event means to the state machine."""

    APP_OPEN = "AppOpen"
    SEARCH = "Search"
    RESULTS = "Results"
    CLICK_RESULT = "ClickResult"
    APP_CLOSE = "AppClose"
    TIMEOUT = "Timeout"
    OTHER = "Other"

    __hash__ = str.__hash__  # which is faster than that of Enum


class Attribution(StrEnum):
    """How results and clicks find their search.

    ORDER: They belong to the user's latest search (R5).
    ID: They belong to the search whose id they carry (R13).
    """

    ORDER = "order"
    ID = "id"


class ClosedBy(StrEnum):
    """What ended a search or a session."""

    SEARCH = "search"
    CLOSE = "close"
    TIMEOUT = "timeout"
    GAP = "gap"
    MAX = "max"
    END = "end"


#: Every spelling of an event's `type` that is known; any other is `Kind.OTHER`.
SPELLINGS: dict[str, Kind] = {
    "AppOpen": Kind.APP_OPEN,
    "app_open": Kind.APP_OPEN,
    "Search": Kind.SEARCH,
    "search": Kind.SEARCH,
    "Results": Kind.RESULTS,
    "results": Kind.RESULTS,
    "ClickResult": Kind.CLICK_RESULT,
    "click_result": Kind.CLICK_RESULT,
    "click": Kind.CLICK_RESULT,
    "AppClose": Kind.APP_CLOSE,
    "app_close": Kind.APP_CLOSE,
    "Timeout": Kind.TIMEOUT,
    "timeout": Kind.TIMEOUT,
}

#: The field that an event of a kind must carry, beside `type` and `user`.
REQUIRED: dict[Kind, str] = {
    Kind.SEARCH: "query",
    Kind.RESULTS: "items",
    Kind.CLICK_RESULT: "item",
}


#: Ids of results, best first: how many, and the ids as a JSON list. They are looked into
#: for a click only, and an object for each would take more time than all the rest.
Items: TypeAlias = tuple[int, Raw]


class TrustedEvent(Struct, gc=False):
    """An event whose fields are known to be right, as a decoder makes them.

    Attributes:
        type: What happened, in any of the `SPELLINGS` or any other word.
        user: Who did it; 1 and "1" are the same user.
        time: When, aware and in UTC; None if the log does not say.
        query: What was searched for (Search).
        items: The results shown, packed by `pack_items` (Results, and a Search that comes
            with its results).
        item: The id of the result clicked (ClickResult).
        rank: The 1-based place of the click, if the log names it (ClickResult).
        search_id: The id of the search that it opens or belongs to, if the log names it;
            as text, so that 1 and "1" are the same, and never empty (Search, Results,
            ClickResult).
        extra: Values of further fields of the line that a filter asked for.
    """

    type: str
    user: str | int
    time: datetime | None = None
    query: str | None = None
    items: Items | None = None
    item: str | int | None = None
    rank: int | None = None
    search_id: str | None = None
    extra: tuple[object, ...] = ()


class Event(TrustedEvent, gc=False):
    """An event made by hand, checked when it is made.

    Takes the fields of `TrustedEvent`, but `items` as a sequence of strings or integers, and
    `search_id` as a string or an integer. A time without an offset means UTC; any other offset
    is converted to UTC.

    Raises:
        UsageError: If the field that an event of this type needs is missing, or a field
            is of the wrong type.
    """

    items: Sequence[str | int] | Items | None = None  # type: ignore[assignment]  # packed below
    search_id: str | int | None = None  # type: ignore[assignment]  # made text below

    def __post_init__(self) -> None:
        """Check the fields, pack the items, bring the time to UTC and make the id text."""
        for name, types in _EVENT_TYPES.items():
            value = getattr(self, name)
            is_text = name == "items" and isinstance(value, str | bytes)
            if is_text or isinstance(value, bool) or not isinstance(value, types):
                raise UsageError(f"{self.type} event: its {name} cannot be {value!r}")
        required = REQUIRED.get(SPELLINGS.get(self.type, Kind.OTHER))
        if required is not None and getattr(self, required) is None:
            raise UsageError(f"{self.type} event without {required}")
        try:
            if self.items is not None and not _is_packed(self.items):
                self.items = pack_items(Raw(msgspec.json.encode(list(self.items))))
            if self.time is not None:
                self.time = to_utc(self.time)
            if self.search_id is not None:
                self.search_id = str(self.search_id) or None
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.type} event: {error}") from None


def _is_packed(items: Sequence[object]) -> bool:
    return any(isinstance(part, Raw) for part in items)


_EVENT_TYPES: dict[str, tuple[type, ...]] = {
    "type": (str,),
    "user": (str, int),
    "time": (datetime, type(None)),
    "query": (str, type(None)),
    "items": (Sequence, type(None)),
    "item": (str, int, type(None)),
    "rank": (int, type(None)),
    "search_id": (str, int, type(None)),
}

#: Decodes the ids of results; refuses what is no list of strings or integers.
decode_ids = msgspec.json.Decoder(list[str | int]).decode
_decode_strings = msgspec.json.Decoder(list[str]).decode


def pack_items(items: Raw) -> Items:
    """Count the ids in a JSON list.

    Raises:
        msgspec.ValidationError: If it is no list of strings or integers.
    """
    return len(decode_ids(items)), items


def unpack_items(items: Items) -> list[str]:
    """Return packed ids as strings, since 1 and "1" are the same item."""
    try:
        return _decode_strings(items[1])
    except msgspec.ValidationError:
        return [str(item) for item in decode_ids(items[1])]


def save_items(items: Items) -> str:
    """Return packed ids as the text of their JSON list."""
    return bytes(items[1]).decode()


def restore_items(saved: str) -> Items:
    """Pack the ids that `save_items` described."""
    return pack_items(Raw(saved.encode()))


def save_event(event: TrustedEvent) -> list[Any]:
    """Return an event as plain values, in the order of its fields.

    Times are microseconds since 1970, and items the text of their JSON list; items of
    what is no Results, which nobody needs, are left out.
    """
    # A decoder's own class of events has its fields in an order of its own.
    values = {name: getattr(event, name) for name in TrustedEvent.__struct_fields__}
    if event.time is not None:
        values["time"] = to_micros(event.time)
    values["items"] = save_items(event.items) if isinstance(event.items, tuple) else None
    return [*values.values()]


def restore_event(saved: Sequence[Any]) -> TrustedEvent:
    """Make the event that `save_event` described."""
    values = dict(zip(TrustedEvent.__struct_fields__, saved, strict=True))
    if values["time"] is not None:
        values["time"] = from_micros(values["time"])
    if values["items"] is not None:
        values["items"] = restore_items(values["items"])
    values["extra"] = tuple(values["extra"])
    return TrustedEvent(**values)


def other_spelling(user: str | int) -> str | int | None:
    """The other way to write a user: "1" for 1 and 1 for "1"; None if there is none."""
    if isinstance(user, int):
        return str(user)
    digits = user.removeprefix("-")
    if not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    number = int(user)
    return number if str(number) == user else None


_MOST_DIGITS = 4300  # that Python turns into an integer, unless told otherwise


class SearchRecord(Struct, frozen=True, gc=False):
    """A search that is over: the query, what was shown for it and what was clicked.

    Attributes:
        user: Who searched, always as a string.
        query: What was searched for.
        results: Number of items shown, None if the log has no Results for it.
        clicks: Number of clicks on its results.
        first_rank: 1-based rank of its first click, None without one or if unknown.
        first_click_s: Seconds from the search to its first click, None without one
            or if either time is missing. Negative if the log's times say so.
        time: When the search was made, UTC; None if the log does not say.
        session_start: When its session started, UTC; None if the log does not say.
        closed_by: What ended it, the value of a `ClosedBy`.
        extra: Values of further fields of its Search event that were asked for.
        refinements: Number of searches that this one replaced as the user typed on (R14).
        followed: Whether another search was opened after it in its session.
    """

    user: str
    query: str
    results: int | None
    clicks: int
    first_rank: int | None
    first_click_s: float | None
    time: datetime | None
    session_start: datetime | None
    closed_by: str
    extra: tuple[object, ...] = ()
    refinements: int = 0
    followed: bool = False

    @property
    def ctr(self) -> float:
        """Click-through: 1.0 if the search got a click, else 0.0."""
        return 1.0 if self.clicks else 0.0


class SessionRecord(Struct, frozen=True, gc=False):
    """A session that is over and had at least one search.

    Attributes:
        user: Whose session, always as a string.
        searches: Number of searches, at least 1.
        clicked_searches: Number of searches with at least one click.
        clicks: Number of clicks on results of its searches.
        session_start: Time of its first event, UTC; None if the log does not say.
        session_end: Time of its latest event, UTC; None if the log does not say.
        closed_by: What ended it, the value of a `ClosedBy`.
    """

    user: str
    searches: int
    clicked_searches: int
    clicks: int
    session_start: datetime | None
    session_end: datetime | None
    closed_by: str

    @property
    def ctr(self) -> float:
        """Share of its searches that got a click, 0.0 to 1.0."""
        return self.clicked_searches / self.searches

    @property
    def clicks_per_search(self) -> float:
        """Clicks divided by searches; can exceed 1."""
        return self.clicks / self.searches
