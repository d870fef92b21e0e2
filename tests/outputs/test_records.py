"""Records out: every format has the same fields, and reads back what was written."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from making import US, at
from msgspec.structs import replace

from ctrlog.outputs.records import COLUMNS, Format, Look, Per, Record, make_sink
from ctrlog.sessions.events import ClosedBy, SearchRecord, SessionRecord

FIELDS = {
    Per.SEARCH: [
        "ctr", "user", "query", "results", "clicks", "first_rank", "first_click_s", "time",
        "session_start", "closed_by", "followed",
    ],
    Per.SESSION: [
        "ctr", "clicks_per_search", "user", "searches", "clicked_searches", "clicks",
        "session_start", "session_end", "closed_by",
    ],
}  # fmt: skip

FULL = SearchRecord("7", "dogs", 10, 2, 3, 1.5, at(1), at(0.25), "close", followed=True)
EMPTY = SearchRecord("7", "", None, 0, None, None, None, None, "end")
SESSION = SessionRecord("7", 4, 3, 10, at(0), at(2.5), "gap")
UNTIMED_SESSION = SessionRecord("é", 1, 0, 0, None, None, "end")


def lines(format_: Format, records: Sequence[Record], *, color: bool = False) -> str:
    """Write records of one kind, header included."""
    per = Per.SESSION if isinstance(records[0], SessionRecord) else Per.SEARCH
    sink = make_sink(format_, per, Look(color=color))
    return (sink.header + sink.lines(records)).decode()


def values(record: Record, per: Per) -> dict[str, Any]:
    """Return what the fields of a record are to say."""
    found = {name: getattr(record, name) for name in FIELDS[per]}
    return {name: written(v) if isinstance(v, datetime) else v for name, v in found.items()}


def written(time: datetime) -> str:
    """Write a time by way of isoformat."""
    digits = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.replace(tzinfo=None).isoformat(timespec=digits) + "Z"


@pytest.mark.parametrize("per", Per)
def test_columns_are_those_of_the_design_in_its_order(per: Per) -> None:
    """Each format has just these fields."""
    assert COLUMNS[per] == tuple(FIELDS[per])
    assert make_sink(Format.TSV, per).header.decode() == "\t".join(FIELDS[per]) + "\n"
    assert make_sink(Format.CSV, per).header.decode() == ",".join(FIELDS[per]) + "\n"
    assert make_sink(Format.TEXT, per).header == make_sink(Format.JSONL, per).header == b""


SEARCHES_WRITTEN = {
    Format.TEXT: """
1.0|7|dogs|10|2|3|1.5|2024-01-01T00:00:01.000Z|2024-01-01T00:00:00.250Z|close|true
0.0|7||–|0|–|–|–|–|end|false
""",
    Format.TSV: """
ctr|user|query|results|clicks|first_rank|first_click_s|time|session_start|closed_by|followed
1.0|7|dogs|10|2|3|1.5|2024-01-01T00:00:01.000Z|2024-01-01T00:00:00.250Z|close|true
0.0|7|||0|||||end|false
""",
    Format.CSV: """
ctr,user,query,results,clicks,first_rank,first_click_s,time,session_start,closed_by,followed
1.0,7,dogs,10,2,3,1.5,2024-01-01T00:00:01.000Z,2024-01-01T00:00:00.250Z,close,true
0.0,7,,,0,,,,,end,false
""",
    Format.JSONL: """
{"ctr":1.0,"user":"7","query":"dogs","results":10,"clicks":2,"first_rank":3,"first_click_s":1.5,\
"time":"2024-01-01T00:00:01.000Z","session_start":"2024-01-01T00:00:00.250Z","closed_by":"close",\
"followed":true}
{"ctr":0.0,"user":"7","query":"","results":null,"clicks":0,"first_rank":null,"first_click_s":null,\
"time":null,"session_start":null,"closed_by":"end",\
"followed":false}
""",
}
SESSIONS_WRITTEN = {
    Format.TEXT: """
