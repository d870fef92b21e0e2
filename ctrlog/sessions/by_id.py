"""Several searches of a session open at once, told apart by their ids (R13).

Think of tabs of a browser. A session turns to the search that an event means, and then does
what the table says where one search is open or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, Self

from ctrlog.sessions import actions
from ctrlog.sessions.events import ClosedBy, Kind, TrustedEvent
from ctrlog.sessions.ledger import Ledger
from ctrlog.sessions.refinement import Typing
from ctrlog.sessions.session import (
    NO_EVENT,
    SEARCH_SLOTS,
    Row,
    Session,
    Step,
    Teller,
    from_plain,
    to_plain,
)
from ctrlog.sessions.table import CLOSING_EVENTS, MOST_OPEN, Action, State, TableInput, Variant


class TabbedSession(Session):
    """One user's session in which several searches may be open.

    What `Session` has of a search is that of the one turned to, and `steps` is the row of
    that search's state. The other open ones are parked.

    Attributes:
        search_id: The id of the search turned to, which need not be open; None stands for
            searches without an id.
        numbers: The numbers of the open searches by their ids, ascending.
        parked: What the open searches have but that turned to, by their ids.
        newest: The number of the search opened last.
        newest_id: The id of the last one opened with an id; None if there is none.
        outdated: The ids of searches that were typed on from (R14), each with the id of
            the one that took its place.
    """

    __slots__ = ("newest", "newest_id", "numbers", "outdated", "parked", "search_id")

    search_id: str | None
    newest: int
    newest_id: str | None
    outdated: dict[str, str]
    parked: dict[str | None, tuple[Any, ...]]
    numbers: dict[str | None, int]

    @property
    def is_followed(self) -> bool:
        """Whether another search was opened after the one turned to."""
        return self.opened != self.newest

    @property
    def openings(self) -> list[int]:
        """The numbers of the open searches among all that were opened, ascending."""
        return list(self.numbers.values())

    def turn_to(self, search_id: str | None) -> None:
        """Turn to a search, open or not."""
        if search_id == self.search_id:
            return
        if self.steps is self.steps.searching:
            self.parked[self.search_id] = _of_search(self)
        self.search_id = search_id
        found = self.parked.pop(search_id, None)
        if found is None:
            self.steps = self.steps.browsing
            return
        self.steps = self.steps.searching
        (  # in the order of `SEARCH_SLOTS`
            self.opened,
            self.selected,
            self.query,
            self.search_time,
            self.shown,
            self.search_clicks,
            self.first_click_s,
            self.first_rank,
            self.extra,
            self.refinements,
            self.clicked,
        ) = found

    def turn_to_latest(self, search_id: str | None) -> None:
        """Turn to the search of an id, or to what was typed on from it."""
        if search_id == self.search_id:  # which was not
            return
        while search_id in self.outdated:
            search_id = self.outdated[search_id]
        self.turn_to(search_id)

    def close_one(self, search_id: str | None, closed_by: ClosedBy, ledger: Ledger) -> None:
        """Close one of the open searches, and nothing else."""
        self.turn_to(search_id)
        del self.numbers[search_id]
        self.steps.closings[closed_by](self, NO_EVENT, ledger)
        self.steps = self.steps.browsing

    def close_first(self, boundary: ClosedBy, ledger: Ledger) -> None:
        """Close the search that was opened first; end the session if it is the only one."""
        if len(self.numbers) > 1:
            self.close_one(next(iter(self.numbers)), boundary, ledger)
        else:
            self.end(boundary, ledger)

    def save(self) -> list[Any]:
        """Return all there is to know of the session as plain values.

        Returns:
            What `Session.save` returns, then what only this class has; each parked search as
            a list of its id and what it has. The numbers are found again from these.
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
        numbers = {name: found[0] for name, found in session.parked.items()}
        if session.state is State.SEARCHING:
            numbers[search_id] = session.opened
        session.numbers = dict(sorted(numbers.items(), key=itemgetter(1)))
        return session


_of_search = attrgetter(*SEARCH_SLOTS)


# The actions of the table, where they differ from those of a session with one search.


def _start(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    actions.start(session, event, ledger)
    session.newest = 0
    session.search_id = session.newest_id = None
    session.outdated, session.parked, session.numbers = {}, {}, {}


def _open(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    actions.open_search(session, event, ledger)
    if event.search_id is not None:
        ledger.counts.named_searches += 1
    _be_newest(session, event.search_id)


def _refine(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    actions.refine(session, event, ledger)
    before, now = session.search_id, event.search_id
    if before is not None and before == now:
        session.refinements -= 1  # it is the same search, merged or not
    del session.numbers[before]
    if before is not None and now is not None and before != now:
        session.outdated[before] = now
        if len(session.outdated) > MOST_OPEN:
            del session.outdated[next(iter(session.outdated))]
    _be_newest(session, now)


def _be_newest(session: TabbedSession, search_id: str | None) -> None:
    session.search_id = search_id
    session.newest = session.opened
    session.numbers.pop(search_id, None)  # of the search without an id that it closed
    session.numbers[search_id] = session.opened
    if search_id is not None:
        session.newest_id = search_id


def _go_on(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    # What a Search comes with is a further page, unless it was typed on from.
    if event.items is not None and event.search_id == session.search_id:
        actions.show(session, event, ledger)


TABBED_STEPS: dict[Action, Step] = {
    Action.GO_ON: _go_on,
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


def _tell_search(session: TabbedSession, search: TrustedEvent, typing: Typing | None) -> TableInput:
    named = search.search_id
    if named in session.outdated:
        session.turn_to_latest(named)
        return Variant.NAMED
    session.turn_to(named)
    if typing is None:
        return Kind.SEARCH if named is None else Variant.NAMED
    if session.steps is session.steps.searching:
        is_another = named is None or search.query != session.query
        if is_another and typing.refines(session, search):
            return Variant.TYPED
    elif named is not None and session.newest_id is not None:
        session.turn_to(session.newest_id)
        if typing.refines(session, search):
            return Variant.TYPED
        session.turn_to(named)
    return Kind.SEARCH if named is None else Variant.NAMED


def _tell_results(session: TabbedSession, results: TrustedEvent) -> TableInput:
    named = results.search_id
    is_outdated = named in session.outdated
    session.turn_to_latest(named)
    return Variant.OUTDATED if is_outdated else Kind.RESULTS


def _tell_click(session: TabbedSession, click: TrustedEvent) -> TableInput:
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
        if session.steps is session.steps.browsing and len(session.numbers) >= most_open:
            _make_room(session, search, ledger)
        session.steps.entries[taken](session, search, ledger)

    return take


def _make_room(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
    oldest = next(iter(session.numbers))
    session.turn_to(oldest)
    del session.numbers[oldest]
    session.steps.entries[Variant.ONE_TOO_MANY](session, event, ledger)
    closed = {oldest}
    for before, after in reversed(list(session.outdated.items())):
        if after in closed:  # its name means nothing any more
            closed.add(before)
            del session.outdated[before]


def ending(taken: TableInput, closed_by: ClosedBy) -> Step:
    """Return the step of what ends a session and all its open searches.

    Args:
        taken: What ends it.
        closed_by: What the records are to say of that.
    """

    def end(session: TabbedSession, event: TrustedEvent, ledger: Ledger) -> None:
        if session.parked:
            *others, last = session.numbers
            for search_id in others:
                session.close_one(search_id, closed_by, ledger)
            session.turn_to(last)
        session.steps.entries[taken](session, event, ledger)

    return end
