"""Foreign logs, read fast: the same as read slowly, each line for itself."""

from __future__ import annotations

from contextlib import suppress

import foreignlogs
import pytest
import strategies
from foreignlogs import said
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.schemas import mapped_reference
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.loader import PRESETS, load_schema, parse_schema
from ctrlog.schemas.mapping import ForeignSchema
from ctrlog.schemas.reference import BadLine, Fault
from ctrlog.sessions.events import TrustedEvent

MAX = 2**20
#: A schema with all that a schema can have.
STRANGE = parse_schema(
    r"""
    attribute = "id"
    bulk = true
    quoted_numbers = true
    user = ["who.id", "who\\.id", "anonymous"]
    time = ["at.utc", "at.local"]
    search_id = "search"

    [[Search]]
    when = { "event.name" = ["search", "voice"], "event.version" = [2, true] }
    query = "text"
    items = ["pages[0].ids", "pages[0].shown[].id", "ids"]
    user = "searcher"

    [[Search]]
    has = "suggestion.text"
    lacks = ["event.name", "event.off"]
    query = "suggestion.text"
    time = "suggestion.time"

    [[Results]]
    when.event.name = "shown"
    items = "shown[].id"

    [[ClickResult]]
    when.event.name = "click"
    has = "target"
    item = ["target", "targets[kind=item].id", "targets[1]"]
    rank = "ranks[0]"
    rank_from = 0

    [[AppClose]]
    when.event.off = true

    [[Impression]]
    when.event.name = ["seen", "click"]
    item = "ids[0]"

    [[Typing]]
    has = "typed"
    query = "typed"
    search_id = "typing"
    """,
    "strange",
)
CARRYING = STRANGE.carrying(["text", "who.id", "event.name", "pages[0].ids", "shown[].id"])
SCHEMAS = [*map(load_schema, PRESETS), STRANGE, CARRYING, load_schema("ubi").without_watched()]

Outcome = tuple[list[dict[str, object]], list[BadLine]]


def decoded(decoder: Decoder, block: bytes) -> Outcome:
    """Return what a block of lines says."""
    events, bad, lines = decoder.decode(block)
    assert lines == (block.count(b"\n") if block else 0)
    return [*map(said, events)], bad


def slowly(schema: ForeignSchema, lines: list[bytes]) -> Outcome:
    """Return what lines say if all are read slowly."""
    events: list[TrustedEvent] = []
    bad: list[BadLine] = []
    for number, line in enumerate(lines, 1):
        if not line.strip(b" \t\r"):
            continue
        try:
            event = mapped_reference.read_slowly(line, schema)
        except Fault as fault:
            bad.append(BadLine(number, len(events), fault.reason, fault.detail, line))
            continue
        events += [] if event is None else [event]
    return [*map(said, events)], bad


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
@given(data=st.data())
def test_fast_is_the_same_as_slow(schema: ForeignSchema, data: st.DataObject) -> None:
    """Whatever stands in a line, the fast way makes of it what the slow one makes."""
    lines = data.draw(foreignlogs.lines(schema))
    block = b"".join(line + b"\n" for line in lines)
    assert decoded(Decoder(schema, MAX), block) == slowly(schema, lines)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
@given(data=st.data())
def test_fast_is_the_same_as_slow_on_any_bytes(schema: ForeignSchema, data: st.DataObject) -> None:
    """It is so where bytes of a line were changed, too."""
    lines = [data.draw(strategies.mutated(each)) for each in data.draw(foreignlogs.lines(schema))]
    block = b"".join(line + b"\n" for line in lines)
    assert decoded(Decoder(schema, MAX), block) == slowly(schema, lines)


@given(foreignlogs.lines(CARRYING))
def test_further_fields_are_the_same_fast_and_slow(lines: list[bytes]) -> None:
    """What events carry in `extra` is what stands there, also where the loop has changed it."""
    fast = Decoder(CARRYING, MAX).decode(b"".join(line + b"\n" for line in lines)).events
    slow: list[TrustedEvent | None] = []
    for line in lines:
        with suppress(Fault):
            slow.append(mapped_reference.read_slowly(line, CARRYING))
    assert [event.extra for event in fast] == [event.extra for event in slow if event is not None]
