"""Characters that a terminal, a spreadsheet or a tab-separated line must not get."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.escaping import SEPARATORS, UNSAFE, escape, escape_controls, escape_on_terminal, guard

#: Characters that reverse or hide text, or steer a terminal.
HOSTILE = (
    "\x1b\x07\x9b\x85\x7f\u2028\u202a\u202e\u2066\u2069\u200b\u200e\u200f\u061c\ufeff\xad"
    "\u2060\u180e\u3164\u034f\ufffa\U000e0041\U000e0101"
)
TEXTS = st.text(
    st.sampled_from(HOSTILE + "\\\t\r\nab\xe9\u200d\u200c\ufe0f\U0001f469\u0915")
    | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)
#: What may stay of the characters that are not seen: parts of words and emoji.
JOINING = "\u200c\u200d"


def is_unseen(character: str) -> bool:
    """Tell whether a character has no form of its own, by its category."""
    # Signs of Arabic, Syriac, Kaithi and hieroglyphs enclose what comes after them.
    return unicodedata.category(character) in {"Cc", "Cf"} and not (
        character
        in "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
        or "\U00013430" <= character <= "\U0001343f"
    )


@given(TEXTS)
def test_nothing_unseen_is_left_on_a_screen(text: str) -> None:
    """Escaped text has no control or format character but those that join letters or emoji."""
    escaped = escape(text, UNSAFE)
    assert not [each for each in escaped if is_unseen(each) and each not in JOINING]


@given(TEXTS)
def test_different_texts_look_different(text: str) -> None:
    """What is escaped can be read back, so no two texts are shown alike."""
    escaped = escape(text, UNSAFE)
    shown = "".join(each if each < "\x7f" else f"\\U{ord(each):08x}" for each in escaped)
    assert shown.encode("ascii").decode("unicode_escape") == text


@pytest.mark.parametrize("character", HOSTILE)
def test_hostile_characters_are_shown_by_their_numbers(character: str) -> None:
    """Wherever they stand, they are escaped, in messages and lines too."""
    text = f"a{character}\xe9"
    escaped = escape(text, UNSAFE)
    assert escaped == escape_controls(text) == escape_on_terminal(text.encode()).decode()
    assert escaped in {
        f"a\\x{ord(character):02x}\xe9", f"a\\u{ord(character):04x}\xe9",
        f"a\\U{ord(character):08x}\xe9",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "\u0915\u094d\u200d\u0937",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f4bb",
        "\u2764\ufe0f\u200d\U0001f525",
        "1\ufe0f\u20e3",
        "cr\xe8me",
        "\u732b",
        "\xa9\ufe0f",
    ],
)
def test_words_and_emoji_stay_as_they_are(text: str) -> None:
    """Joiners and variants are left where they have something to join or to vary."""
    assert escape(text, UNSAFE) == text
    assert escape_controls(text) == text


@pytest.mark.parametrize("text", ["a\u200d", "\u200db", "dogs\u200c", "a\ufe0f", "\ufe0f"])
def test_joiners_of_nothing_are_shown(text: str) -> None:
    """After or before an ASCII letter they would only make one text look like another."""
    assert escape(text, UNSAFE).isascii()


@given(st.dictionaries(TEXTS, TEXTS))
def test_json_on_a_terminal_is_the_same_json(value: dict[str, str]) -> None:
    """Escapes are those of JSON, and nothing unseen is left."""
    line = json.dumps(value, ensure_ascii=False).encode()
    shown = escape_on_terminal(line, is_json=True)
    assert json.loads(shown) == value
    assert not [each for each in shown.decode() if is_unseen(each) and each not in JOINING]


@given(TEXTS)
def test_lines_keep_their_tabs_and_newlines_on_a_terminal(text: str) -> None:
    """What separates fields and lines stays; nothing else that a terminal obeys does."""
    shown = escape_on_terminal(text.encode()).decode()
    assert (shown.count("\t"), shown.count("\n")) == (text.count("\t"), text.count("\n"))
    assert not [
        each for each in shown if is_unseen(each) and each not in JOINING and each not in "\t\n"
    ]


@given(TEXTS)
def test_a_tab_separated_cell_has_no_separator(text: str) -> None:
    """Neither a tab nor the end of a line is left in a cell."""
    assert not set(escape(text, SEPARATORS)) & set("\t\n\r\0")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "=cmd|' /C calc'!A0", "+49 30", "-5+3", "-x", "@SUM(A1)", "\t=1", "\r=1", "=", "-",
     "\uff1d1", "-5.", "+1e", "\n=1"],
)  # fmt: skip
def test_what_may_be_a_formula_gets_an_apostrophe(text: str) -> None:
    """A spreadsheet takes it for text."""
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "dogs", "-5", "+5", "-0.25", "-1e-05", "1-2", "a=b", " =1"])
def test_other_text_and_numbers_have_none(text: str) -> None:
    """A number stays a number, negative ones too."""
    assert guard(text) == text


@given(TEXTS)
def test_a_guarded_text_is_none_or_only_a_number(text: str) -> None:
    """After it no text begins as a formula does; nothing else is changed."""
    guarded = guard(text)
    assert guarded in {text, f"'{text}"}
    if guarded.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        assert set(guarded) <= set("+-.eE0123456789")
        float(guarded)  # else it is none, and this raises
