"""Inputs read range by range, of which other processes work some off.

The first range, and every one whose turn it is after as many as there are processes, is
read here, as a log is read by one process. What others made of the ranges between is
joined in order. If what they took for granted is not so, the range is read here, too:
that is always right, since all that comes before is known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol

from ctrlog.errors import InputError
from ctrlog.inputs.reader import Arrival, Input, Limits
from ctrlog.outputs.files import Write
from ctrlog.run.collect import Collector
from ctrlog.run.parallel.joining_shard import JoiningShard
from ctrlog.run.parallel.journal import Journal, Note
from ctrlog.run.parallel.pieces import Piece
from ctrlog.run.parallel.ranges import Range, Stretch, read_stretch
from ctrlog.run.parallel.worker import NUMBERS, RangeOutcome
from ctrlog.run.pipeline import Over, Pipeline


class Helpers(Protocol):
    """Those who work ranges off."""

    def tend(self, read_bytes: int) -> None:
        """See how they are getting on, without waiting, when so much was read here."""

    def journal(self, number: int) -> Journal | None:
        """Return what came of a range, as soon as it is there; None if nobody has done it."""


class Sharing:
    """Reads ranges, or joins what others made of them; a `reading.Reader`."""

    def __init__(
        self,
        ranges: Sequence[Range],
        names: Sequence[str],
        pipeline: Pipeline,
        helpers: Helpers,
        product: Collector,
        *,
        write: Write,
        limits: Limits,
        on_read: Callable[[int], None],
    ) -> None:
        """Read nothing yet.

        Args:
            ranges: The ranges of all inputs, in order.
            names: The inputs.
            pipeline: The pipeline of the run; from now on what is read here goes through it
                as what is joined does.
            helpers: Those who work ranges off.
            product: What the run makes of what is over.
            write: Writes lines of it.
            limits: How much to read.
            on_read: Called with the number of bytes that were read here.
        """
        self._ranges = ranges
        self._inputs = [Input(name, name) for name in names]
        self._pipeline = pipeline
        self._helpers = helpers
        self._product = product
        self._write = write
        self._limits = limits
        self._on_read = on_read
        self._unread: set[int] = set()  # inputs that could not be read to the end
        self._shard = pipeline.shard = JoiningShard(pipeline.shard.rules)

    def read(self, _names: Iterable[str]) -> Generator[Arrival | Over, None, None]:
        """Read all ranges, as `Reader` says."""
        for number, range_ in enumerate(self._ranges):
            journal = self._helpers.journal(number)
            if journal is not None and (yield from self._join(range_, journal)):
                continue
            self._shard.number_from(number * NUMBERS)
            for stretch in range_:
                yield from self._read(stretch)

    def _read(self, stretch: Stretch) -> Iterator[Arrival | Over]:
        if stretch.input in self._unread:
            return
        input_ = self._inputs[stretch.input]
        for arrival in read_stretch(input_, stretch, self._limits, self._count):
            if isinstance(arrival, InputError):
                self._unread.add(stretch.input)
            yield arrival

    def _count(self, read_bytes: int) -> None:
        self._on_read(read_bytes)
        self._helpers.tend(read_bytes)

    def _join(self, range_: Range, journal: Journal) -> Generator[Arrival | Over, None, bool]:
        """Join what came of a range, unless that isn't what it would have been here."""
        outcome: RangeOutcome = journal.end()
        first = range_[0]
        goes_on = first.start is not None
        is_borne_out = self._shard.bears_out(outcome.left.first_time, goes_on=goes_on)
        if not is_borne_out or first.input in self._unread:
            return False
        if self._product.is_bounded:
            return self._join_if_there_is_room(range_, journal, outcome)
        if not goes_on:
            self._pipeline.turn_to(self._inputs[first.input])
        for ended in self._shard.join(self._pieces(journal), outcome.left):
            yield Over(ended)
        self._product.merge(outcome.part)
        self._finish(range_, journal, outcome)
        return True

    def _join_if_there_is_room(
        self, range_: Range, journal: Journal, outcome: RangeOutcome
    ) -> bool:
        shard = self._shard.copy()
        if range_[0].start is None:
            shard.new_clock()
        product = self._product.maker(self._write)
        for ended in shard.join(self._pieces(journal), outcome.left):
            product.update(ended)
        product.merge(outcome.part)
        if not self._product.has_room_for(product.part()):
            return False
        self._product.merge(product.part())
        self._shard = self._pipeline.shard = shard
        self._finish(range_, journal, outcome)
        return True

    def _pieces(self, journal: Journal) -> Iterator[Piece]:
        """Return the pieces, and write the lines between them as they come."""
        for entry in journal.entries():
            if isinstance(entry, bytes):
                self._write(entry)
            elif not isinstance(entry, Note):
                yield entry

    def _finish(self, range_: Range, journal: Journal, outcome: RangeOutcome) -> None:
        inputs = [self._inputs[stretch.input] for stretch in range_]
        if outcome.has_notes:
            self._take_notes(inputs, journal)
        self._pipeline.bad_lines.count(outcome.bad_lines)
        self._unread |= outcome.failed
        self._pipeline.lines += sum(outcome.lines)
        clock = self._shard.clock
        for input_, lines in zip(inputs, outcome.lines, strict=True):
            input_.line += lines
            if lines:
                self._pipeline.turn_to(input_)
        self._shard.new_clock(clock)
        journal.close()

    def _take_notes(self, inputs: Sequence[Input], journal: Journal) -> None:
        for entry in journal.entries():
            if not isinstance(entry, Note):
                continue
            input_ = inputs[entry.stretch]
            if isinstance(entry.what, str):
                self._pipeline.on_failure(InputError(entry.what))
            else:
                line = entry.what.line + input_.line - 1
                self._pipeline.bad_lines.add(input_.name, entry.what._replace(line=line))
