"""A summary on the screen: numbers, bars and advice, drawn with rich."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import zip_longest
from math import ceil
from typing import Any, TypeAlias

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ctrlog.escaping import UNSAFE, escape
from ctrlog.metrics.groups import OTHERS, WEEKDAYS, Period
from ctrlog.metrics.summary import Summary
from ctrlog.metrics.totals import SearchMetrics
from ctrlog.outputs import words
from ctrlog.outputs.advice import advice
from ctrlog.outputs.phrases import counted

Lines: TypeAlias = list[Text]
#: What is drawn as soon as its width is known.
Drawing: TypeAlias = Callable[[int], Lines]

_WIDEST = 120  # lines beyond are hard to read
_TWO_COLUMNS_FROM = 76
_GAP = 2  # between columns
_INDENT = "  "

_TITLE = "bold"
_QUIET = "dim"
_BAR = "cyan"
_WARNING = "yellow"


def draw(summary: Summary, *, color: bool, width: int) -> str:
    """Draw a summary.

    Args:
        summary: What to draw.
        color: Whether to use colour; the layout is the same without.
        width: The columns that there are; no line is wider.

    Returns:
        Lines without blanks at their ends.
    """
    text = io.StringIO()
    width = min(width, _WIDEST)
    console = _console(text, width, color=color)
    for number, part in enumerate(_parts(summary)):
        for line in [*([Text()] if number else []), *part(width)]:
            line.rstrip()
            console.print(line, no_wrap=True, overflow="ellipsis")
    return text.getvalue()


def _console(file: io.StringIO, width: int, *, color: bool) -> Console:
    """Make a console that asks neither the terminal nor the environment."""
    return Console(
        file=file,
        width=width,
        height=1,
        force_terminal=color,
        force_jupyter=False,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
    )


def _parts(summary: Summary) -> Iterator[Drawing]:
    """What a summary has, from top to bottom; a blank line goes between."""
    yield _headline(summary)
    yield _volume(summary)
    searches = summary.searches
    if searches.searches:
        yield _bars("Funnel", words.funnel(summary), searches.searches)
        endings = _histogram("How searches ended", words.endings(searches))
        ranks = words.first_ranks(searches)
        yield _beside(_histogram("First click at rank", ranks), endings) if ranks else endings
        yield _quality(summary)
    if summary.groups:
        yield _groups(summary)
    if texts := advice(summary):
        yield lambda width: _titled("Worth knowing", *(_advised(text, width) for text in texts))


# Lines


def _row(cells: Sequence[str | Text], widths: Sequence[int], right: Sequence[int] = ()) -> Text:
    """Put cells next to each other, and cut what is too wide.

    Args:
        cells: A cell for each column.
        widths: How wide the columns are.
        right: The columns to align to the right, from 0.
    """
    aligned = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = cell.copy() if isinstance(cell, Text) else Text(cell)
        text.overflow = "ellipsis"
        text.align("right" if place in right else "left", width)
        aligned.append(text)
    return Text(" " * _GAP).join(aligned)


def _wrapped(text: Text, width: int) -> Lines:
    """Wrap text; what has no column left gets one."""
    width = max(width, 1)
    console = _console(io.StringIO(), width, color=False)
    lines = [*text.wrap(console, width)]
    for line in lines:
        line.rstrip()
    return lines


def _titled(title: str, *parts: Lines) -> Lines:
    return [Text(title, _TITLE), *(Text(_INDENT) + line for part in parts for line in part)]


def _beside(left: Drawing, right: Drawing) -> Drawing:
    """Put two drawings side by side, or one below the other where that is too narrow."""

    def draw_both(width: int) -> Lines:
        if width < _TWO_COLUMNS_FROM:
            return [*left(width), Text(), *right(width)]
        half = (width - _GAP) // 2
        pairs = zip_longest(left(half), right(half), fillvalue=Text())
        return [_row(pair, [half, half]) for pair in pairs]

    return draw_both


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column of some rows."""
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


_EIGHTHS = " ▏▎▍▌▋▊▉"


