"""What is wrong with a line, told by reading it slowly."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.errors import CtrlogError
from ctrlog.schemas.native import Schema
from ctrlog.schemas.reference import Fault, Reason, read_slowly
from ctrlog.sessions.events import TrustedEvent, unpack_items

NATIVE = Schema()


def fault_of(line: bytes | str, schema: Schema = NATIVE) -> Fault:
    """Return what is wrong with a line."""
    with pytest.raises(Fault) as caught:
        read_slowly(line if isinstance(line, bytes) else line.encode(), schema)
    return caught.value


def read(**fields: Any) -> TrustedEvent:
    """Read a good line with these fields slowly."""
    return read_slowly(json.dumps(fields).encode(), NATIVE)


def test_reasons_are_those_of_the_rules() -> None:
    """Bad lines are counted under these names."""
    assert {str(reason) for reason in Reason} == {
        "not UTF-8", "cut off", "not JSON", "not an object", "field missing", "wrong type",
        "not a time", "line too long",
    }  # fmt: skip
    assert not issubclass(Fault, CtrlogError), "bad data is no error of ctrlog's"


@given(strategies.bad_lines())
def test_a_line_with_one_fault_has_its_reason(reason_and_line: tuple[str, bytes]) -> None:
    """The reason is the one that the line was made with, and a person is told more."""
    reason, line = reason_and_line
    fault = fault_of(line)
    assert fault.reason == reason
    assert fault.detail


@given(strategies.untimed_events().flatmap(strategies.lines), st.data())
def test_a_line_with_a_byte_changed_is_as_in_the_reference(
    line: bytes, data: st.DataObject
) -> None:
    """Whatever one byte does to a line, the reference finds the same reason or event."""
    place = data.draw(st.integers(0, len(line) - 1))
    changed = line[:place] + bytes([data.draw(st.integers(0, 255))]) + line[place + 1 :]
    if b"\n" in changed:
        return
    expected = [reason for _, reason in reference.read_log(changed).bad]
    try:
        read_slowly(changed, NATIVE)
        found = []
    except Fault as fault:
        found = [str(fault.reason)]
    assert found == expected


LINE = (
    r'{"type":"click","user":-12.5e+10,"a":[true,false,null,{"b":"\u00e9\n\\"}, 0.1,1E5],'
    '"item":"é\U0001f600","n":-0}'
)


#: Where the line is cut right after an escape such as \u00e9.
AFTER_AN_ESCAPE = LINE.index(r"\u00e9") + 6


@pytest.mark.parametrize("end", sorted({*range(1, len(LINE))} - {AFTER_AN_ESCAPE}))
def test_every_beginning_of_a_line_is_cut_off(end: int) -> None:
    """Wherever a line is cut between two characters, it is told from other bad JSON."""
    assert fault_of(LINE[:end]).reason is Reason.CUT_OFF


@pytest.mark.parametrize("line", [LINE[:AFTER_AN_ESCAPE], r'{"type":"x","user":"\ud83d\ude00'])
def test_a_line_that_ends_with_an_escape_is_cut_off(line: str) -> None:
    """A line cut right after an escape ends too early like any other."""
    assert fault_of(line).reason is Reason.CUT_OFF


def test_a_line_cut_inside_a_character_is_not_utf8() -> None:
    """A character that has lost some of its bytes is no text any more."""
    line = '{"type":"x","user":"é'.encode()
    fault = fault_of(line[:-1])
    assert fault.reason is Reason.NOT_UTF8
    assert fault.detail == "byte 21 is not UTF-8; convert the log with iconv"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("hello", "a value is expected at character 1"),
        ('{"user": NaN}', "a value is expected at character 10"),
        ('{"user": -Infinity}', "a value is expected at character 10"),
        ('{"a": 1} x', "something follows the JSON value at character 10"),
        ("[" * 100_000, "nested too deeply"),
        ('{"type":"x","user":1,"a":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
    ids=["text", "NaN", "Infinity", "extra", "cut and deep", "deep"],
)
def test_what_is_not_json_is_told_where(text: str, detail: str) -> None:
    """The detail says where the JSON goes wrong; nesting without end is survived."""
    fault = fault_of(text)
    assert (fault.reason, fault.detail) == (Reason.NOT_JSON, detail)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "true", "[{}]"])
def test_what_is_not_an_object_is_told_so(text: str) -> None:
    """Any other JSON value than an object is refused."""
    assert fault_of(text).reason is Reason.NOT_AN_OBJECT


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({}, 'no "type", and every event needs it; {} type=NAME'),
        ({"type": "x"}, 'no "user", and every event needs it; {} user=NAME'),
        ({"type": "search", "user": 1}, 'no "query", and a Search needs it; {} query=NAME'),
        (
            {"type": "click", "user": 1, "item": None},
            'no "item", and a ClickResult needs it; {} item=NAME',
        ),
    ],
)
def test_a_missing_field_is_named_with_a_way_out(fields: dict[str, Any], detail: str) -> None:
    """The detail says which field, why it is needed and how to name it differently."""
    fault = fault_of(json.dumps(fields))
    assert fault.reason is Reason.FIELD_MISSING
    assert fault.detail == detail.format("if the log calls it NAME, use --field")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"type": 5, "user": 1}, '"type" must be a string'),
        ({"type": "x", "user": 1.5}, '"user" must be a string or an integer'),
        ({"type": "x", "user": True}, '"user" must be a string or an integer'),
        ({"type": "x", "user": 1, "time": []}, '"time" must be a string or a number'),
        ({"type": "Search", "user": 1, "query": 5}, '"query" must be a string'),
        ({"type": "results", "user": 1, "items": "a"},
         '"items" must be a list of strings or integers'),
        ({"type": "results", "user": 1, "items": [1.5]},
         '"items" must be a list of strings or integers'),
        ({"type": "click", "user": 1, "item": {}}, '"item" must be a string or an integer'),
        ({"type": "click", "user": 1, "item": 1, "rank": "1"}, '"rank" must be an integer'),
        ({"type": "click", "user": 1, "item": 1, "rank": True}, '"rank" must be an integer'),
        ({"type": "Search", "user": 1, "query": "a", "search_id": 1.5},
         '"search_id" must be a string or an integer'),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_named_with_the_right_one(
    fields: dict[str, Any], detail: str
) -> None:
    """The detail says which field and what it must be."""
    fault = fault_of(json.dumps(fields))
    assert (fault.reason, fault.detail) == (Reason.WRONG_TYPE, detail)


@pytest.mark.parametrize("time", strategies.NOT_TIMES, ids=repr)
def test_what_is_no_time_is_shown(time: object) -> None:
    """The detail repeats the value, in its beginning if it is long."""
    fault = fault_of(json.dumps({"type": "x", "user": 1, "time": time}))
    shown = json.dumps(time)
    assert fault.reason is Reason.NOT_A_TIME
    assert fault.detail == f"{shown} is neither RFC 3339 nor a number since 1970"


def test_a_long_value_is_shown_in_its_beginning() -> None:
    """No message is longer than a line of a terminal or two."""
    fault = fault_of(json.dumps({"type": "x", "user": 1, "time": "9" * 1000}))
    assert fault.detail == f'"{"9" * 39}… is neither RFC 3339 nor a number since 1970'


def test_the_whole_place_of_a_field_is_named() -> None:
    """With other names and nested fields, the detail has the log's place."""
    schema = Schema.native([("user", "who.id"), ("time", "at.utc")])
    assert '"who.id"' in fault_of('{"type":"x","who":{}}', schema).detail
    assert '"who.id" must be' in fault_of('{"type":"x","who":{"id":1.5}}', schema).detail
    assert '"at.utc" must' in fault_of('{"type":"x","who":{"id":1},"at":{"utc":[]}}', schema).detail


