"""The shard that takes up what came of ranges of a log, each after the one before it.

It holds the sessions that are open where a range begins, so it knows what a range's own
shard (`settling`) couldn't: whose events go on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, overload

from ctrlog.run.parallel.pieces import EventRow, Held, Left, NewClock, OrderedShard, Piece, Tick
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.ledger import Counts, Ended

#: What a range's own shard counts for all of its events, those that it holds included, and
#: how it is summed up. All else is counted where the sessions are.
_COUNTED_THERE: dict[str, Callable[[list[Any]], Any]] = {
    "events": sum,
    "out_of_order": sum,
    "late": sum,
    "largest_step_back": max,
    "first_time": min,
    "last_time": max,
}
_in_order = itemgetter(0, 1)


class JoiningShard(OrderedShard):
    """A shard that can go on with what came of a range."""

    def copy(self) -> JoiningShard:
        """Return another shard in the same state."""
        copy = JoiningShard(self.rules)
        copy._adopt(JoiningShard.restore(self.save(), self.rules), Counts())
        copy.new_clock(self.clock)
        copy._had_searched = self.has_searched
        return copy

    def bears_out(self, first_time: datetime | None, *, goes_on: bool) -> bool:
        """Tell whether what was taken for granted in the next range is so (see `settling`).

        Args:
            first_time: The first time in it; None if it has none.
            goes_on: Whether it goes on with the file that was read last.
        """
        if first_time is None:
            return True
        if goes_on and self._clock > first_time:
            return False
        return all(
            session.latest is not None and session.latest <= first_time
            for session in self._sessions.values()
        )

    def join(self, pieces: Iterable[Piece], left: Left) -> Iterator[Ended]:
        """Go on with what came of a range.

        Args:
            pieces: The pieces, in order.
            left: What its shard left.

        Yields:
            What ended in the range, in order.
        """
        counts = replace(self.counts)
        for piece in pieces:
            match piece:
                case Held(rows, numbers):
                    yield self.feed(_Numbered(self, rows, numbers))
                case Tick(clock, fallen):
                    fallen = sorted([*self.tick(clock), *fallen], key=_in_order)
                    yield from (each.ended for each in fallen)
                case NewClock():
                    self.new_clock()
                case Ended():
                    yield piece
        shard = JoiningShard.restore(left.shard, self.rules)
        if shard.clock is not None:
            yield self.advance(shard.clock)
        if shard.clock is not None or left.has_new_clock:
            self.new_clock(shard.clock)
        self._adopt(shard, counts)
        self._had_searched = self.has_searched or left.has_searched

    def _adopt(self, other: JoiningShard, before: Counts) -> None:
        """Take over the open sessions of another shard, and add its counts."""
        for session in other._sessions.values():
            self._enter(session)
        in_order = sorted(self._sessions.values(), key=lambda session: session.started)
        self._sessions = {session.user: session for session in in_order}
        counts = self._ledger.counts
        for field in fields(Counts):
            name = field.name
            merge = _COUNTED_THERE.get(name)
            here = getattr(counts if merge is None else before, name)
            there = getattr(other.counts, name)
            known = [each for each in (here, there) if each is not None]
            setattr(counts, name, (merge or sum)(known) if known else None)


class _Numbered(Sequence[TrustedEvent]):
    """Held events that give a shard the number of each as it comes to it."""

    def __init__(self, shard: OrderedShard, rows: list[EventRow], numbers: list[int]) -> None:
        self._shard = shard
        self._events = [TrustedEvent(*row) for row in rows]
        self._numbers = numbers

    def __iter__(self) -> Iterator[TrustedEvent]:
        number_from = self._shard.number_from
        for number, event in zip(self._numbers, self._events, strict=True):
            number_from(number)
            yield event

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, place: int) -> TrustedEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TrustedEvent]: ...
    def __getitem__(self, place: int | slice) -> TrustedEvent | Sequence[TrustedEvent]:
        return self._events[place]
