"""The place where a text stops being JSON."""

from __future__ import annotations

import json
from typing import NoReturn

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ctrlog.schemas.json_faults import find_json_fault

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
TEXTS = st.builds(
    lambda value, ascii_: json.dumps(value, ensure_ascii=ascii_), VALUES, st.booleans()
)
TOKENS = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"', '"a"', "1", "-", "0", ".", "e", "+", "true", "tru", "null",
     "\\", "\\u12", "\\n", " ", "\t", "\x00", "NaN", "\ufeff", "é"]
)  # fmt: skip


@st.composite
def nearly_json(draw: st.DrawFn) -> str:
    """Draw JSON with something put in, left out or cut off, or tokens in any order."""
    text = draw(TEXTS | st.lists(TOKENS, max_size=12).map("".join))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 2)))
    return text[:start] + draw(TOKENS | st.just("")) + text[end:]


def is_json(text: str) -> bool:
    """Ask the standard library, which also takes NaN and Infinity."""

    def refuse(_constant: str) -> NoReturn:
        raise ValueError

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def is_text(value: object) -> bool:
    """Return whether all strings of a value can be written."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(nearly_json())
@example('"\\ud800udc00"')
@example("")
@example("-")
@example('"\\u12')
@example("[1e")
@example("01")
def test_a_text_without_a_fault_is_json_and_no_other(text: str) -> None:
    """The standard library and the decoder of lines accept the same texts."""
    is_good = find_json_fault(text) is None
    assert is_good == is_json(text)
    if is_good and not is_text(json.loads(text)):
        return  # half a surrogate pair, which is JSON but no text: the reader looks for that itself
    try:
        msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        is_decoded = False
    else:
        is_decoded = True
    assert is_good == is_decoded


@given(TEXTS, st.data())
def test_a_text_that_is_cut_is_cut_off(text: str, data: st.DataObject) -> None:
    """Any beginning of JSON that is not JSON lacks nothing but its end."""
    beginning = text[: data.draw(st.integers(0, len(text)))]
    fault = find_json_fault(beginning)
    assert fault is None or fault.is_cut_off


@given(nearly_json())
def test_what_comes_before_a_fault_could_go_on(text: str) -> None:
    """Up to the place of the fault the text is the beginning of JSON, or JSON."""
    fault = find_json_fault(text)
    if fault is not None:
        before = find_json_fault(text[: fault.position])
        assert before is None or before.is_cut_off


@pytest.mark.parametrize(
    ("text", "character", "message"),
    [
        ("[1,]", 4, "a value is expected"),
        ("{1: 2}", 2, "a name in quotes is expected"),
        ('{"a" 2}', 6, "a colon is expected"),
        ('{"a": 1 "b": 2}', 9, "a comma or } is expected"),
        ("[1 2]", 4, "a comma or ] is expected"),
        ("{} {}", 4, "something follows the JSON value"),
        ('"a\tb"', 3, "a control character in a string must be escaped"),
        ('["\\x"]', 3, "there is no such escape"),
        ("[01]", 3, "a comma or ] is expected"),
        ("[nil]", 2, "a value is expected"),
        ("NaN", 1, "a value is expected"),
        ("\ufeff{}", 1, "a value is expected"),
    ],
)
def test_the_place_and_what_is_expected_there(text: str, character: int, message: str) -> None:
    """The words are ours, so they are the same with every decoder."""
    fault = find_json_fault(text)
    assert fault is not None
    assert (fault.position + 1, fault.message, fault.is_cut_off) == (character, message, False)


def test_depth_costs_no_recursion() -> None:
    """A million open brackets are cut off like one."""
    fault = find_json_fault("[" * 1_000_000)
    assert fault is not None
    assert fault.is_cut_off
