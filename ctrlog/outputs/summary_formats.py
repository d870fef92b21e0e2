"""A summary out: as a table for people, or as JSON, CSV, TSV or Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

import orjson

from ctrlog.escaping import SEPARATORS, escape, escape_on_terminal, guard
from ctrlog.metrics.summary import Summary, search_values
from ctrlog.outputs import words
from ctrlog.outputs.advice import advice
from ctrlog.outputs.formats import SummaryFormat
from ctrlog.outputs.records import PLAIN, Look


def render(
    summary: Summary,
    format_: SummaryFormat,
    look: Look = PLAIN,
    *,
    width: int = 80,
) -> bytes:
    """Write a summary.

    Args:
        summary: What to write.
        format_: How to write it.
        look: For what reader. Without colour, `SummaryFormat.TABLE` has no escape codes.
        width: The columns that `SummaryFormat.TABLE` may take.

    Returns:
        UTF-8 that ends with a newline, if there is any.
    """
    written = _render(summary, format_, look, width)
    if not look.on_terminal or format_ in {SummaryFormat.TABLE, SummaryFormat.MD}:
        return written
    is_json = format_ in {SummaryFormat.JSON, SummaryFormat.JSONL}
    return escape_on_terminal(written, is_json=is_json)


def _render(summary: Summary, format_: SummaryFormat, look: Look, width: int) -> bytes:
    match format_:
        case SummaryFormat.TABLE:
            from ctrlog.outputs.summary_screen import draw  # noqa: PLC0415  # rich is slow to load

            return draw(summary, color=look.color, width=width).encode()
        case SummaryFormat.JSON:
            return orjson.dumps(summary.to_dict(), option=_INDENTED)
        case SummaryFormat.JSONL:
            return b"".join(orjson.dumps(row, option=_LINE) for row in _objects(summary))
        case SummaryFormat.CSV:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(_rows(summary, look))
            return text.getvalue().encode()
        case SummaryFormat.TSV:
            return "".join(_tabbed(row) for row in _rows(summary, look)).encode()
        case SummaryFormat.MD:
            return _markdown(summary).encode()


_LINE = orjson.OPT_APPEND_NEWLINE
_INDENTED = orjson.OPT_INDENT_2 | _LINE


def _objects(summary: Summary) -> Iterable[dict[str, object]]:
    """The objects of JSON lines: one for each group, or one for all."""
    if summary.dimensions:
        return map(summary.group_values, words.others_last(summary.groups))
    return [{name: value for name, value in summary.to_dict().items() if name != "groups"}]


# Rows of texts, with a header: one for each group, or one for all.


def _rows(summary: Summary, look: Look) -> list[list[str]]:
    rows = _plain_rows(summary)
    return [[guard(text) for text in row] for row in rows] if look.guards_formulas else rows


def _plain_rows(summary: Summary) -> list[list[str]]:
    if not summary.dimensions:
        scalars = {
            name: value
            for name, value in summary.to_dict().items()
            if not isinstance(value, dict | list)
        }
        return [[*scalars], [*map(_text, scalars.values())]]
    header = [*summary.names, "is_others", *search_values(summary.searches)]
    return [header, *_group_rows(summary)]


def _group_rows(summary: Summary) -> Iterable[list[str]]:
    for group in words.others_last(summary.groups):
        yield [_text(value) for value in summary.group_values(group).values()]


def _text(value: object) -> str:
    """Write a value: null is empty, true and false are as in JSON."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tabbed(row: Sequence[str]) -> str:
    return "\t".join(escape(text, SEPARATORS) for text in row) + "\n"


# GitHub-flavoured Markdown: https://github.github.com/gfm/#tables-extension-


def _markdown(summary: Summary) -> str:
    parts = [_md_table(["metric", "value"], ["---", "---:"], _metrics(summary))]
    if summary.dimensions:
        rows = [
            [*words.key_cells(group, summary.dimensions), *words.group_cells(group.metrics)]
            for group in words.others_last(summary.groups)
        ]
        keys = [words.visible(name) for name in summary.dimensions]
        aligned = ["---"] * len(keys) + ["---:"] * len(words.GROUP_HEADERS)
        parts.append(_md_table([*keys, *words.GROUP_HEADERS], aligned, rows))
    if notes := [*words.groups_notes(summary), *advice(summary)]:
        parts.append("".join(f"- {_md_note(note)}\n" for note in notes))
    return "\n".join(parts)


def _metrics(summary: Summary) -> list[list[str]]:
    """All metrics as names and values."""
    numbers = [
        ("sessions", summary.metrics.sessions),
        *words.funnel(summary),
        ("clicks", summary.searches.clicks),
    ]
    facts = [
        *words.headline(summary),
        *words.as_typed(summary),
        ("users", words.users(summary.metrics).split()[0]),
        *[(name, words.number(n)) for name, n in numbers],
        *words.quality(summary),
        *[(f"closed by {way}", words.number(n)) for way, n in words.endings(summary.searches)],
        ("events in the log", words.number(summary.counts.events)),
        ("time of the log", words.span(summary.counts.first_time, summary.counts.last_time)),
        *([("searches chosen", summary.chosen)] if summary.chosen else []),
    ]
    return [list(fact) for fact in facts]


def _md_table(header: list[str], aligned: list[str], rows: list[list[str]]) -> str:
    escaped = [[_md_escaped(text) for text in row] for row in (header, *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (escaped[0], aligned, *escaped[1:]))


_COMMAND = re.compile(r"(`ctrlog [^`]*`)")


def _md_note(note: str) -> str:
    """Escape a note, except the commands in it, which stay code."""
    texts = _COMMAND.split(note)
    return "".join(text if i % 2 else _md_escaped(text) for i, text in enumerate(texts))


_MARKUP = re.compile(r"[\\`*_\[\]<>|~&]")


def _md_escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)
