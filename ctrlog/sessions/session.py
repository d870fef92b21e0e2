"""The state machine of one user: from a session's events to its searches.

`Session` does what `states.TABLE` says, and only that: `machine` compiles each row of the
table to a dictionary of functions, the `steps`, which the session runs from. It neither
reads, nor looks at a clock, nor prints; which events belong to it (R2, R7, R10) is decided
by `shard.Shard`, which has the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Self, TypeAlias

from msgspec import Raw

from ctrlog.sessions.events import ClosedBy, TrustedEvent, restore_items, save_items
from ctrlog.sessions.ledger import Ledger
from ctrlog.sessions.pages import Pages, Shown, packed
from ctrlog.sessions.table import State, TableInput
from ctrlog.times import from_micros, to_micros

#: What to do with an event of a session. (Any stands for `Session`, of the class that the step
#: is made for.)
Step: TypeAlias = Callable[[Any, TrustedEvent, Ledger], None]
#: Tells which entry of the table an event of a session means, and changes nothing.
Teller: TypeAlias = Callable[[Any, TrustedEvent], TableInput]


class Row(dict[str, Step]):
    """What to do in one state: the step for each spelling of an event's type.

    A type for which there is nothing to do has no entry, so `get` tells quickly; to
    ask for it by its key gives the step of events of another type.

    Attributes:
        state: The state.
        other: The step for an event of another type.
        boundaries: The step for each boundary.
        entries: The step for each entry of the table, once it is told which one it is.
        closings: The step that closes the open search and nothing else, by what closes it.
        browsing: The row of a session without an open search.
        searching: The row of a session with one.
    """

    state: State
    other: Step
    boundaries: dict[ClosedBy, Step]
    entries: dict[TableInput, Step]
    closings: dict[ClosedBy, Step]
    browsing: Row
    searching: Row

    def __missing__(self, _type: str) -> Step:
        """Return the step of an event whose type is not among the keys."""
        return self.other


class Session:
    """One user's session.

    `steps` is the row of the table for the present state: the function to call for
    each spelling of an event's type. A type that is not in it changes nothing.

    Attributes:
        user: The user, as the session's first event names it.
        name: The user as text.
        steps: The compiled row of the present state.
        started: The session's number among all that were started.
        start: Time of the first event that has one, UTC.
        latest: Greatest time of its events, UTC.
        opened: The open search's number among all that were opened.
        clicked: The items clicked so far, as text, if repeated clicks are told apart (R15).
    """

    __slots__ = (  # noqa: RUF023  # in the order in which they are saved
        "user",
        "name",
        "steps",
        # the session
        "started",
        "start",
        "latest",
        "searches",
        "clicked_searches",
        "clicks",
        # its open search; without one, what the last one left
        "opened",
        "selected",
        "query",
        "search_time",
        "shown",
        "search_clicks",
        "first_click_s",
        "first_rank",
        "extra",
        "refinements",
        "clicked",
    )

    user: str | int
    name: str
    steps: Row
    started: int
    start: datetime | None
    latest: datetime | None
    searches: int
    clicked_searches: int
    clicks: int
    opened: int
    selected: bool
    query: str
    search_time: datetime | None
    shown: Shown | None
    search_clicks: int
    first_click_s: float | None
    first_rank: int | None
    extra: tuple[object, ...]
    refinements: int
    clicked: dict[str, None] | None

    def __init__(self, user: str | int, steps: Row) -> None:
        """Make the machine of a user who has no session yet.

        Args:
            user: The user, as the event names it.
            steps: The compiled row of `State.NONE`.
        """
        self.user = user
        self.name = str(user)
        self.steps = steps

    @property
    def state(self) -> State:
        """Where the user stands; `State.NONE` before the first event and after the last."""
        return self.steps.state

    def feed(self, event: TrustedEvent, ledger: Ledger) -> None:
        """Take an event that belongs to this session.

        Args:
            event: The event.
            ledger: Where records and counts go.
        """
        self.steps[event.type](self, event, ledger)

    def end(self, boundary: ClosedBy, ledger: Ledger) -> None:
        """End the session at a boundary that none of its events drew.

        Args:
            boundary: One of `states.BOUNDARIES`.
            ledger: Where records and counts go.
        """
        self.steps.boundaries[boundary](self, NO_EVENT, ledger)

    def close_first(self, boundary: ClosedBy, ledger: Ledger) -> None:
        """Close the search that was opened first; end the session if none is open then."""
        self.end(boundary, ledger)

    @property
    def is_followed(self) -> bool:
        """Whether another search was opened after the open one; not where it closes it (R3)."""
        return False

    @property
    def openings(self) -> list[int]:
        """The numbers of the open searches among all that were opened, ascending."""
        return [self.opened] if self.state is State.SEARCHING else []

    def has_lasted(self, duration: timedelta, until: datetime) -> bool:
        """Tell whether the session has lasted so long at a time (R10)."""
        return self.start is not None and until - self.start >= duration

    # Saving and restoring.

    def save(self) -> list[Any]:
        """Return all there is to know of the session as plain values.

        Returns:
            The state's name, then what the session has, then, if a search is open, what
            that has; in the order of `__slots__`. Times are microseconds since 1970.
        """
        get = _get_saved if self.state is State.SEARCHING else _get_saved_without_search
        return [self.state.name, *map(to_plain, get(self))]

    @classmethod
    def restore(cls, saved: Sequence[Any], rows: Mapping[State, Row]) -> Self:
        """Make the session that `save` described.

        Args:
            saved: What `save` returned.
            rows: The compiled rows of the machine that the session goes on with.
        """
        state, *values = saved
        names = _SAVED if state == State.SEARCHING.name else _SAVED_WITHOUT_SEARCH
        session = cls(values[0], rows[State[state]])
        for name, value in zip(names, values, strict=True):
            setattr(session, name, from_plain(name, value))
        return session


_SAVED = tuple(name for name in Session.__slots__ if name not in {"name", "steps"})
#: What an open search has.
SEARCH_SLOTS = _SAVED[_SAVED.index("opened") :]
_SAVED_WITHOUT_SEARCH = _SAVED[: _SAVED.index("opened") + 1]
_get_saved = attrgetter(*_SAVED)
_get_saved_without_search = attrgetter(*_SAVED_WITHOUT_SEARCH)
_TIMES = frozenset({"start", "latest", "search_time"})


def to_plain(value: Any) -> Any:
    """Return what a slot of a session has as a plain value."""
    make_plain = _MAKE_PLAIN.get(value.__class__)
    return value if make_plain is None else make_plain(value)


def _plain_pages(pages: Pages) -> str:
    return save_items(packed(pages))


def _plain_tuple(values: tuple[Any, ...]) -> Any:
    return save_items(values) if values and isinstance(values[-1], Raw) else list(values)


#: By class, as nearly all is plain as it is, and there is much of it.
_MAKE_PLAIN: dict[type, Callable[[Any], Any]] = {
    datetime: to_micros,
    tuple: _plain_tuple,
    dict: list,
    Pages: _plain_pages,
}


def from_plain(name: str, value: Any) -> Any:
    """Return the value of a slot that `to_plain` made plain."""
    if value is None:
        return None
    if name in _TIMES:
        return from_micros(value)
    if name == "extra":
        return tuple(value)
    if name == "clicked":
        return dict.fromkeys(value)
    return restore_items(value) if name == "shown" else value


#: Stands for an event where none of the log drew a boundary.
NO_EVENT = TrustedEvent("", "")
