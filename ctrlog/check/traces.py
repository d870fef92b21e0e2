"""What a check remembers of a search and of a user, and of the order of a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from ctrlog.sessions.events import TrustedEvent, unpack_items
from ctrlog.times import BEGINNING

#: So many results, impressions or clicked items of one search are remembered.
_MOST_ITEMS = 1000
#: So many searches of a user are remembered that may still be typed on from.
_MOST_QUERIES = 5
#: Searches of a user that follow each other more slowly are not of one typing.
TYPING_PAUSE = timedelta(seconds=2)


#: A rank that is further from the place of its item is just that far.
FURTHEST = 2


def offset_of(rank: int, place: int) -> int:
    """Return how far the rank of a click is from the place of its item, both from 1."""
    offset = rank - place
    return max(-FURTHEST, min(offset, FURTHEST))


@dataclass(slots=True)
class SearchTrace:
    """What was logged under one id of a search.

    Attributes:
        lines: Search events.
        lists: How many of them came with results, and Results events.
        empty: How many of these lists had none.
        typed: Searches as the client logs them.
        impressions: Items that were on the screen.
        results: Ids of the results shown, in order, over all lists.
        clicks: How many clicks there were on each item.
        ranks: The rank that the first click on an item had, if it had one.
        text: What was searched for.
        user: Who did it.
        has_texts: Whether there were several texts.
        has_users: Whether there were several users.
        typed_on: What told that it was typed on from: the kinds of events.
    """

    lines: int = 0
    lists: int = 0
    empty: int = 0
    typed: int = 0
    impressions: set[str] = field(default_factory=set)
    results: list[str] = field(default_factory=list)
    clicks: Counter[str] = field(default_factory=Counter)
    ranks: dict[str, int] = field(default_factory=dict)
    text: str | None = None
    user: str | None = None
    has_texts: bool = False
    has_users: bool = False
    typed_on: set[str] = field(default_factory=set)

    def see_user(self, user: str) -> None:
        """Note who did something under this id."""
        self.has_users = self.has_users or self.user not in {None, user}
        self.user = user

    def see_text(self, text: str | None) -> None:
        """Note what an executed search was for."""
        if text is not None:
            self.has_texts = self.has_texts or self.text not in {None, text}
            self.text = text

    def see_results(self, event: TrustedEvent) -> None:
        """Note the results that an event comes with, if any."""
        if event.items is None:
            return
        self.lists += 1
        self.empty += event.items[0] == 0
        room = _MOST_ITEMS - len(self.results)
        if room > 0:
            self.results += unpack_items(event.items)[:room]

    def see_impression(self, item: str) -> None:
        """Note an item that was on the screen."""
        if len(self.impressions) < _MOST_ITEMS:
            self.impressions.add(item)

    def see_click(self, item: str, rank: int | None) -> None:
        """Note a click."""
        if item not in self.clicks and len(self.clicks) >= _MOST_ITEMS:
            return
        self.clicks[item] += 1
        if rank is not None and self.clicks[item] == 1:
            self.ranks[item] = rank

    def offsets(self) -> Iterator[int]:
        """How far the ranks of clicks are from the places of their items, as `offset_of` says."""
        places = {item: place for place, item in reversed([*enumerate(self.results, 1)])}
        for item, rank in self.ranks.items():
            if item in places:
                yield offset_of(rank, places[item])

    @property
    def is_empty(self) -> bool:
        """Whether results were logged, and there were none in any list."""
        return self.lists > 0 and self.lists == self.empty


class Query(NamedTuple):
    """What a user was searching for.

    Attributes:
        text: The text.
        time: When.
        search_id: The id of the search; None if it has none.
    """

    text: str
    time: datetime
    search_id: str | None


@dataclass(slots=True)
class UserTrace:
    """What was last seen of a user.

    Attributes:
        typing: The latest searches of each kind, but for those that were typed on from, if
            nothing was clicked since.
        file: The number of the file of the latest event; 0 if there was none.
    """

    typing: dict[str, list[Query]] = field(default_factory=dict)
    file: int = 0

    def see_query(self, kind: str, event: TrustedEvent) -> list[Query]:
        """Note what a user searches for.

        Two searches are of one typing if they are within `TYPING_PAUSE` of each other,
        whichever is logged first, without a click, and one text begins with the other.

        Args:
            kind: What told of it: only searches of one kind follow each other.
            event: The event.

        Returns:
            Searches that turn out to have been typed on from: earlier ones, or this one.
        """
        if event.query is None or event.time is None:
            return []
        now = Query(event.query, event.time, event.search_id)
        before = self.typing.get(kind, [])
        akin = [query for query in before if _are_of_one_typing(query, now)]
        typed_on = [query for query in akin if query.time <= now.time]
        if len(typed_on) < len(akin):
            typed_on.append(now)
        going_on = [query for query in [*before, now] if query not in typed_on]
        self.typing[kind] = going_on[-_MOST_QUERIES:]
        return typed_on


def _are_of_one_typing(before: Query, now: Query) -> bool:
    if abs(now.time - before.time) > TYPING_PAUSE:
        return False
    shorter, longer = sorted((before.text, now.text), key=len)
    return shorter not in {"", longer} and longer.startswith(shorter)


@dataclass(slots=True)
class FileOrder:
    """How the times of one file run.

    Attributes:
        name: What to call the file.
        first: Its smallest time.
        last: Its greatest time.
    """

    name: str
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True)
class TimeOrder:
    """How the times of a log run.

    Attributes:
        neighbours: Pairs of neighbouring events with times, by whether the log names them.
        steps_back: How many of them are out of order.
        behind: Events older than the clock.
        late: Events older than the clock by more than the lateness.
        largest: The furthest that an event was behind the clock.
        files: The files so far.
    """

    lateness: timedelta
    neighbours: Counter[bool] = field(default_factory=Counter)
    steps_back: Counter[bool] = field(default_factory=Counter)
    behind: int = 0
    late: int = 0
    largest: timedelta = timedelta(0)
    files: list[FileOrder] = field(default_factory=list)
    _clock: datetime = BEGINNING
    _before: dict[bool, datetime] = field(default_factory=dict)

    def begin_file(self, name: str) -> None:
        """Note that another file begins, with a clock of its own."""
        self.files.append(FileOrder(name))
        self._clock = BEGINNING
        self._before = {}

    def see(self, time: datetime, *, is_named: bool) -> None:
        """Note the time of the next event.

        Args:
            time: The time.
            is_named: Whether the log gives the event a name; events with and without are
                looked at for themselves, since they may be of two logs in one file.
        """
        before = self._before.get(is_named)
        if before is not None:
            self.neighbours[is_named] += 1
            self.steps_back[is_named] += time < before
        self._before[is_named] = time
        file = self.files[-1]
        if file.first is None or time < file.first:
            file.first = time
        if time >= self._clock:
            self._clock = file.last = time
            return
        step = self._clock - time
        self.behind += 1
        self.late += step > self.lateness
        self.largest = max(self.largest, step)

    @property
    def first(self) -> datetime | None:
        """The smallest time of all."""
        return min((file.first for file in self.files if file.first), default=None)

    @property
    def last(self) -> datetime | None:
        """The greatest time of all."""
        return max((file.last for file in self.files if file.last), default=None)

    @property
    def overlaps(self) -> int:
        """How many files begin before the one before them has ended, and is not late for it."""
        overlapping = 0
        before: datetime | None = None
        for file in self.files:
            if before is not None and file.first is not None:
                overlapping += before - file.first > self.lateness
            before = file.last or before
        return overlapping
