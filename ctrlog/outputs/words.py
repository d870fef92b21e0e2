"""What a summary says in words: numbers as people read them, and names of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ctrlog.escaping import UNSAFE, escape
from ctrlog.metrics.groups import OTHERS, Group
from ctrlog.metrics.intervals import Interval
from ctrlog.metrics.summary import Summary
from ctrlog.metrics.totals import Metrics, SearchMetrics, ratio
from ctrlog.outputs.phrases import counted
from ctrlog.sessions.events import ClosedBy
from ctrlog.times import format_duration, format_second

#: What is written for what is not known.
NULL = "–"

#: What ended a search, in words.
ENDINGS: dict[ClosedBy, str] = {
    ClosedBy.SEARCH: "next search",
    ClosedBy.CLOSE: "AppClose",
    ClosedBy.TIMEOUT: "Timeout",
    ClosedBy.GAP: "gap",
    ClosedBy.MAX: "max-session",
    ClosedBy.END: "end of log",
}

# Numbers


def fixed(value: float | None, decimals: int) -> str:
    """Write a number with so many decimals, up to two more if it would be written as 0."""
    if value is None:
        return NULL
    return _told_from(value, (0,), decimals)


def percent(share: float | None, decimals: int = 1) -> str:
    """Write a share in per cent, so that only 0 reads 0 and only 1 reads 100."""
    return NULL if share is None else _percentage(share, decimals) + " %"


def percent_interval(interval: Interval | None, decimals: int = 1) -> str:
    """Write an interval of a share in per cent."""
    if interval is None:
        return NULL
    low, high = (_percentage(end, decimals) for end in interval)
    return f"{low}–{high} %"


def _percentage(share: float, decimals: int) -> str:
    return _told_from(100 * share, (0, 100), decimals)


def _told_from(value: float, exact: Sequence[float], decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    for more in (1, 2):
        if value in exact or float(text.replace(",", "")) not in exact:
            break
        text = f"{value:,.{decimals + more}f}"
    return text


def decimals_for(interval: Interval | None) -> int:
    """Return the decimals of per cent that an interval justifies: 1 to 3."""
    if interval is None:
        return 1
    width = interval.high - interval.low
    return 1 + sum(width < enough for enough in (0.002, 0.0002))


def seconds(value: float | None) -> str:
    """Write seconds as a duration in which no more than three digits or two units count."""
    if value is None:
        return NULL
    value = float(f"{value:.3g}") if value < _MINUTE_S else value
    for unit_s, step_s in ((86_400, 3_600), (3_600, 60), (_MINUTE_S, 1)):
        if value >= unit_s:
            return format_duration(timedelta(seconds=round(value / step_s) * step_s))
    return f"{1000 * value:.3g}ms" if 0 < value < 1 else f"{value:.3g}s"


_MINUTE_S = 60


def number(value: int | None) -> str:
    """Write a whole number."""
    return NULL if value is None else f"{value:,}"


def part(count: int, of: int) -> str:
    """Write how many of how many: `41 of 227 (18.1 %)`."""
    return f"{count:,} of {of:,} ({percent(ratio(count, of))})"


# Texts of the log

#: More characters of a text are not looked at: they would not be seen.
_MOST_CHARACTERS = 500


def visible(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Escape what `UNSAFE` matches, and cut what is long."""
    cut = text[:most]
    escaped = escape(cut, UNSAFE)
    return escaped + ("…" if len(text) > len(cut) else "")