0.75|2.5|7|4|3|10|2024-01-01T00:00:00.000Z|2024-01-01T00:00:02.500Z|gap
0.0|0.0|é|1|0|0|–|–|end
""",
    Format.TSV: """
ctr|clicks_per_search|user|searches|clicked_searches|clicks|session_start|session_end|closed_by
0.75|2.5|7|4|3|10|2024-01-01T00:00:00.000Z|2024-01-01T00:00:02.500Z|gap
0.0|0.0|é|1|0|0|||end
""",
    Format.CSV: """
ctr,clicks_per_search,user,searches,clicked_searches,clicks,session_start,session_end,closed_by
0.75,2.5,7,4,3,10,2024-01-01T00:00:00.000Z,2024-01-01T00:00:02.500Z,gap
0.0,0.0,é,1,0,0,,,end
""",
    Format.JSONL: """
{"ctr":0.75,"clicks_per_search":2.5,"user":"7","searches":4,"clicked_searches":3,"clicks":10,\
"session_start":"2024-01-01T00:00:00.000Z","session_end":"2024-01-01T00:00:02.500Z","closed_by":"gap"}
{"ctr":0.0,"clicks_per_search":0.0,"user":"é","searches":1,"clicked_searches":0,"clicks":0,\
"session_start":null,"session_end":null,"closed_by":"end"}
""",
}


@pytest.mark.parametrize("format_", Format)
def test_searches_are_written(format_: Format) -> None:
    """A line per search; null is a dash in text, empty in TSV and CSV, null in JSON."""
    expected = SEARCHES_WRITTEN[format_].lstrip("\n").replace("|", "\t")
    assert lines(format_, [FULL, EMPTY]) == expected


@pytest.mark.parametrize("format_", Format)
def test_refinements_come_before_the_last_if_they_are_asked_for(format_: Format) -> None:
    """Nothing else changes, and no records are no lines."""
    plain = make_sink(format_, Per.SEARCH)
    refined = make_sink(format_, Per.SEARCH, has_refinements=True)
    records = [FULL, replace(EMPTY, query="a\nb", refinements=12)]
    added = {
        Format.CSV: ((b",true\n", b",0,true\n"), (b",false\n", b",12,false\n")),
        Format.JSONL: (
            (b'"followed":true', b'"refinements":0,"followed":true'),
            (b'"followed":false', b'"refinements":12,"followed":false'),
        ),
    }
    tabbed = ((b"\ttrue\n", b"\t0\ttrue\n"), (b"\tfalse\n", b"\t12\tfalse\n"))
    expected = plain.lines(records)
    for before, after in added.get(format_, tabbed):
        expected = expected.replace(before, after)
    assert refined.lines(records) == expected
    separator = b"," if format_ is Format.CSV else b"\t"
    followed = separator + b"followed\n"
    assert refined.header == plain.header.replace(followed, separator + b"refinements" + followed)
    assert refined.lines([]) == b""


def test_sessions_have_no_refinements() -> None:
    """Those of its searches are not summed up."""
    sink = make_sink(Format.CSV, Per.SESSION, has_refinements=True)
    assert sink.header == make_sink(Format.CSV, Per.SESSION).header
    assert sink.lines([SESSION]) == make_sink(Format.CSV, Per.SESSION).lines([SESSION])


@pytest.mark.parametrize("format_", Format)
def test_sessions_are_written(format_: Format) -> None:
    """A line per session with its own fields."""
    expected = SESSIONS_WRITTEN[format_].lstrip("\n").replace("|", "\t")
    assert lines(format_, [SESSION, UNTIMED_SESSION]) == expected


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("per", Per)
def test_no_records_are_no_lines(format_: Format, per: Per) -> None:
    """Nothing is written for nothing."""
    assert make_sink(format_, per).lines([]) == b""


# Read back.

#: Strings with all that could break a line or a field.
NASTY = st.text(
    st.sampled_from('a1"\\,;\t\n\r\0\x1b\x7f\x85\xa0\u2028\u2029\ufeff\u202e –é\U0001f600=n')
    | st.characters(exclude_categories=["Cs"]),
    max_size=8,
)
TIMES = st.none() | st.integers(-(10**15), 10**17).map(lambda us: at(0) + us * US)
COUNTS = st.integers(0, 3) | st.integers(0, 2**63 - 1)
SECONDS = st.integers(-(10**13), 10**13).map(lambda us: us / 10**6) | st.sampled_from([0.0, 1e-06])
CLOSED_BY = st.sampled_from([str(value) for value in ClosedBy])
SEARCHES = st.lists(
    st.builds(
        SearchRecord, NASTY, NASTY, st.none() | COUNTS, COUNTS, st.none() | COUNTS,
        st.none() | SECONDS, TIMES, TIMES, CLOSED_BY,
    ),
    max_size=5,
)  # fmt: skip
SESSIONS = st.lists(
    st.builds(
        SessionRecord, NASTY, st.integers(1, 10**4), st.integers(0, 10**4), COUNTS,
        TIMES, TIMES, CLOSED_BY,
    ),
    max_size=5,
)  # fmt: skip
PerAndRecords = tuple[Per, list[Record]]
RECORDS: st.SearchStrategy[PerAndRecords] = st.one_of(
    SEARCHES.map(lambda records: (Per.SEARCH, [*records])),
    SESSIONS.map(lambda records: (Per.SESSION, [*records])),
)


def as_text(value: object) -> str:
    """Return a value as it stands in a cell."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def number_or_text(name: str, cell: str) -> object:
    """Return a cell as the value it stands for: numbers by their value, not their spelling."""
    is_number = name in {"ctr", "clicks_per_search", "first_click_s"}
    return float(cell) if cell and is_number else cell


