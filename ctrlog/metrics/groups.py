"""Metrics by hour, query, user or any field: groups of searches, bounded in number."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from ctrlog.errors import UsageError
from ctrlog.metrics.order import Order
from ctrlog.metrics.totals import Outcome, SearchMetrics, outcomes_of
from ctrlog.sessions.events import SearchRecord
from ctrlog.times import EPOCH

#: The values that a group's searches share, one for each dimension; None is unknown.
Key: TypeAlias = tuple[str | None, ...]
KeyPart: TypeAlias = Callable[[SearchRecord], str | None]

#: The key of the searches whose groups were merged.
OTHERS: Key = ()
#: How often each outcome occurred in each group.
GroupCounts: TypeAlias = Counter[tuple[Key, Outcome]]


class Period(StrEnum):
    """A part of time to group by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    WEEKDAY = "weekday"


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def period_of(time: datetime, period: Period, zone: tzinfo) -> str:
    """Name the hour, day, week or weekday that a time is in.

    Args:
        time: The time, aware.
        period: Which of them.
        zone: Whose clock and calendar to use.

    Returns:
        `2024-03-04T13:00Z` (with the zone's offset, so that the hour that comes twice in
        autumn is two hours), `2024-03-04`, `2024-W10` (ISO 8601) or `Mon`.
    """
    try:
        local = time.astimezone(zone)
    except OverflowError:  # the zone's clock shows the year 0 or 10000
        local = time
    match period:
        case Period.HOUR:
            hour = local.replace(minute=0, second=0, microsecond=0)
            return hour.isoformat(timespec="minutes").replace("+00:00", "Z")
        case Period.DAY:
            return local.date().isoformat()
        case Period.WEEK:
            year, week, _ = local.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case Period.WEEKDAY:
            return WEEKDAYS[local.weekday()]


def fold(text: str) -> str:
    """Fold case, accents and blanks, so that "Café  AU lait" is "cafe au lait".

    Marks of other scripts than Latin, Greek and Cyrillic are no accents and stay: in
    Japanese they tell a bus from a pass.
    """
    # What a compatible form stands for may have capitals of its own: ℃ is °C.
    compatible = unicodedata.normalize("NFKD", text)
    folded = ""
    is_accented = False
    for character in unicodedata.normalize("NFKD", compatible.casefold()):
        if not unicodedata.combining(character):
            is_accented = unicodedata.name(character, "").startswith(_ACCENTED_SCRIPTS)
        elif is_accented:
            continue
        folded += character
    return " ".join(unicodedata.normalize("NFC", folded).split())


_ACCENTED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what searches are grouped.

    Attributes:
        dimensions: One or two of `hour`, `day`, `week`, `weekday`, `query`, `user`, or
            the place of a field of the Search event.
        zone: Whose clock and calendar the periods are of.
        folds: Whether queries that differ in case, accents and blanks only are one.
    """

    dimensions: tuple[str, ...]
    zone: tzinfo = UTC
    folds: bool = False

    def __post_init__(self) -> None:
        """Refuse more dimensions than a table has."""
        if not 1 <= len(set(self.dimensions)) == len(self.dimensions) <= _MOST_DIMENSIONS:
            raise UsageError("searches can be grouped by one or two different things")

    @property
    def extra_fields(self) -> tuple[str, ...]:
        """The fields of the log that are needed beside a search's own."""
        return tuple(name for name in self.dimensions if name not in _OWN_DIMENSIONS)

    @property
    def period(self) -> Period | None:
        """The period, if that is what searches are grouped by, and nothing else."""
        (first, *rest) = self.dimensions
        return Period(first) if first in _PERIODS and not rest else None

    def key_of(self, extra_fields: Sequence[str]) -> Callable[[SearchRecord], Key]:
        """Return the function from a search to the key of its group.

        Args:
            extra_fields: The fields whose values searches carry in `extra`.
        """
        parts = [self._part(name, extra_fields) for name in self.dimensions]
        if len(parts) == 1:
            (part,) = parts
            return lambda search: (part(search),)
        return lambda search: tuple([part(search) for part in parts])

    def _part(self, name: str, extra_fields: Sequence[str]) -> KeyPart:
        if name in _PERIODS:
            return _period_part(Period(name), self.zone)
        if name == "query":
            return (lambda search: fold(search.query)) if self.folds else _query_of
        if name == "user":
            return lambda search: search.user
        place = list(extra_fields).index(name)
        return lambda search: as_text(search.extra[place])


