"""Many users: their open sessions, the clock, and the times at which they fall due.

A shard is the whole machine for the users it is given: the command line runs one,
and several can share the users of a log between them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self, TypeAlias

from ctrlog.sessions.events import ClosedBy, TrustedEvent, other_spelling
from ctrlog.sessions.ledger import Counts, Ended, Ledger
from ctrlog.sessions.rules import DEFAULTS, Rules
from ctrlog.sessions.session import Session
from ctrlog.sessions.table import State
from ctrlog.times import BEGINNING, MICROSECOND, NEVER, from_micros, to_micros

_Fresh: TypeAlias = tuple[datetime, int, str | int]

#: So many ended sessions may wait to fall due before they are looked for and dropped.
_MOST_ENDED = 1000

_COUNTED_TIMES = ("first_time", "last_time")


class Shard:
    """The sessions of many users, fed with events in the order in which they arrive.

    Example:
        >>> from ctrlog import Event, Shard
        >>> shard = Shard()
        >>> ended = shard.feed([Event("Search", 1, query="dogs"), Event("AppClose", 1)])
        >>> [(search.query, search.ctr) for search in ended.searches]
        [('dogs', 0.0)]
    """

    def __init__(self, rules: Rules | None = None) -> None:
        """Make a shard with no session open.

        Args:
            rules: The rules to follow; the default ones if None.
        """
        self.rules = rules or DEFAULTS
        self._machine = self.rules.machine
        self._no_session = self._machine.rows[State.NONE]
        self._ledger = Ledger(
            self.rules.select, self.rules.volume(), self.rules.on_click, self.rules.on_orphan
        )
        self._sessions: dict[str | int, Session] = {}
        # The type of the users that the sessions are kept by, None if there are both
        # integers and strings: only then can one user be there in another spelling.
        self._user_type: type | None = None
        self._clock = BEGINNING
        # When sessions fall due. A new session waits in `_fresh`, in order of start, until
        # it could first be due; most have ended by then and are dropped. (Start, number,
        # user) stand for it there, so that its memory is free for others when it ends, not
        # half an hour of log later. Those still open go to a heap of (due time, number,
        # session), where an entry may have become too early: it is put right when it comes
        # to the top.
        self._fresh: deque[_Fresh] = deque()
        self._due: list[tuple[datetime, int, Session]] = []
        self._next_due = NEVER
        self._horizon = self.rules.gap + self.rules.lateness

    @property
    def counts(self) -> Counts:
        """What was seen so far beside the records."""
        return self._ledger.counts

    @property
    def has_searched(self) -> bool:
        """Whether any search has been opened."""
        return self._ledger.opened > 0

    @property
    def open_sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    @property
    def users_beyond(self) -> dict[str, int]:
        """Users with more searches than are wanted and how many they made, the most first."""
        volume = self._ledger.volume
        return {} if volume is None else volume.beyond

    @property
    def clock(self) -> datetime | None:
        """The greatest time seen in the present file; None if there was none yet."""
        return None if self._clock is BEGINNING else self._clock

    def find(self, user: str | int) -> Session | None:
        """Return the open session of a user in either spelling, None if there is none."""
        return self._sessions.get(user) or self._find_otherwise(user)

    def new_clock(self, at: datetime | None = None) -> None:
        """Take another clock, as each file has its own (R7); open sessions stay open.

        Args:
            at: What it shows, UTC; None for one that has not begun to run.
        """
        self._clock = at or BEGINNING

    def feed(self, events: Sequence[TrustedEvent]) -> Ended:  # noqa: C901, PLR0912
        """Take events in order.

        Args:
            events: Any number of events.

        Returns:
            The searches and sessions that ended on the way.
        """
        # The one hot loop: what is not in it happens to few events.
        ledger = self._ledger
        sessions = self._sessions
        find = sessions.get
        clock = self._clock
        gap = self.rules.gap
        max_session = self.rules.max_session
        no_session = self._no_session
        if clock is BEGINNING:
            self._note_first_time(events)
        for event in events:
            time = event.time
            if time is not None:
                if time > clock:
                    clock = time
                    if time > self._next_due:
                        self._end_due(time)
                elif time < clock:
                    self._count_step_back(clock, time)
            session = find(event.user)
            if session is None and event.user.__class__ is not self._user_type:
                session = self._find_otherwise(event.user)
            if session is not None and time is not None:
                latest = session.latest
                if latest is None:
                    session.start = session.latest = time
                    self._await_due(session, time)
                elif time > latest:
                    if time - latest > gap:
                        self._end(session, ClosedBy.GAP)
                        session = None
                    elif max_session is not None and session.has_lasted(max_session, time):
                        self._end(session, ClosedBy.MAX)
                        session = None
                    else:
                        session.latest = time
            if session is None:
                self._begin(event)
                continue
            step = session.steps.get(event.type)
            if step is not None:
                step(session, event, ledger)
                if session.steps is no_session:
                    del sessions[session.user]
        self._clock = clock
        self._forget_ended()
        counts = ledger.counts
        counts.events += len(events)
        if clock is not BEGINNING:
            counts.last_time = max(counts.last_time or clock, clock)
        return ledger.collect()

    def advance(self, to: datetime) -> Ended:
        """Let the clock run on without an event (R7).

        Args:
            to: The time to advance to, UTC; an earlier one than the clock changes nothing.

        Returns:
            The searches and sessions that fell due before it.
        """
        if to > self._clock:
            self._clock = to
            self._end_due(to)
        return self._ledger.collect()

    def flush(self) -> Ended:
        """End all that is open, in the order in which the open searches were opened (R9)."""
        openings = [
            (number, session.started, session)
            for session in self._sessions.values()
            for number in session.openings or [0]
        ]
        for _, _, session in sorted(openings, key=lambda opening: opening[:2]):
            self._close_first(session)
        return self._ledger.collect()

    def save(self) -> dict[str, Any]:
        """Return all there is to know of the shard, but for its rules, as plain values.

        Returns:
            Nothing but dictionaries, lists, strings, numbers and None, so any format can
            hold it. Times are microseconds since 1970.
        """
        counts = asdict(self.counts)
        counts["largest_step_back"] //= MICROSECOND
        for name in _COUNTED_TIMES:
            counts[name] = None if counts[name] is None else to_micros(counts[name])
        volume = self._ledger.volume
        return {
            "clock": None if self._clock is BEGINNING else to_micros(self._clock),
            "started": self._ledger.started,
            "opened": self._ledger.opened,
            "counts": counts,
            "open_searches": sum(len(each.openings) for each in self._sessions.values()),
            "sessions": [session.save() for session in self._sessions.values()],
            **({} if volume is None else {"volume": volume.save()}),
        }

    @classmethod
    def restore(cls, saved: dict[str, Any], rules: Rules | None = None) -> Self:
        """Make the shard that `save` described.

        Args:
            saved: What `save` returned.
            rules: The rules it followed; the default ones if None.

        Returns:
            A shard that goes on as the one that was saved would have.
        """
        shard = cls(rules)
        if saved["clock"] is not None:
            shard._clock = from_micros(saved["clock"])
        counts = dict(saved["counts"])
        counts["largest_step_back"] *= MICROSECOND
        for name in _COUNTED_TIMES:
            counts[name] = None if counts[name] is None else from_micros(counts[name])
        shard._ledger.counts = Counts(**counts)
        shard._ledger.started = saved["started"]
        shard._ledger.opened = saved["opened"]
        if shard._ledger.volume is not None:
            shard._ledger.volume.restore(saved.get("volume", {}))
        machine = shard._machine
        for values in saved["sessions"]:
            shard._enter(machine.session.restore(values, machine.rows))
        return shard

    def _begin(self, event: TrustedEvent) -> None:
        no_session = self._no_session
        session = self._machine.session(event.user, no_session)
        no_session[event.type](session, event, self._ledger)
        if session.steps is not no_session:
            self._enter(session)

    def _enter(self, session: Session) -> None:
        user = session.user
        if user.__class__ is not self._user_type:
            self._user_type = None if self._sessions else user.__class__
        self._sessions[user] = session
        if session.start is not None:
            self._await_due(session, session.start)

    def _find_otherwise(self, user: str | int) -> Session | None:
        other = other_spelling(user)
        return None if other is None else self._sessions.get(other)

    def _end(self, session: Session, boundary: ClosedBy) -> None:
        session.end(boundary, self._ledger)
        del self._sessions[session.user]

    def _close_first(self, session: Session) -> None:
        """Close a session's first search at the end of the input, and end it after its last."""
        session.close_first(ClosedBy.END, self._ledger)
        if session.steps is self._no_session:
            del self._sessions[session.user]

    def _note_first_time(self, events: Sequence[TrustedEvent]) -> None:
        time = next((event.time for event in events if event.time is not None), None)
        if time is not None:
            counts = self._ledger.counts
            counts.first_time = min(counts.first_time or time, time)

    def _count_step_back(self, clock: datetime, time: datetime) -> None:
        counts = self._ledger.counts
        counts.first_time = min(counts.first_time or time, time)
        step = clock - time
        counts.out_of_order += 1
        counts.largest_step_back = max(counts.largest_step_back, step)
        if step > self.rules.lateness:
            counts.late += 1

    def _due_after(self, latest: datetime | None) -> datetime:
        """When a session falls due whose latest event was then; without any time, never."""
        try:
            return NEVER if latest is None else latest + self._horizon
        except OverflowError:  # beyond the year 9999
            return NEVER

    def _await_due(self, session: Session, start: datetime) -> None:
        fresh = self._fresh
        if fresh and start < fresh[-1][0]:  # time has run backwards
            self._push_due(session)
            return
        fresh.append((start, session.started, session.user))
        if len(fresh) == 1:
            self._set_next_due()

    def _push_due(self, session: Session) -> None:
        due = self._due_after(session.latest)
        heapq.heappush(self._due, (due, session.started, session))
        self._next_due = min(due, self._next_due)

    def _still_open(self, fresh: _Fresh) -> Session | None:
        """The session that waits, if it has not ended."""
        _, number, user = fresh
        session = self._sessions.get(user)
        return session if session is not None and session.started == number else None

    def _set_next_due(self) -> None:
        fresh = self._fresh
        while fresh and self._still_open(fresh[0]) is None:
            fresh.popleft()
        due = self._due[0][0] if self._due else NEVER
        self._next_due = min(due, self._due_after(fresh[0][0])) if fresh else due

    def _end_due(self, clock: datetime) -> None:
        """End the sessions that fell due before the clock, in the order of R7."""
        while self._fresh and self._due_after(self._fresh[0][0]) < clock:
            self._take_from_fresh()
        due = self._due
        while due and due[0][0] < clock:
            entered, number, session = due[0]
            when = self._due_after(session.latest)
            if session.steps is self._no_session:
                heapq.heappop(due)
            elif when > entered:
                heapq.heapreplace(due, (when, number, session))
            else:
                heapq.heappop(due)
                self._end(session, ClosedBy.GAP)
        self._set_next_due()

    def _take_from_fresh(self) -> None:
        """Move the oldest entries on to the heap, and with them those that are little younger.

        Little is a sixteenth of the time it takes to fall due, so this is done seldom.
        """
        fresh = self._fresh
        last_start = fresh[0][0] + self._horizon / 16
        while fresh and fresh[0][0] <= last_start:
            session = self._still_open(fresh.popleft())
            if session is not None:
                self._push_due(session)

    def _forget_ended(self) -> None:
        """Drop ended sessions that still wait to fall due, if they are most that wait."""
        if len(self._fresh) + len(self._due) <= 2 * len(self._sessions) + _MOST_ENDED:
            return
        self._fresh = deque(entry for entry in self._fresh if self._still_open(entry))
        self._due = [entry for entry in self._due if entry[2].steps is not self._no_session]
        heapq.heapify(self._due)
        self._set_next_due()
