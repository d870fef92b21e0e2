"""Tests of how a summary is written.

The golden renderings are in `golden_summary/`. When the look is changed on purpose, write
them anew with `PYTHONPATH=tests python tests/outputs/test_summary_formats.py`, and read what
changed with `git diff`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import at
from rich.cells import cell_len

from ctrlog.metrics.groups import OTHERS, Choice, Group, Grouping, Groups
from ctrlog.metrics.intervals import Interval
from ctrlog.metrics.summary import Summary, search_values
from ctrlog.metrics.totals import Metrics, Outcome, SearchMetrics
from ctrlog.outputs import words as wording
from ctrlog.outputs.advice import advice
from ctrlog.outputs.formats import SummaryFormat
from ctrlog.outputs.records import Look
from ctrlog.outputs.summary_formats import render
from ctrlog.sessions.events import Attribution, SearchRecord, SessionRecord
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.rules import Rules

GOLDEN = Path(__file__).parents[1] / "golden_summary"
QUERIES = ["running shoes", "café table", "ノートパソコン", "usb\tc", "", "a|b <i>*x*"]


def summed_up(
    ended: Ended,
    grouping: Grouping | None = None,
    *,
    most_users: int = 1000,
    most_groups: int = 1000,
    top: int | None = None,
) -> Summary:
    """Sum up searches and sessions as the program does."""
    metrics = Metrics(most_users)
    metrics.update(ended)
    found = Summary(metrics, SearchMetrics.of(metrics.outcomes), Counts(), 0, {})
    if grouping is None:
        return found
    groups = Groups(grouping.key_of(grouping.extra_fields), most_groups)
    groups.update(ended.searches)
    shown, left_out = Choice(top=top).of(groups.groups(), grouping)
    return replace(
        found,
        dimensions=grouping.dimensions,
        period=grouping.period,
        groups=shown,
        groups_left_out=left_out,
        merged_searches=groups.merged_searches,
    )


def search(number: int, time: datetime | None, closed_by: str) -> SearchRecord:
    """Make a search whose outcome looks random, but is not."""
    dice = number * 7919 % 100
    results = None if time is None else 0 if dice < 8 else 10
    clicks = 0 if results == 0 or dice < 60 else 1 + dice % 2
    rank = 1 + (number * 53 % 103) ** 3 // 90_000 if clicks else None
    return SearchRecord(
        user=f"user {number % 37}",
        query=QUERIES[(number * 31 % 101) ** 2 // 1701] + (f" {number}" if dice > 90 else ""),
        results=results,
        clicks=clicks,
        first_rank=None if time is None else rank,
        first_click_s=dice / 4 if clicks and time else None,
        time=time,
        session_start=time,
        closed_by=closed_by,
        followed=closed_by == "search",
    )


def lifelike() -> Ended:
    """A day and a half of searches; no search in some of the hours."""
    ended = Ended([], [])
    for number in range(0, 1200, 2):
        start = at(number * 100 + (number > 500) * 9000)
        searches = [search(number, start, "search"), search(number + 74, start, "close")]
        ended.searches.extend(searches)
        ended.sessions.append(session(searches, start, start + timedelta(seconds=number % 900)))
    return ended


def unclicked() -> Ended:
    """Searches without a click."""
    searches = [
        msgspec.structs.replace(search(number, at(0), "end"), clicks=0, first_rank=None)
        for number in range(40)
    ]
    return Ended(searches, [session([search], at(0), at(0)) for search in searches])


def timeless() -> Ended:
    """Searches of a log without times and Results."""
    searches = [search(number, None, "end") for number in range(40)]
    return Ended(searches, [session([search], None, None) for search in searches])


def session(
    searches: Sequence[SearchRecord], start: datetime | None, end: datetime | None
) -> SessionRecord:
    """Make the session of some searches."""
    return SessionRecord(
        user=searches[0].user,
        searches=len(searches),
        clicked_searches=sum(search.clicks > 0 for search in searches),
        clicks=sum(search.clicks for search in searches),
        session_start=start,
        session_end=end,
        closed_by=searches[-1].closed_by,
    )


def rich_summary(by: str = "query") -> Summary:
    """A summary that has something of everything."""
    return replace(
        summed_up(lifelike(), Grouping((by,)), most_groups=40, top=12 if by == "query" else None),
        counts=Counts(
            events=4567,
            clicks=1_240,
            orphan_clicks=31,
            late=12,
            largest_step_back=timedelta(hours=3),
            first_time=at(0),
            last_time=at(128_900.25),
        ),
        lines=4589,
        bad_lines={"cut off": 2, "not JSON": 20},
    )


SUMMARIES: dict[str, Callable[[], Summary]] = {
    "lifelike": rich_summary,
    "by_hour": lambda: rich_summary("hour"),
    "empty": lambda: summed_up(Ended([], [])),
    "bare": lambda: replace(summed_up(timeless()), counts=Counts(events=96), lines=96),
}


def golden_renderings() -> Iterator[tuple[Path, bytes]]:
    """What each golden file is to hold."""
    for name, make in SUMMARIES.items():
        summary = make()
        yield GOLDEN / f"{name}.txt", render(summary, SummaryFormat.TABLE)
        yield GOLDEN / f"{name}.ansi", render(summary, SummaryFormat.TABLE, Look(color=True))
        yield GOLDEN / f"{name}.md", render(summary, SummaryFormat.MD)


@pytest.mark.parametrize("name", [path.name for path, _ in golden_renderings()])
def test_looks_as_it_did(name: str) -> None:
    """Each rendering at 80 columns is the one that was looked at and found good."""
    renderings = {path.name: rendering for path, rendering in golden_renderings()}
    assert renderings[name].decode() == (GOLDEN / name).read_bytes().decode()


def without_escapes(text: bytes) -> str:
    """Take colours away."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode())


