"""Places in a line: how they are written, and what stands there."""

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
        index: Which of its elements, from 0; None for one that is told by `key`, or all.
        key: The key that tells the element; None for all of them.
        value: What the element has under that key, as text.
    """

    index: int | None = None
    key: str | None = None
    value: str | None = None

    @property
    def is_each(self) -> bool:
        """Whether all elements are meant."""
        return self.index is None and self.key is None

    def of(self, elements: Sequence[Any]) -> Any:
        """Return the element that is meant, None if it is not there; not for all of them."""
        if self.index is not None:
            return elements[self.index] if self.index < len(elements) else None
        for element in elements:
            if isinstance(element, dict) and element.get(self.key) == self.value:
                return element
        return None


#: The step to each element of a list.
EACH = Pick()

#: Steps from the outermost object of a line inwards: keys, and steps into lists.
Place: TypeAlias = tuple[str | Pick, ...]

_KEY = r"(?:\\[.\[\]]|[^.\[\]])+"
_PICK = r"\[(?:[0-9]+|[^\[\]=]+=[^\[\]]*)?\]"
_PLACE = re.compile(rf"{_KEY}(?:{_PICK})*(?:\.{_KEY}(?:{_PICK})*)*")
_STEP = re.compile(rf"(?P<pick>{_PICK})|(?P<key>{_KEY})")
_ESCAPED = re.compile(r"\\([.\[\]])")


def parse_place(text: str) -> Place:
    r"""Read a place as it is written in a schema.

    Args:
        text: Keys joined by dots, from the outside in: `event.action`. After the key of a
            list, `[]` is each of its elements, `[0]` the first, and `[key=search_term]`
            the first that has this text under this key. `\.`, `\[` and `\]` are
            characters of a key.

    Raises:
        UsageError: If it is not of that form.
    """
    if _PLACE.fullmatch(text) is None:
        raise UsageError(f"{text!r} is no place of a field: write key, outer.inner or list[].key")
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
    """Write a place as `parse_place` reads it."""
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
    """Return what stands in a place of decoded JSON.

    Args:
        found: What the JSON decodes to.
        place: The place.

    Returns:
        The value there; None if it is null or anything on the way is not there or is of
        another type. For a place with `[]`, a list with the value of each element.
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
    """Tell whether a place means each element of a list."""
    return any(isinstance(step, Pick) and step.is_each for step in place)
