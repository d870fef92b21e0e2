"""A range worked off by itself, without knowing what comes before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

from ctrlog.errors import InputError
from ctrlog.inputs.reader import Arrival, Input
from ctrlog.outputs.console import Console
from ctrlog.run.collect import Maker
from ctrlog.run.parallel.journal import Journal, Note
from ctrlog.run.parallel.pieces import Left
from ctrlog.run.parallel.range_shard import SettlingShard
from ctrlog.run.parallel.ranges import Range, read_stretch
from ctrlog.run.settings import LogOptions
from ctrlog.schemas.bad_lines import SHOWN, BadLines
from ctrlog.schemas.reference import BadLine, Reason
from ctrlog.sessions.ledger import Ended

#: The numbers of the events of a range begin so far from those of the one before.
NUMBERS = 2**48
#: If more than one event in so many bytes must be held, and more than so many, it would be
#: quicker to begin with what comes before.
BYTES_PER_HELD = 400
LEAST_HELD = 100_000


class Orders(NamedTuple):
    """What to do with every range; can be sent to another process.

    Attributes:
        names: The inputs.
        options: The options of all runs.
        extra_fields: Places of fields that searches are to carry first in `extra`.
        maker: Makes the product.
    """

    names: Sequence[str]
    options: LogOptions
    extra_fields: tuple[str, ...]
    maker: Maker


class Task(NamedTuple):
    """A range to work off.

    Attributes:
        number: Its place among all ranges.
        stretches: The range.
        most_held: How many events may be held.
    """

    number: int
    stretches: Range
    most_held: int


class RangeOutcome(NamedTuple):
    """What is known at the end of a range.

    Attributes:
        left: What its shard leaves.
        lines: The number of lines of each stretch.
        failed: The places of the inputs that could not be read to the end.
        has_notes: Whether there are notes in the journal.
        bad_lines: How many more bad lines there are than are noted, by reason.
        part: What was made of it, but for lines that were written.
    """

    left: Left
    lines: Sequence[int]
    failed: frozenset[int]
    has_notes: bool
    bad_lines: Counter[Reason]
    part: Any


def work_off(task: Task, orders: Orders, journal: Journal, on_read: Callable[[int], None]) -> None:
    """Work a range off.

    Args:
        task: The range.
        orders: What to do with it.
        journal: Where to write all that comes of it, with an `RangeOutcome` at the end.
        on_read: Called with the number of bytes that were read.

    Raises:
        TooManyHeldError: If too many events must be held.
        OSError: If the journal cannot be written.
    """
    pipeline = orders.options.pipeline(Console(None), orders.extra_fields)
    shard = SettlingShard(pipeline.shard.rules, task.number * NUMBERS, task.most_held)
    reader = _Stretches(task, orders, on_read)
    bad_lines = _NotedBadLines(reader, journal, keeps_all=orders.options.bad_lines is not None)
    failed: set[int] = set()

    def note_failure(error: InputError) -> None:
        journal.add(Note(reader.place, str(error)))
        failed.add(task.stretches[reader.place].input)

    pipeline.shard = shard
    pipeline.reader = reader
    pipeline.bad_lines = bad_lines
    pipeline.on_failure = note_failure
    pipeline.keeps_open = True
    product = orders.maker(journal.add)
    for ended in pipeline.run(()):
        for piece in [*shard.take_pieces(), ended]:
            if isinstance(piece, Ended):
                product.update(piece)
            else:
                journal.add(piece)
    journal.finish(
        RangeOutcome(
            shard.leave(),
            [input_.line - 1 for input_ in reader.inputs],
            frozenset(failed),
            bad_lines.noted > 0 or bool(failed),
            bad_lines.counts,
            product.part(),
        )
    )


class _Stretches:
    """Reads the stretches of a range."""

    def __init__(self, task: Task, orders: Orders, on_read: Callable[[int], None]) -> None:
        names = [orders.names[stretch.input] for stretch in task.stretches]
        self.inputs = [Input(name, name) for name in names]
        self.place = 0
        self._stretches = task.stretches
        self._limits = orders.options.limits
        self._on_read = on_read

    def read(self, _names: Iterable[str]) -> Generator[Arrival, None, None]:
        """Read inputs, as `Reader` says."""
        for place, (input_, stretch) in enumerate(zip(self.inputs, self._stretches, strict=True)):
            self.place = place
            yield from read_stretch(input_, stretch, self._limits, self._on_read)


class _NotedBadLines(BadLines):
    """Bad lines that are noted, as far as they may be shown or kept, or else counted."""

    def __init__(self, reader: _Stretches, journal: Journal, *, keeps_all: bool) -> None:
        super().__init__()
        self.noted = 0
        self._reader = reader
        self._journal = journal
        self._keeps_all = keeps_all

    def add(self, _source: str, bad: BadLine) -> None:
        if self._keeps_all or self.noted < SHOWN:
            self._journal.add(Note(self._reader.place, bad))
            self.noted += 1
        else:
            self.counts[bad.reason] += 1
