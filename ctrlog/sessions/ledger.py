"""What comes of sessions: records to be collected, and counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ctrlog.sessions.events import SearchRecord, SessionRecord, TrustedEvent

if TYPE_CHECKING:
    from ctrlog.sessions.pages import Shown
    from ctrlog.sessions.volume import Volume

#: Tells by its Search event whether a search is to be recorded and counted.
Selector: TypeAlias = Callable[[TrustedEvent], bool]
#: Called with each click that is in a search, and with what that has shown so far.
ClickObserver: TypeAlias = "Callable[[TrustedEvent, Shown | None], None]"
#: Called with each click that is in no search.
OrphanObserver: TypeAlias = Callable[[TrustedEvent], None]


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
        clicks: All clicks: those that count for a search, repeated ones and orphans.
        orphan_clicks: Clicks with no search open (R5).
        orphan_results: Results with no search open (R5).
        named_searches: Searches opened with an id, where ids are looked at (R13).
        repeated_clicks: Clicks that did not count since their item had been clicked (R15).
        out_of_order: Events older than the clock.
        late: Events older than the clock by more than the lateness (R8).
        largest_step_back: The furthest that an event was behind the clock.
        first_time: Smallest time of an event; None if none had one.
        last_time: Greatest time of an event; None if none had one.
    """

    events: int = 0
    sessions: int = 0
    sessions_without_search: int = 0
    clicks: int = 0
    orphan_clicks: int = 0
    orphan_results: int = 0
    named_searches: int = 0
    repeated_clicks: int = 0
    out_of_order: int = 0
    late: int = 0
    largest_step_back: timedelta = timedelta(0)
    first_time: datetime | None = None
    last_time: datetime | None = None

    def merge(self, other: Counts) -> None:
        """Add what was seen in another part of the log."""
        for counted in fields(self):
            name = counted.name
            known = [n for n in (getattr(self, name), getattr(other, name)) if n is not None]
            setattr(self, name, _MERGERS.get(name, sum)(known) if known else None)


#: How counts of two parts of a log are merged that are not summed.
_MERGERS: dict[str, Callable[[Any], Any]] = {
    "largest_step_back": max,
    "first_time": min,
    "last_time": max,
}


@dataclass(slots=True)
class Ledger:
    """Where sessions enter what comes of them.

    Attributes:
        select: Which searches to record and count; None for all.
        volume: Who makes so many searches that no more are recorded; None for no limit.
        on_click: Called with each click that is in a search; None if nobody looks.
        on_orphan: Called with each click that is in none; None if nobody looks.
        searches: Searches that are over and not yet collected.
        sessions: Sessions that are over and not yet collected.
        counts: All that is only counted.
        started: Number of sessions started so far; orders them.
        opened: Number of searches opened so far; orders them.
    """

    select: Selector | None = None
    volume: Volume | None = None
    on_click: ClickObserver | None = None
    on_orphan: OrphanObserver | None = None
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
