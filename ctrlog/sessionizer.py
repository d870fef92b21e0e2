"""The state machine of one user: from a session's events to its searches.

`Session` does what `states.TABLE` says, and only that: at import each row of the
table is compiled to a dictionary of functions, which the session runs from. It
neither reads, nor looks at a clock, nor prints; which events belong to it (R2, R7,
R10) is decided by `shard.Shard`, which has the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from msgspec import Raw
from msgspec.json import encode

from ctrlog.events import SPELLINGS, ClosedBy, Items, Kind, SearchRecord, SessionRecord, TrustedEvent, pack_items, unpack_items
from ctrlog.states import BOUNDARIES, CLOSING_EVENTS, TABLE, Action, Input, State
from ctrlog.times import from_micros, to_micros


class Ended(NamedTuple):
    """What is over: searches and sessions, each in the order in which they ended."""

    searches: list[SearchRecord]
    sessions: list[SessionRecord]


@dataclass(slots=True)
class Counts:
    """What was seen beside the records.

    Attributes:
        events: Events taken.
        sessions: Ended sessions with a search.
        sessions_without_search: Ended sessions without one (R11).
        orphan_clicks: Clicks with no search open (R5).
        orphan_results: Results with no search open (R5).
        out_of_order: Events older than the clock.
        late: Events older than the clock by more than the lateness (R8).
        largest_step_back: The furthest that an event was behind the clock.
    """

    events: int = 0
    sessions: int = 0
    sessions_without_search: int = 0
    orphan_clicks: int = 0
    orphan_results: int = 0
    out_of_order: int = 0
    late: int = 0
    largest_step_back: timedelta = timedelta(0)


Selector: TypeAlias = Callable[[TrustedEvent], bool]


@dataclass(slots=True)
class Ledger:
    """Where sessions enter what comes of them.

    Attributes:
        select: Tells by its Search event whether a search is to be recorded and
            counted; None for all.
        searches: Searches that are over and not yet collected.
        sessions: Sessions that are over and not yet collected.
        counts: All that is only counted.
        started: Number of sessions started so far; orders them.
        opened: Number of searches opened so far; orders them.
    """

    select: Selector | None = None
    searches: list[SearchRecord] = field(default_factory=list)
    sessions: list[SessionRecord] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    started: int = 0
    opened: int = 0

    def collect(self) -> Ended:
        """Take what is over and not yet collected."""
        ended = Ended(self.searches, self.sessions)
        self.searches, self.sessions = [], []
        return ended


Step: TypeAlias = "Callable[[Session, TrustedEvent, Ledger], None]"


class Session:
    """One user's session.

    `steps` is the row of the table for the present state: the function to call for
    each spelling of an event's type. A type that is not in it changes nothing.

    Attributes:
        user: The user, as the session's first event names it.
        steps: The compiled row of the present state.
        started: The session's number among all that were started.
        start: Time of the first event that has one, UTC.
        latest: Greatest time of its events, UTC.
        opened: The open search's number among all that were opened, else 0.
    """

    __slots__ = (
        "user",
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
    )

    user: str | int
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
    shown: Items | None
    search_clicks: int
    first_click_s: float | None
    first_rank: int | None

    def __init__(self, user: str | int) -> None:
        """Make the machine of a user who has no session yet.

        Args:
            user: The user, as the event names it.
        """
        self.user = user
        self.steps = NO_SESSION

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
        self.steps.boundaries[boundary](self, _NO_EVENT, ledger)

    # The actions of the table.

    def _start(self, event: TrustedEvent, ledger: Ledger) -> None:
        ledger.started += 1
        self.started = ledger.started
        self.start = self.latest = event.time
        self.searches = self.clicked_searches = self.clicks = self.opened = 0

    def _open(self, event: TrustedEvent, ledger: Ledger) -> None:
        ledger.opened += 1
        self.opened = ledger.opened
        self.selected = ledger.select is None or ledger.select(event)
        self.query = event.query  # type: ignore[assignment]  # a Search has one
        self.search_time = event.time
        self.search_clicks = 0
        self.shown = self.first_click_s = self.first_rank = None

    def _show(self, event: TrustedEvent, _ledger: Ledger) -> None:
        items = event.items
        if self.shown is not None:  # a further page: its ranks go on from the first (R5)
            items = pack_items(Raw(encode([*unpack_items(self.shown), *unpack_items(items)])))
        self.shown = items

    def _click(self, event: TrustedEvent, _ledger: Ledger) -> None:
        self.search_clicks += 1
        if self.search_clicks > 1:
            return
        if event.time is not None and self.search_time is not None:
            self.first_click_s = (event.time - self.search_time).total_seconds()
        self.first_rank = self._rank_of(event)

    def _rank_of(self, click: TrustedEvent) -> int | None:
        """The rank of a click by R6; a rank below 1 is none."""
        if click.rank is not None and click.rank >= 1:
            return click.rank
        if self.shown is None:
            return None
        items = unpack_items(self.shown)
        item = str(click.item)
        return items.index(item) + 1 if item in items else None

    def _orphan_click(self, _event: TrustedEvent, ledger: Ledger) -> None:
        ledger.counts.orphan_clicks += 1

    def _orphan_results(self, _event: TrustedEvent, ledger: Ledger) -> None:
        ledger.counts.orphan_results += 1

    # Saving and restoring.

    def save(self) -> list[Plain]:
        """Return all there is to know of the session as plain values.

        Returns:
            The attributes in the order of `__slots__` but for `steps`, which follows
            from the state; the state by its name, times as microseconds since 1970.
        """
        return [_to_plain(getattr(self, name)) for name in _SAVED]

    @classmethod
    def restore(cls, saved: Sequence[Plain]) -> Session:
        """Make the session that `save` described.

        Args:
            saved: What `save` returned.

        Raises:
            ValueError: If these are not the values of a session.
        """
        values = dict(zip(_SAVED, saved, strict=True))
        session = cls(values["user"])
        for name, value in values.items():
            setattr(session, name, from_micros(value) if name in _TIMES else value)
        session.state = State[values["state"]]
        pass
        return session


#: A value that any format can store.
Plain: TypeAlias = "None | bool | int | str | list[str]"

_TIMES = frozenset({"start", "latest", "search_time", "first_click"})


def _to_plain(value: object) -> Plain:
    if isinstance(value, datetime):
        return to_micros(value)
    return value.name if isinstance(value, State) else value


# The table, compiled.


class Row(dict[str, Step]):
    """What to do in one state: the step for each spelling of an event's type.

    A type for which there is nothing to do has no entry, so `get` tells quickly; to
    ask for it by its key gives the step of events of another type.

    Attributes:
        state: The state.
        other: The step for an event of another type.
        boundaries: The step for each boundary.
    """

    state: State
    other: Step
    boundaries: dict[ClosedBy, Step]

    def __missing__(self, _type: str) -> Step:
        """Return the step of an event whose type is not among the keys."""
        return self.other


_NO_EVENT = TrustedEvent("", "")


def _do_nothing(_session: Session, _event: TrustedEvent, _ledger: Ledger) -> None:
    pass


def _closing(closed_by: str) -> Step:
    def close(session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
        if not session.selected:
            return
        clicks = session.search_clicks
        session.searches += 1
        if clicks:
            session.clicked_searches += 1
            session.clicks += clicks
        ledger.searches.append(
            SearchRecord(
                str(session.user),
                session.query,
                None if session.shown is None else session.shown[0],
                clicks,
                session.first_rank,
                session.first_click_s,
                session.search_time,
                session.start,
                closed_by,
            )
        )

    return close


def _finishing(closed_by: str) -> Step:
    def finish(session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
        if not session.searches:
            ledger.counts.sessions_without_search += 1
            return
        ledger.counts.sessions += 1
        ledger.sessions.append(
            SessionRecord(
                str(session.user),
                session.searches,
                session.clicked_searches,
                session.clicks,
                session.start,
                session.latest,
                closed_by,
            )
        )

    return finish


_METHODS: dict[Action, Step] = {
    Action.START: Session._start,
    Action.OPEN: Session._open,
    Action.SHOW: Session._show,
    Action.CLICK: Session._click,
    Action.ORPHAN_CLICK: Session._orphan_click,
    Action.ORPHAN_RESULTS: Session._orphan_results,
}
_CLOSING_METHODS: dict[Action, Callable[[str], Step]] = {
    Action.CLOSE: _closing,
    Action.FINISH: _finishing,
}


def _method(action: Action, taken: Input) -> Step:
    """Return what does an action, given the input that calls for it."""
    if action in _METHODS:
        return _METHODS[action]
    closed_by = taken if isinstance(taken, ClosedBy) else CLOSING_EVENTS[taken]
    return _CLOSING_METHODS[action](closed_by.value)


def _compile_step(taken: Input, state: State, rows: dict[State, Row]) -> Step:
    """Compile one entry of the table."""
    actions, after = TABLE[state][taken]
    if after is state and not actions:
        return _do_nothing
    first, *rest = [_method(action, taken) for action in actions]
    if after is state and not rest:
        return first
    after_row = rows[after]

    def one_step(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        first(session, event, ledger)
        session.steps = after_row

    def two_steps(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        first(session, event, ledger)
        second(session, event, ledger)
        session.steps = after_row

    if not rest:
        return one_step
    (second,) = rest
    return two_steps


def _compile_table() -> dict[State, Row]:
    rows = {state: Row() for state in State}
    for state, row in rows.items():
        steps = {kind: _compile_step(kind, state, rows) for kind in Kind}
        row.state = state
        row.other = steps[Kind.OTHER]
        row.update({
            spelling: steps[kind]
            for spelling, kind in SPELLINGS.items()
            if steps[kind] is not row.other
        })
        row.boundaries = {boundary: _compile_step(boundary, state, rows) for boundary in BOUNDARIES}
    return rows


ROWS = _compile_table()
NO_SESSION = ROWS[State.NONE]
