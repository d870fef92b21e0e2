"""The place where a text stops being JSON (RFC 8259), and what was expected there.

Decoders say that a text is not JSON in words of their own, which differ between libraries and
their versions. This one only looks for the fault, in words of ours, so that a bad line is reported
alike by every version of Python and by every decoder. It reads the text once, from left to right,
and keeps a stack of open brackets: time and memory are proportional to the text, at any depth.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple


class JsonFault(NamedTuple):
    """What is wrong with a text that is not JSON.

    Attributes:
        position: The index of the first character that cannot be there.
        message: What is wrong with it.
        is_cut_off: Whether nothing is wrong but the end: more text could make it JSON.
    """

    position: int
    message: str
    is_cut_off: bool


class _FaultError(Exception):
    def __init__(self, fault: JsonFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def find_json_fault(text: str) -> JsonFault | None:
    """Find the first place where a text breaks the grammar of JSON.

    Args:
        text: One JSON value, with blanks around it.

    Returns:
        The fault; None if the text is JSON.

    Example:
        >>> find_json_fault('{"a": [1,]}')
        JsonFault(position=9, message='a value is expected', is_cut_off=False)
        >>> find_json_fault('{"a": tru').is_cut_off
        True
        >>> find_json_fault('{"a": true}') is None
        True
    """
    try:
        _Reader(text).read()
    except _FaultError as error:
        return error.fault
    return None


class _Expected(Enum):
    """What may come next."""

    VALUE = auto()
    FIRST_ITEM = auto()  # or the end of the list
    NAME = auto()
    FIRST_NAME = auto()  # or the end of the object
    COMMA = auto()  # or the end of what is open


_BLANKS = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
#: How a number may end that was cut off: `-`, `1.`, `1e`, `1e+`.
_PART_OF_NUMBER = re.compile(r"-|-?(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?[eE][+-]?)")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_PART_OF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_CLOSING = {"{": "}", "[": "]"}


class _Reader:
    """Reads a text, and raises at its first fault."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._open: list[str] = []  # brackets
        self._expected = _Expected.VALUE

    def read(self) -> None:
        while True:
            self._skip_blanks()
            if self._expected is _Expected.COMMA and not self._open:
                if self._position < len(self._text):
                    raise self._fault("something follows the JSON value")
                return
            character = self._next()
            if self._expected in {_Expected.VALUE, _Expected.FIRST_ITEM}:
                self._read_value(character)
            elif self._expected in {_Expected.NAME, _Expected.FIRST_NAME}:
                self._read_name(character)
            else:
                self._read_comma(character)

    def _read_value(self, character: str) -> None:
        if character == "]" and self._expected is _Expected.FIRST_ITEM:
            self._close()
        elif character in _CLOSING:
            self._open.append(character)
            self._position += 1
            is_list = character == "["
            self._expected = _Expected.FIRST_ITEM if is_list else _Expected.FIRST_NAME
        else:
            self._read_scalar(character)
            self._expected = _Expected.COMMA

    def _read_scalar(self, character: str) -> None:
        if character == '"':
            self._read_string()
        elif character in "-0123456789":
            self._read_number()
        elif character in _LITERALS:
            literal = _LITERALS[character]
            found = self._text[self._position : self._position + len(literal)]
            if found != literal:
                is_end = self._position + len(found) == len(self._text)
                raise self._fault("a value is expected", is_end and literal.startswith(found))
            self._position += len(literal)
        else:
            raise self._fault("a value is expected")

    def _read_number(self) -> None:
        match = _NUMBER.match(self._text, self._position)
        part = _PART_OF_NUMBER.fullmatch(self._text, self._position)
        if part is not None:
            self._position = len(self._text)
            raise self._fault("a digit is expected", is_cut_off=True)
        if match is None:
            raise self._fault("a value is expected")
        self._position = match.end()

    def _read_string(self) -> None:
        self._position += 1
        while True:
            self._position = _end_of(_PLAIN, self._text, self._position)
            character = self._next()
            if character == '"':
                self._position += 1
                return
            if character != "\\":
                raise self._fault("a control character in a string must be escaped")
            escape = _ESCAPE.match(self._text, self._position)
            if escape is None:
                part = _PART_OF_ESCAPE.fullmatch(self._text, self._position)
                raise self._fault("there is no such escape", part is not None)
            self._position = escape.end()

    def _read_name(self, character: str) -> None:
        if character == "}" and self._expected is _Expected.FIRST_NAME:
            self._close()
            return
        if character != '"':
            raise self._fault("a name in quotes is expected")
        self._read_string()
        self._skip_blanks()
        if self._next() != ":":
            raise self._fault("a colon is expected")
        self._position += 1
        self._expected = _Expected.VALUE

    def _read_comma(self, character: str) -> None:
        opened = self._open[-1]
        if character == _CLOSING[opened]:
            self._close()
        elif character == ",":
            self._position += 1
            self._expected = _Expected.NAME if opened == "{" else _Expected.VALUE
        else:
            raise self._fault(f"a comma or {_CLOSING[opened]} is expected")

    def _close(self) -> None:
        self._open.pop()
        self._position += 1
        self._expected = _Expected.COMMA

    def _skip_blanks(self) -> None:
        self._position = _end_of(_BLANKS, self._text, self._position)

    def _next(self) -> str:
        if self._position >= len(self._text):
            raise self._fault("the JSON ends too early", is_cut_off=True)
        return self._text[self._position]

    def _fault(self, message: str, is_cut_off: bool = False) -> _FaultError:  # noqa: FBT001, FBT002
        return _FaultError(JsonFault(self._position, message, is_cut_off))


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where a match ends that cannot fail, as it may be empty."""
    match = pattern.match(text, position)
    return position if match is None else match.end()
