"""What fields a log has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ctrlog.check import fields
from ctrlog.check.fields import FieldNotes


def noted(*blocks: Sequence[Any]) -> FieldNotes:
    """Look at blocks of lines, given as what their JSON means or as text."""
    notes = FieldNotes()
    for block in blocks:
        texts = [each if isinstance(each, str) else json.dumps(each) for each in block]
        notes.look([text.encode() for text in texts], lambda _: True)
    return notes


def test_each_place_has_a_share_and_examples() -> None:
    """Objects are looked into, and lists of objects; null is not there."""
    notes = noted(
        [
            {"user": 1, "event": {"name": "search", "none": None}, "ids": [1, 2], "a.b": {}},
            {"user": "ann", "shown": [{"id": "x"}, {"id": "y"}, 5]},
            *["[]", "x", {"user": 1}],
        ]
    )
    assert notes.lines == 3
    assert {place: (note.lines, note.examples) for place, note in notes.notes.items()} == {
        "user": (3, ["1", '"ann"']),
        "event.name": (1, ['"search"']),
        "ids": (1, ["[1,2]"]),
        "shown[].id": (1, ['"x"', '"y"']),
        "shown[]": (1, ["5"]),
    }


def test_examples_are_few_and_short() -> None:
    """Three different values are enough, each on less than a line."""
    notes = noted([{"q": "a" * 100}, *({"q": number % 5} for number in range(20))])
    assert notes.notes["q"].examples == ['"' + "a" * 38 + "…", "0", "1"]


def test_what_is_nested_without_end_or_has_a_thousand_keys_is_survived() -> None:
    """Neither takes long, nor more memory than there is."""
    deep: Any = 1
    for _ in range(50):
        deep = {"k": deep}
    notes = noted([deep, {f"key {number}": 1 for number in range(2_000)}, "[" * 100_000])
    assert 2 <= len(notes.notes) <= 500
    assert max(map(len, notes.notes)) < 40


def test_which_lines_are_looked_at_depends_on_their_numbers_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first, and then one of so many, however the log is cut."""
    monkeypatch.setattr(fields, "FIRST_LINES", 7)
    monkeypatch.setattr(fields, "ONE_IN", 5)
    log = [{f"n{number}": 1} for number in range(31)]
    expected = [f"n{number}" for number in [*range(7), 10, 15, 20, 25, 30]]
    assert [*noted(log).notes] == expected
    assert [*noted(log[:3], log[3:12], [], log[12:]).notes] == expected


def test_only_wanted_lines_are_looked_at() -> None:
    """And others do not count."""
    notes = FieldNotes()
    notes.look([b'{"a":1}', b'{"b":1}'], lambda line: b"b" in line)
    assert (notes.lines, [*notes.notes]) == (1, ["b"])
