"""What Spark's workers do with an archive of logs: lines to events, events to records.

The lines of an archive are decoded where they are read, so that bad ones are known by
their places, and each goes with its user and time to where that user's are sorted. There a
shard takes them in. Both steps are functions of batches of rows, and rows of all kinds go
through both, told apart by `kind`.
"""

from __future__ import annotations

import json
import pickle
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import groupby
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from ctrlog.adapters.partitioning import Portion
from ctrlog.metrics.totals import Metrics
from ctrlog.outputs.records import Format, Per, make_sink
from ctrlog.run.settings import LogOptions
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.reference import BadLine
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.exclusion import Exclusion
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.shard import Shard
from ctrlog.times import from_micros


class RowKind(IntEnum):
    """What a row is."""

    EVENT = 0
    #: A bad line: `text` is the line, `detail` says what is wrong.
    BAD = 1
    #: A split: `line` says how many lines it has, `micros` is the greatest time in it, and
    #: `detail` has the number of bad lines by reason, as JSON.
    SPLIT = 2
    #: A record, written as JSON in `text`.
    RECORD = 3
    #: What a shard knows at its end: `text` is a pickled `ShardEnd`.
    END = 4


#: Lines as they are read. A split is the part of a file that one task reads, known by the
#: byte at which it begins.
READ_COLUMNS = ("value", "file", "split", "input")

_PLACE = [("input", pa.int32()), ("file", pa.string()), ("split", pa.int64()), ("line", pa.int64())]

#: Decoded lines. `line` counts the lines of a split from 0; `micros` is the time to sort by.
DECODED = pa.schema(
    [
        ("kind", pa.int8()),
        ("user", pa.string()),
        ("micros", pa.int64()),
        *_PLACE,
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("text", pa.binary()),
    ]
)

#: What comes of a shard, and what else there was.
FOUND = pa.schema([field for field in DECODED if field.name != "user"])


def as_ddl(schema: pa.Schema) -> str:
    """Write a schema as Spark reads it."""
    return ", ".join(f"{field.name} {_SPARK_TYPES[field.type]}" for field in schema)


_SPARK_TYPES = {
    pa.int8(): "byte",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.string(): "string",
    pa.binary(): "binary",
}


# Lines to events.


