"""Bad lines: counted, shown, kept and measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.errors import DataError
from ctrlog.schemas.bad_lines import SHOWN, BadLines, Limit
from ctrlog.schemas.reference import BadLine, Reason


def bad(line: int = 1, reason: Reason = Reason.NOT_JSON, text: bytes = b"x") -> BadLine:
    """Make a bad line."""
    return BadLine(line, 0, reason, "it is wrong", text)


def filled(count: int, limit: Limit | None = None) -> BadLines:
    """Take so many bad lines."""
    lines = BadLines(limit=limit)
    for number in range(1, count + 1):
        lines.add("log", bad(number))
    return lines


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("0", Limit(count=0)),
        ("100", Limit(count=100)),
        ("0%", Limit(percent=0.0)),
        ("1%", Limit(percent=1.0)),
        ("0.5%", Limit(percent=0.5)),
        ("100%", Limit(percent=100.0)),
    ],
)
def test_a_limit_is_a_number_or_a_share(text: str, limit: Limit) -> None:
    """A number of lines, or a percentage from 0 to 100."""
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text",
    ["", "%", "-1", "1.5", "-1%", "101%", "100.1%", "nan%", "inf%", "many", "5 %%", "1e2", "0x1"],
)
def test_what_is_no_limit_is_refused_with_a_hint(text: str) -> None:
    """The message repeats what was written and shows what can be."""
    with pytest.raises(ValueError, match="is not a limit: write a number such as 100, or a share"):
        Limit.parse(text)


def test_bad_lines_are_counted_by_reason() -> None:
    """The count of each reason, and of all."""
    lines = BadLines()
    for reason in (Reason.CUT_OFF, Reason.NOT_JSON, Reason.CUT_OFF):
        lines.add("log", bad(reason=reason))
    assert lines.counts == {Reason.CUT_OFF: 2, Reason.NOT_JSON: 1}
    assert lines.total == 3


def test_only_the_first_five_are_shown() -> None:
    """Each is shown with file, line, reason and detail; later ones are only counted."""
    shown: list[str] = []
    lines = BadLines(show=shown.append)
    for number in range(1, 9):
        lines.add("a.jsonl", bad(number * 10))
    assert SHOWN == 5
    assert shown == [f"a.jsonl:{n}0: not JSON: it is wrong" for n in range(1, 6)]
    assert lines.total == 8


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\x00", b'{"a":1}\r', b"a\tb", "é\u2028".encode(), b"\xef\xbb\xbf{"]
)
def test_bad_lines_are_kept_verbatim(text: bytes) -> None:
    """Each is kept byte for byte after its place and reason, so `cut -f3-` gives it back."""
    kept: list[bytes] = []
    lines = BadLines(keep=kept.append)
    lines.add("a b.jsonl", bad(7, Reason.NOT_UTF8, text))
    assert kept == [b"a b.jsonl:7\tnot UTF-8\t" + text + b"\n"]


def test_all_bad_lines_are_kept() -> None:
    """Lines that are no longer shown are still kept."""
    kept: list[bytes] = []
    lines = BadLines(keep=kept.append)
    for number in range(1, 21):
        lines.add("log", bad(number))
    assert kept == [b"log:%d\tnot JSON\tx\n" % number for number in range(1, 21)]


def test_a_file_name_that_is_no_text_can_be_kept() -> None:
    """A name with bytes that are not UTF-8 does not cost the run."""
    kept: list[bytes] = []
    BadLines(keep=kept.append).add("log\udcff", bad())
    assert kept == [b"log?:1\tnot JSON\tx\n"]


# Limits.


@pytest.mark.parametrize("count", [0, 1, 7])
def test_more_bad_lines_than_the_limit_stop_the_run(count: int) -> None:
    """So many are tolerated; the next one stops, after it was shown and kept."""
    shown: list[str] = []
    kept: list[bytes] = []
    lines = BadLines(shown.append, Limit(count=count), kept.append)
    for number in range(1, count + 1):
        lines.add("log", bad(number))
    with pytest.raises(DataError) as caught:
        lines.add("log", bad(count + 1))
    allowed = f"more bad lines than the {count} allowed" if count else "no bad line is allowed"
    assert str(caught.value) == f"stopped at log:{count + 1}: {allowed}"
    assert len(kept) == count + 1
    assert len(shown) == min(count + 1, SHOWN)


def test_without_a_limit_any_number_is_tolerated() -> None:
    """Bad lines never cost a run that set no limit."""
    lines = filled(1_000)
    lines.finish(0)
    assert lines.total == 1_000


@pytest.mark.parametrize(
    ("percent", "good", "number", "is_over"),
    [
        (1.0, 99, 1, False),
        (1.0, 98, 1, True),
        (0.0, 10**6, 1, True),
        (0.0, 10, 0, False),
        (100.0, 0, 5, False),
        (50.0, 1, 1, False),
        (50.0, 1, 2, True),
        (0.3, 997, 3, False),
        (0.1, 999, 1, False),
        (0.1, 998, 1, True),
    ],
)
def test_a_share_is_looked_at_in_the_end(
    percent: float,
    good: int,
    number: int,
    is_over: bool,  # noqa: FBT001
) -> None:
    """Exactly the share of good and bad lines is tolerated; a larger one is an error."""
    lines = filled(number, Limit(percent=percent))
    if is_over:
        with pytest.raises(DataError, match=r"% of the lines are bad, more than the .+ % allowed"):
            lines.finish(good)
    else:
        lines.finish(good)


@given(st.integers(0, 30), st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_share_is_exact(number: int, good: int, tenths: int) -> None:
    """No share is over or under its limit by a rounding error."""
    lines = filled(number, Limit.parse(f"{tenths / 10}%"))
    try:
        lines.finish(good)
        is_over = False
    except DataError:
        is_over = True
    assert is_over == (1000 * number > tenths * (good + number))


# The closing count.


@pytest.mark.parametrize(
    ("reasons", "good", "summary"),
    [
        ([Reason.CUT_OFF], 0, "skipped 1 bad line of 1: 1 cut off"),
        ([Reason.CUT_OFF], 9, "skipped 1 bad line of 10: 1 cut off"),
        ([Reason.NOT_UTF8] * 2, 1_998, "skipped 2 bad lines of 2,000: 2 not UTF-8"),
        ([Reason.CUT_OFF, Reason.NOT_JSON, Reason.NOT_JSON], 3,
         "skipped 3 bad lines of 6: 2 not JSON, 1 cut off"),
        ([Reason.TOO_LONG] * 1_234, 0,
         "skipped 1,234 bad lines of 1,234: 1,234 line too long"),
    ],
)  # fmt: skip
def test_the_closing_count_says_how_many_and_why(
    reasons: list[Reason], good: int, summary: str
) -> None:
    """How many of how many, the most frequent reason first, and how to keep them if they aren't."""
    not_kept, kept = BadLines(), BadLines(keep=lambda _: None)
    for lines in (not_kept, kept):
        for reason in reasons:
            lines.add("log", bad(reason=reason))
    assert not_kept.summary(good) == f"{summary}; --bad-lines FILE keeps them"
    assert kept.summary(good) == summary