@given(RECORDS)
@example((Per.SEARCH, [FULL, EMPTY]))
def test_json_lines_read_back(per_and_records: PerAndRecords) -> None:
    """Each line is an object with the values of its record, whatever its strings hold."""
    per, records = per_and_records
    found = make_sink(Format.JSONL, per).lines(records).decode()
    assert found.count("\n") == len(records)
    objects = [json.loads(line) for line in found.split("\n")[:-1]]
    assert objects == [values(record, per) for record in records]
    assert all(list(each) == FIELDS[per] for each in objects)


def csv_cells(records: Sequence[Record], per: Per) -> list[list[str]]:
    """Write records as CSV and read them with the csv module, as a file opened without newline."""
    sink = make_sink(Format.CSV, per)
    return [*csv.reader(io.StringIO((sink.header + sink.lines(records)).decode(), newline=""))]


def expected_cells(records: Sequence[Record], per: Per) -> list[list[str]]:
    """Return what the cells of a table of records are to say."""
    return [[as_text(value) for value in values(record, per).values()] for record in records]


@given(RECORDS)
@example((Per.SEARCH, [FULL, EMPTY]))
def test_csv_reads_back(per_and_records: PerAndRecords) -> None:
    """A reader of CSV gets the header and each value, null as an empty cell."""
    per, records = per_and_records
    header, *rows = csv_cells(records, per)
    assert header == FIELDS[per]
    read = [[number_or_text(*pair) for pair in zip(header, row, strict=True)] for row in rows]
    assert read == [
        [number_or_text(*pair) for pair in zip(header, row, strict=True)]
        for row in expected_cells(records, per)
    ]


ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
UNESCAPED = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


def unescaped(cell: str) -> str:
    """Undo the escapes of a cell."""
    return ESCAPE.sub(
        lambda found: (
            UNESCAPED[found[4]] if found[4] else chr(int(found[1] or found[2] or found[3], 16))
        ),
        cell,
    )