@pytest.mark.parametrize("make", SUMMARIES.values(), ids=SUMMARIES)
@pytest.mark.parametrize("width", [40, 79, 80, 120, 300])
def test_layout_is_the_same_without_colour(make: Callable[[], Summary], width: int) -> None:
    """Colour adds escape codes and nothing else; without, there are none."""
    plain = render(make(), SummaryFormat.TABLE, width=width)
    colored = render(make(), SummaryFormat.TABLE, Look(color=True), width=width)
    assert b"\x1b" not in plain
    assert plain != colored
    assert without_escapes(colored) == plain.decode()


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "JUPYTER_COLUMNS"])
def test_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What is drawn depends on the arguments only."""
    expected = [
        render(rich_summary(), SummaryFormat.TABLE, Look(color=color)) for color in (True, False)
    ]
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("TERM", "dumb")
    found = [
        render(rich_summary(), SummaryFormat.TABLE, Look(color=color)) for color in (True, False)
    ]
    assert found == expected


def metrics_of(outcomes: dict[Outcome, int]) -> SearchMetrics:
    """Compute the metrics of searches with these outcomes."""
    return SearchMetrics.of(outcomes)


# Keys that could break a screen

nasty = st.one_of(
    st.text(max_size=30),
    st.text(
        st.sampled_from("漢字👍🏽👨\u200d👩\u200d👧é\u0301\u0300\u202e\ufe0f🇩🇪│"), max_size=200
    ),
    st.text(st.characters(categories=["Cc", "Zl", "Zp", "Mn"]), max_size=50),
    st.sampled_from(
        ["x" * 10_000, "漢" * 10_000, "a" + "\u0301" * 10_000, "\x1b[2J\x1b[31m", "\r\n"]
    ),
)


@given(
    keys=st.lists(st.tuples(nasty | st.none(), nasty), min_size=1, max_size=5),
    names=st.tuples(nasty, nasty),
    dimensions=st.sampled_from([1, 2]),
    scale=st.sampled_from([1, 1000]),
    width=st.integers(1, 120),
    color=st.booleans(),
)
def test_no_line_is_too_wide(
    keys: list[tuple[str | None, str]],
    names: tuple[str, str],
    dimensions: int,
    scale: int,
    width: int,
    *,
    color: bool,
) -> None:
    """No key makes a line wider than the screen, breaks one, or gets an escape code through."""
    all_searches = metrics_of(
        {
            (1, 0, None, "end", False): 7 * scale,
            (1, 1, 2, "search", True): 3 * scale,
            (0, 0, None, "gap", False): 1,
        }
    )
    summary = replace(
        rich_summary(),
        dimensions=names[:dimensions],
        groups=[
            *(Group(key[:dimensions], all_searches) for key in keys),
            Group(OTHERS, all_searches),
        ],
    )
    text = without_escapes(render(summary, SummaryFormat.TABLE, Look(color=color), width=width))
    lines = text.removesuffix("\n").split("\n")
    assert max(map(cell_len, lines)) <= width
    assert all(line.rstrip(" ") == line for line in lines)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)
    groups = [line for line in lines if f" {all_searches.searches:,} " in f"{line} "]
    assert width < _ROOM_FOR_NUMBERS or len(groups) >= len(keys) + 1


_ROOM_FOR_NUMBERS = 40


@pytest.mark.parametrize("make", SUMMARIES.values(), ids=SUMMARIES)
def test_it_can_be_drawn_at_any_width(make: Callable[[], Summary]) -> None:
    """Down to one column, however little of it can be read then; no line is too wide."""
    plain = make()
    full = replace(
        plain,
        chosen="since 2024-01-01T00:00:00Z, where country=DE",
        rules=Rules(merge_typing=timedelta(seconds=2)),
        counts=Counts(events=9, clicks=62, orphan_clicks=31, late=1, first_time=at(0)),
        bad_lines={"cut off": 1},
        groups_left_out=3,
        groups_too_small=2,
        limit=5,
        left_out={"漢字" * 30: 6},
    )
    for summary in (plain, full):
        for width in range(1, 131):
            text = render(summary, SummaryFormat.TABLE, width=width).decode()
            assert max(map(cell_len, text.split("\n"))) <= width


@given(user=nasty)
def test_a_nasty_user_is_shown_safely(user: str) -> None:
    """The name of a user who searches most fits the screen, too."""
    heavy = SearchRecord(user, "q", None, 0, None, None, None, None, "end")
    others = [msgspec.structs.replace(heavy, user=f"other {number}") for number in range(3)]
    searches = [heavy] * 9 + others
    summary = summed_up(Ended(searches, [session([search], None, None) for search in searches]))
    assert any("of all searches" in text for text in advice(summary))
    lines = render(summary, SummaryFormat.TABLE).decode().split("\n")
    assert max(map(cell_len, lines)) <= 80


def test_large_numbers_fit_80_columns_uncut() -> None:
    """Billions of searches by two long keys are not cut at 80 columns."""
    many: dict[Outcome, int] = {
        (1, 0, None, "search", True): 6 * 10**9,
        (1, 2, 123, "max", False): 4 * 10**9,
        (0, 0, None, "gap", False): 7,
    }
    groups = [Group(("k" * 60, "q" * 60), metrics_of(many))]
    summary = replace(
        rich_summary(), dimensions=("a", "b"), groups=groups, searches=metrics_of(many)
    )
    text = render(summary, SummaryFormat.TABLE).decode()
    assert re.search(r"10,000,000,007 +40\.0 % +40\.0–40\.0 %", text)
    assert "4,000,000,000  100.0 %" in text


# Other formats


@pytest.mark.parametrize("make", SUMMARIES.values(), ids=SUMMARIES)
def test_json_is_the_dict(make: Callable[[], Summary]) -> None:
    """JSON has all that `to_dict` has, and JSON lines have it but for the groups."""
    summary = make()
    written = render(summary, SummaryFormat.JSON)
    assert written.endswith(b"\n}\n")
    assert orjson.loads(written) == summary.to_dict()
    lines = [orjson.loads(line) for line in render(summary, SummaryFormat.JSONL).splitlines()]
    total = {name: value for name, value in summary.to_dict().items() if name != "groups"}
    assert lines == (summary.to_dict()["groups"] if summary.dimensions else [total])


def rows_of(summary: Summary) -> list[dict[str, str]]:
    """Read the CSV of a summary; that the TSV has the same is checked, too."""
    written = render(summary, SummaryFormat.CSV).decode()
    rows = [*csv.DictReader(io.StringIO(written, newline=""))]
    header, *lines = render(summary, SummaryFormat.TSV).decode().removesuffix("\n").split("\n")
    tabbed = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    escaped = [{name: text.replace("\t", "\\t") for name, text in row.items()} for row in rows]
    assert tabbed == escaped
    return rows


def test_csv_has_a_row_for_each_group() -> None:
    """The columns are the dimensions, is_others and the metrics; the others are last."""
    summary = rich_summary()
    rows = rows_of(summary)
    assert [*rows[0]] == ["query", "is_others", *search_values(summary.searches)]
    assert [row["is_others"] for row in rows] == ["false"] * (len(rows) - 1) + ["true"]
    for row, group in zip(rows, summary.groups, strict=True):
        assert row["query"] == (group.key[0] if group.key else "")
        assert float(row["ctr"]) == group.metrics.ctr


def test_csv_of_all_has_one_row_of_plain_values() -> None:
    """Without groups there is one row; null is empty and nothing is nested."""
    summary = replace(summed_up(timeless()), counts=Counts(events=96))
    (row,) = rows_of(summary)
    assert row["events"] == "96"
    assert row["users_exact"] == "true"
    assert row["zero_result_rate"] == ""
    assert float(row["ctr"]) == summary.searches.ctr
    assert not {"diagnostics", "groups", "closed_by", "first_ranks"} & {*row}


def test_no_groups_found_is_no_row() -> None:
    """Where groups were asked for and there are none, there is a header only."""
    summary = summed_up(Ended([], []), Grouping(("query",)))
    assert rows_of(summary) == []
    assert render(summary, SummaryFormat.JSONL) == b""
    assert "By query" not in render(summary, SummaryFormat.TABLE).decode()


@given(key=nasty)
def test_markdown_tables_keep_their_columns(key: str) -> None:
    """Whatever a key has in it, each row of the table has the same number of cells."""
    summary = replace(rich_summary(), groups=[Group((key,), rich_summary().searches)])
    table = render(summary, SummaryFormat.MD).decode().split("\n\n")[1]
    for line in table.split("\n"):
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 8


def test_rich_is_loaded_for_the_screen_only() -> None:
    """Machines' formats do not wait for rich."""
    program = "import sys, ctrlog.outputs.summary_formats; sys.exit('rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


