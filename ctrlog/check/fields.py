"""What fields a log has: where they are, how often, and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ctrlog.schemas.paths import EACH, Place, format_place

#: The first lines of a log are all looked at, and then one of so many.
FIRST_LINES = 10_000
ONE_IN = 100

_MOST_PLACES = 500
_MOST_EXAMPLES = 3
_MOST_LOOKED_INTO = 3  # elements of a list
_DEEPEST = 8
_LONGEST_EXAMPLE = 40

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class FieldNote:
    """What is known of a place.

    Attributes:
        lines: Lines looked at that have a value other than null there.
        examples: Some different values, as JSON.
    """

    lines: int = 0
    examples: list[str] = field(default_factory=list)

    def see(self, value: object) -> None:
        """Note a value."""
        if len(self.examples) >= _MOST_EXAMPLES:
            return
        text = _encode(value).decode()
        text = text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 1] + "…"
        if text not in self.examples:
            self.examples.append(text)


class FieldNotes:
    """The fields of a log, from a share of its lines that depends on their numbers only.

    Attributes:
        lines: How many lines were looked at.
        notes: What is known of each place, in the order in which they came.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.lines = 0
        self.notes: dict[str, FieldNote] = {}
        self._passed = 0

    def look(self, lines: Sequence[bytes], is_wanted: Callable[[bytes], bool]) -> None:
        """Look at some of the next lines.

        Args:
            lines: Lines, JSON objects or not.
            is_wanted: Tells whether to look at a line.
        """
        first = self._passed
        self._passed += len(lines)
        for number, line in enumerate(lines, first):
            if (number < FIRST_LINES or number % ONE_IN == 0) and is_wanted(line):
                self._look_at(line)

    def _look_at(self, line: bytes) -> None:
        try:
            found = _decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        if not isinstance(found, dict):
            return
        self.lines += 1
        seen = set()
        for place, value in _values(found, (), 0):
            name = format_place(place)
            note = self.notes.get(name)
            if note is None:
                if len(self.notes) >= _MOST_PLACES:
                    continue
                note = self.notes[name] = FieldNote()
            note.lines += name not in seen
            seen.add(name)
            note.see(value)


def _values(found: Any, place: Place, depth: int) -> Iterator[tuple[Place, object]]:
    """Yield the values that are no objects, lists of objects or null, with their places."""
    if isinstance(found, dict) and depth < _DEEPEST:
        for key, value in found.items():
            yield from _values(value, (*place, key), depth + 1)
    elif isinstance(found, list) and any(isinstance(each, dict) for each in found):
        for element in found[:_MOST_LOOKED_INTO]:
            yield from _values(element, (*place, EACH), depth + 1)
    elif found is not None:
        yield place, found
