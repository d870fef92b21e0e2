"""Strategies for lines of foreign logs, and what the events made of them say."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from strategies import one_in

from ctrlog.schemas.mapping import USES, Candidates, ForeignSchema
from ctrlog.schemas.paths import Pick, Place
from ctrlog.sessions.events import TrustedEvent, unpack_items

#: Values that logs have in any place, usual or not.
ODD: list[Any] = [
    *[None, None, "", "a", "1", "other", "-5", "true", "(not set)", "Search", "click", "Typing"],
    *[0, 1, -1, 5, 10**30, 1.5, 1.0, True, False, [], {}, [None], ["a", 1], {"a": 1}, [{"id": 1}]],
]
#: Values that are right for a field.
RIGHT: dict[str, list[Any]] = {
    "user": ["ann", "bob", 7, "7"],
    "time": [
        *["2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5+0000", "2024-01-01T01:00:00.25+01:00"],
        *[1704067200, 1704067200123, 1704067200.5, "2024-01-01 00:00:00"],
        *["2024-01-01T00:00:00.1234567Z", None],
    ],
    "query": ["dogs", "", "501", "猫"],
    "items": [["a", "b", 3], [], None],
    "item": ["a", 3, "3"],
    "rank": [0, 1, 2, None],
    "search_id": ["q1", 1, "1", None],
    "": ["something", None],
}
#: Values that are nearly right, or right in some schemas only.
UNUSUAL: dict[str, list[Any]] = {
    "user": ["", None],
    "time": ["1704067200123456", "1704067200", "soon", 10**20, "9" * 30, "-1"],
    "query": [501, None],
    "items": [["a", None], [1.5], None],
    "item": ["", None],
    "rank": ["3", "-1", "(not set)", "1" * 40, 2.0],
    "search_id": [""],
    "": ["Search", "click"],
}
INSTRUCTIONS = [
    *['{"index":{}}', '{"index":{"_index":"ubi_queries","_id":"1"}}', '{"create": {"_id": "2"} }'],
    *['{"update":{"_id":"1"}}', '{"delete":{"_id":"é"}}'],
]
NO_INSTRUCTIONS = ['{"index":5}', '{"index":null}', '{"index":{},"create":{}}', '{"other":{}}']
BAD = ["", "  ", "[]", "x", '{"a":', '{"a":"\\ud800"}', "null"]


def put(line: dict[str, Any], place: Place, value: Any) -> None:
    """Put a value into a line, where nothing else is in the way."""
    here: Any = line
    value = deepcopy(value)
    for step, following in zip(place, [*place[1:], None], strict=True):
        filler: Any = [] if isinstance(following, Pick) else {}
        if isinstance(step, str):
            if not isinstance(here, dict):
                return
            if following is None:
                here[step] = value
            here = here.setdefault(step, filler)
            continue
        if not isinstance(here, list):
            return
        number = step.index or 0
        if step.key is not None:
            here.append({step.key: step.value})
            number = len(here) - 1
        while len(here) <= number:
            here.append(filler)
        if following is None:
            here[number] = value
        here = here[number]


def fields_of(schema: ForeignSchema) -> list[tuple[str, Candidates]]:
    """Return all places of a schema, with the field that is there; "" for signs of an event."""
    found: dict[str, dict[Place, None]] = {}
    for places in (schema.places, *(rule.places for rule in schema.rules)):
        for name, candidates in places.items():
            found.setdefault(name, {}).update(dict.fromkeys(candidates))
    signs = found.setdefault("", {})
    for rule in schema.rules:
        signs.update(dict.fromkeys([*(place for place, _ in rule.when), *rule.has, *rule.lacks]))
    signs.update(dict.fromkeys(schema.extra))
    return [(name, tuple(places)) for name, places in found.items()]


@st.composite
def documents(draw: st.DrawFn, schema: ForeignSchema) -> str:
    """Draw a line that has something in the places where a schema looks."""
    line: dict[str, Any] = {}
    is_odd = draw(one_in(3))
    for name, places in fields_of(schema):
        for place in places:
            unusual = [*UNUSUAL[name], *ODD] if is_odd and draw(one_in(4)) else RIGHT[name]
            if not draw(one_in(6)):
                put(line, place, draw(st.sampled_from(unusual)))
    rule = draw(st.sampled_from([*schema.rules, None]))
    if rule is not None:
        for place, texts in rule.when:
            put(line, place, draw(st.sampled_from(sorted(texts))))
        for place in rule.lacks:
            put(line, place, None)
    if is_odd and draw(one_in(4)):
        line[draw(st.sampled_from([*line, "more"]))] = deepcopy(draw(st.sampled_from(ODD)))
    return json.dumps(line, ensure_ascii=draw(st.booleans()))


def lines(schema: ForeignSchema) -> st.SearchStrategy[list[bytes]]:
    """Draw the lines of a log of a schema, some of them strange."""
    others = st.sampled_from([*INSTRUCTIONS, *NO_INSTRUCTIONS, *BAD])
    drawn = st.lists(documents(schema) | documents(schema) | others, max_size=6)
    return drawn.map(lambda texts: [text.encode() for text in texts])


def said(event: TrustedEvent) -> dict[str, Any]:
    """Return what an event says: nothing of fields that its kind does not use."""
    uses = USES[event.type].all if event.type in USES else ()
    values = {name: getattr(event, name) for name in uses if name != "items"}
    if event.type in {"Search", "Results"} and event.items is not None:
        assert isinstance(event.items, tuple)
        values["items"] = unpack_items(event.items)
        assert event.items[0] == len(values["items"])
    return {"type": event.type, "user": event.user, "time": event.time, **values}
