"""Action lines of `_bulk` are distinguished from documents."""

from __future__ import annotations

import json

import pytest
from foreignlogs import INSTRUCTIONS, NO_INSTRUCTIONS

from ctrlog.schemas.bulk import is_instruction


@pytest.mark.parametrize("line", INSTRUCTIONS)
def test_an_instruction_has_one_key_with_an_object(line: str) -> None:
    """The content of the object and the spacing do not matter."""
    assert is_instruction(line.encode())
    assert is_instruction(f" {line}\r".encode())


@pytest.mark.parametrize(
    "line",
    [
        *NO_INSTRUCTIONS,
        "{}",
        "[]",
        "",
        "{",
        '"index"',
        '{"index":[]}',
        '{"index":{},"user":1}',
        '{"a":{"index":{}}}',
        '{"index":' + "[" * 100_000,
        json.dumps({"type": "index", "user": 1}),
    ],
    ids=lambda line: line[:20],
)
def test_a_document_is_not_an_instruction(line: str) -> None:
    """A document may have such a key among others, or another value under it."""
    assert not is_instruction(line.encode())
