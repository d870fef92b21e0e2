"""The shard of a range that begins in the middle: what it can know, and what it can't.

Let T be the first time in the range. Taken for granted is, and seen to afterwards by
`joining`, that no session that is open before the range has a later event than T, and
that the clock of a file that goes on is not beyond T. Then

- the clock in the range is that of the log;
- when it has passed T by the gap and the lateness, all sessions from before are over but
  for those that went on in the range (R7), so a user who comes then for the first time
  starts a session;
- so does a user whose first event comes more than the gap after T (R2).

The events of all other users are held until it is certain that the user has no session:
because the user closed it (R4), paused (R2), or the clock has passed (R7). From then on
the user is settled, and all further events are taken here. Events that are held come to
those who know the sessions before, each in its place among what ended here (`pieces`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias

from ctrlog.run.parallel.pieces import Held, Left, NewClock, OrderedShard, Piece, Tick
from ctrlog.sessions.events import SPELLINGS, Kind, TrustedEvent, other_spelling
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.times import BEGINNING, NEVER

#: Stands in for a held event and moves nothing but the clock: AppClose of a user that no
#: log can have, since half a surrogate pair is no text.
_NOBODY = "\ud800"
_ENDING = frozenset(
    spelling for spelling, kind in SPELLINGS.items() if kind in {Kind.APP_CLOSE, Kind.TIMEOUT}
)
_CLOSE = Kind.APP_CLOSE.value
_row_of = attrgetter(*TrustedEvent.__struct_fields__)


class TooManyHeldError(Exception):
    """So much would have to be held that it is quicker to begin with what comes before."""


class _Unsettled:
    """A user of whom it isn't known whether there is a session.

    Attributes:
        user: The user in one spelling.
        latest: The greatest time of the events that are held; None if the session may be
            one without any time. If there is a session its latest event is then, or
            before the range if that is later.
    """

    __slots__ = ("latest", "user")

    def __init__(self, user: str | int) -> None:
        self.user = user
        self.latest: datetime | None = None


#: What an unsettled user is who was not seen before.
_UNSEEN = _Unsettled("")
#: By user: None for one who is settled.
_Users: TypeAlias = dict[str | int, _Unsettled | None]


class SettlingShard(OrderedShard):
    """A shard that begins in the middle of a log; what it can't know it leaves to others.

    Attributes:
        first_time: The first time in the range; None if there was none yet.
        has_new_clock: Whether another file has begun since its beginning.
    """

    def __init__(self, rules: Rules | None, first_number: int, most_held: int) -> None:
        """Make a shard with no session open.

        Args:
            rules: The rules to follow; the default ones if None.
            first_number: A number that is not below those of all events before.
            most_held: How many events may be held, and how many users kept in mind.
        """
        super().__init__(rules)
        self.first_time: datetime | None = None
        self.has_new_clock = False
        self._number = first_number  # of the next event, until all is settled
        self._most_held = most_held
        self._held_events = 0
        # Until the clock has passed all sessions from before, any user may have one.
        self._is_early = True
        self._early_until = NEVER
        self._users: _Users = {}
        # In the early time any move of the clock may end a session from before; later, only
        # one beyond the first due time of an unsettled user.
        self._watched = BEGINNING
        self._waiting: list[tuple[datetime, int, _Unsettled]] = []
        self._has_begun = False
        self._is_settled = False
        self._pieces: list[Piece] = []
        self._held = Held([], [])
        self._told = BEGINNING  # the clock of those who take what is held

    def take_pieces(self) -> list[Piece]:
        """Return what came of the range since the last time, before what `feed` returned last."""
        self._finish_held()
        pieces, self._pieces = self._pieces, []
        return pieces

    def leave(self) -> Left:
        """Return what is known at the end of the range, when all pieces were taken."""
        return Left(self.first_time, self.save(), self.has_searched, self.has_new_clock)

    def new_clock(self, at: datetime | None = None) -> None:
        """Take another clock, as each file has its own (R7)."""
        if self._has_begun:
            self.has_new_clock = True
            if not self._is_settled:
                self._tell(self._clock)
                self._add(NewClock())
                self._told = BEGINNING
                if self._is_early:
                    self._watched = BEGINNING
        self._has_begun = True
        super().new_clock(at)

    def feed(self, events: Sequence[TrustedEvent]) -> Ended:
        """Take events in order.

        Raises:
            TooManyHeldError: If too many must be held.
        """
        if self._is_settled:
            return super().feed(events)
        taken = 0
        users, unseen, watched = self._users, self._unseen, self._watched
        for place, event in enumerate(events):
            time = event.time
            if users.get(event.user, unseen) is None and (time is None or time < watched):
                continue
            self._take_settled(events[taken:place])
            self._take(event)
            taken = place + 1
            users, unseen, watched = self._users, self._unseen, self._watched
        self._take_settled(events[taken:])
        if not self._is_early and not self._users:
            self._finish_held()
            self._is_settled = True
            self.number_from(self._number)
        return Ended([], [])

    @property
    def _unseen(self) -> _Unsettled | None:
        """What a user is who was not seen before."""
        return _UNSEEN if self._is_early else None

    def _take_settled(self, events: Sequence[TrustedEvent]) -> None:
        """Take events of settled users, by which nothing ends but in their sessions."""
        if not events:
            return
        clock = self._clock
        self.number_from(self._number)
        self._number += len(events)
        self._add_ended(super().feed(events), clock)

    def _take(self, event: TrustedEvent) -> None:
        """Take an event that may be of an unsettled user, or end sessions from before."""
        clock, time = self._clock, event.time
        if time is not None:
            self._note_beginning(time)
            if time > clock:
                self._move_clock(time)
        number = self._number
        self.number_from(number)
        self._number += 1
        unsettled = self._users.get(event.user, self._unseen)
        if unsettled is not None:
            if not self._starts_anew(event, unsettled):
                self._hold(event, number, unsettled, clock)
                return
            self._tell(clock)
            self._append(TrustedEvent(_CLOSE, event.user, time), number)
            self._settle(event.user)
        self._add_ended(super().feed([event]), self._clock)

    def _note_beginning(self, time: datetime) -> None:
        if self.first_time is None:
            self.first_time = time
            self._early_until = self._due_after(time)

    # What the clock does.

    def _move_clock(self, to: datetime) -> None:
        clock = self._clock
        if clock is BEGINNING:
            counts = self._ledger.counts
            counts.first_time = min(counts.first_time or to, to)
        fallen = self.tick(to)
        if self._settle_by_clock(to) or fallen:
            self._tell(clock)
            self._add(Tick(to, fallen))
            self._told = to

    def _settle_by_clock(self, clock: datetime) -> bool:
        """Settle whose sessions fell due, if there are any; tell whether there may be some."""
        has_settled = False
        if self._is_early:
            if clock <= self._early_until:
                self._watched = clock
                return False
            self._end_early_time()
            has_settled = True
        waiting = self._waiting
        while waiting and waiting[0][0] < clock:
            due, number, unsettled = waiting[0]
            when = self._due_after(unsettled.latest)
            if unsettled.user not in self._users:
                heapq.heappop(waiting)
            elif when > due:
                heapq.heapreplace(waiting, (when, number, unsettled))
            else:
                heapq.heappop(waiting)
                self._settle(unsettled.user)
                has_settled = True
        self._watched = waiting[0][0] if waiting else NEVER
        return has_settled

    def _end_early_time(self) -> None:
        """From now on only users who are known to be unsettled are."""
        self._is_early = False
        self._users = {user: found for user, found in self._users.items() if found is not None}
        for unsettled in dict.fromkeys(self._users.values()):
            if unsettled is not None and unsettled.latest is not None:
                self._await_settling(unsettled, unsettled.latest)

    def _await_settling(self, unsettled: _Unsettled, latest: datetime) -> None:
        due = self._due_after(latest)
        heapq.heappush(self._waiting, (due, id(unsettled), unsettled))
        self._watched = min(due, self._watched)

    # What an event does.

    def _starts_anew(self, event: TrustedEvent, unsettled: _Unsettled) -> bool:
        """Whether a pause before an event ends whatever session there is (R2)."""
        if event.time is None or self.first_time is None:
            return False
        if unsettled is _UNSEEN:
            latest = self.first_time
        elif unsettled.latest is None:
            return False
        else:
            latest = max(unsettled.latest, self.first_time)
        return event.time - latest > self.rules.gap

    def _settle(self, user: str | int) -> None:
        for spelling in (user, other_spelling(user)):
            if spelling is None:
                continue
            if self._is_early:
                self._users[spelling] = None
            else:
                self._users.pop(spelling, None)

    def _hold(
        self, event: TrustedEvent, number: int, unsettled: _Unsettled, clock: datetime
    ) -> None:
        """Leave an event to those who know the sessions before; the clock was there before it."""
        if unsettled is _UNSEEN:
            unsettled = self._remember(event.user)
        self._tell(clock)
        self._append(event, number)
        super().feed([TrustedEvent(_CLOSE, _NOBODY, event.time)])
        if event.type in _ENDING:
            self._settle(event.user)
        elif event.time is not None:
            self._note_time(unsettled, event.time)
        elif self._is_early and not self._goes_on(unsettled):
            unsettled.latest = None  # the clock may have ended it, and this begun another
        self._held_events += 1
        if max(self._held_events, len(self._users)) > self._most_held:
            raise TooManyHeldError

    def _remember(self, user: str | int) -> _Unsettled:
        unsettled = _Unsettled(user)
        for spelling in (user, other_spelling(user)):
            if spelling is not None:
                self._users[spelling] = unsettled
        return unsettled

    def _goes_on(self, unsettled: _Unsettled) -> bool:
        """Whether the clock can't have ended a session in the early time."""
        latest, first_time = unsettled.latest, self.first_time
        return latest is not None and first_time is not None and latest >= first_time

    def _note_time(self, unsettled: _Unsettled, time: datetime) -> None:
        is_first = unsettled.latest is None
        unsettled.latest = max(unsettled.latest or time, time)
        if is_first and not self._is_early:
            self._await_settling(unsettled, time)

    # Pieces.

    def _tell(self, clock: datetime) -> None:
        """Let those who take what is held know of the clock."""
        if clock > self._told:
            self._append(TrustedEvent(_CLOSE, _NOBODY, clock), self._number)

    def _append(self, event: TrustedEvent, number: int) -> None:
        self._held.rows.append(_row_of(event))
        self._held.numbers.append(number)
        if event.time is not None:
            self._told = max(self._told, event.time)

    def _add_ended(self, ended: Ended, clock: datetime) -> None:
        """Add what ended here by an event, before which the clock was there."""
        if ended.searches or ended.sessions:
            self._tell(clock)
            self._add(ended)

    def _add(self, piece: Piece) -> None:
        self._finish_held()
        self._pieces.append(piece)

    def _finish_held(self) -> None:
        if self._held.rows:
            self._pieces.append(self._held)
            self._held = Held([], [])
