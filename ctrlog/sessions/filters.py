"""Filters for the searches to report: `--since`, `--until` and `--where`.

A filter selects searches, not events. Sessions are always made from all events, so a selected
search keeps its clicks and its session, even if other searches of the session are left out.
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

#: The fields that every Search event has under ctrlog's own name; others are the log's.
_EVENT_FIELDS = frozenset({"type", "user", "query"})
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions that a Search event must meet for its search to be reported.

    Attributes:
        since: Earliest time of the search, inclusive.
        until: Latest time of the search, exclusive. A search without a time is left out if
            either bound is set.
        where: Pairs of a field and a value. A field that is named several times may have any
            of the values; several fields must all match.
        carried: Fields of the log that searches carry anyway, first in `extra`.
    """

    since: datetime | None = None
    until: datetime | None = None
    where: tuple[tuple[str, str], ...] = ()
    carried: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty span of time.

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
        """The fields of the log that searches must carry in addition to an event's own."""
        needed = [field for field, _ in self.where if field not in _EVENT_FIELDS]
        return tuple(dict.fromkeys([*self.carried, *needed]))

    def selector(self) -> Selector | None:
        """Return the filter as a function of the Search event, or None without conditions."""
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
            return lambda event: str(event.user)  # the user 1 is the user "1"
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
    """Return whether a value of the log equals a value written on the command line."""
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
            except ArithmeticError:  # an exponent too large for Decimal
                return False
        case _:
            return False