# Words


def test_advice_is_given_where_it_is_due() -> None:
    """Each hint comes up for the log that it is about, and says what to do."""
    good = replace(
        rich_summary(), counts=Counts(events=9, first_time=at(0), last_time=at(1)), bad_lines={}
    )
    none, silent, bare = (
        replace(good, searches=found.searches, metrics=found.metrics)
        for found in map(summed_up, (Ended([], []), unclicked(), timeless()))
    )
    estimated = replace(good, metrics=summed_up(lifelike(), most_users=5).metrics)
    by_id = replace(good, rules=Rules(attribution=Attribution.ID))
    expected = {
        "--bad-lines": replace(good, bad_lines={"cut off": 1}, lines=7),
        "no search among 9 events": none,
        "no click at all": silent,
        "No search has logged results": bare,
        "--gap": replace(good, counts=Counts(events=9, clicks=62, orphan_clicks=31)),
        "--reorder": replace(good, counts=Counts(events=9, late=1)),
        "estimate": estimated,
        "--field search_id=NAME": by_id,
        "their search_id is missing": replace(
            by_id, counts=Counts(events=9, clicks=62, orphan_clicks=31, named_searches=9)
        ),
        "1 repeated click in the log does not count: --dedupe-clicks.": replace(
            good,
            rules=Rules(dedupe_clicks=True),
            counts=Counts(events=9, clicks=9, repeated_clicks=1),
        ),
        "Left out 1 event of excluded users.": replace(good, excluded_events=1),
        "1 user of the list has none: 'x'": replace(good, excluded_events=0, excluded_unseen=["x"]),
        "8 users with more than 5 searches each are left out, 76 searches in all: u0 (6), u1 (7),"
        " u2 (8), u3 (9), u4 (10) and 3 more.": replace(
            good, limit=5, left_out={f"u{n}": 6 + n for n in range(8)}
        ),
        "the log is empty": summed_up(Ended([], [])),
    }
    assert advice(good) == []
    for words, summary in expected.items():
        (text,) = advice(summary)
        assert words in text
    assert advice(replace(good, counts=Counts(events=9, clicks=1_000, orphan_clicks=1))) == []
    assert advice(replace(by_id, counts=Counts(events=9, named_searches=1))) == []
    assert advice(replace(good, excluded_events=0, limit=5)) == []
    assert advice(replace(summed_up(Ended([], [])), excluded_events=2)) == [
        "Left out 2 events of excluded users."
    ]
    assert "~" in wording.users(estimated.metrics)
    assert "sessions" in dict(wording.headline(estimated)).popitem()[0]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0, "0.0 %"),
        (1, "100.0 %"),
        (0.34567, "34.6 %"),
        (0.0004, "0.04 %"),
        (0.9996, "99.96 %"),
        (1e-9, "0.000 %"),
    ],
)
def test_only_zero_reads_zero(share: float | None, text: str) -> None:
    """A small share is written with more decimals, and unknown is not zero."""
    assert wording.percent(share) == text