def named(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Write a text as `visible` does, in quotes if it is empty or of blanks only."""
    shown = visible(text, most)
    return shown if text.strip() else f'"{shown}"'


def key_cells(group: Group, dimensions: Sequence[str]) -> list[str]:
    """Name a group: a text for each dimension."""
    if group.key == OTHERS:
        return ["(others)", *[""] * (len(dimensions) - 1)]
    return [NULL if part is None else named(part) for part in group.key]


GROUP_HEADERS = ("searches", "CTR", "95 % interval", "clicks/search", "zero results", "MRR")


def group_cells(metrics: SearchMetrics) -> list[str]:
    """Write the metrics of a group, in the order of `GROUP_HEADERS`."""
    return [
        f"{metrics.searches:,}",
        percent(metrics.ctr),
        percent_interval(metrics.ctr_interval),
        fixed(metrics.clicks_per_search, 2),
        percent(metrics.zero_result_rate),
        fixed(metrics.mrr, 3),
    ]


def others_last(groups: Sequence[Group]) -> list[Group]:
    """Return the groups in their order, those of all others last."""
    return sorted(groups, key=lambda group: group.key == OTHERS)


# Metrics: names and values. `docs/metrics.md` defines them.

Figures = list[tuple[str, str]]


def headline(summary: Summary) -> Figures:
    """The search CTR with both of its intervals."""
    interval, clustered = summary.searches.ctr_interval, summary.metrics.clustered_interval()
    decimals = decimals_for(interval)
    clusters = "users" if summary.metrics.users.is_exact else "sessions"
    return [
        ("search CTR", percent(summary.searches.ctr, decimals)),
        ("95 % interval (Wilson)", percent_interval(interval, decimals)),
        (f"95 % interval that respects {clusters}", percent_interval(clustered, decimals)),
    ]


def as_typed(summary: Summary) -> Figures:
    """The searches and the CTR before those of one typing are merged; empty if none are."""
    if summary.searches_raw is None:
        return []
    return [
        ("searches as typed", number(summary.searches_raw)),
        ("search CTR as typed", percent(summary.ctr_raw)),
    ]


def users(metrics: Metrics) -> str:
    """Write the number of users; an estimate has a ~."""
    found = metrics.users
    return ("" if found.is_exact else "~") + f"{counted(found.count, 'user')}"


def quality(summary: Summary) -> Figures:
    """How good the results of searches were, and what people made of them."""
    searches, metrics = summary.searches, summary.metrics
    first_click, session = metrics.first_click_s.quantile, metrics.session_s.quantile
    per_session = ratio(searches.searches, metrics.sessions)
    return [
        ("zero-result rate", percent(searches.zero_result_rate)),
        ("abandonment rate", percent(searches.abandonment_rate)),
        ("reformulation rate", percent(searches.reformulation_rate)),
        ("MRR, results logged", fixed(searches.mrr, 3)),
        ("MRR, clicked", fixed(searches.mrr_clicked, 3)),
        ("clicks per search", fixed(searches.clicks_per_search, 2)),
        ("searches per session", fixed(per_session, 2)),
        ("first click at rank 1", percent(searches.first_click_at_1)),
        ("first click in top 3", percent(searches.first_click_in_top_3)),
        ("time to first click, median", seconds(first_click(0.5))),
        ("time to first click, p90", seconds(first_click(0.9))),
        ("session length, median", seconds(session(0.5))),
        ("session length, p90", seconds(session(0.9))),
    ]


def funnel(summary: Summary) -> list[tuple[str, int | None]]:
    """How many searches got how far; None if the log cannot tell."""
    searches = summary.searches
    with_results = searches.with_results if searches.logged_results else None
    return [
        ("searches", searches.searches),
        ("with results", with_results),
        ("clicked", searches.clicked_searches),
    ]


_LAST_RANK = 10


def first_ranks(searches: SearchMetrics) -> list[tuple[str, int]]:
    """First clicks by rank, one by one up to 10; empty if no rank is known."""
    ranks = searches.first_ranks
    last = min(max(ranks, default=0), _LAST_RANK)
    shown = [(str(rank), ranks.get(rank, 0)) for rank in range(1, last + 1)]
    beyond = sum(number for rank, number in ranks.items() if rank > _LAST_RANK)
    return [*shown, (f"{_LAST_RANK + 1}+", beyond)] if beyond else shown


def endings(searches: SearchMetrics) -> list[tuple[str, int]]:
    """How many searches ended in which way; the ways that occur."""
    return [
        (ENDINGS[ClosedBy(name)], number) for name, number in searches.closed_by.items() if number
    ]


def span(first: datetime | None, last: datetime | None) -> str:
    """Write the first and the last time of a log to the second, and how far apart they are."""
    if first is None or last is None:
        return NULL
    length = seconds((last - first).total_seconds())
    return f"{format_second(first)} – {format_second(last)} ({length})"


def extent(summary: Summary) -> str:
    """Write how much there is in the whole log, whichever searches of it were chosen."""
    counts = summary.counts
    events = f"{counted(counts.events, 'event')} in the log"
    if counts.first_time is None:
        return events
    return f"{events}: {span(counts.first_time, counts.last_time)}"


def groups_notes(summary: Summary) -> list[str]:
    """What to know of the groups shown."""
    notes = []
    too_small = summary.groups_too_small
    if beyond := summary.groups_left_out - too_small:
        verb = "is" if beyond == 1 else "are"
        notes.append(f"{counted(beyond, 'more group')} {verb} not shown; --top N shows more.")
    if too_small:
        has = "has" if too_small == 1 else "have"
        notes.append(
            f"{counted(too_small, 'group')} {has} fewer searches than --min-searches asks for, and"
            f" {'is' if too_small == 1 else 'are'} not shown."
        )
    if summary.merged_searches:
        notes.append(
            f"There were too many groups, so rare ones were merged: (others) has"
            f" {counted(summary.merged_searches, 'search')}, some of which may belong to groups"
            " shown. --max-groups N keeps more."
        )
    return notes
