"""Characters that must not reach a terminal, a spreadsheet or a tab-separated line as they are."""

from __future__ import annotations

import re

#: Whatever separates fields or lines in a tab-separated file.
SEPARATORS = re.compile(r"[\\\t\n\r\0]")

# What Unicode calls default ignorable (DerivedCoreProperties.txt) is not seen, or reverses
# what comes after it, so that one text looks like another. Two of it are parts of emoji and
# of words of some languages, and stay where they have something to join or to vary.
_HIDDEN = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_JOINER_OF_NOTHING = r"(?<![\u0300-\U0010ffff])[\u200c\u200d]|[\u200c\u200d](?![\u0300-\U0010ffff])"
_VARIANT_OF_NOTHING = r"(?<![\xa9-\U0010ffff])[\ufe00-\ufe0f](?!\u20e3)"


def _unsafe(controls: str) -> re.Pattern[str]:
    return re.compile(
        rf"[{controls}\x7f-\x9f\u2028\u2029{_HIDDEN}]|{_JOINER_OF_NOTHING}|{_VARIANT_OF_NOTHING}"
    )


#: Whatever could end a line, move a cursor, change a colour, or hide or reverse text, and
#: the backslash, so that what is escaped can be told from what only looks so.
UNSAFE = _unsafe(r"\\\x00-\x1f")
_IN_MESSAGES = _unsafe(r"\x00-\x09\x0b-\x1f")
_IN_LINES = _unsafe(r"\x00-\x08\x0b-\x1f")

_LAST_OF_TWO_DIGITS = 0xFF
_LAST_OF_FOUR_DIGITS = 0xFFFF
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def escape(text: str, unsafe: re.Pattern[str]) -> str:
    r"""Escape characters as Python writes them: `\t`, `\x1b`, `\u2028`.

    Args:
        text: Any text.
        unsafe: Matches each character to escape.
    """
    return unsafe.sub(_escape_one, text)


def escape_controls(message: str) -> str:
    """Escape what a message must not do to a terminal; lines stay, and so do backslashes."""
    return escape(message, _IN_MESSAGES)


def escape_on_terminal(lines: bytes, *, is_json: bool = False) -> bytes:
    r"""Escape what CSV, TSV or JSON must not do to a terminal; tabs and newlines stay.

    Args:
        lines: UTF-8.
        is_json: Whether to escape as JSON does, by `\u` and four digits.
    """
    return _IN_LINES.sub(_escape_one_in_json if is_json else _escape_one, lines.decode()).encode()


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code > _LAST_OF_FOUR_DIGITS:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code <= _LAST_OF_TWO_DIGITS else f"\\u{code:04x}"


def _escape_one_in_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def guard(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula; not before numbers.

    See https://owasp.org/www-community/attacks/CSV_Injection.
    """
    is_formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text
