"""Which searches to report: `--since`, `--until` and `--where`.

A filter chooses searches, not events: sessions are always made from all events, so a
search keeps its clicks and its session wherever the border is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from ctrlog.errors import UsageError
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.ledger import Selector
from ctrlog.times import format_second

#: What every Search event has under ctrlog's own name; any other field is the log's.
_EVENT_FIELDS = frozenset({"type", "user", "query"})
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search must be like to be reported, told from its Search event.

    Attributes:
        since: Earliest time of the search, inclusive.
        until: Latest time of the search, exclusive. A search without a time is left
            out if there is a bound on either side.
        where: Pairs of a field and the value it must have. One field named several
            times may have any of the values; several fields must all match.
        carried: Fields of the log that searches carry anyway, first in `extra`.
    """

    since: datetime | None = None
    until: datetime | None = None
    where: tuple[tuple[str, str], ...] = ()
    carried: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a span of time that no search can be in.

        Raises:
            UsageError: If `since` is not before `until`.
        """
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise UsageError(
                f"--since {format_second(self.since)} is not before"
                f" --until {format_second(self.until)}, so no search is between them"
            )

    @property
    def description(self) -> str:
        """The filter as a person would say it: `since ..., where country=DE`; empty without one."""
        parts = []
        if self.since is not None:
            parts.append(f"since {format_second(self.since)}")
        if self.until is not None:
            parts.append(f"until {format_second(self.until)}")
        if self.where:
            parts.append("where " + " and ".join(f"{name}={value}" for name, value in self.where))
        return ", ".join(parts)

    @property
    def extra_fields(self) -> tuple[str, ...]:
        """The fields of the log that searches need to carry beside an event's own."""
        needed = [field for field, _ in self.where if field not in _EVENT_FIELDS]
        return tuple(dict.fromkeys([*self.carried, *needed]))

    def selector(self) -> Selector | None:
        """Return the filter as a function of the Search event, None if all pass."""
        wanted: dict[str, list[str]] = {}
        for field, value in self.where:
            wanted.setdefault(field, []).append(value)
        tests = [_field_test(self._getter(field), values) for field, values in wanted.items()]
        if self.since is not None or self.until is not None:
            tests.append(_time_test(self.since, self.until))
        if not tests:
            return None
        return lambda event: all(test(event) for test in tests)

    def _getter(self, field: str) -> Callable[[TrustedEvent], object]:
        if field == "user":
            return lambda event: str(event.user)  # as 1 and "1" are the same
        if field in _EVENT_FIELDS:
            return attrgetter(field)
        place = self.extra_fields.index(field)
        return lambda event: event.extra[place]


def _time_test(since: datetime | None, until: datetime | None) -> Selector:
    def is_between(event: TrustedEvent) -> bool:
        time = event.time
        if time is None:
            return False
        return (since is None or since <= time) and (until is None or time < until)

    return is_between


def _field_test(get: Callable[[TrustedEvent], object], values: list[str]) -> Selector:
    return lambda event: any(_matches(get(event), value) for value in values)


def _matches(found: object, wanted: str) -> bool:
    """Whether a value of the log is what was written on the command line."""
    match found:
        case str():
            return found == wanted
        case bool():
            return wanted == ("true" if found else "false")
        case int() | float():
            if _JSON_NUMBER.fullmatch(wanted) is None:
                return False
            try:
                return found == (Decimal(wanted) if isinstance(found, int) else float(wanted))
            except ArithmeticError:  # an exponent beyond all that Decimal knows
                return False
        case _:
            return False