def test_a_line_that_is_right_after_all_is_an_event() -> None:
    """A field that an event of its type does not use may hold anything."""
    event = read(type="Results", user=1, items=["é", 2, 10**30], query=5, item={}, rank="x")
    assert event.items is not None
    assert unpack_items(event.items) == ["é", "2", str(10**30)]
    assert (event.query, event.item, event.rank) == (None, None, None)
    assert read(type="scroll", user="a", items=5, query=[]).items is None


def test_numbers_of_a_thousand_digits_are_survived() -> None:
    """A number with more digits than Python converts is passed over, or of the wrong type."""
    digits = "1" * 5_000
    assert read_slowly(f'{{"type":"x","user":1,"a":{digits}}}'.encode(), NATIVE).user == 1
    for line in (
        f'{{"type":"x","user":{digits}}}',
        f'{{"type":"results","user":1,"items":[{digits}]}}',
        f'{{"type":"click","user":1,"item":1,"rank":{digits}}}',
    ):
        assert fault_of(line).reason is Reason.WRONG_TYPE
    assert fault_of(f'{{"type":"x","user":1,"time":{digits}}}').reason is Reason.NOT_A_TIME
    assert fault_of('{"type":"x","user":1,"time":1e999}').reason is Reason.NOT_A_TIME


def test_of_a_repeated_key_the_last_counts() -> None:
    """A field that stands twice in a line has its last value."""
    line = b'{"type":"x","user":1.5,"user":7,"time":true,"time":null}'
    assert read_slowly(line, NATIVE).user == 7


def test_a_good_surrogate_pair_is_a_character() -> None:
    """Only half a pair is refused; a backslash before a u is none."""
    assert read(type="x", user="\U0001f600").user == "\U0001f600"
    assert read_slowly(rb'{"type":"x","user":"\\ud800"}', NATIVE).user == r"\ud800"
    assert fault_of(rb'{"type":"x","user":1,"a":["\udc00"]}').reason is Reason.NOT_UTF8
