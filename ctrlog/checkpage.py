"""What a check found, out: as a page for people, or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from ctrlog.facts import Facts, Finding, Severity
from ctrlog.metrics import ratio
from ctrlog.times import format_times
from ctrlog.wording import NULL, counted, percent, span, visible

_WIDTH = 80
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
        "users": checkup.users,
        "first_time": first,
        "last_time": last,
        "searches": facts.counted_searches,
        "clicked_searches": facts.counted_clicked,
        "ctr": facts.ctr,
        "clicks": facts.clicks,
        "is_exact": checkup.is_exact,
        "by_ids": facts.by_ids.to_dict() if facts.has_ids else None,
        "in_sessions": {
            "searches": facts.metrics.searches,
            "clicked_searches": facts.metrics.clicked_searches,
            "ctr": facts.metrics.ctr,
        },
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


def to_text(facts: Facts, found: Sequence[Finding]) -> str:
    """Write what was found as a page of at most 80 columns, but for long names."""
    parts = [
        _head(facts),
        _table("Events", _events(facts), _MOST_EVENTS),
        _table(f"Fields, in {counted(facts.checkup.fields.lines, 'line')}", _fields(facts)),
        *(_section(severity, found) for severity in Severity),
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
    about = "" if checkup.is_exact else "about "
    how = "by their ids" if facts.goes_by_ids else "by the order of events"
    searches = (
        f"{about}{facts.counted_searches:,} {how}, {facts.counted_clicked:,} of them clicked:"
        f" CTR {percent(facts.ctr)}"
    )
    rows = [
        ("Schema", f"{facts.schema}{fit}"),
        ("Lines", lines),
        ("Events", f"{facts.events:,} of {counted(checkup.users, 'user')}"),
        ("Time", span(facts.checkup.order.first, facts.checkup.order.last)),
        ("Searches", searches),
        ("Clicks", f"{facts.clicks:,}"),
    ]
    if facts.goes_by_ids:
        metrics = facts.metrics
        in_sessions = (
            f"{metrics.searches:,} in sessions, as `ctrlog summary` counts them,"
            f" {metrics.clicked_searches:,} of them clicked: CTR {percent(metrics.ctr)}"
        )
        rows.insert(5, ("", in_sessions))
    if not checkup.is_exact:
        rows.append(("Sample", _sample(facts)))
    return "".join(f"{name:10}{text}\n" for name, text in rows)


def _sample(facts: Facts) -> str:
    searches, users = facts.checkup.searches.scale, facts.checkup.user_scale
    return f"what is told of ids is of one in {searches:,}, of users one in {users:,}; multiplied"


def _events(facts: Facts) -> list[tuple[str, str, str]]:
    return [
        (kind, f"{number:,}", NULL if name is None else visible(name, 60))
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


def _section(severity: Severity, found: Iterable[Finding]) -> str:
    parts = [_paragraphs(finding) for finding in found if finding.severity is severity]
    return "\n".join([_TITLES[severity], *parts]) + "\n" if parts else ""


def _paragraphs(finding: Finding) -> str:
    lines = textwrap.wrap(
        finding.what, _WIDTH, initial_indent="  • ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    for label, text in ("Why", finding.why), ("Do", finding.help):
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=f"    {label + ':':5}", subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)
