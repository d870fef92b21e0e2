"""A look at a log before anyone believes a number: counts of all that may be wrong with it.

One pass in bounded memory: what cannot be counted exactly for any log is counted for a
sample of its searches and users, and the figures say so. `findings` tells what they mean.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b

from ctrlog.check.fields import FieldNotes
from ctrlog.check.traces import Query, SearchTrace, TimeOrder, UserTrace, offset_of
from ctrlog.metrics.sketches import HeavyHitters, KeyedSample
from ctrlog.schemas.bulk import is_instruction
from ctrlog.schemas.mapping import Watched
from ctrlog.sessions.events import SPELLINGS, Kind, TrustedEvent
from ctrlog.sessions.pages import Shown, rank_in

#: So many searches, and so many users, are remembered; of more, a share.
MOST_TRACES = 20_000
#: So many different lines are.
MOST_LINES = 100_000
#: So many different names of events are told apart.
_MOST_NAMES = 1000

_KINDS: dict[str, str] = {
    **{spelling: kind.value for spelling, kind in SPELLINGS.items()},
    **{kind.value: kind.value for kind in Watched},
}


@dataclass(slots=True)
class Tally:
    """What is simply counted.

    Attributes:
        events: Events of each kind, by what the log calls them.
        untimed: Events without a time.
        unnamed_searches: Searches without an id.
        unnamed_clicks: Clicks that name no search.
        lists: Lists of results, of searches and further ones.
        empty_lists: How many of them are empty.
        typed_on: Searches that were typed on from, by what told of them.
        ranks: Clicks by their rank.
        users_going_on: How often a user goes on in another file than before.
    """

    events: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    untimed: int = 0
    unnamed_searches: int = 0
    unnamed_clicks: int = 0
    lists: int = 0
    empty_lists: int = 0
    typed_on: Counter[str] = field(default_factory=Counter)
    ranks: Counter[int] = field(default_factory=Counter)
    users_going_on: int = 0

    def of(self, kind: str) -> int:
        """Return how many events of a kind there were."""
        return sum(number for (each, _), number in self.events.items() if each == kind)


@dataclass(slots=True)
class Clicks:
    """Clicks in searches, as the rules give them to these.

    Attributes:
        listed: Clicks in searches with results.
        unlisted: How many of them are on an item that is not among the results.
        offsets: Clicks by how far their rank is from the place of their item.
    """

    listed: int = 0
    unlisted: int = 0
    offsets: Counter[int] = field(default_factory=Counter)

    def see_click(self, click: TrustedEvent, shown: Shown | None) -> None:
        """Note a click in a search, with what that has shown so far."""
        if shown is None:
            return
        self.listed += 1
        place = rank_in(shown, str(click.item))
        if place is None:
            self.unlisted += 1
        elif click.rank is not None:
            self.offsets[offset_of(click.rank, place)] += 1


class Checkup:
    """What was seen of a log.

    Attributes:
        lines: Its lines, but for blank ones and instructions of `_bulk`.
        instructions: Instructions of `_bulk`.
        tally: What is simply counted.
        order: How its times run.
        clicks: What is known of clicks in searches.
        searches: What was logged under the ids of searches.
        naive_times: Lines with a time that has no offset.
        searchers: The users who search most.
        twins: Lines, by their digests, with how often they came again.
        fields: Where it has what.
    """

    def __init__(
        self,
        lateness: timedelta,
        *,
        is_bulk: bool = False,
        time_keys: Sequence[str] = (),
        most: int = MOST_TRACES,
    ) -> None:
        """Start with nothing seen.

        Args:
            lateness: How far behind the clock an event may be and still be in time.
            is_bulk: Whether instructions of `_bulk` are to be expected.
            time_keys: The keys of a line under which there are times.
            most: How many searches, and how many users, to remember.
        """
        self.lines = 0
        self.instructions = 0
        self.tally = Tally()
        self.order = TimeOrder(lateness)
        self.clicks = Clicks()
        self.searches = KeyedSample(SearchTrace, most)
        self.searchers = HeavyHitters()
        self.twins = KeyedSample(_Twins, MOST_LINES)
        self.fields = FieldNotes()
        self.naive_times = 0
        self._is_bulk = is_bulk
        self._naive_time = _naive_time(time_keys)
        self._people = KeyedSample(UserTrace, most)
        self._looks = {
            Kind.SEARCH.value: self._look_at_search,
            Kind.RESULTS.value: self._look_at_results,
            Kind.CLICK_RESULT.value: self._look_at_click,
            Watched.IMPRESSION.value: self._look_at_impression,
            Watched.TYPING.value: self._look_at_typing,
        }

    @property
    def user_scale(self) -> int:
        """For how many users one that is remembered stands."""
        return self._people.scale

    @property
    def is_exact(self) -> bool:
        """Whether all searches and users are remembered, and not only a share."""
        return self.searches.scale == self._people.scale == 1

    def look_at_lines(
        self, block: bytes, is_wanted: Callable[[bytes], bool] = lambda _: True
    ) -> None:
        """Look at lines as they are.

        Args:
            block: Whole lines.
            is_wanted: Tells whether to look at the fields of a line.
        """
        lines = [line for line in block.split(b"\n") if line.strip(_BLANK)]
        documents = [line for line in lines if not (self._is_bulk and _is_instruction(line))]
        self.instructions += len(lines) - len(documents)
        self.lines += len(documents)
        self.fields.look(documents, is_wanted)
        if self._naive_time.search(block) is not None:
            self.naive_times += sum(self._naive_time.search(line) is not None for line in documents)
        for line in documents:
            twins = self.twins.get(blake2b(line, digest_size=16).hexdigest())
            if twins is not None:
                twins.lines += 1

    def look(self, events: Sequence[TrustedEvent]) -> None:
        """Look at the next events, which carry what the log calls them first in `extra`."""
        for event in events:
            kind = _KINDS.get(event.type, _OTHER)
            name = event.extra[0]
            self._count(kind, name if isinstance(name, str) or name is None else str(name))
            if event.time is None:
                self.tally.untimed += 1
            else:
                self.order.see(event.time, is_named=name is not None)
            user = str(event.user)
            person = self._people.get(user)
            if person is not None:
                self.tally.users_going_on += person.file not in {0, len(self.order.files)}
                person.file = len(self.order.files)
            trace = None if event.search_id is None else self.searches.get(event.search_id)
            look = self._looks.get(kind)
            if look is not None:
                look(event, user, person, trace)

    def _count(self, kind: str, name: str | None) -> None:
        events = self.tally.events
        if (kind, name) not in events and len(events) >= _MOST_NAMES:
            name = _OTHERS
        events[kind, name] += 1

    # What each kind of event tells.

    def _look_at_search(
        self, event: TrustedEvent, user: str, person: UserTrace | None, trace: SearchTrace | None
    ) -> None:
        self._see_list(event)
        self.tally.unnamed_searches += event.search_id is None
        if person is not None:
            self._note_typing(Kind.SEARCH, person.see_query(Kind.SEARCH, event))
        if trace is not None:
            trace.lines += 1
            trace.see_text(event.query)
            trace.see_user(user)
            trace.see_results(event)

    def _look_at_typing(
        self, event: TrustedEvent, user: str, person: UserTrace | None, trace: SearchTrace | None
    ) -> None:
        if person is not None:
            self._note_typing(Watched.TYPING, person.see_query(Watched.TYPING, event))
        if trace is not None:
            trace.typed += 1
            trace.see_user(user)

    def _look_at_results(
        self, event: TrustedEvent, _user: str, _person: UserTrace | None, trace: SearchTrace | None
    ) -> None:
        self._see_list(event)
        if trace is not None:
            trace.see_results(event)

    def _look_at_impression(
        self, event: TrustedEvent, _user: str, _person: UserTrace | None, trace: SearchTrace | None
    ) -> None:
        if trace is not None and event.item is not None:
            trace.see_impression(str(event.item))

    def _look_at_click(
        self, event: TrustedEvent, user: str, person: UserTrace | None, trace: SearchTrace | None
    ) -> None:
        rank = event.rank
        if rank is not None and (rank in self.tally.ranks or len(self.tally.ranks) < _MOST_NAMES):
            self.tally.ranks[rank] += 1
        self.tally.unnamed_clicks += event.search_id is None
        if person is not None:
            person.typing.clear()
        if trace is not None:
            trace.see_user(user)
            trace.see_click(str(event.item), rank)

    def _note_typing(self, kind: str, typed_on: Sequence[Query]) -> None:
        self.tally.typed_on[kind] += len(typed_on)
        for query in typed_on:
            trace = None if query.search_id is None else self.searches.get(query.search_id)
            if trace is not None:
                trace.typed_on.add(kind)

    def _see_list(self, event: TrustedEvent) -> None:
        if event.items is not None:
            self.tally.lists += 1
            self.tally.empty_lists += event.items[0] == 0


@dataclass(slots=True)
class _Twins:
    """How often a line came."""

    lines: int = 0


def _naive_time(keys: Sequence[str]) -> re.Pattern[bytes]:
    """Match a time without an offset under one of some keys."""
    names = b"|".join(re.escape(json.dumps(key, ensure_ascii=False).encode()) for key in keys)
    return re.compile(_NAIVE_TIME % (names or b"(?!)"))


_NAIVE_TIME = rb"""(?:%s)\s*:\s*"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d*)?\""""

_OTHER = Kind.OTHER.value
_BLANK = b" \t\r"
_OTHERS = "(others)"
_BEGINS_AN_INSTRUCTION = re.compile(rb'\s*\{\s*"(index|create|update|delete)"')


def _is_instruction(line: bytes) -> bool:
    return _BEGINS_AN_INSTRUCTION.match(line) is not None and is_instruction(line)
