"""From blocks of lines to events and bad lines: each line for itself."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import FIELD_TYPES, Schema
from ctrlog.schemas.reference import BadLine, Fault, Reason, read_slowly
from ctrlog.sessions.events import SPELLINGS, Kind, TrustedEvent, unpack_items
from ctrlog.times import to_micros

MAX = 2**20
DECODER = Decoder(Schema(), MAX)
GOOD = b'{"type":"Search","user":1,"query":"dogs"}'

Outcome = list[Any]


#: The parts of what is said.
SAID = [*(name for name in FIELD_TYPES if name != "items"), "extra", "items"]


def said(event: TrustedEvent) -> Outcome:
    """Return all that an event says; items that its type does not use are nothing."""
    shown = [getattr(event, name) for name in SAID if name != "items"]
    items = event.items
    return [*shown, unpack_items(items) if isinstance(items, tuple) else None]


USED = {Kind.SEARCH: ["query"], Kind.RESULTS: ["items"], Kind.CLICK_RESULT: ["item", "rank"]}


def used(event: TrustedEvent) -> Outcome:
    """Return what an event says in the fields that one of its type uses."""
    kind = SPELLINGS.get(event.type, Kind.OTHER)
    names = [*USED[kind], "search_id"] if kind in USED else []
    fields = dict(zip(SAID, said(event), strict=True))
    return [fields[name] for name in ("type", "user", "time", "extra", *names)]


def outcomes(block: bytes, first: int = 1, decoder: Decoder = DECODER) -> list[Outcome | BadLine]:
    """Return events and bad lines of a block in the order of its lines."""
    events, bad, lines = decoder.decode(block, first)
    assert lines == len(block.removesuffix(b"\n").split(b"\n")) if block else lines == 0
    merged: list[Outcome | BadLine] = []
    taken = 0
    for each in bad:
        merged += map(said, events[taken : each.after])
        merged.append(each)
        taken = each.after
    return [*merged, *map(said, events[taken:])]


def good_lines() -> st.SearchStrategy[list[bytes]]:
    """Draw the lines of a log without its byte order mark."""
    return strategies.log_bytes().map(lambda log: log.removeprefix(b"\xef\xbb\xbf").split(b"\n"))


LINES = st.lists(
    strategies.untimed_events().flatmap(strategies.lines)
    | strategies.bad_lines().map(lambda reason_and_line: reason_and_line[1])
    | st.sampled_from([*strategies.BLANK_LINES, GOOD]),
    max_size=8,
)


def each_alone(lines: list[bytes], decoder: Decoder = DECODER) -> list[Outcome | BadLine]:
    """Return the outcomes of lines that are decoded one by one."""
    alone: list[Outcome | BadLine] = []
    for number, line in enumerate(lines, 1):
        for each in outcomes(line + b"\n", number, decoder):
            events = sum(not isinstance(before, BadLine) for before in alone)
            alone.append(each._replace(after=events) if isinstance(each, BadLine) else each)
    return alone


NATIVE = [
    Schema(),
    Schema().without_ids(),
    Schema.native([("user", "more.user"), ("time", "at")], ["device", "more.time", "lang"]),
]


@pytest.mark.parametrize("schema", NATIVE, ids=["native", "without ids", "nested"])
@given(data=st.data())
def test_fast_is_the_same_as_slow(schema: Schema, data: st.DataObject) -> None:
    """Whatever bytes a line has, a decoder makes of it what reading it slowly makes."""
    line = data.draw(strategies.untimed_events().flatmap(strategies.lines))
    line = data.draw(strategies.mutated(line))
    decoder = Decoder(schema, MAX)
    if not line.strip(b" \t\r"):
        assert outcomes(line + b"\n", 1, decoder) == []
        return
    fast = decoder.decode(line + b"\n")
    slow: tuple[list[Outcome], list[BadLine]]
    try:
        slow = [used(read_slowly(line, schema))], []
    except Fault as fault:
        slow = [], [BadLine(1, 0, fault.reason, fault.detail, line)]
    assert ([*map(used, fast.events)], fast.bad) == slow


@given(LINES)
def test_a_line_is_decoded_alike_alone_and_in_company(lines: list[bytes]) -> None:
    """The outcome for a line depends on that line alone: neighbours and blocks do not matter."""
    assert outcomes(b"".join(line + b"\n" for line in lines)) == each_alone(lines)


@given(good_lines(), st.integers(1, 80))
def test_also_when_some_lines_are_too_long(lines: list[bytes], most: int) -> None:
    """A line over the limit is bad and others are not, in any company."""
    decoder = Decoder(Schema(), most)
    whole = outcomes(b"".join(line + b"\n" for line in lines), 1, decoder)
    assert whole == each_alone(lines, decoder)
    too_long = {each.line for each in whole if isinstance(each, BadLine) and len(each.text) >= most}
    for number, line in enumerate(lines, 1):
        if len(line) > most and line.strip(b" \t\r"):
            assert number in too_long


@given(strategies.log_bytes())
def test_events_and_bad_lines_are_those_of_the_reference(log: bytes) -> None:
    """Events with their users, times and fields, and bad lines with their reasons and places."""
    log = log.removeprefix(b"\xef\xbb\xbf")
    decoded = DECODER.decode(log)
    expected = reference.read_log(log, has_ids=True)
    assert [(bad.line, str(bad.reason)) for bad in decoded.bad] == expected.bad
    assert [bad.text for bad in decoded.bad] == [log.split(b"\n")[n - 1] for n, _ in expected.bad]
    assert len(decoded.events) == len(expected.events)
    for mine, its in zip(decoded.events, expected.events, strict=True):
        assert str(mine.user) == its.user
        assert (None if mine.time is None else to_micros(mine.time)) == its.time
        if its.kind == "search":
            assert mine.query == its.fields["query"]
        if its.kind == "results":
            assert mine.items is not None
            assert unpack_items(mine.items) == [str(item) for item in its.fields["items"]]
        if its.kind == "click":
            assert (mine.item, mine.rank) == (its.fields["item"], its.fields.get("rank"))
        if its.kind in reference.NEEDED:
            assert mine.search_id == its.search_id


def test_a_bad_line_knows_its_place() -> None:
    """A bad line has its number in the file, and how many events of its block come before it."""
    block = b"\n".join([b"x", GOOD, b"", GOOD, b"[]", b"\r", b"y", GOOD])
    decoded = DECODER.decode(block, 10)
    assert [(bad.line, bad.after) for bad in decoded.bad] == [(10, 0), (14, 2), (16, 2)]
    assert (len(decoded.events), decoded.lines) == (3, 8)


@pytest.mark.parametrize("block", [b"", b"\n", b"\n\n", b" \t\r\n", b"\r\n\r"])
def test_blank_lines_are_no_lines_but_have_numbers(block: bytes) -> None:
    """Blank lines are neither good nor bad; they are counted as lines of the file."""
    decoded = DECODER.decode(block)
    assert (decoded.events, decoded.bad) == ([], [])
    assert decoded.lines == block.count(b"\n") + (block[-1:] not in (b"", b"\n"))


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b" \t"])
def test_any_line_end_will_do(end: bytes) -> None:
    """A complete object counts with any white space after it, or nothing."""
    decoded = DECODER.decode(GOOD + end)
    assert (len(decoded.events), decoded.bad, decoded.lines) == (1, [], 1)


@pytest.mark.parametrize(
    "inside", ["\u2028", "\u2029", "\x85", "\x0b\x0c".encode("unicode_escape").decode()]
)
def test_only_a_newline_ends_a_line(inside: str) -> None:
    """U+2028 and its like inside a string are part of it."""
    escaped = inside.replace("\\", "\\\\")
    line = f'{{"type":"Search","user":1,"query":"a{escaped}b"}}\n'.encode()
    decoded = DECODER.decode(line * 2)
    assert [event.query for event in decoded.events] == [f"a{inside}b"] * 2


def test_a_line_of_exactly_the_limit_is_read() -> None:
    """The limit is inclusive, and the newline does not count."""
    decoder = Decoder(Schema(), len(GOOD))
    decoded = decoder.decode(GOOD + b"\n" + GOOD + b" \n" + GOOD + b"\n")
    assert len(decoded.events) == 2
    assert decoded.bad == [
        BadLine(2, 1, Reason.TOO_LONG, "longer than 41 bytes; --max-line allows more", GOOD)
    ]


def test_of_a_line_that_is_too_long_the_beginning_is_kept() -> None:
    """Memory is bounded: not more than the limit of such a line is kept."""
    (bad,) = Decoder(Schema(), 10).decode(b"0123456789abc").bad
    assert bad.text == b"0123456789"


@pytest.mark.parametrize("depth", [10, 500, 100_000])
def test_deep_nesting_is_survived(depth: int) -> None:
    """A line nested without end is bad; its neighbours are not."""
    deep = b'{"type":"x","user":1,"a":' + b"[" * depth + b"]" * depth + b"}"
    decoded = DECODER.decode(b"\n".join([GOOD, deep, GOOD]))
    assert [bad.line for bad in decoded.bad] == ([2] if depth > 1000 else [])
    assert len(decoded.events) == 3 - len(decoded.bad)


def test_nul_bytes_are_survived() -> None:
    """NUL bytes, as a disk leaves them after a crash, are bad lines."""
    decoded = DECODER.decode(b"\n".join([GOOD, b"\0" * 1000, GOOD + b"\0", GOOD]))
    assert [bad.reason for bad in decoded.bad] == [Reason.NOT_JSON] * 2
    assert len(decoded.events) == 2


def test_bytes_that_are_not_utf8_are_found_where_nobody_looks() -> None:
    """A line must be UTF-8 in fields that are passed over as well."""
    line = b'{"type":"x","user":1,"more":{"a":"\xff"}}'
    assert [bad.reason for bad in DECODER.decode(GOOD + b"\n" + line).bad] == [Reason.NOT_UTF8]


def test_numbers_of_any_size_are_survived() -> None:
    """Integers beyond 64 bits are users, items and ranks like any other."""
    big = 10**30
    lines = [
        {"type": "Results", "user": big, "items": [big]},
        {"type": "click", "user": -big, "item": big, "rank": big},
    ]
    decoded = DECODER.decode(b"\n".join(json.dumps(line).encode() for line in lines))
    shown, click = decoded.events
    assert shown.items == (1, msgspec.Raw(f"[{big}]".encode()))
    assert (shown.user, click.user, click.item, click.rank) == (big, -big, big, big)