def _bar(share: float, cells: int) -> Text:
    """Draw a bar to an eighth of a cell; the smallest share can be seen."""
    eighths = min(8 * cells, max(round(8 * cells * share), ceil(share)))
    return Text("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip(), _BAR)


# Parts


def _headline(summary: Summary) -> Drawing:
    (name, share), *intervals = words.headline(summary)
    title = Text(name[0].upper() + name[1:], _TITLE)
    widths = _widths([(name, share), *(("", interval) for _, interval in intervals)])

    def draw_headline(width: int) -> Lines:
        rest = max(0, width - sum(widths) - 2 * _GAP)
        gauge = _gauge(summary.searches, rest)
        lines = [_row([title, Text(share, _TITLE), gauge], [*widths, rest])]
        for meaning, interval in intervals:
            first, *more = _wrapped(Text(meaning, _QUIET), rest)
            lines.append(_row(["", interval, first], [*widths, rest]))
            lines += [_row(["", "", line], [*widths, rest]) for line in more]
        return lines

    return draw_headline


def _gauge(searches: SearchMetrics, cells: int) -> Text:
    """Draw the CTR as a part of all searches, in whole cells."""
    ctr = searches.ctr
    if ctr is None:
        return Text()
    filled = min(cells, max(round(ctr * cells), ceil(ctr)))
    return Text.assemble(("█" * filled, _BAR), ("░" * (cells - filled), _QUIET))


def _volume(summary: Summary) -> Drawing:
    counts = [
        words.users(summary.metrics),
        counted(summary.metrics.sessions, "session"),
        counted(summary.searches.searches, "search"),
        counted(summary.searches.clicks, "click"),
    ]
    paragraphs = [Text(" · ".join(counts))]
    if summary.searches_raw is not None:
        searches, ctr = words.as_typed(summary)
        paragraphs.append(Text(f"As typed: {searches[1]} searches, CTR {ctr[1]}"))
    if summary.chosen:
        paragraphs.append(Text(f"Only searches {escape(summary.chosen, UNSAFE)}"))
    paragraphs.append(Text(words.extent(summary)))
    return lambda width: [line for part in paragraphs for line in _wrapped(part, width)]


def _bars(
    title: str,
    rows: Sequence[tuple[str, int | None]],
    whole: int,
    longest: int | None = None,
) -> Drawing:
    """Draw numbers with their shares of the whole and bars.

    Args:
        title: What they are.
        rows: Their names and the numbers; None for an unknown one.
        whole: What the shares are of.
        longest: The number whose bar takes all the room; the whole if None.
    """
    texts = [
        (name, words.number(number), words.percent(None if number is None else number / whole))
        for name, number in rows
    ]
    widths = _widths(texts)

    def draw_bars(width: int) -> Lines:
        rest = max(0, width - len(_INDENT) - sum(widths) - len(widths) * _GAP)
        bars = [_bar((number or 0) / (longest or whole), rest) for _, number in rows]
        columns = [*widths, rest]
        lines = [_row([*t, bar], columns, right=(1, 2)) for t, bar in zip(texts, bars, strict=True)]
        return _titled(title, lines)

    return draw_bars


def _histogram(title: str, rows: Sequence[tuple[str, int]]) -> Drawing:
    numbers = [number for _, number in rows]
    digits = max((len(name) for name, _ in rows if name[0].isdecimal()), default=0)
    rows = [(name.rjust(digits), number) for name, number in rows]
    return _bars(title, rows, sum(numbers), max(numbers))


def _quality(summary: Summary) -> Drawing:
    facts = words.quality(summary)
    half = ceil(len(facts) / 2)

    def draw_quality(width: int) -> Lines:
        if width < _TWO_COLUMNS_FROM:
            return _titled("Quality", _fact_lines(facts, width - len(_INDENT)))
        both = _beside(partial(_fact_lines, facts[:half]), partial(_fact_lines, facts[half:]))
        return _titled("Quality", both(width))

    return draw_quality


def _fact_lines(facts: words.Figures, room: int) -> Lines:
    """Draw names and values; where there is little room, names are cut and not values."""
    names, values = _widths(facts)
    widths = [max(1, min(names, room - _GAP - values)), values]
    quiet = {words.NULL: _QUIET}
    return [_row([name, Text(value, quiet.get(value, ""))], widths, (1,)) for name, value in facts]


def _advised(text: str, width: int) -> Lines:
    first, *more = _wrapped(Text(text), width - len(_INDENT) - 2)
    bullet = Text("• ", _WARNING)
    return [bullet + first, *(Text(_INDENT) + line for line in more)]


# Groups

_LEAST_KEY = 7  # cells of a key that is cut
_LEAST_VALUES = 2  # columns that are always there
_BAR_FROM, _BAR_TO = 8, 24  # cells of a bar, if any
_HEADS = [head.replace("/", " /").rpartition(" ")[::2] for head in words.GROUP_HEADERS]


def _groups(summary: Summary) -> Drawing:
    names = [words.visible(name) for name in summary.dimensions]
    notes = [Text(note, _QUIET) for note in words.groups_notes(summary)]

    def draw_groups(width: int) -> Lines:
        room = width - len(_INDENT)
        title = Text(f"By {' and '.join(names)}", overflow="ellipsis")
        title.truncate(width)
        told = [line for note in notes for line in _wrapped(note, room)]
        return _titled(title.plain, _spark(summary, room), _group_lines(summary, names, room), told)

    return draw_groups


def _group_lines(summary: Summary, names: list[str], room: int) -> Lines:
    groups = words.others_last(summary.groups)
    rows = [
        (words.key_cells(group, summary.dimensions), words.group_cells(group.metrics))
        for group in groups
    ]
    upper, lower = (list(heads) for heads in zip(*_HEADS, strict=True))
    keys, values, bar = _layout(
        _widths([names, *(key for key, _ in rows)]),
        _widths([upper, lower, *(cells for _, cells in rows)]),
        room,
    )
    shown = slice(len(values))
    widths = [*keys, *values, bar]
    right = range(len(keys), len(keys) + len(values))
    heads = [([""] * len(keys), upper), (names, lower)]
    lines = [_row([*key, *head[shown], ""], widths, right) for key, head in heads]
    _dim(lines)
    highest = max(group.metrics.ctr or 0 for group in groups) or 1
    for group, (key, cells) in zip(groups, rows, strict=True):
        drawn = _bar((group.metrics.ctr or 0) / highest, bar)
        lines.append(_row([*key, *cells[shown], drawn], widths, right))
        if not group.metrics.searches:
            _dim(lines[-1:])
    return [line for line in lines if line.plain.strip()]


def _dim(lines: Iterable[Text]) -> None:
    for line in lines:
        line.stylize(_QUIET)


def _layout(keys: list[int], values: list[int], room: int) -> tuple[list[int], list[int], int]:
    """Share the room out between keys, values and a bar.

    Where it is not enough, values are left out from the right until each key has
    `_LEAST_KEY` cells, and then the longest keys are cut.

    Args:
        keys: How wide the columns of the keys would be.
        values: How wide those of the values are.
        room: What there is for all.

    Returns:
        The widths of the keys, those of the values that fit, and that of the bar, which
        is 0 if there is not enough room for one.
    """
    wanted = sum(min(key, _LEAST_KEY) + _GAP for key in keys) - _GAP

    def left() -> int:
        return room - sum(value + _GAP for value in values)

    while left() < wanted and len(values) > _LEAST_VALUES:
        values = values[:-1]
    cells = max(0, left() - _GAP * (len(keys) - 1))
    widths = dict.fromkeys(range(len(keys)), 0)
    for done, place in enumerate(sorted(widths, key=keys.__getitem__)):
        widths[place] = min(keys[place], cells // (len(keys) - done))
        cells -= widths[place]
    bar = min(cells - _GAP, _BAR_TO)
    return [*widths.values()], values, bar if bar >= _BAR_FROM else 0


_SPARKS = "▁▂▃▄▅▆▇█"
_PLURALS = {period: f"{period.value}s" for period in Period}
_LEAST_POINTS = 3  # of a spark line: two are a rise from the bottom to the top, or a fall


def _spark(summary: Summary, cells: int) -> Lines:
    """Draw the CTR over time in a line, if the groups are in order of time."""
    periods = _periods_in_order(summary)
    per_cell = ceil(len(periods) / max(cells, 1))
    binned = [periods[start : start + per_cell] for start in range(0, len(periods), per_cell or 1)]
    ctrs = [_ctr(metrics) for metrics in binned]
    known = [ctr for ctr in ctrs if ctr is not None]
    if len(known) < _LEAST_POINTS:
        return []
    low, high = min(known), max(known)
    scale = (len(_SPARKS) - 1) / (high - low) if high > low else 0
    line = "".join(" " if ctr is None else _SPARKS[round((ctr - low) * scale)] for ctr in ctrs)
    legend = f"CTR from {words.percent(low)} ▁ to {words.percent(high)} █"
    if per_cell > 1 and summary.period is not None:
        legend += f", {per_cell} {_PLURALS[summary.period]} in each mark"
    return [Text(line, _BAR), *_wrapped(Text(legend, _QUIET), cells)]


def _periods_in_order(summary: Summary) -> list[SearchMetrics]:
    """The metrics of the periods in order of time; none if they are in another order."""
    period = summary.period
    if period is None:
        return []
    known = [
        (_time_of(group.key[0], period), group.metrics)
        for group in summary.groups
        if group.key != OTHERS and group.key[0] is not None
    ]
    times = [time for time, _ in known]
    return [metrics for _, metrics in known] if times == sorted(times) else []


def _time_of(name: str | None, period: Period) -> Any:
    """Return what a period is sorted by."""
    if name is None or period in {Period.DAY, Period.WEEK}:
        return name
    return WEEKDAYS.index(name) if period is Period.WEEKDAY else datetime.fromisoformat(name)


def _ctr(periods: Sequence[SearchMetrics]) -> float | None:
    searches = sum(metrics.searches for metrics in periods)
    return sum(metrics.clicked_searches for metrics in periods) / searches if searches else None
