"""Characters that must not reach a terminal or a tab-separated line as they are."""

from __future__ import annotations

import re

#: Whatever separates fields or lines in a tab-separated file.
SEPARATORS = re.compile(r"[\\\t\n\r\0]")
#: Characters that hide, or that change the order in which others are shown. U+200C and U+200D are
#: not among them, as Persian, Indic scripts and emoji need them.
_HIDDEN = (
    r"\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
#: Whatever could end a line, move a cursor, change a colour, hide or reverse text, and the
#: backslash, so that what is escaped can be told from what only looks so.
UNSAFE = re.compile(rf"[\\\x00-\x1f\x7f-\x9f\u2028\u2029{_HIDDEN}]")
_CONTROLS = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029{_HIDDEN}]")

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
    return escape(message, _CONTROLS)


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code > _LAST_OF_FOUR_DIGITS:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code <= _LAST_OF_TWO_DIGITS else f"\\u{code:04x}"
