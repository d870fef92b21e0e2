"""What is known of a range of a log without knowing what comes before it.

A range of a log can be worked on by itself, but for its beginning: whether the first
events of a user go on with a session depends on what comes before. So what comes of a
range is a row of pieces, in order: events that are left to those who know the sessions
before it, and what ended whatever these were. `settling` makes them, `joining` takes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from ctrlog.sessions.events import ClosedBy
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.session import Session
from ctrlog.sessions.shard import Shard

#: The fields of an event, in the order of `TrustedEvent`.
EventRow: TypeAlias = tuple[Any, ...]


class Held(NamedTuple):
    """Events that are left to those who know the sessions before.

    Some only move the clock, so that what falls due does so in its place.

    Attributes:
        rows: The events.
        numbers: The number of each among all events of the log.
    """

    rows: list[EventRow]
    numbers: list[int]


class Fallen(NamedTuple):
    """A session that the clock ended (R7).

    Sessions that fall due at once are in the order of the first two.

    Attributes:
        due: When it fell due.
        started: Its number among those that were started.
        ended: What ended with it.
    """

    due: datetime
    started: int
    ended: Ended


class Tick(NamedTuple):
    """A move of the clock.

    Attributes:
        clock: Where to.
        fallen: What fell due by it here; more may have among the sessions before.
    """

    clock: datetime
    fallen: list[Fallen]


class NewClock(NamedTuple):
    """Another file begins, which has a clock of its own."""


#: `Ended` is what ended by an event here.
Piece: TypeAlias = Held | Tick | NewClock | Ended


class Left(NamedTuple):
    """What a range's shard leaves at its end.

    Attributes:
        first_time: The first time in the range; None if it has none.
        shard: The shard as `Shard.save` describes it.
        has_searched: Whether any search was opened there.
        has_new_clock: Whether it has gone on to another file than the one it began with.
    """

    first_time: datetime | None
    shard: dict[str, Any]
    has_searched: bool
    has_new_clock: bool


class OrderedShard(Shard):
    """A shard whose sessions can be put in order with those of other parts of the log."""

    def __init__(self, rules: Rules | None = None) -> None:
        """Make a shard with no session open.

        Args:
            rules: The rules to follow; the default ones if None.
        """
        super().__init__(rules)
        self._numbered_from = 0
        self._had_searched = False
        self._fallen: list[Fallen] | None = None

    @property
    def has_searched(self) -> bool:
        """Whether any search has been opened."""
        return self._had_searched or self._ledger.opened > self._numbered_from

    def number_from(self, number: int) -> None:
        """Give greater numbers than this to the sessions and searches that come next."""
        self._had_searched = self.has_searched
        self._ledger.started = self._ledger.opened = self._numbered_from = number

    def tick(self, to: datetime) -> list[Fallen]:
        """Let the clock run on as `advance` does, and tell what fell due in what order.

        Args:
            to: The time to advance to, UTC; an earlier one than the clock changes nothing.
        """
        fallen: list[Fallen] = []
        self._fallen = fallen
        self.advance(to)
        self._fallen = None
        return fallen

    def _end(self, session: Session, boundary: ClosedBy) -> None:
        super()._end(session, boundary)
        if self._fallen is not None:
            due = self._due_after(session.latest)
            self._fallen.append(Fallen(due, session.started, self._ledger.collect()))