_MOST_DIMENSIONS = 2
_PERIODS = frozenset(Period)
_OWN_DIMENSIONS = _PERIODS | {"query", "user"}
_QUARTER = timedelta(minutes=15)
#: The last zone to give up an offset with odd minutes was Liberia's, in January 1972.
_WHOLE_OFFSETS_SINCE = datetime(1973, 1, 1, tzinfo=UTC)


def _query_of(search: SearchRecord) -> str:
    return search.query


def _period_part(period: Period, zone: tzinfo) -> KeyPart:
    # Periods begin at quarters of an hour, so a name can be kept for each; but before zones had
    # whole offsets, each time is named by itself.
    names: dict[int, str] = {}

    def part(search: SearchRecord) -> str | None:
        if search.time is None:
            return None
        if search.time < _WHOLE_OFFSETS_SINCE:
            return period_of(search.time, period, zone)
        quarter = (search.time - EPOCH) // _QUARTER
        name = names.get(quarter)
        if name is None:
            name = names[quarter] = period_of(search.time, period, zone)
        return name

    return part


def as_text(value: object) -> str | None:
    """Write a value of the log as the name of a group: text as it is, else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Group(NamedTuple):
    """The searches with the same key.

    Attributes:
        key: What they share; `OTHERS` for those of merged groups.
        metrics: Their metrics.
    """

    key: Key
    metrics: SearchMetrics


class Groups:
    """Counts by group, of which at most `most_groups` are kept.

    When there are more, the half with the most searches is kept and the searches of the
    other groups move to one for all others, where they stay: a group that comes again
    starts anew, so its counts lack what was moved. Up to `most_groups` groups, parts of a
    log can be merged in any order and give exactly the same.
    """

    def __init__(self, key_of: Callable[[SearchRecord], Key], most_groups: int) -> None:
        """Start with none.

        Args:
            key_of: The function from a search to the key of its group.
            most_groups: How many to keep, at least 2.
        """
        self._key_of = key_of
        self._most_groups = most_groups
        self._sizes: Counter[Key] = Counter()
        self._counts: GroupCounts = Counter()

    def update(self, searches: Sequence[SearchRecord]) -> None:
        """Add searches."""
        keys = [self._key_of(search) for search in searches]
        self.add(list(zip(keys, outcomes_of(searches), strict=True)))

    def add(self, entries: list[tuple[Key, Outcome]]) -> None:
        """Add searches by the keys of their groups and their outcomes."""
        if len(self._sizes) + len(entries) <= self._most_groups:
            self._add(entries)
            return
        for entry in entries:  # so that it does not depend on how many come at a time
            self._add([entry])

    def merge(self, other: Groups) -> None:
        """Add the groups of another part of the log, with keys of the same making."""
        self.merge_counts(other._counts)

    @property
    def counts(self) -> GroupCounts:
        """All counts."""
        return self._counts

    def merge_counts(self, counts: GroupCounts) -> None:
        """Add the counts of another part of the log."""
        for (key, _), number in counts.items():
            self._sizes[key] += number
        self._counts.update(counts)
        self._bound()

    def has_room_for(self, counts: GroupCounts) -> bool:
        """Tell whether no groups would have to be merged, nor were among those counts."""
        keys = {key for key, _ in counts}
        return OTHERS not in keys and len(keys | self._sizes.keys() - {OTHERS}) <= self._most_groups

    def save(self) -> list[list[Any]]:
        """Return all counts as plain values."""
        return [[key, *outcome, number] for (key, outcome), number in self._counts.items()]

    def restore(self, saved: list[list[Any]]) -> None:
        """Go on from what `save` returned."""
        self._counts = Counter({(tuple(key), tuple(outcome)): n for key, *outcome, n in saved})
        self._count_sizes()

    @property
    def merged_searches(self) -> int:
        """How many searches are in the group of all others."""
        return self._sizes[OTHERS]

    def groups(self) -> list[Group]:
        """Return the groups, in no order."""
        outcomes: dict[Key, dict[Outcome, int]] = {}
        for (key, outcome), number in self._counts.items():
            outcomes.setdefault(key, {})[outcome] = number
        return [Group(key, SearchMetrics.of(found)) for key, found in outcomes.items()]

    def _add(self, entries: list[tuple[Key, Outcome]]) -> None:
        self._sizes.update([key for key, _ in entries])
        self._counts.update(entries)
        self._bound()

    def _bound(self) -> None:
        if len(self._sizes) - (OTHERS in self._sizes) <= self._most_groups:
            return
        by_size = sorted(self._sizes, key=lambda key: (key != OTHERS, -self._sizes[key], str(key)))
        kept = self._most_groups // 2 + (OTHERS in self._sizes)
        merged = set(by_size[kept:])
        counts: GroupCounts = Counter()
        for (key, outcome), number in self._counts.items():
            counts[OTHERS if key in merged else key, outcome] += number
        self._counts = counts
        self._count_sizes()

    def _count_sizes(self) -> None:
        self._sizes = Counter()
        for (key, _), number in self._counts.items():
            self._sizes[key] += number


#: More periods than that are not filled up with the empty ones between them.
MOST_PERIODS = 10_000


def all_periods(names: Sequence[str], period: Period, zone: tzinfo) -> list[str]:
    """Return all periods from the first to the last, the empty ones among them.

    Args:
        names: Names of periods, as `period_of` gives them.
        period: What they are.
        zone: Whose clock and calendar they are of.

    Returns:
        The names in order of time; for weekdays all seven. Where that would be more than
        `MOST_PERIODS`, those given.
    """
    if period is Period.WEEKDAY:
        return list(WEEKDAYS)
    try:
        starts = sorted(_start_of(name, period, zone) for name in names)
        if not starts or (starts[-1] - starts[0]) / _LENGTHS[period] > MOST_PERIODS:
            return [period_of(start, period, zone) for start in starts]
        steps = range(int((starts[-1] - starts[0]) / _STEPS[period]) + 1)
        found = [period_of(starts[0] + step * _STEPS[period], period, zone) for step in steps]
    except OverflowError:  # at the ends of the calendar
        return sorted(names)
    return list(dict.fromkeys([*found, period_of(starts[-1], period, zone)]))


_LENGTHS = {
    Period.HOUR: timedelta(hours=1),
    Period.DAY: timedelta(days=1),
    Period.WEEK: timedelta(weeks=1),
}
# A clock may be changed by half an hour, too.
_STEPS = _LENGTHS | {Period.HOUR: timedelta(minutes=30)}


def _start_of(name: str, period: Period, zone: tzinfo) -> datetime:
    """Return a time in a period: an hour's start in UTC, else noon on its first day."""
    if period is Period.HOUR:
        return datetime.fromisoformat(name).astimezone(UTC)
    if period is Period.DAY:
        day = date.fromisoformat(name)
    else:
        year, week = name.split("-W")
        day = date.fromisocalendar(int(year), int(week), 1)
    return datetime.combine(day, time(12), zone)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which groups to show, and in what order.

    Attributes:
        order: What to sort by; None for the order of time where that is what searches are
            grouped by, else the number of searches.
        worst: Whether to put first the groups whose CTR is surely low: those whose
            interval has the lowest upper end.
        min_searches: Leave out groups with fewer searches.
        top: Show so many; None for all.
    """

    order: Order | None = None
    worst: bool = False
    min_searches: int = 1
    top: int | None = None

    def of(self, groups: Sequence[Group], grouping: Grouping) -> tuple[list[Group], int]:
        """Choose.

        Args:
            groups: All groups.
            grouping: How they were made.

        Returns:
            The groups to show, those of all others last, and how many are left out.
        """
        others = [group for group in groups if group.key == OTHERS]
        kept = [group for group in groups if group.key != OTHERS and not self.is_too_small(group)]
        period = grouping.period
        if period is not None and self.order is None and not self.worst:
            known = [group for group in groups if group.key != OTHERS]
            shown = [
                group  # a period without searches tells that there were none
                for group in _in_time_order(known, period, grouping.zone)
                if group.metrics.searches == 0 or not self.is_too_small(group)
            ]
            left_out = len(known) - len(kept) + len(shown[self.top :] if self.top else [])
            return shown[: self.top] + others, left_out
        kept.sort(key=self._place)
        left_out = len(groups) - len(others) - len(kept[: self.top])
        return kept[: self.top] + others, left_out

    def is_too_small(self, group: Group) -> bool:
        """Tell whether a group has too few searches to be shown; the one of all others has not."""
        return group.key != OTHERS and group.metrics.searches < self.min_searches

    def _place(self, group: Group) -> tuple[bool, float, int, str]:
        """Sort key: unknown values last; of equal ones the larger group, then the name."""
        metrics = group.metrics
        if self.worst:
            interval = metrics.ctr_interval
            value = None if interval is None else -interval.high
        else:
            value = getattr(metrics, (self.order or Order.SEARCHES).value)
        return value is None, -(value or 0), -metrics.searches, str(group.key)


def _in_time_order(groups: Sequence[Group], period: Period, zone: tzinfo) -> list[Group]:
    """Put groups in order of time, fill in the empty periods, and the unknown one last."""
    by_name = {group.key[0]: group for group in groups}
    names = all_periods([name for name in by_name if name is not None], period, zone)
    shown = [by_name.get(name) or Group((name,), SearchMetrics.of({})) for name in names]
    return [*shown, by_name[None]] if None in by_name else shown
