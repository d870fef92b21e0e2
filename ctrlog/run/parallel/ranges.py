"""Logs cut into ranges that can be worked on side by side.

A range is made of stretches: whole files, and parts of a file from one line start to
another. Where to cut is chosen so that the ranges are about equal, and so that what
`settling` takes for granted is likely: no line near by that comes before has a later time.
"""

from __future__ import annotations

import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ctrlog.errors import InputError
from ctrlog.inputs.lines import STDIN, open_source
from ctrlog.inputs.position import MARK_BYTES, Position
from ctrlog.inputs.reader import Arrival, Block, Input, Limits
from ctrlog.schemas.decoder import Decoder


@dataclass(frozen=True, slots=True)
class Scale:
    """How logs are cut.

    Attributes:
        least_bytes: The least size of a range.
        most_bytes: About the greatest size of a range: what comes of one is kept on disk
            until its turn comes.
        peek_bytes: How much to look at before and after a place to cut.
        least_horizons: The least duration of a range, in times of gap and lateness
            together: the part of a range in which most events are held.
    """

    least_bytes: int = 256 * 1024
    most_bytes: int = 1024**3
    peek_bytes: int = 256 * 1024
    least_horizons: int = 4


#: How logs are cut unless told otherwise.
SCALE = Scale()
#: A byte of an archive is worth about so many of a log.
_ARCHIVE_WEIGHT = 8
#: What stands for something else in another process.
_OWN_PATHS = ("/dev/", "/proc/")


class Stretch(NamedTuple):
    """A part of an input.

    Attributes:
        input: The place of the input among all.
        start: Where it begins; None at the beginning of the input.
        end: The offset of its end, which is that of a line; None at the end of the input.
    """

    input: int
    start: Position | None = None
    end: int | None = None


Range: TypeAlias = tuple[Stretch, ...]


class Cut(NamedTuple):
    """The beginning of a range.

    Attributes:
        input: The place of its first input among all.
        start: Where in it; None at its beginning.
        time: The first time there; None if no event near by has a time.
    """

    input: int
    start: Position | None
    time: datetime | None


def size_of(names: Sequence[str]) -> int | None:
    """Return how many bytes inputs have together; None if they cannot be cut into ranges.

    Args:
        names: Paths, or `STDIN`. What cannot be opened counts nothing.
    """
    size = 0
    for name in names:
        path = Path(name)
        if name == STDIN or str(path.absolute()).startswith(_OWN_PATHS):
            return None
        try:
            status = path.stat()
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(status.st_mode):
            size += status.st_size
        elif not stat.S_ISDIR(status.st_mode):
            return None
    return size