@given(RECORDS)
@example((Per.SEARCH, [EMPTY, FULL]))
def test_tsv_reads_back(per_and_records: PerAndRecords) -> None:
    """Cut at newlines and tabs, and escapes undone, each cell has its value."""
    per, records = per_and_records
    sink = make_sink(Format.TSV, per)
    header, *rows = (sink.header + sink.lines(records)).decode().split("\n")[:-1]
    names = header.split("\t")
    assert names == FIELDS[per]
    assert [
        [
            number_or_text(name, unescaped(cell))
            for name, cell in zip(names, row.split("\t"), strict=True)
        ]
        for row in rows
    ] == [
        [number_or_text(*pair) for pair in zip(names, row, strict=True)]
        for row in expected_cells(records, per)
    ]


@given(RECORDS)
@example((Per.SEARCH, [EMPTY, FULL]))
def test_text_reads_back(per_and_records: PerAndRecords) -> None:
    """Text is as TSV without a header, but null is a dash and all control characters escaped."""
    per, records = per_and_records
    text = make_sink(Format.TEXT, per).lines(records).decode()
    rows = [line.split("\t") for line in text.split("\n")[:-1]]
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        for cell, (name, value) in zip(row, values(record, per).items(), strict=True):
            if value is None:
                assert cell == "–"
            else:
                assert number_or_text(name, unescaped(cell)) == number_or_text(name, as_text(value))


CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u2028-\u202e\u2066-\u2069\ufeff]")


