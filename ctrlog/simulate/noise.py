"""Noise for simulated logs: late and malformed lines.

Both are applied to a log that was generated clean, block by block, and each draws from its own
stream of random numbers, so that the rest of the log stays the same. Late lines wait in a heap
for up to two minutes of log time; apart from that, memory holds one block.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import TypeAlias

from ctrlog.simulate.draws import Draw
from ctrlog.simulate.truth import Truth

#: Times in ms, in ascending order, and the line of each.
TimedLines: TypeAlias = tuple[list[int], list[str]]

#: The shortest and the longest delay of a late line.
LATE_MS = (1_000, 120_000)


def delay_lines(
    blocks: Iterable[TimedLines], share: float, draw: Draw, truth: Truth
) -> Iterator[list[str]]:
    """Write some lines later than their time, most of them by little.

    Args:
        blocks: Lines in order of time.
        share: Share of the lines to delay. A delayed line that no other line overtakes is still
            in order.
        draw: Source of random numbers.
        truth: Counts the events that are written after a later one.

    Yields:
        The same lines in the order in which they are written.
    """
    waiting: list[tuple[int, int, int, str]] = []  # when to write, number, time, line
    number = 0
    clock_ms: int | None = None

    def written(until_ms: float) -> Iterator[str]:
        nonlocal clock_ms
        while waiting and waiting[0][0] <= until_ms:
            _, _, time_ms, line = heapq.heappop(waiting)
            if clock_ms is None or time_ms >= clock_ms:
                clock_ms = time_ms
            else:
                truth.out_of_order += 1
                truth.largest_step_back_ms = max(truth.largest_step_back_ms, clock_ms - time_ms)
            yield line

    for times_ms, lines in blocks:
        block: list[str] = []
        for time_ms, line in zip(times_ms, lines, strict=True):
            late_ms = _lateness_ms(draw()) if draw() < share else 0
            heapq.heappush(waiting, (time_ms + late_ms, number, time_ms, line))
            number += 1
            block += written(time_ms)
        yield block
    yield [*written(float("inf"))]


def _lateness_ms(chance: float) -> int:
    """Return a delay; half of all delays are below 16 s."""
    least, most = LATE_MS
    return least + int(chance * chance * chance * (most - least))


def insert_bad_lines(
    blocks: Iterable[list[str]], share: float, draw: Draw, truth: Truth
) -> Iterator[list[str]]:
    """Insert corrupted copies of some lines before them, of each kind in turn.

    Args:
        blocks: Lines.
        share: Number of bad lines per line.
        draw: Source of random numbers.
        truth: Counts the bad lines by reason.

    Yields:
        The lines and the bad ones. A byte that is not valid UTF-8 is represented by half a
        surrogate pair, to be encoded with `surrogateescape`.
    """
    kinds = cycle(CORRUPTIONS.items())
    for block in blocks:
        lines: list[str] = []
        for line in block:
            if draw() < share:
                reason, corrupt = next(kinds)
                truth.bad_lines[reason] += 1
                lines.append(corrupt(line, draw))
            lines.append(line)
        yield lines


def _cut_off(line: str, draw: Draw) -> str:
    return line[: 1 + int(draw() * (len(line) - 2))] + "\n"


def _message(_line: str, draw: Draw) -> str:
    return f"WARN collector restarted, {int(draw() * 100)} events queued\n"


def _without_user(line: str, _draw: Draw) -> str:
    return re.sub(r'"user":\d+,', "", line)


def _without_time(line: str, _draw: Draw) -> str:
    return re.sub(r'"time":"[^"]*"', '"time":"yesterday"', line)


def _with_user_object(line: str, _draw: Draw) -> str:
    return re.sub(r'"user":(\d+)', r'"user":{"id":\1}', line)


def _in_latin_1(line: str, _draw: Draw) -> str:
    return line.replace("}", ',"shop":"caf\udce9"}')


def _in_a_list(line: str, _draw: Draw) -> str:
    return f"[{line[:-1]}]\n"


#: Functions that corrupt a line, by the reason that `ctrlog summary` reports for the result.
CORRUPTIONS: dict[str, Callable[[str, Draw], str]] = {
    "cut off": _cut_off,
    "not JSON": _message,
    "field missing": _without_user,
    "not a time": _without_time,
    "wrong type": _with_user_object,
    "not UTF-8": _in_latin_1,
    "not an object": _in_a_list,
}
