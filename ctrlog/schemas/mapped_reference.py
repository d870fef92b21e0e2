"""Reading a line of a foreign log slowly: what it is, or what is wrong with it.

This says what a foreign schema means, a step at a time; `recognition` does the same for a
block of lines that are as they mostly are.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Raw

from ctrlog.schemas.bulk import is_instruction
from ctrlog.schemas.mapping import (
    USES,
    Candidates,
    ForeignSchema,
    Rule,
    Uses,
    as_text,
    fill_ids,
    other_type,
    read_rank,
)
from ctrlog.schemas.paths import find, format_place, has_each
from ctrlog.schemas.reference import (
    TYPES,
    Fault,
    Reason,
    is_of_type,
    missing,
    parse_object,
    read_time,
)
from ctrlog.sessions.events import Kind, TrustedEvent, pack_items


def read_slowly(line: bytes, schema: ForeignSchema) -> TrustedEvent | None:
    """Read a line that the decoder refused.

    Just the fields that an event of its kind uses are looked at.

    Args:
        line: The line; not blank.
        schema: How to tell what it is, and where its fields are.

    Returns:
        The event, if the line is right after all; None for an instruction of `_bulk`,
        where the schema expects them.

    Raises:
        Fault: What is wrong with it.
    """
    found = parse_object(line)
    rule = next((rule for rule in schema.rules if _fits(rule, found)), None)
    uses = USES[rule.kind] if rule else Uses()
    places = rule.places if rule else schema.places
    kind = rule.kind if rule else Kind.OTHER
    names = ("user", *uses.required, "time", *uses.optional)
    values = {name: _first(found, places.get(name, ())) for name in names}
    if values["user"] is None and schema.is_bulk and is_instruction(line):
        return None
    for name in ("user", *uses.required):
        if values[name] is None:
            raise Fault(Reason.FIELD_MISSING, missing(name, _named(places[name]), kind))
    for name, value in values.items():
        if value is not None and not _is_of_type(name, value, schema):
            raise Fault(Reason.WRONG_TYPE, f"{_named(places[name])} must be {TYPES[name]}")
    event = TrustedEvent(rule.kind if rule else _other_type_of(found, schema), values["user"])
    event.time = read_time(values["time"], quoted=schema.quotes_numbers)
    event.query = _text(values.get("query"))
    event.search_id = _text(values.get("search_id")) or None
    event.item = values.get("item")
    if rule is not None and values.get("rank") is not None:
        event.rank = read_rank(values["rank"], rule.rank_from)
    if values.get("items") is not None:
        event.items = pack_items(Raw(json.dumps(values["items"]).encode()))
    event.extra = tuple(find(found, place) for place in schema.extra)
    return event


def _fits(rule: Rule, found: dict[str, Any]) -> bool:
    return (
        all(_text(find(found, place)) in texts for place, texts in rule.when)
        and all(find(found, place) is not None for place in rule.has)
        and all(find(found, place) is None for place in rule.lacks)
    )


def _first(found: dict[str, Any], places: Candidates) -> Any:
    """The first value that is neither null nor empty text, else the last."""
    value = None
    for place in places:
        value = find(found, place)
        if isinstance(value, list) and has_each(place):
            value = fill_ids(value)
        if value is not None and value != "":
            break
    return value


def _is_of_type(name: str, value: object, schema: ForeignSchema) -> bool:
    may_be_both = name == "query" or (name == "rank" and schema.quotes_numbers)
    return is_of_type("item" if may_be_both else name, value)


def _other_type_of(found: dict[str, Any], schema: ForeignSchema) -> str:
    place = schema.type_place
    return other_type(None if place is None else _text(find(found, place)))


def _text(value: object) -> str | None:
    """A value as it is compared; None for what is no text, whole number or truth value."""
    return as_text(value) if isinstance(value, str | int) else None


def _named(places: Candidates) -> str:
    return " or ".join(f'"{format_place(place)}"' for place in places)
