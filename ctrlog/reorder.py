"""Sorting events that are a little out of order (R1, `--reorder`)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from ctrlog.events import TrustedEvent, from_plain, to_plain
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

    def flush(self) -> list[TrustedEvent]:
        """Return what is held, in order, and start anew, as at the end of a file."""
        ready = [event for _, _, event in sorted(self._held, key=lambda entry: entry[:2])]
        self._held.clear()
        self._latest = BEGINNING
        return ready

    # Saving and restoring.

    def save(self) -> dict[str, Any]:
        """Return what is held, and after what, as plain values."""
        return {
            "latest": None if self._latest is BEGINNING else to_micros(self._latest),
            "arrived": self._arrived,
            "held": [
                [to_micros(time), arrived, to_plain(event)] for time, arrived, event in self._held
            ],
        }

    @classmethod
    def restore(cls, saved: dict[str, Any], window: timedelta) -> Reorder:
        """Make the buffer that `save` described.

        Args:
            saved: What `save` returned.
            window: How much older than the latest event one may be.
        """
        reorder = cls(window)
        reorder._latest = BEGINNING if saved["latest"] is None else from_micros(saved["latest"])
        reorder._arrived = saved["arrived"]
        reorder._held = [
            (from_micros(time), arrived, from_plain(event))
            for time, arrived, event in saved["held"]
        ]
        return reorder