def test_narrow_intervals_get_more_decimals() -> None:
    """An interval's ends are written so that they differ."""
    assert wording.decimals_for(None) == 1
    assert wording.decimals_for(Interval(0.3, 0.4)) == 1
    assert wording.decimals_for(Interval(0.3, 0.301)) == 2
    assert wording.decimals_for(Interval(0.3, 0.3001)) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0s"),
        (0.0123, "12.3ms"),
        (0.99999, "1s"),
        (12.345, "12.3s"),
        (59.99, "1m"),
        (219.2, "3m39s"),
        (3599.9, "1h"),
        (86_399, "1d"),
        (200_000, "2d8h"),
    ],
)
def test_durations_are_short(value: float | None, text: str) -> None:
    """A duration has three digits or two units."""
    assert wording.seconds(value) == text


def test_a_spark_line_says_how_much_time_a_mark_stands_for() -> None:
    """Where there is not a cell for each period, as many as it takes share one."""
    summary = rich_summary("hour")
    assert "in each mark" not in render(summary, SummaryFormat.TABLE, width=120).decode()
    for width in range(20, 60):
        text = render(summary, SummaryFormat.TABLE, width=width).decode()
        marks = re.search(r"\n +([▁▂▃▄▅▆▇█ ]+)\n +CTR from", text)
        each = re.search(r", (\d+) hours in each mark", re.sub(r"\s+", " ", text))
        assert marks is not None
        hours = len(summary.groups)
        assert len(marks[1]) == -(-hours // (int(each[1]) if each else 1))


def test_a_part_of_the_log_is_not_taken_for_the_whole() -> None:
    """With a filter, what is of the whole log says so, and no share mixes the two."""
    counts = Counts(events=5000, clicks=640, orphan_clicks=32, first_time=at(0), last_time=at(9))
    whole = replace(rich_summary(), counts=counts)
    part = replace(
        whole, searches=summed_up(timeless()).searches, metrics=summed_up(timeless()).metrics
    )
    part = replace(part, chosen="where country=DE")
    for format_ in SummaryFormat.TABLE, SummaryFormat.MD:
        shown = [re.sub(r"\s+", " ", render(each, format_).decode()) for each in (whole, part)]
        for text in shown:
            assert "32 clicks (5.0 % of all in the log) belong to no search" in text
            assert "in the log: " in text or "| events in the log | 5,000 |" in text
        assert "country=DE" not in shown[0]
        assert "where country=DE" in shown[1]
        assert "None of these searches has logged results" in shown[1]
    values = part.to_dict()
    assert values["diagnostics"]["orphan_clicks"] <= values["diagnostics"]["all_clicks"] == 640
    empty = summed_up(Ended([], []))
    nothing = replace(part, searches=empty.searches, metrics=empty.metrics)
    assert advice(nothing)[0].startswith("No search is chosen: none of 5,000 events")


def test_a_search_that_is_not_chosen_may_have_the_clicks() -> None:
    """That none of the chosen ones has a click does not tell that the event has another name."""
    silent = replace(summed_up(unclicked()), chosen="where country=DE")
    assert "no click at all" in " ".join(advice(silent))
    clicked = replace(silent, counts=Counts(events=9, clicks=3))
    assert "no click at all" not in " ".join(advice(clicked))


def test_a_spark_line_needs_the_order_of_time() -> None:
    """Periods in another order get none; empty ones are blank in it."""
    summary = rich_summary("hour")
    spark = render(summary, SummaryFormat.TABLE).decode().split("By hour\n")[1].split("\n")[0]
    assert re.fullmatch(r" +[▁▂▃▄▅▆▇█ ]+", spark)
    assert " " in spark.strip()
    shuffled = replace(summary, groups=[*summary.groups][::-1])
    assert "CTR from" not in render(shuffled, SummaryFormat.TABLE).decode()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for golden_path, golden_text in golden_renderings():
        golden_path.write_bytes(golden_text)


def strange() -> Summary:
    """A summary by query, of queries that are formulas, blank or hostile."""
    queries = ["=1+1", "-5", "  ", "", "\u202egpj", "\x9b31m", "a`b"]
    ended = Ended([replace_query(search(1, at(0), "end"), query) for query in queries], [])
    return summed_up(ended, Grouping(("query",)))


def replace_query(record: SearchRecord, query: str) -> SearchRecord:
    """Return a search with another query."""
    return msgspec.structs.replace(record, query=query)


@pytest.mark.parametrize("format_", [SummaryFormat.CSV, SummaryFormat.TSV])
def test_formulas_get_an_apostrophe_if_that_is_asked_for(format_: SummaryFormat) -> None:
    """Text only, and numbers stay numbers."""
    plain = render(strange(), format_).decode()
    guarded = render(strange(), format_, Look(guards_formulas=True)).decode()
    assert "\n=1+1" in plain
    assert guarded == plain.replace("\n=1+1", "\n'=1+1")


@pytest.mark.parametrize("format_", SummaryFormat)
def test_no_format_steers_a_terminal(format_: SummaryFormat) -> None:
    """On a terminal nothing of a query is obeyed or hidden; JSON stays the same JSON."""
    shown = render(strange(), format_, Look(on_terminal=True)).decode()
    assert not set(shown) & {"\x9b", "\u202e", "\x1b"}
    if format_ is SummaryFormat.JSON:
        assert json.loads(shown) == json.loads(render(strange(), format_))


def test_blank_queries_are_quoted() -> None:
    """A query of blanks only is seen in a table and in Markdown, like an empty one."""
    for format_ in (SummaryFormat.TABLE, SummaryFormat.MD):
        shown = render(strange(), format_).decode()
        assert '"  "' in shown
        assert '""' in shown


def test_commands_stay_code_in_markdown() -> None:
    """Backticks of our own are not escaped, those of the log are."""
    assert "`ctrlog check`" in render(rich_summary(), SummaryFormat.MD).decode()
    assert r"a\`b" in render(strange(), SummaryFormat.MD).decode()
