"""What a check found, out: as a page for people, or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from ctrlog.check.model import Facts, Finding, Severity
from ctrlog.metrics.totals import ratio
from ctrlog.outputs.phrases import counted
from ctrlog.outputs.words import NULL, named, percent, span, users, visible
from ctrlog.times import format_times

_WIDEST = 120  # longer lines are hard to read
_LEAST_TEXT = 20  # columns that are taken in any case
_MOST_EVENTS = 30
_MOST_FIELDS = 60


def to_json(facts: Facts, found: Sequence[Finding]) -> bytes:
    """Write what was found as one JSON object."""
    return orjson.dumps(to_dict(facts, found), option=orjson.OPT_INDENT_2) + b"\n"


def to_dict(facts: Facts, found: Sequence[Finding]) -> dict[str, Any]:
    """Return what was found as plain values."""
    checkup = facts.checkup
    first, last = format_times([checkup.order.first, checkup.order.last])
    return {
        "schema": facts.schema,
        "attribute": facts.attribute,
        "fits": None if facts.fit is None else facts.fit.share,
        "lines": checkup.lines,
        "instructions": checkup.instructions,
        "bad_lines": sum(facts.bad_lines.values()),
        "events": facts.events,
        "users": facts.metrics.users.count,
        "users_exact": facts.metrics.users.is_exact,
        "sessions": facts.metrics.sessions,
        "first_time": first,
        "last_time": last,
        "searches": facts.searches.searches,
        "clicked_searches": facts.searches.clicked_searches,
        "ctr": facts.searches.ctr,
        "clicks": facts.clicks,
        "all_clicks": facts.all_clicks,
        "zero_results": facts.searches.zero_results,
        "zero_result_rate": facts.searches.zero_result_rate,
        "is_exact": checkup.is_exact,
        "by_ids": facts.by_ids.to_dict() if facts.has_ids else None,
        "kinds": [
            {"kind": kind, "name": name, "events": number}
            for (kind, name), number in checkup.tally.events.most_common()
        ],
        "fields": [
            {"place": place, "share": note.lines / checkup.fields.lines, "examples": note.examples}
            for place, note in checkup.fields.notes.items()
        ],
        "findings": [_finding_to_dict(finding) for finding in found],
    }


def _finding_to_dict(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "severity": finding.severity.value,
        "count": finding.count,
        "of": finding.of,
        "share": None if finding.of is None else ratio(finding.count, finding.of),
        "what": finding.what,
        "why": finding.why,
        "help": finding.help,
        "figures": dict(finding.figures),
    }


# The page.


def to_text(facts: Facts, found: Sequence[Finding], width: int = 80) -> str:
    """Write what was found as a page.

    Args:
        facts: What is known of the log.
        found: What was found in it.
        width: The columns that a line of text may take; tables take what they need.
    """
    width = min(width, _WIDEST)
    parts = [
        _head(facts),
        _table("Events", _events(facts), _MOST_EVENTS),
        _table(f"Fields, in {counted(facts.checkup.fields.lines, 'line')}", _fields(facts)),
        *(_section(severity, found, width) for severity in Severity),
    ]
    if not found:
        parts.append("Nothing is wrong that could be told.\n")
    return "\n".join(part for part in parts if part)


def _head(facts: Facts) -> str:
    checkup = facts.checkup
    fit = "" if facts.fit is None else f": tells {percent(facts.fit.share)} of the lines"
    bad = sum(facts.bad_lines.values())
    lines = f"{checkup.lines:,}, {bad:,} of them bad"
    if checkup.instructions:
        lines += f"; {counted(checkup.instructions, 'instruction')} of _bulk passed over"
    searches = facts.searches
    rows = [
        ("Schema", f"{facts.schema}{fit}"),
        ("Lines", lines),
        ("Events", f"{facts.events:,}{_chosen(facts)}"),
        ("Time", span(facts.checkup.order.first, facts.checkup.order.last)),
        ("Users", f"{users(facts.metrics).split()[0]} with a search"),
        ("Searches", _clicked(searches.searches, searches.clicked_searches)),
        ("Clicks", f"{facts.all_clicks:,}, {facts.clicks:,} of them in a search"),
    ]
    if facts.goes_by_ids:
        ids, about = facts.by_ids, "" if checkup.is_exact else "about "
        found = _clicked(ids.searches, ids.clicked_searches)
        rows.append(("By ids", f"{about}{found}, in whatever order their lines stand"))
    if not checkup.is_exact:
        rows.append(("Sample", _sample(facts)))
    return "".join(f"{name:10}{text}\n" for name, text in rows)


def _chosen(facts: Facts) -> str:
    return f" {visible(facts.chosen)}; lines are those of the whole log" if facts.chosen else ""


def _clicked(searches: int, clicked: int) -> str:
    return f"{searches:,}, {clicked:,} of them clicked: CTR {percent(ratio(clicked, searches))}"


def _sample(facts: Facts) -> str:
    searches, users = facts.checkup.searches.scale, facts.checkup.user_scale
    return f"what is told of ids is of one in {searches:,}, of users one in {users:,}; multiplied"


def _events(facts: Facts) -> list[tuple[str, str, str]]:
    return [
        (kind, f"{number:,}", NULL if name is None else named(name, 60))
        for (kind, name), number in facts.checkup.tally.events.most_common()
    ]


def _fields(facts: Facts) -> list[tuple[str, str, str]]:
    fields = facts.checkup.fields
    return [
        (
            visible(place, 80),
            percent(note.lines / fields.lines),
            _some(note.examples),
        )
        for place, note in fields.notes.items()
    ]


def _some(examples: Sequence[str]) -> str:
    """Write as many examples as fit, one in any case."""
    text = ""
    for example in examples:
        shown = visible(example, _LONGEST_EXAMPLE)
        if text and len(text) + len(shown) + 2 > _LONGEST_EXAMPLE:
            break
        text += ("  " if text else "") + shown
    return text


_LONGEST_EXAMPLE = 28


def _table(title: str, rows: Sequence[tuple[str, str, str]], most: int = _MOST_FIELDS) -> str:
    if not rows:
        return ""
    shown = rows[:most]
    first = max(len(row[0]) for row in shown)
    second = max(len(row[1]) for row in shown)
    lines = [f"  {a:{first}}  {b:>{second}}  {c}".rstrip() for a, b, c in shown]
    if len(rows) > most:
        lines.append(f"  … and {len(rows) - most:,} more; --format json has all")
    return "\n".join([title, *lines]) + "\n"


_TITLES = {
    Severity.WRONG: "What makes CTR wrong",
    Severity.DOUBTFUL: "What makes other numbers wrong",
    Severity.NOTE: "Good to know",
}


def _section(severity: Severity, found: Iterable[Finding], width: int) -> str:
    parts = [_paragraphs(finding, width) for finding in found if finding.severity is severity]
    return "\n".join([_TITLES[severity], *parts]) + "\n" if parts else ""


def _paragraphs(finding: Finding, width: int) -> str:
    lines = _wrapped(finding.what, width, "  • ", "    ")
    for label, text in ("Why", finding.why), ("Do", finding.help):
        lines += _wrapped(text, width, f"    {label + ':':5}", " " * 9)
    return "\n".join(lines)


def _wrapped(text: str, width: int, first: str, further: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(further) + _LEAST_TEXT),
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )
