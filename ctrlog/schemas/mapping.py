"""Logs that were not written for ctrlog: how to tell their events, and where fields are.

A foreign schema is a list of rules in order: the first that a line meets says what event
it is and where in the line its fields are. A line that meets none is an event of another
type. Nothing here reads a line: `recognition` does that fast, `foreignfaults` slowly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, TypeVar

from ctrlog.errors import UsageError
from ctrlog.schemas.native import FIELD_TYPES
from ctrlog.schemas.paths import Place, parse_place
from ctrlog.sessions.events import SPELLINGS, Attribution, Kind

T = TypeVar("T")


class Watched(StrEnum):
    """What events may be that mean no more than activity, but tell of the log.

    Only `ctrlog check` looks at them.
    """

    IMPRESSION = "Impression"  # a result that was on the screen
    TYPING = "Typing"  # a search as the client logs it, often at each keystroke


class Uses(NamedTuple):
    """The fields that an event of a kind uses, beside `user` and `time`."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Both together."""
        return self.required + self.optional


#: What an event may be, and what it uses then.
USES: dict[str, Uses] = {
    Kind.APP_OPEN: Uses(),
    Kind.SEARCH: Uses(("query",), ("items", "search_id")),
    Kind.RESULTS: Uses(("items",), ("search_id",)),
    Kind.CLICK_RESULT: Uses(("item",), ("rank", "search_id")),
    Kind.APP_CLOSE: Uses(),
    Kind.TIMEOUT: Uses(),
    Watched.IMPRESSION: Uses((), ("item", "rank", "search_id")),
    Watched.TYPING: Uses((), ("query", "search_id")),
}

_WATCHED = frozenset(Watched)

#: Fields of every event.
COMMON = ("user", "time")

#: Places to look for a field, in this order.
Candidates = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """How to tell an event of a kind, and where its fields are.

    Attributes:
        kind: What it is: one of `USES`.
        when: Places, with the texts of which each must have one. A number or a truth
            value is compared as JSON writes it.
        has: Places that must have a value other than null.
        lacks: Places that must not.
        places: Where to look for each field that the event uses.
        rank_from: The rank that the log gives the first result.
    """

    kind: str
    when: tuple[tuple[Place, frozenset[str]], ...] = ()
    has: tuple[Place, ...] = ()
    lacks: tuple[Place, ...] = ()
    places: Mapping[str, Candidates] = field(default_factory=dict)
    rank_from: int = 1

    def may_have(self, name: str) -> bool:
        """Tell whether a field is looked for; results in a search only where a schema says so."""
        if name in COMMON or name in self.places:
            return True
        return name in USES[self.kind].all and (self.kind, name) != (Kind.SEARCH, "items")


@dataclass(frozen=True, slots=True)
class ForeignSchema:
    """What a foreign log calls things.

    Attributes:
        name: What to call it in messages.
        rules: How to tell events, the first that fits first.
        places: Where to look for the fields of an event that no rule fits.
        description: What it is for, in a line.
        attribute: How results and clicks find their search, unless told otherwise.
        is_bulk: Whether instructions of OpenSearch's `_bulk` stand between the lines.
        quotes_numbers: Whether times and ranks may be numbers in quotes.
        extra: Places of further fields, which events carry in `extra` in this order.
    """

    name: str
    rules: tuple[Rule, ...]
    places: Mapping[str, Candidates]
    description: str = ""
    attribute: Attribution = Attribution.ORDER
    is_bulk: bool = False
    quotes_numbers: bool = False
    extra: tuple[Place, ...] = ()

    @property
    def type_place(self) -> Place | None:
        """Where the log names its events: the place that most rules ask for a text."""
        asked = [place for rule in self.rules for place, _ in rule.when]
        return max(asked, key=asked.count, default=None)

    def carrying(self, fields: Iterable[str]) -> ForeignSchema:
        """Return this schema with further fields that events are to carry.

        Args:
            fields: Their places, as `parse_place` reads them.

        Raises:
            UsageError: If one is not well formed.
        """
        return replace(self, extra=tuple(parse_place(each) for each in fields))

    def without_watched(self) -> ForeignSchema:
        """Return this schema with the rules only that mean something to the machine."""
        rules = tuple(rule for rule in self.rules if rule.kind not in _WATCHED)
        return replace(self, rules=rules)

    def without_ids(self) -> ForeignSchema:
        """Return this schema that passes over the ids of searches."""
        rules = tuple(
            replace(rule, places={**rule.places, "search_id": ()})
            if "search_id" in rule.places
            else rule
            for rule in self.rules
        )
        return replace(self, rules=rules)

    def with_fields(self, renamed: Iterable[tuple[str, str]]) -> ForeignSchema:
        """Return this schema with some fields in another place.

        Args:
            renamed: Pairs of a field and its place. For `type` it is where the log names
                its events.

        Raises:
            UsageError: If there is no such field, or a place is not well formed.
        """
        schema = self
        for name, text in renamed:
            if name not in FIELD_TYPES:
                known = ", ".join(FIELD_TYPES)
                raise UsageError(f"there is no field {name!r}; the fields are {known}")
            place = parse_place(text)
            schema = schema._with_type(place) if name == "type" else schema._with(name, place)
        return schema

    def _with(self, name: str, place: Place) -> ForeignSchema:
        rules = tuple(
            replace(rule, places={**rule.places, name: (place,)}) if rule.may_have(name) else rule
            for rule in self.rules
        )
        places = {**self.places, name: (place,)} if name in COMMON else self.places
        return replace(self, rules=rules, places=places)

    def _with_type(self, place: Place) -> ForeignSchema:
        before = self.type_place

        def moved(each: Place) -> Place:
            return place if each == before else each

        rules = tuple(
            replace(
                rule,
                when=tuple((moved(each), texts) for each, texts in rule.when),
                has=tuple(map(moved, rule.has)),
                lacks=tuple(map(moved, rule.lacks)),
            )
            for rule in self.rules
        )
        return replace(self, rules=rules)


# Values as foreign logs have them.


def read_rank(rank: str | int, rank_from: int) -> int | None:
    """Return the 1-based rank of what a log calls one.

    Args:
        rank: What it says: a number, perhaps in quotes.
        rank_from: The rank that it gives the first result.

    Returns:
        The rank; None for text that is no number.
    """
    if isinstance(rank, str):
        if _WHOLE_NUMBER.fullmatch(rank) is None:
            return None
        rank = int(rank)
    return rank - rank_from + 1


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
#: The id of a result that has none: it has its place, but no click is on it.
NO_ID = ""


def fill_ids(ids: Sequence[T | None]) -> list[T | str] | None:
    """Return the ids of results with `NO_ID` for those that have none.

    Args:
        ids: The id of each result, None for one without.

    Returns:
        As many ids; None if there are results but none of them has an id.
    """
    if ids and all(each is None for each in ids):
        return None
    return [NO_ID if each is None else each for each in ids]


def as_text(value: str | int) -> str:
    """Write a value as it is compared: a number or a truth value as JSON has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def other_type(name: object) -> str:
    """Return the type of an event that no rule fits.

    Args:
        name: What the log calls it; None if it does not say.

    Returns:
        That text, with `other` before it if it would mean something to ctrlog.
    """
    if not isinstance(name, str):
        return Kind.OTHER.value
    return f"other {name}" if name in RESERVED else name


#: Types that mean something to ctrlog.
RESERVED = frozenset({*SPELLINGS, *USES})
