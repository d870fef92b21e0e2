"""Places of fields: their text form, and the values found there."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.errors import UsageError
from ctrlog.schemas.paths import Pick, Place, find, format_place, has_each, parse_place

EACH, FIRST, TERM = Pick(), Pick(index=0), Pick(key="key", value="search_term")
WRITTEN: list[tuple[str, Place]] = [
    ("user", ("user",)),
    ("@timestamp", ("@timestamp",)),
    ("event.action", ("event", "action")),
    (r"a\.b.c", ("a.b", "c")),
    (r"a\[0\]", ("a[0]",)),
    ("items[].id", ("items", EACH, "id")),
    ("items[0]", ("items", FIRST)),
    ("pages[0][]", ("pages", FIRST, EACH)),
    ("params[key=search_term].value.text", ("params", TERM, "value", "text")),
    ("params[key=]", ("params", Pick(key="key", value=""))),
    ("params[key=a.b=c]", ("params", Pick(key="key", value="a.b=c"))),
    ("café \u2028 x", ("café \u2028 x",)),
]


@pytest.mark.parametrize(("text", "place"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_a_place_is_keys_and_steps_into_lists(text: str, place: Place) -> None:
    """Keys run from the outside in; brackets select elements of a list."""
    assert parse_place(text) == place
    assert format_place(place) == text


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a]", "a[-1]", "a[x]", "a.[0]", "a[0]b"]
)
def test_a_malformed_place_is_refused(text: str) -> None:
    """A malformed place is refused with the valid forms."""
    with pytest.raises(UsageError, match=r"is not the place of a field: write key, outer"):
        parse_place(text)


KEYS = st.text("ab.[]\\ é", min_size=1, max_size=3).filter(lambda key: "\\" not in key)
PICKS = st.sampled_from([EACH, FIRST, Pick(index=12), TERM, Pick(key="k", value="v.w")])


STEPS: st.SearchStrategy[list[str | Pick]] = st.tuples(KEYS, st.lists(PICKS, max_size=2)).map(
    lambda drawn: [drawn[0], *drawn[1]]
)


@given(st.lists(STEPS, min_size=1, max_size=3))
def test_a_place_that_is_written_is_read_again(steps: list[list[str | Pick]]) -> None:
    """Formatting and parsing a place gives the same place."""
    place = tuple(chain.from_iterable(steps))
    assert parse_place(format_place(place)) == place


LINE: dict[str, Any] = {
    "user": "ann",
    "event": {"action": "search", "": 1},
    "items": [{"id": "a"}, {"id": None}, {}, 5, {"id": 7}],
    "params": [{"key": "page", "value": 1}, 5, {"key": "search_term", "value": {"text": "dogs"}}],
    "pages": [[{"id": 1}, {"id": 2}], []],
    "none": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user", "ann"),
        ("event.action", "search"),
        ("items[].id", ["a", None, None, None, 7]),
        ("items[0].id", "a"),
        ("items[4].id", 7),
        ("items[5].id", None),
        ("items[3].id", None),
        ("params[key=search_term].value.text", "dogs"),
        ("params[key=nothing].value.text", None),
        ("params[key=page].value.text", None),
        ("pages[0][].id", [1, 2]),
        ("pages[1][].id", []),
        ("pages[1][0].id", None),
        ("nothing", None),
        ("none.deeper", None),
        ("user.deeper", None),
        ("user[0]", None),
        ("user[]", None),
        ("event[0]", None),
        ("items.id", None),
    ],
)
def test_the_value_at_a_place(text: str, value: object) -> None:
    """The value at a place is None if a step is missing or of another type."""
    assert find(LINE, parse_place(text)) == value


def test_a_place_may_mean_each_element() -> None:
    """Only empty brackets lead to each element."""
    assert [has_each(place) for _, place in WRITTEN].count(True) == 2