def decode(
    batches: Iterable[pa.RecordBatch], options: LogOptions, excluded: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Decode lines where they are read.

    Args:
        batches: Rows of `READ_COLUMNS`, split after split.
        options: How to read.
        excluded: Users to leave out. (A worker may not have the file that lists them.)

    Yields:
        Rows of `DECODED`: a line each, but for blank ones, and one for each split.
    """
    decoder = options.decoder()
    split: _Split | None = None
    for batch in batches:
        for piece in _by_split(batch):
            number, uri, start = (
                piece.column(name)[0].as_py() for name in ("input", "file", "split")
            )
            place = number, name_of(uri), start
            if split is None or split.place != place:
                if split is not None:
                    yield split.end()
                split = _Split(place, decoder, Exclusion(excluded))
            yield from split.rows(piece.column("value"))
    if split is not None:
        yield split.end()


def name_of(uri: str) -> str:
    """Return what to call a file that Spark knows by a URI."""
    return unquote(re.sub("^file:(//)?/", "/", uri))


def _by_split(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch where another split begins."""
    if not batch.num_rows:
        return
    numbers = [batch.column(name) for name in ("input", "file", "split")]
    if all(pc.all(pc.equal(column, column[0])).as_py() for column in numbers):
        yield batch
        return
    places = [*zip(*(column.to_pylist() for column in numbers), strict=True)]
    start = 0
    for _, same in groupby(places):
        length = len([*same])
        yield batch.slice(start, length)
        start += length


class _Split:
    """The lines of a split, as far as they are read."""

    def __init__(self, place: tuple[Any, ...], decoder: Decoder, exclusion: Exclusion) -> None:
        self.place = place
        self._decoder = decoder
        self._exclusion = exclusion
        self._line = 0
        self._latest: int | None = None
        self._bad: Counter[str] = Counter()

    def rows(self, values: pa.Array) -> Iterator[pa.RecordBatch]:
        lines = values.to_pylist()
        if self._begins_file and lines[0].startswith(BOM_UTF8):
            lines[0] = lines[0].removeprefix(BOM_UTF8)
            values = pa.array(lines, pa.binary())
        events, bad, _ = self._decoder.decode(b"\n".join([*lines, b""]))
        numbers = [*range(len(lines))]
        if bad or len(events) < len(lines):
            numbers, bad = self._tell_apart(lines)
        kept = [n for n, event in enumerate(events) if self._exclusion.keeps(event)]
        if len(kept) < len(lines):
            events, numbers = [events[n] for n in kept], [numbers[n] for n in kept]
            values = values.take(pa.array(numbers, pa.int64()))
        if events:
            yield self._table(
                len(events),
                kind=RowKind.EVENT,
                user=[str(event.user) for event in events],
                micros=self._micros([event.time for event in events]),
                line=[self._line + number for number in numbers],
                text=values,
            )
        if bad:
            self._bad.update(fault.reason.value for fault in bad)
            yield self._table(
                len(bad),
                kind=RowKind.BAD,
                user=[str(fault.line) for fault in bad],  # to spread them
                line=[self._line + fault.line for fault in bad],
                reason=[fault.reason.value for fault in bad],
                detail=[fault.detail for fault in bad],
                text=[fault.text for fault in bad],
            )
        self._line += len(lines)

    def end(self) -> pa.RecordBatch:
        return self._table(
            1,
            kind=RowKind.SPLIT,
            line=[self._line],
            micros=[self._latest],
            detail=[json.dumps({"bad": self._bad, "excluded": self._exclusion.events})],
        )

    @property
    def _begins_file(self) -> bool:
        return self._line == 0 and self.place[-1] == 0

    def _tell_apart(self, lines: list[bytes]) -> tuple[list[int], list[BadLine]]:
        """The numbers of good lines, and the bad lines; a blank line is neither."""
        good: list[int] = []
        bad: list[BadLine] = []
        for number, line in enumerate(lines):
            decoded = self._decoder.decode(line, number)
            bad += decoded.bad
            if decoded.events:
                good.append(number)
        return good, bad

    def _micros(self, times: Sequence[datetime | None]) -> pa.Array:
        """The times to sort by: an event without a time keeps its place after those before."""
        micros = pa.array(times, pa.timestamp("us", "UTC")).cast(pa.int64())
        if micros.null_count == 0:
            latest = pc.max(micros).as_py()
            self._latest = latest if self._latest is None else max(latest, self._latest)
            return micros
        filled: list[int | None] = []
        for time in micros.to_pylist():
            if time is not None and (self._latest is None or time > self._latest):
                self._latest = time
            filled.append(self._latest if time is None else time)
        return pa.array(filled, pa.int64())

    def _table(self, rows: int, *, kind: RowKind, **columns: Any) -> pa.RecordBatch:
        constants = dict(zip(("input", "file", "split"), self.place, strict=True))
        return table(rows, DECODED, {"kind": kind.value, **constants}, columns)


def table(
    rows: int, schema: pa.Schema, constants: dict[str, Any], columns: dict[str, Any]
) -> pa.RecordBatch:
    """Make rows of a schema; a column that is not given is null.

    Args:
        rows: How many.
        schema: Their columns.
        constants: Values that all rows have, by column.
        columns: The values of columns, one for each row.
    """
    arrays = []
    for field in schema:
        if field.name in columns:
            values = columns[field.name]
            is_array = isinstance(values, pa.Array)
            arrays.append(values.cast(field.type) if is_array else pa.array(values, field.type))
        else:
            value = pa.scalar(constants.get(field.name), field.type)
            arrays.append(pa.repeat(value, rows))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


# Events to records.


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """What a shard knows when its events are over.

    Attributes:
        saved: The shard, with the sessions that are still open.
        metrics: The metrics of what is over.
    """

    saved: dict[str, Any]
    metrics: Metrics


def find(
    batches: Iterable[pa.RecordBatch], options: LogOptions, per: Per
) -> Iterator[pa.RecordBatch]:
    """Take the events of some users through a shard.

    Args:
        batches: Rows of `DECODED`, sorted by time and place.
        options: The rules of sessions.
        per: What records are of.

    Yields:
        Rows of `FOUND`: a record each; what is no event, as it came; and at the end one for
        the shard. What is open stays open, since other shards know how late it is.
    """
    shard = Shard(options.rules())
    decoder = options.decoder()
    metrics = Metrics()
    for batch in batches:
        is_event = pc.equal(batch.column("kind"), RowKind.EVENT.value)
        others = batch.filter(pc.invert(is_event))
        if others.num_rows:
            yield others.select(FOUND.names).cast(FOUND)
        ended = _portion(batch.filter(is_event), decoder).feed(shard)
        metrics.update(ended)
        yield records_of(ended, per)
    if shard.counts.events:
        end = pickle.dumps(ShardEnd(shard.save(), metrics))
        yield table(1, FOUND, {"kind": RowKind.END.value}, {"text": [end]})


def _portion(batch: pa.RecordBatch, decoder: Decoder) -> Portion:
    """The events of a batch, each without a time after the time that it was sorted by."""
    events = decoder.decode(b"\n".join([*batch.column("text").to_pylist(), b""])).events
    if all(event.time is not None for event in events):
        return Portion([(None, events)], None)
    part: list[TrustedEvent] = []
    parts: list[tuple[datetime | None, list[TrustedEvent]]] = [(None, part)]
    for event, micros in zip(events, batch.column("micros").to_pylist(), strict=True):
        if event.time is None and micros is not None:
            part = []
            parts.append((from_micros(micros), part))
        part.append(event)
    return Portion(parts, None)


def records_of(ended: Ended, per: Per) -> pa.RecordBatch:
    """Write what is over as rows of `FOUND`."""
    records = ended.searches if per is Per.SEARCH else ended.sessions
    lines = make_sink(Format.JSONL, per).lines(records).split(b"\n")[:-1]
    return table(len(lines), FOUND, {"kind": RowKind.RECORD.value}, {"text": lines})


class Finish:
    """What all shards found, put together at the end.

    Attributes:
        metrics: The metrics of all.
        counts: The counts of all.
    """

    def __init__(self, options: LogOptions, clock: datetime | None) -> None:
        """Start with nothing.

        Args:
            options: The rules of sessions.
            clock: The greatest time of all logs; None if there is none.
        """
        self.metrics = Metrics()
        self.counts = Counts()
        self._rules = options.rules()
        self._clock = clock

    def add(self, end: ShardEnd) -> Ended:
        """Add a shard.

        Returns:
            The searches and sessions that were still open in it.
        """
        shard = Shard.restore(end.saved, self._rules)
        due = Ended([], []) if self._clock is None else shard.advance(self._clock)
        still_open = shard.flush()
        ended = Ended(due.searches + still_open.searches, due.sessions + still_open.sessions)
        self.metrics.merge(end.metrics)
        self.metrics.update(ended)
        self.counts.merge(shard.counts)
        return ended
