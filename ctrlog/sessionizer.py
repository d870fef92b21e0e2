"""The state machine of one user: from a session's events to its searches.

`Session` does what `states.TABLE` says, and only that: at import each row of the
table is compiled to a dictionary of functions, which the session runs from. It
neither reads, nor looks at a clock, nor prints; which events belong to it (R2, R7,
R10) is decided by `shard.Shard`, which has the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from msgspec import Raw
from msgspec.json import encode

from ctrlog.events import (
    SPELLINGS,
    ClosedBy,
    Items,
    Kind,
    SearchRecord,
    SessionRecord,
    TrustedEvent,
    pack_items,
    unpack_items,
)
from ctrlog.ledger import Ledger
from ctrlog.states import BOUNDARIES, CLOSING_EVENTS, TABLE, Action, Input, State
from ctrlog.times import from_micros, to_micros

#: What to do with an event of a session.
Step: TypeAlias = "Callable[[Session, TrustedEvent, Ledger], None]"


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
        opened: The open search's number among all that were opened, else 0.
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
    shown: Items | None
    search_clicks: int
    first_click_s: float | None
    first_rank: int | None
    extra: tuple[object, ...]

    def __init__(self, user: str | int) -> None:
        """Make the machine of a user who has no session yet.

        Args:
            user: The user, as the event names it.
        """
        self.user = user
        self.name = str(user)
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
        names = _SAVED if self.state is State.SEARCHING else _SAVED_WITHOUT_SEARCH
        return [self.state.name, *(_to_plain(getattr(self, name)) for name in names)]

    @classmethod
    def restore(cls, saved: Sequence[Any]) -> Session:
        """Make the session that `save` described.

        Args:
            saved: What `save` returned.
        """
        state, *values = saved
        names = _SAVED if state == State.SEARCHING.name else _SAVED_WITHOUT_SEARCH
        session = cls(values[0])
        session.steps = ROWS[State[state]]
        for name, value in zip(names, values, strict=True):
            setattr(session, name, _from_plain(name, value))
        return session


_SAVED = tuple(name for name in Session.__slots__ if name not in {"name", "steps"})
_SAVED_WITHOUT_SEARCH = _SAVED[: _SAVED.index("opened") + 1]
_TIMES = frozenset({"start", "latest", "search_time"})


def _to_plain(value: Any) -> Any:
    match value:
        case datetime():
            return to_micros(value)
        case (_, Raw() as items):
            return bytes(items).decode()
        case _:
            return value


def _from_plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES:
        return from_micros(value)
    if name == "extra":
        return tuple(value)
    return pack_items(Raw(value.encode())) if name == "shown" else value


# The actions of the table.


def _start(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    ledger.started += 1
    session.started = ledger.started
    session.start = session.latest = event.time
    session.searches = session.clicked_searches = session.clicks = session.opened = 0


def _open(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    ledger.opened += 1
    session.opened = ledger.opened
    session.selected = ledger.select is None or ledger.select(event)
    session.query = event.query  # type: ignore[assignment]  # a Search has one
    session.search_time = event.time
    session.extra = event.extra
    session.search_clicks = 0
    session.shown = event.items  # a search may come with its results
    session.first_click_s = session.first_rank = None


def _show(session: Session, event: TrustedEvent, _ledger: Ledger) -> None:
    items: Items = event.items  # type: ignore[assignment]  # Results have them
    if session.shown is not None:  # a further page: its ranks go on from the first (R5)
        items = pack_items(Raw(encode([*unpack_items(session.shown), *unpack_items(items)])))
    session.shown = items


def _click(session: Session, event: TrustedEvent, _ledger: Ledger) -> None:
    session.search_clicks += 1
    if session.search_clicks > 1:
        return
    if event.time is not None and session.search_time is not None:
        session.first_click_s = (event.time - session.search_time).total_seconds()
    session.first_rank = _rank_of(event, session.shown)


def _rank_of(click: TrustedEvent, shown: Items | None) -> int | None:
    """Return the rank of a click by R6; a rank below 1 is none."""
    if click.rank is not None and click.rank >= 1:
        return click.rank
    if shown is None:
        return None
    try:
        return unpack_items(shown).index(str(click.item)) + 1
    except ValueError:
        return None


def _count_orphan_click(_session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
    ledger.counts.orphan_clicks += 1


def _count_orphan_results(_session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
    ledger.counts.orphan_results += 1


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
                session.name,
                session.query,
                None if session.shown is None else session.shown[0],
                clicks,
                session.first_rank,
                session.first_click_s,
                session.search_time,
                session.start,
                closed_by,
                session.extra,
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
                session.name,
                session.searches,
                session.clicked_searches,
                session.clicks,
                session.start,
                session.latest,
                closed_by,
            )
        )

    return finish


def _do_nothing(_session: Session, _event: TrustedEvent, _ledger: Ledger) -> None:
    pass


_STEPS: dict[Action, Step] = {
    Action.START: _start,
    Action.OPEN: _open,
    Action.SHOW: _show,
    Action.CLICK: _click,
    Action.ORPHAN_CLICK: _count_orphan_click,
    Action.ORPHAN_RESULTS: _count_orphan_results,
}
_CLOSING_STEPS: dict[Action, Callable[[str], Step]] = {
    Action.CLOSE: _closing,
    Action.FINISH: _finishing,
}

# The table, compiled.


def _step_of(action: Action, taken: Input) -> Step:
    """Return what does an action, given the input that calls for it."""
    if action in _STEPS:
        return _STEPS[action]
    closed_by = taken if isinstance(taken, ClosedBy) else CLOSING_EVENTS[taken]
    return _CLOSING_STEPS[action](closed_by.value)


def _compile_step(taken: Input, state: State, rows: dict[State, Row]) -> Step:
    """Compile one entry of the table; no entry has more than two actions."""
    actions, after = TABLE[state][taken]
    if after is state and not actions:
        return _do_nothing
    first, *rest = [_step_of(action, taken) for action in actions]
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
        for spelling, kind in SPELLINGS.items():
            if steps[kind] is not row.other:
                row[spelling] = steps[kind]
        row.boundaries = {boundary: _compile_step(boundary, state, rows) for boundary in BOUNDARIES}
    return rows


#: The row of each state.
ROWS = _compile_table()
#: The row of a user who has no session.
NO_SESSION = ROWS[State.NONE]
_NO_EVENT = TrustedEvent("", "")