@given(RECORDS, st.booleans())
def test_text_is_safe_for_a_terminal(per_and_records: PerAndRecords, color: bool) -> None:  # noqa: FBT001
    """Text holds no control character but its own newlines, tabs and colours."""
    per, records = per_and_records
    text = make_sink(Format.TEXT, per, Look(color=color)).lines(records).decode()
    plain = text.replace("\x1b[32m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert CONTROL.search(plain) is None
    assert plain.count("\n") == len(records)
    assert plain.count("\t") == len(records) * (len(FIELDS[per]) - 1)
    assert plain == make_sink(Format.TEXT, per).lines(records).decode()


@given(RECORDS, st.sampled_from(Format), st.integers(0, 5))
def test_records_are_written_alike_together_and_apart(
    per_and_records: PerAndRecords, format_: Format, place: int
) -> None:
    """The line of a record does not depend on what is written with it (R12)."""
    per, records = per_and_records
    write = make_sink(format_, per).lines
    assert write(records) == write(records[:place]) + write(records[place:])
    assert write(records) == b"".join(write([record]) for record in records)


@given(RECORDS, st.sampled_from([Format.TSV, Format.CSV, Format.JSONL]))
def test_any_format_is_safe_on_a_terminal(per_and_records: PerAndRecords, format_: Format) -> None:
    """On a terminal, lines that are for programs hold no control character either."""
    per, records = per_and_records
    shown = make_sink(format_, per, Look(on_terminal=True)).lines(records)
    assert CONTROL.search(shown.decode()) is None
    if format_ is Format.JSONL:
        objects = [json.loads(line) for line in shown.decode().split("\n")[:-1]]
        assert objects == [values(record, per) for record in records]


@given(RECORDS, st.sampled_from([Format.TSV, Format.CSV]))
def test_no_cell_is_a_formula_if_that_is_asked_for(
    per_and_records: PerAndRecords, format_: Format
) -> None:
    """Only text that could be one is changed: by an apostrophe before it."""
    _, records = per_and_records
    plain = cells_of(format_, records, Look())
    for row, before in zip(
        cells_of(format_, records, Look(guards_formulas=True)), plain, strict=True
    ):
        for cell, cell_before in zip(row, before, strict=True):
            assert cell in {cell_before, f"'{cell_before}"}
            if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
                float(cell)


def cells_of(format_: Format, records: Sequence[Record], look: Look) -> list[list[str]]:
    """Write records as CSV or TSV, and read the cells."""
    per = Per.SESSION if records and isinstance(records[0], SessionRecord) else Per.SEARCH
    text = make_sink(format_, per, look).lines(records).decode()
    if format_ is Format.TSV:
        return [[unescaped(cell) for cell in line.split("\t")] for line in text.split("\n")[:-1]]
    return [*csv.reader(io.StringIO(text, newline=""))]


def test_formulas_are_left_alone_by_default() -> None:
    """Without the option a query is written as it was typed."""
    formula = replace(FULL, query="=1+1", user="-5")
    assert ",-5,=1+1," in lines(Format.CSV, [formula])
    guarded = make_sink(Format.CSV, Per.SEARCH, Look(guards_formulas=True)).lines([formula])
    assert b",-5,'=1+1," in guarded


# Colour and numbers.


def test_color_is_on_the_click_through_alone() -> None:
    """A clicked search is green, another one dim; other formats are never coloured."""
    clicked, not_clicked = lines(Format.TEXT, [FULL, EMPTY], color=True).splitlines()
    assert clicked.startswith("\x1b[32m1.0\x1b[0m\t7\tdogs\t")
    assert not_clicked.startswith("\x1b[2m0.0\x1b[0m\t7\t\t")
    (session,) = lines(Format.TEXT, [SESSION], color=True).splitlines()
    assert session.startswith("\x1b[32m0.75\x1b[0m\t2.5\t7\t")
    for format_ in (Format.TSV, Format.CSV, Format.JSONL):
        assert lines(format_, [FULL], color=True) == lines(format_, [FULL])


@pytest.mark.parametrize("format_", [Format.TEXT, Format.TSV, Format.CSV])
@pytest.mark.parametrize(
    ("seconds", "cell"),
    [(0.0, "0.0"), (1e-06, "0.000001"), (-1e-06, "-0.000001"), (9.9e-05, "0.000099"),
     (0.1, "0.1"), (0.30000000000000004, "0.30000000000000004"), (123456.789, "123456.789")],
)  # fmt: skip
def test_seconds_have_no_exponent(format_: Format, seconds: float, cell: str) -> None:
    """A person reads digits, not powers of ten."""
    record = SearchRecord("7", "dogs", 1, 1, 1, seconds, None, None, "end")
    assert lines(format_, [record]).splitlines()[-1].replace(",", "\t").split("\t")[6] == cell


def test_a_rank_of_any_size_is_written_as_json() -> None:
    """A click's own rank may be any integer that the log has; no log makes a run fail."""
    record = SearchRecord("7", "dogs", 1, 1, 10**30, None, None, None, "end")
    assert json.loads(lines(Format.JSONL, [record]))["first_rank"] == 10**30


@pytest.mark.parametrize("format_", [Format.TEXT, Format.TSV, Format.CSV])
def test_a_rank_of_any_size_is_written_as_a_table(format_: Format) -> None:
    """Tables hold integers of any size."""
    record = SearchRecord("7", "dogs", 1, 1, 10**30, None, None, None, "end")
    assert str(10**30) in lines(format_, [record])


@pytest.mark.parametrize(
    "format_",
    [
        Format.CSV,
        *[Format.TEXT, Format.TSV],
    ],
)
def test_a_small_ratio_is_not_cut_to_nothing(format_: Format) -> None:
    """One click in three million searches is not none."""
    record = SessionRecord("7", 3_000_000, 1, 1, None, None, "end")
    row = lines(format_, [record]).splitlines()[-1].replace(",", "\t").split("\t")
    assert [float(row[0]), float(row[1])] == [record.ctr, record.clicks_per_search]


@pytest.mark.parametrize("character", ["\r", "\n", '"', ",", "\r\n"])
def test_csv_quotes_what_would_break_a_row(character: str) -> None:
    """A value with a line end, a quote or a comma is one cell of one row."""
    record = SearchRecord(f"7{character}", f"a{character}b", None, 0, None, None, None, None, "end")
    assert csv_cells([record], Per.SEARCH)[1:] == expected_cells([record], Per.SEARCH)
    assert not make_sink(Format.CSV, Per.SEARCH).lines([FULL]).endswith(b"\r\n")
