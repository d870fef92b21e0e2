"""Records out: each format turns records to text, a line for each.

A sink is made for a format and a kind of record. It only turns records to text; where
that goes is the business of `outputs`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias

import orjson

from ctrlog.escaping import SEPARATORS, UNSAFE, escape, escape_on_terminal, guard
from ctrlog.sessions.events import SearchRecord, SessionRecord
from ctrlog.times import format_times


class Format(StrEnum):
    """How records are written."""

    TEXT = "text"
    TSV = "tsv"
    CSV = "csv"
    JSONL = "jsonl"


class Per(StrEnum):
    """What a record is written for."""

    SEARCH = "search"
    SESSION = "session"


#: The names of the fields, in the order in which they are written.
COLUMNS: dict[Per, tuple[str, ...]] = {
    Per.SEARCH: (
        "ctr",
        "user",
        "query",
        "results",
        "clicks",
        "first_rank",
        "first_click_s",
        "time",
        "session_start",
        "closed_by",
        "followed",
    ),
    Per.SESSION: (
        "ctr",
        "clicks_per_search",
        "user",
        "searches",
        "clicked_searches",
        "clicks",
        "session_start",
        "session_end",
        "closed_by",
    ),
}

Record: TypeAlias = SearchRecord | SessionRecord
Formatter: TypeAlias = Callable[[Sequence[Any]], bytes]


@dataclass(frozen=True, slots=True)
class Sink:
    """A format made for one kind of record.

    Attributes:
        header: What stands before the first record, if anything.
        lines: Turns records to lines, each with its newline.
    """

    header: bytes
    lines: Formatter


@dataclass(frozen=True, slots=True)
class Look:
    """For what reader records are written.

    Attributes:
        color: Whether `Format.TEXT` is coloured.
        guards_formulas: Whether a spreadsheet is kept from taking text for a formula, in
            `Format.CSV` and `Format.TSV`.
        on_terminal: Whether a terminal shows them, which must not obey what they say.
    """

    color: bool = False
    guards_formulas: bool = False
    on_terminal: bool = False


#: For a program, which takes values as they are.
PLAIN = Look()

#: A column of searches before the last one, where those of one typing are merged (R14).
REFINEMENTS = "refinements"


def make_sink(
    format_: Format,
    per: Per,
    look: Look = PLAIN,
    *,
    has_refinements: bool = False,
) -> Sink:
    """Return the sink for a format and a kind of record.

    Args:
        format_: How to write.
        per: Whether the records are of searches or of sessions.
        look: For what reader to write.
        has_refinements: Whether searches have the column `REFINEMENTS`.
    """
    sink = _make_sink(format_, per, look, has_refinements=has_refinements)
    if not look.on_terminal or format_ is Format.TEXT:
        return sink
    escaped = partial(escape_on_terminal, is_json=format_ is Format.JSONL)
    return Sink(sink.header, lambda records: escaped(sink.lines(records)))


def _make_sink(format_: Format, per: Per, look: Look, *, has_refinements: bool) -> Sink:
    columns = COLUMNS[per]
    rows: Callable[..., Iterable[Sequence[object]]] = _session_rows
    tabbed: Callable[..., bytes] = _tabbed_sessions
    if per is Per.SEARCH:
        rows = partial(_search_rows, has_refinements=has_refinements)
        tabbed = partial(_tabbed_searches, has_refinements=has_refinements)
        if has_refinements:
            columns = (*columns[:-1], REFINEMENTS, columns[-1])
    match format_:
        case Format.TEXT:
            style = _Style("–", UNSAFE, color=look.color)
            return Sink(b"", partial(tabbed, style=style))
        case Format.TSV:
            style = _Style("", SEPARATORS, guards_formulas=look.guards_formulas)
            header = "\t".join(columns) + "\n"
            return Sink(header.encode(), partial(tabbed, style=style))
        case Format.CSV:
            guards = look.guards_formulas
            return Sink(
                _csv_lines([columns]), lambda records: _csv_lines(rows(records), guards=guards)
            )
        case Format.JSONL:
            return Sink(b"", lambda records: _json_lines(columns, rows(records)))


# Rows: the values of a record in the order of its columns, times written out.


def _search_rows(
    records: Sequence[SearchRecord], *, has_refinements: bool
) -> Iterable[Sequence[object]]:
    times = format_times([record.time for record in records])
    starts = format_times([record.session_start for record in records])
    for record, time, start in zip(records, times, starts, strict=True):
        yield (
            record.ctr,
            record.user,
            record.query,
            record.results,
            record.clicks,
            record.first_rank,
            record.first_click_s,
            time,
            start,
            record.closed_by,
            *((record.refinements,) if has_refinements else ()),
            record.followed,
        )


def _session_rows(records: Sequence[SessionRecord]) -> Iterable[Sequence[object]]:
    starts = format_times([record.session_start for record in records])
    ends = format_times([record.session_end for record in records])
    for record, start, end in zip(records, starts, ends, strict=True):
        yield (
            record.ctr,
            record.clicks_per_search,
            record.user,
            record.searches,
            record.clicked_searches,
            record.clicks,
            start,
            end,
            record.closed_by,
        )


def _json_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    lines = [_json_line(dict(zip(columns, row, strict=True))) for row in rows]
    return b"".join(lines)


def _json_line(values: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a rank beyond 64 bits
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _csv_lines(rows: Iterable[Sequence[object]], *, guards: bool = False) -> bytes:
    lines = _Lines()
    # Told that lines end in both, the writer quotes values with either.
    writer = csv.writer(lines, lineterminator="\r\n")
    cells = ([_csv_value(value) for value in row] for row in rows)
    if guards:
        cells = ([guard(v) if isinstance(v, str) else v for v in row] for row in cells)
    writer.writerows(cells)
    return "".join([line.removesuffix("\r\n") + "\n" for line in lines]).encode()


def _csv_value(value: object) -> object:
    if isinstance(value, bool):
        return _BOOLEAN[value]
    return _plain(value) if isinstance(value, float) else value


class _Lines(list[str]):
    """A file for the CSV writer, which writes a line at a time."""

    write = list.append


# Tab-separated: written out field by field, since this is what a run spends its time on.


@dataclass(frozen=True, slots=True)
class _Style:
    """How tab-separated values are written: null, what to escape, colour, and formulas."""

    shown_null: str
    unsafe: re.Pattern[str]
    color: bool = False
    guards_formulas: bool = False

    def encoded(self, lines: list[str]) -> bytes:
        return "".join(lines).encode().replace(_NULL.encode(), self.shown_null.encode())

    def escaped(self, texts: list[str]) -> list[str]:
        if self.guards_formulas:
            texts = [guard(text) for text in texts]
        together = " ".join(texts)
        if together.isascii():  # as nearly always: this is faster than a search
            is_safe = together.isprintable() and "\\" not in together
        else:
            is_safe = self.unsafe.search(together) is None
        if is_safe:
            return texts
        return [escape(text, self.unsafe) for text in texts]

    def ctr(self, ctr: float) -> str:
        if not self.color:
            return _plain(ctr)
        return f"\x1b[{'32' if ctr else '2'}m{_plain(ctr)}\x1b[0m"


#: Stands for null until a line is encoded; no value has it, since it is escaped. A character
#: beyond ASCII in nearly every line would make the strings twice as large and as slow.
_NULL = "\0"


def _tabbed_searches(
    records: Sequence[SearchRecord], style: _Style, *, has_refinements: bool
) -> bytes:
    clicked, not_clicked = style.ctr(1.0), style.ctr(0.0)
    refinements = [f"\t{record.refinements}" if has_refinements else "" for record in records]
    users = style.escaped([record.user for record in records])
    queries = style.escaped([record.query for record in records])
    times = format_times([record.time for record in records], _NULL)
    starts = format_times([record.session_start for record in records], _NULL)
    return style.encoded(
        [
            f"{clicked if record.clicks else not_clicked}\t{user}\t{query}"
            f"\t{_NULL if record.results is None else record.results}\t{record.clicks}"
            f"\t{_NULL if record.first_rank is None else record.first_rank}"
            f"\t{_NULL if record.first_click_s is None else _plain(record.first_click_s)}"
            f"\t{time}\t{start}\t{record.closed_by}{refined}\t{_BOOLEAN[record.followed]}\n"
            for record, user, query, time, start, refined in zip(
                records, users, queries, times, starts, refinements, strict=True
            )
        ]
    )


#: How a boolean is written, where that is text.
_BOOLEAN = ("false", "true")


def _tabbed_sessions(records: Sequence[SessionRecord], style: _Style) -> bytes:
    users = style.escaped([record.user for record in records])
    starts = format_times([record.session_start for record in records], _NULL)
    ends = format_times([record.session_end for record in records], _NULL)
    return style.encoded(
        [
            f"{style.ctr(record.ctr)}\t{_plain(record.clicks_per_search)}\t{user}\t{record.searches}"
            f"\t{record.clicked_searches}\t{record.clicks}\t{start}\t{end}\t{record.closed_by}\n"
            for record, user, start, end in zip(records, users, starts, ends, strict=True)
        ]
    )


def _plain(number: float) -> str:
    """Write a number without an exponent, which Python uses below 0.0001."""
    text = str(number)
    return f"{Decimal(text):f}" if "e" in text else text
