"""Sorting events that are a little out of order (R1, `--reorder`)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ctrlog.sessions.events import TrustedEvent, restore_event, save_event
from ctrlog.times import BEGINNING, from_micros, to_micros


class Reorder:
    """Holds events back until none that is up to so much older can still come.

    An event without a time keeps its place: it is taken as being as late as the latest
    event before it. Of equal times the first to arrive goes first. An event that is
    older than that goes on at once, out of order.
    """

    def __init__(self, window: timedelta) -> None:
        """Make an empty buffer.

        Args:
            window: How much older than the latest event one may be and still be
                sorted in; exactly as much is enough.
        """
        self._window = window
        self._latest = BEGINNING
        self._arrived = 0
        self._held: list[tuple[datetime, int, TrustedEvent]] = []

    @property
    def latest(self) -> datetime | None:
        """The greatest time seen so far; None if there was none yet."""
        return None if self._latest is BEGINNING else self._latest

    def feed(self, events: Iterable[TrustedEvent]) -> list[TrustedEvent]:
        """Take events and return those that can go on, in order."""
        ready: list[TrustedEvent] = []
        held = self._held
        for event in events:
            time = event.time
            if time is not None and time > self._latest:
                self._latest = time
            if self._latest is BEGINNING:  # no time was seen, so nothing can come before
                ready.append(event)
                continue
            self._arrived += 1
            heapq.heappush(held, (time or self._latest, self._arrived, event))
            while self._latest - held[0][0] >= self._window:
                ready.append(heapq.heappop(held)[2])
                if not held:
                    break
        return ready

    def advance(self, to: datetime) -> list[TrustedEvent]:
        """Return those that can go on when it is known that none will come before a time.

        Args:
            to: What to take for the latest time, UTC; an earlier one changes nothing.
        """
        self._latest = max(self._latest, to)
        ready: list[TrustedEvent] = []
        while self._held and self._latest - self._held[0][0] >= self._window:
            ready.append(heapq.heappop(self._held)[2])
        return ready

    def save(self) -> list[Any]:
        """Return all there is to know of it, but for the window, as plain values."""
        held = sorted(self._held, key=lambda entry: entry[:2])
        latest = None if self._latest is BEGINNING else to_micros(self._latest)
        return [latest, [[to_micros(time), save_event(event)] for time, _, event in held]]

    @classmethod
    def restore(cls, saved: Sequence[Any], window: timedelta) -> Reorder:
        """Make the buffer that `save` described.

        Args:
            saved: What `save` returned.
            window: Its window.
        """
        latest, held = saved
        reorder = cls(window)
        reorder._latest = BEGINNING if latest is None else from_micros(latest)
        reorder._held = [
            (from_micros(time), number, restore_event(event))
            for number, (time, event) in enumerate(held)
        ]
        reorder._arrived = len(held)
        return reorder

    def flush(self) -> list[TrustedEvent]:
        """Return what is held, in order, and start anew, as at the end of a file."""
        ready = [event for _, _, event in sorted(self._held, key=lambda entry: entry[:2])]
        self._held.clear()
        self._latest = BEGINNING
        return ready
