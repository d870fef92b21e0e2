"""Several searches of a session open at once, told apart by their ids (R13).

Think of tabs of a browser. A session turns to the search that an event means, and then does
what the table says where one search is open or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Self

from ctrlog import steps
from ctrlog.events import ClosedBy, Kind, TrustedEvent
from ctrlog.keystrokes import Typing
from ctrlog.ledger import Ledger
from ctrlog.sessionizer import SEARCH_SLOTS, Row, Session, Step, Teller, from_plain, to_plain
from ctrlog.states import CLOSING_EVENTS, MOST_OPEN, Action, Input, State, Told


class TabbedSession(Session):
    """One user's session in which several searches may be open.

    What `Session` has of a search is that of the one turned to, and `steps` is the row of
    that search's state. The other open ones are parked.

    Attributes:
        search_id: The id of the search turned to, which need not be open; None stands for
            searches without an id.
        parked: What the other open searches have, by their ids.
        newest: The number of the search opened last.
        newest_id: The id of the last one opened with an id; None if there is none.
        outdated: The ids of searches that were typed on from (R14), each with the id of
            the one that took its place.
    """

    __slots__ = ("search_id", "newest", "newest_id", "outdated", "parked")  # noqa: RUF023  # as saved

    search_id: str | None
    newest: int
    newest_id: str | None
    outdated: dict[str, str]
    parked: dict[str | None, tuple[Any, ...]]

    @property
    def is_followed(self) -> bool:
        """Whether another search was opened after the one turned to."""
        return self.opened != self.newest

    @property
    def openings(self) -> list[int]:
        """The numbers of the open searches among all that were opened, ascending."""
        return sorted(self._numbers().values())

    def _numbers(self) -> dict[str | None, int]:
        numbers: dict[str | None, int] = {name: found[0] for name, found in self.parked.items()}
        if self.state is State.SEARCHING:
            numbers[self.search_id] = self.opened
        return numbers

    def in_order(self) -> list[str | None]:
        """Return the ids of the open searches in the order in which they were opened."""
        numbers = self._numbers()
        return sorted(numbers, key=numbers.__getitem__)

    def turn_to(self, search_id: str | None) -> None:
        """Turn to a search, open or not."""
        if search_id == self.search_id:
            return
        rows = self.steps.rows
        if self.steps is rows[State.SEARCHING]:
            self.parked[self.search_id] = _of_search(self)
        self.search_id = search_id
        found = self.parked.pop(search_id, None)
        if found is None:
            self.steps = rows[State.BROWSING]
            return
        self.steps = rows[State.SEARCHING]
        for name, value in zip(SEARCH_SLOTS, found, strict=True):
            setattr(self, name, value)

    def turn_to_latest(self, search_id: str | None) -> None:
        """Turn to the search of an id, or to what was typed on from it."""
        while search_id in self.outdated:
            search_id = self.outdated[search_id]
        self.turn_to(search_id)

    def close_one(self, search_id: str | None, closed_by: ClosedBy, ledger: Ledger) -> None:
        """Close one of the open searches, and nothing else."""
        self.turn_to(search_id)
        self.steps.closings[closed_by](self, _NO_EVENT, ledger)
        self.steps = self.steps.rows[State.BROWSING]

    def close_first(self, boundary: ClosedBy, ledger: Ledger) -> None:
        """Close the search that was opened first; end the session if it is the only one."""
        first, *others = self.in_order() or [self.search_id]
        if others:
            self.close_one(first, boundary, ledger)
        else:
            self.end(boundary, ledger)

    def save(self) -> list[Any]:
        """Return all there is to know of the session as plain values.

        Returns:
            What `Session.save` returns, then what only this class has, in the order of
            `__slots__`; each parked search as a list of its id and what it has.
        """
        parked = [[name, *map(to_plain, found)] for name, found in self.parked.items()]
        mine = [self.search_id, self.newest, self.newest_id, dict(self.outdated), parked]
        return [*super().save(), *mine]

    @classmethod
    def restore(cls, saved: Sequence[Any], rows: Mapping[State, Row]) -> Self:
        """Make the session that `save` described.

        Args:
            saved: What `save` returned.
            rows: The compiled rows of the machine that the session goes on with.
        """
        *base, search_id, newest, newest_id, outdated, parked = saved
        session = super().restore(base, rows)
        session.search_id, session.newest, session.newest_id = search_id, newest, newest_id
        session.outdated = dict(outdated)
        session.parked = {
            name: tuple(map(from_plain, SEARCH_SLOTS, found)) for name, *found in parked
        }
        return session


_of_search = attrgetter(*SEARCH_SLOTS)
_NO_EVENT = TrustedEvent("", "")


# The actions of the table, where they differ from those of a session with one search.


def _start(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    steps.start(session, event, ledger)
    session.newest = 0
    session.search_id = session.newest_id = None
    session.outdated, session.parked = {}, {}


def _open(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    steps.open_search(session, event, ledger)
    if event.search_id is not None:
        ledger.counts.named_searches += 1
    _be_newest(session, event.search_id)


def _refine(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    steps.refine(session, event, ledger)
    before, now = session.search_id, event.search_id
    if before is not None and now is not None and before != now:
        session.outdated[before] = now
        if len(session.outdated) > MOST_OPEN:
            del session.outdated[next(iter(session.outdated))]
    _be_newest(session, now)


def _be_newest(session: TabbedSession, search_id: str | None) -> None:
    session.search_id = search_id
    session.newest = session.opened
    if search_id is not None:
        session.newest_id = search_id


STEPS: dict[Action, Step] = {
    Action.START: _start,
    Action.OPEN: _open,
    Action.REFINE: _refine,
}


# Which entry of the table an event means. To tell is to turn to the search that it means.


def tellers(typing: Typing | None) -> dict[Kind, Teller]:
    """Return what tells the entry, for the kinds of events that may have an id.

    Args:
        typing: How searches of one typing are found; None to find none.
    """
    return {
        Kind.SEARCH: partial(_tell_search, typing=typing),
        Kind.RESULTS: _tell_results,
        Kind.CLICK_RESULT: _tell_click,
    }


def _tell_search(session: TabbedSession, search: TrustedEvent, typing: Typing | None) -> Input:
    named = search.search_id
    if named in session.outdated:
        session.turn_to_latest(named)
        return Told.NAMED
    session.turn_to(named)
    if typing is None:
        return Kind.SEARCH if named is None else Told.NAMED
    if session.state is State.SEARCHING:
        is_another = named is None or search.query != session.query
        if is_another and typing.refines(session, search):
            return Told.TYPED
    elif named is not None and session.newest_id is not None:
        session.turn_to(session.newest_id)
        if typing.refines(session, search):
            return Told.TYPED
        session.turn_to(named)
    return Kind.SEARCH if named is None else Told.NAMED


def _tell_results(session: TabbedSession, results: TrustedEvent) -> Input:
    is_outdated = results.search_id in session.outdated
    session.turn_to_latest(results.search_id)
    return Told.OUTDATED if is_outdated else Kind.RESULTS


def _tell_click(session: TabbedSession, click: TrustedEvent) -> Input:
    session.turn_to_latest(click.search_id)
    return Kind.CLICK_RESULT


# Steps of several entries of the table.


def steps_of_several(tell_search: Teller, most_open: int) -> dict[Kind, Step]:
    """Return the steps of events that may close several searches.

    Args:
        tell_search: Tells the entry of a Search.
        most_open: So many searches may be open at once.
    """
    ends = (Kind.APP_CLOSE, Kind.TIMEOUT)
    return {
        Kind.SEARCH: _opening(tell_search, most_open),
        **{kind: ending(kind, CLOSING_EVENTS[kind]) for kind in ends},
    }


def _opening(tell: Teller, most_open: int) -> Step:
    def take(session: TabbedSession, search: TrustedEvent, ledger: Ledger) -> None:
        taken = tell(session, search)
        if session.state is not State.SEARCHING and len(session.parked) >= most_open:
            here = session.search_id
            session.turn_to(session.in_order()[0])
            session.steps.entries[Told.ONE_TOO_MANY](session, search, ledger)
            session.turn_to(here)
        session.steps.entries[taken](session, search, ledger)

    return take


def ending(taken: Input, closed_by: ClosedBy) -> Step:
    """Return the step of what ends a session and all its open searches.

    Args:
        taken: What ends it.
        closed_by: What the records are to say of that.
    """

    def end(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
        *others, last = session.in_order() or [session.search_id]
        for search_id in others:
            session.close_one(search_id, closed_by, ledger)
        session.turn_to(last)
        session.steps.entries[taken](session, event, ledger)

    return end
