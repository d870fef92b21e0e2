"""Events of several inputs as one, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ctrlog.sessions.events import TrustedEvent
from ctrlog.times import BEGINNING

#: So many events are given at a time.
_BATCH = 1000


def interleaved(inputs: Sequence[Iterable[Sequence[TrustedEvent]]]) -> Iterator[list[TrustedEvent]]:
    """Give the events of several inputs in order of time.

    Of each input the events stay in their order: what is out of order there is so after. An
    event without a time goes right after the one before it in its input. Of equal times the
    input that is named first goes first.

    Args:
        inputs: For each input its events, in parts of any size.

    Yields:
        Events, in parts of any size.
    """
    heads = [head for number, each in enumerate(inputs) if (head := _Head(number, each)).goes_on()]
    heapq.heapify(heads)
    batch: list[TrustedEvent] = []
    while heads:
        head = heads[0]
        # The heap is put right only when another input has the next event.
        after = min(heads[1:3], default=None)
        while True:
            batch.append(head.event)
            if len(batch) == _BATCH:
                yield batch
                batch = []
            if not head.goes_on():
                heapq.heappop(heads)
                break
            if after is not None and after < head:
                heapq.heapreplace(heads, head)
                break
    yield batch


class _Head:
    """The next event of an input.

    Attributes:
        event: The event.
        time: Its time; the one before it, if it has none.
    """

    event: TrustedEvent

    def __init__(self, number: int, parts: Iterable[Sequence[TrustedEvent]]) -> None:
        self.time: datetime = BEGINNING
        self._number = number
        self._events = (event for part in parts for event in part)

    def goes_on(self) -> bool:
        """Go on to the next event; tell whether there is one."""
        for event in self._events:
            self.event = event
            self.time = event.time or self.time
            return True
        return False

    def __lt__(self, other: _Head) -> bool:
        return (self.time, self._number) < (other.time, other._number)