def cut(
    names: Sequence[str],
    most: int,
    decoder: Decoder,
    horizon: timedelta,
    scale: Scale | None = None,
) -> list[Range]:
    """Cut logs into ranges.

    Args:
        names: The inputs, for which `size_of` is known.
        most: How many ranges there may be, or a multiple of it.
        decoder: What makes events of lines.
        horizon: Gap and lateness together.
        scale: How to cut; `SCALE` if None.

    Returns:
        The ranges, in order; a single one if it is not worth it to cut.
    """
    scale = scale or SCALE
    logs = [_Log(name, decoder, scale.peek_bytes) for name in names]
    ends = [*accumulate(log.weight for log in logs)]
    total = ends[-1]
    number = min(most * ceil(total / (most * scale.most_bytes)), total // scale.least_bytes)
    cuts: dict[tuple[int, Position | None], Cut] = {}
    for target in [total * place // number for place in range(1, number)]:
        place = bisect_right(ends, target)
        found = _cut_near(logs, place, target - ends[place] + logs[place].weight)
        if found is not None:
            cuts[found.input, found.start] = found
    if not cuts:
        return _between([], len(names))
    least = horizon * scale.least_horizons
    kept = far_apart([*cuts.values()], logs[0].first_time(), logs[-1].last_time(), least)
    return _between(kept, len(names))


def far_apart(
    cuts: Sequence[Cut], first: datetime | None, last: datetime | None, least: timedelta
) -> list[Cut]:
    """Leave out cuts that are too near in time to the one before, or to the end.

    Args:
        cuts: Where ranges could begin, in order.
        first: The first time of all; None if not known.
        last: The last time of all; None if not known.
        least: The least time between.
    """
    kept: list[Cut] = []
    before = first
    for each in cuts:
        if _is_far(before, each.time, least) and _is_far(each.time, last, least):
            kept.append(each)
            before = each.time or before
    return kept


def _is_far(before: datetime | None, after: datetime | None, least: timedelta) -> bool:
    return before is None or after is None or after - before >= least


def _between(cuts: Sequence[Cut], inputs: int) -> list[Range]:
    """Return the ranges that begin at the cuts, and the one before."""
    ranges: list[Range] = []
    begin = Cut(0, None, None)
    for end in [*cuts, Cut(inputs, None, None)]:
        stretches = [
            Stretch(place, begin.start if place == begin.input else None)
            for place in range(begin.input, end.input)
        ]
        if end.start is not None:
            start = begin.start if begin.input == end.input else None
            stretches.append(Stretch(end.input, start, end.start.offset))
        ranges.append(tuple(stretches))
        begin = end
    return ranges


def _cut_near(logs: Sequence[_Log], place: int, weight: int) -> Cut | None:
    """Return where to cut about there in an input; None if there is no good place."""
    log = logs[place]
    if not log.is_archive and log.peek_bytes < weight < log.weight - log.peek_bytes:
        return log.cut_after(place, weight)
    if weight > log.weight / 2:
        place += 1
    return Cut(place, None, logs[place].first_time()) if 0 < place < len(logs) else None


class _Log:
    """An input that is looked into; one that cannot be opened is empty."""

    def __init__(self, name: str, decoder: Decoder, peek_bytes: int) -> None:
        self.name = name
        self.peek_bytes = peek_bytes
        self._decoder = decoder
        self.weight = 0
        self.is_archive = False
        with suppress(InputError), closing(open_source(name, block_bytes=MARK_BYTES)) as source:
            content = source.content
            content.peek(MARK_BYTES)
            self.is_archive = content.is_compressed
            self.weight = content.size * (_ARCHIVE_WEIGHT if self.is_archive else 1)

    def first_time(self) -> datetime | None:
        """The time of the first event that has one, if it is near the beginning."""
        with suppress(InputError), closing(open_source(self.name)) as source:
            lines = b""
            while not lines and not source.content.is_at_end:
                lines = source.read_lines()
            return next(self._times(lines), None)
        return None

    def last_time(self) -> datetime | None:
        """The greatest time near the end; None if it is not known."""
        if self.is_archive:
            return None
        text = self._read(max(0, self.weight - self.peek_bytes), self.peek_bytes)
        return max(self._times(text[text.find(b"\n") + 1 :]), default=None)

    def cut_after(self, place: int, offset: int) -> Cut | None:
        """Return the next line start after which time has not run backwards.

        Args:
            place: The place of the input among all.
            offset: Of a byte far enough from both ends.
        """
        text = self._read(offset - self.peek_bytes, 2 * self.peek_bytes)
        start = text.find(b"\n", self.peek_bytes) + 1
        if not start:
            return None
        latest = max(self._times(text[text.find(b"\n") + 1 : start]), default=None)
        if latest is None and not any(self._times(text[start:])):
            return Cut(place, self._mark(offset - self.peek_bytes + start), None)
        while end := text.find(b"\n", start) + 1:
            time = next(self._times(text[start:end]), None)
            if time is not None and (latest is None or time >= latest):
                return Cut(place, self._mark(offset - self.peek_bytes + start), time)
            start = end
        return None

    def _times(self, lines: bytes) -> Iterator[datetime]:
        for event in self._decoder.decode(lines).events:
            if event.time is not None:
                yield event.time

    def _read(self, start: int, size: int) -> bytes:
        with suppress(InputError), closing(open_source(self.name)) as source:
            return source.content.read_again(start, size)
        return b""

    def _mark(self, offset: int) -> Position:
        tail_bytes = min(offset, MARK_BYTES)
        tail = self._read(offset - tail_bytes, tail_bytes)
        with suppress(InputError), closing(open_source(self.name)) as source:
            return Position(
                *source.content.file, None, offset, source.content.peek(tail_bytes), tail
            )
        return Position(0, 0, None, offset, b"", tail)


def read_stretch(
    input_: Input, stretch: Stretch, limits: Limits, on_read: Callable[[int], None]
) -> Iterator[Arrival]:
    """Read a stretch of an input.

    Args:
        input_: The input.
        stretch: Which part of it.
        limits: How much to read.
        on_read: Called with the number of bytes that were read, before decompression.

    Yields:
        What is met.
    """
    input_.mark, end = stretch.start, stretch.end
    try:
        source = input_.open(limits)
        read_bytes = source.content.read_bytes
        while not source.content.is_at_end and (end is None or source.offset < end):
            lines = source.read_lines()
            if end is not None and source.offset > end:
                lines = lines[: end - source.offset]
            on_read(source.content.read_bytes - read_bytes)
            read_bytes = source.content.read_bytes
            if lines:
                yield Block(input_, lines)
        is_whole = end is None or source.offset < end  # it has become shorter
        if is_whole and (rest := source.take_rest()):
            yield Block(input_, rest)
    except InputError as error:
        yield error
    finally:
        input_.close()
