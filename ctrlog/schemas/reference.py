"""What is wrong with a line that cannot be used.

The decoder only says yes or no, and no also to lines that are right but unusual. Here
a refused line is read once more with the standard library's parser, slowly and in the
order in which a person would look: is it text, is it JSON, is it an object, has it the
fields its type needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn

import msgspec

from ctrlog.schemas.extract import Path
from ctrlog.schemas.json_faults import find_json_fault
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import REQUIRED, SPELLINGS, Kind, TrustedEvent, pack_items
from ctrlog.times import from_text, to_utc


class Reason(StrEnum):
    """Why a line is bad."""

    NOT_UTF8 = "not UTF-8"
    CUT_OFF = "cut off"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not an object"
    FIELD_MISSING = "field missing"
    WRONG_TYPE = "wrong type"
    NOT_A_TIME = "not a time"
    TOO_LONG = "line too long"


class BadLine(NamedTuple):
    """A line that was left out.

    Attributes:
        line: Its number in its file, from 1.
        after: How many events of its block come before it.
        reason: What is wrong, to be counted by.
        detail: What is wrong, for a person.
        text: The line without its newline; only its beginning if it is too long.
    """

    line: int
    after: int
    reason: Reason
    detail: str
    text: bytes


class Fault(Exception):  # noqa: N818  # never leaves the decoder
    """What is wrong with a line."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def read_slowly(line: bytes, schema: Schema) -> TrustedEvent:
    """Read a line that the decoder refused.

    Args:
        line: The line; not blank.
        schema: Where its fields are.

    Returns:
        The event, if the line is right after all: the decoder also refuses an unusual
        value in a field that an event of this type does not use.

    Raises:
        Fault: What is wrong with it.
    """
    return _event_of(parse_object(line), schema)


def parse_object(line: bytes) -> dict[str, Any]:
    """Decode the JSON object on a line, with the standard library.

    Raises:
        Fault: If it is none.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Fault(
            Reason.NOT_UTF8, f"byte {error.start + 1} is not UTF-8; convert the log with iconv"
        ) from None
    try:
        found = json.loads(text, parse_constant=_refuse_constant, parse_int=_to_int)
    except json.JSONDecodeError:
        raise _fault_of(text) from None
    except RecursionError:
        raise Fault(Reason.NOT_JSON, "nested too deeply") from None
    if _SURROGATE_ESCAPE.search(text) and not _is_encodable(found):
        raise Fault(Reason.NOT_UTF8, "half a surrogate pair stands for no character")
    if not isinstance(found, dict):
        raise Fault(Reason.NOT_AN_OBJECT, "a line must be one JSON object: {…}")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise json.JSONDecodeError(constant, "", 0)  # NaN and Infinity, which JSON does not have


def _to_int(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return float(digits)


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def _is_encodable(found: object) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault_of(text: str) -> Fault:
    """Say what is wrong with a text that is not JSON, in the words of `jsonfaults`."""
    fault = find_json_fault(text)
    if fault is None:  # the standard library has limits of its own
        return Fault(Reason.NOT_JSON, "it cannot be read")
    if fault.is_cut_off:
        return Fault(Reason.CUT_OFF, "the JSON ends too early")
    return Fault(Reason.NOT_JSON, f"{fault.message} at character {fault.position + 1}")


def _event_of(found: dict[str, Any], schema: Schema) -> TrustedEvent:
    """Check just the fields that an event of the line's type uses."""
    type_ = _at(found, schema.paths["type"])
    kind = SPELLINGS.get(type_, Kind.OTHER) if isinstance(type_, str) else Kind.OTHER
    required = ["type", "user", *([REQUIRED[kind]] if kind in REQUIRED else [])]
    optional = ["time", *(["rank"] if kind is Kind.CLICK_RESULT else [])]
    if kind in REQUIRED and schema.has_ids:
        optional.append("search_id")
    values = {name: _at(found, schema.paths[name]) for name in (*required, *optional)}
    for name in required:
        if values[name] is None:
            raise Fault(Reason.FIELD_MISSING, missing(name, _named(schema.paths[name]), kind))
    for name, value in values.items():
        if value is not None and not is_of_type(name, value):
            raise Fault(Reason.WRONG_TYPE, f"{_named(schema.paths[name])} must be {TYPES[name]}")
    values["time"] = read_time(values["time"])
    if "items" in values:
        values["items"] = pack_items(msgspec.Raw(json.dumps(values["items"]).encode()))
    if values.get("search_id") is not None:
        values["search_id"] = str(values["search_id"]) or None
    values["extra"] = tuple(_at(found, path) for path in schema.extra)
    return TrustedEvent(**values)


def _at(found: object, path: Path) -> Any:
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


def _named(path: Path) -> str:
    return f'"{".".join(path)}"'


def missing(name: str, place: str, kind: str) -> str:
    """Say that a field is missing, and what to do.

    Args:
        name: The field.
        place: Where it should be.
        kind: What event needs it.
    """
    whose = "every event needs it" if name in {"type", "user"} else f"a {kind} needs it"
    return f"no {place}, and {whose}; if the log calls it NAME, use --field {name}=NAME"


_MOST_SHOWN = 40  # characters of a value that is no time


def read_time(value: Any, *, quoted: bool = False) -> datetime | None:
    """Read a time of the right type.

    Args:
        value: What the log has, or None.
        quoted: Whether a number may stand in quotes.

    Raises:
        Fault: If it is no time.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return from_text(value) if quoted else to_utc(msgspec.convert(value, datetime))
        return to_utc(value)
    except (ValueError, msgspec.ValidationError):
        shown = json.dumps(value)
        if len(shown) > _MOST_SHOWN:
            shown = shown[:_MOST_SHOWN] + "…"
        raise Fault(
            Reason.NOT_A_TIME, f"{shown} is neither RFC 3339 nor a number since 1970"
        ) from None


def is_of_type(name: str, value: object) -> bool:
    """Tell whether a value other than null is of the type that a field must have."""
    return _TYPE_TESTS[name](value)


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPE_TESTS: dict[str, Callable[[Any], bool]] = {
    "type": lambda value: isinstance(value, str),
    "user": _is_id,
    "time": lambda value: isinstance(value, str) or _is_number(value),
    "query": lambda value: isinstance(value, str),
    "items": lambda value: isinstance(value, list) and all(_is_id(item) for item in value),
    "item": _is_id,
    "rank": lambda value: _is_id(value) and not isinstance(value, str),
    "search_id": _is_id,
}
#: What a field must be, in words.
TYPES = {
    "type": "a string",
    "user": "a string or an integer",
    "time": "a string or a number",
    "query": "a string",
    "items": "a list of strings or integers",
    "item": "a string or an integer",
    "rank": "an integer",
    "search_id": "a string or an integer",
}
