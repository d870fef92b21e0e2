"""Places of fields in a line of JSON, such as `event.action` or `items[].id`.

A schema names the place of each field as text; `parse_place` reads it once, and `find` then follows
its steps in each line. Looking up a place takes one step per key, and one per element for `[]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ctrlog.errors import UsageError


@dataclass(frozen=True, slots=True)
class Pick:
    """A step into a list.

    Attributes:
        index: Index of the element, from 0. If None, `key` selects it.
        key: Key by which the element is selected. If None too, all elements are meant.
        value: Text that the selected element has under that key.
    """

    index: int | None = None
    key: str | None = None
    value: str | None = None

    @property
    def is_each(self) -> bool:
        """Whether the step leads to all elements."""
        return self.index is None and self.key is None

    def of(self, elements: Sequence[Any]) -> Any:
        """Return the selected element, or None if it is missing. Not for a step to all elements."""
        if self.index is not None:
            return elements[self.index] if self.index < len(elements) else None
        for element in elements:
            if isinstance(element, dict) and element.get(self.key) == self.value:
                return element
        return None


#: The step to each element of a list.
EACH = Pick()

#: The path to a field from the outermost object of a line: keys, and steps into lists.
Place: TypeAlias = tuple[str | Pick, ...]

_KEY = r"(?:\\[.\[\]]|[^.\[\]])+"
_PICK = r"\[(?:[0-9]+|[^\[\]=]+=[^\[\]]*)?\]"
_PLACE = re.compile(rf"{_KEY}(?:{_PICK})*(?:\.{_KEY}(?:{_PICK})*)*")
_STEP = re.compile(rf"(?P<pick>{_PICK})|(?P<key>{_KEY})")
_ESCAPED = re.compile(r"\\([.\[\]])")


def parse_place(text: str) -> Place:
    r"""Parse a place as written in a schema.

    >>> parse_place("items[].id")
    ('items', Pick(index=None, key=None, value=None), 'id')

    Args:
        text: Keys joined by dots, from the outside in: `event.action`. After the key of a
            list, `[]` means each of its elements, `[0]` the first one, and
            `[key=search_term]` the first one that has this text under this key. `\.`, `\[`
            and `\]` stand for characters of a key.

    Raises:
        UsageError: If the text does not have this form.
    """
    if _PLACE.fullmatch(text) is None:
        raise UsageError(
            f"{text!r} is not the place of a field: write key, outer.inner or list[].key"
        )
    steps: list[str | Pick] = []
    for step in _STEP.finditer(text):
        if step["pick"] is None:
            steps.append(_ESCAPED.sub(r"\1", step["key"]))
        else:
            steps.append(_parse_pick(step["pick"][1:-1]))
    return tuple(steps)


def _parse_pick(inside: str) -> Pick:
    if not inside:
        return EACH
    if inside.isdecimal():
        return Pick(index=int(inside))
    key, _, value = inside.partition("=")
    return Pick(key=key, value=value)


def format_place(place: Place) -> str:
    """Return a place as text, which `parse_place` reads."""
    text = ""
    for step in place:
        if isinstance(step, str):
            text += "." + re.sub(r"[.\[\]]", r"\\\g<0>", step)
        elif step.key is not None:
            text += f"[{step.key}={step.value}]"
        else:
            text += "[]" if step.index is None else f"[{step.index}]"
    return text.removeprefix(".")


def find(found: Any, place: Place) -> Any:
    """Return the value at a place in decoded JSON.

    >>> find({"items": [{"id": "a"}, {}]}, parse_place("items[].id"))
    ['a', None]

    Args:
        found: The decoded JSON.
        place: The place.

    Returns:
        The value; None if it is null, or if something on the way is missing or of another
        type. For a place with `[]`, a list with the value of each element.
    """
    for number, step in enumerate(place):
        if isinstance(step, str):
            if not isinstance(found, Mapping):
                return None
            found = found.get(step)
        elif not isinstance(found, list):
            return None
        elif step.is_each:
            rest = place[number + 1 :]
            return [find(element, rest) for element in found]
        else:
            found = step.of(found)
    return found


def has_each(place: Place) -> bool:
    """Return whether a place leads to each element of a list."""
    return any(isinstance(step, Pick) and step.is_each for step in place)
