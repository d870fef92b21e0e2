"""The whole program: source → decode → reorder → sessionize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ctrlog.badlines import BadLines
from ctrlog.decoding import Decoder
from ctrlog.errors import InputError
from ctrlog.events import SearchRecord, TrustedEvent
from ctrlog.ledger import Ended
from ctrlog.reading import Block, Finished, Input, InTurn, Reader, Silence
from ctrlog.reorder import Reorder
from ctrlog.schema import Schema
from ctrlog.shard import Rules, Shard
from ctrlog.sources import MAX_LINE_BYTES


def _raise(error: InputError) -> None:
    raise error


@dataclass(slots=True)
class Pipeline:
    """What a log runs through.

    Attributes:
        shard: Makes searches and sessions of events.
        decoder: Makes events of lines.
        bad_lines: Takes the lines that cannot be used.
        reader: Reads the inputs.
        reorder: Sort events that are up to this much out of order; None to leave them.
        idle_after: After so long a silence the clock runs on with the machine's; None to
            let it stand.
        keeps_open: Whether what is open at the end stays so, for another run to go on.
        on_failure: Called with what is wrong with an input that cannot be read; if it
            returns, the other inputs are still run. It raises, unless told otherwise.
        on_read: Called after each block with the bytes that were read for it.
        on_pause: Called whenever all that was read is through, and what came of it was
            taken; tells whether to stop there.
        lines: Number of lines read so far, blank ones included.
        inputs: The inputs met so far, in order.
    """

    shard: Shard
    decoder: Decoder = field(default_factory=lambda: Decoder(Schema(), MAX_LINE_BYTES))
    bad_lines: BadLines = field(default_factory=BadLines)
    reader: Reader = field(default_factory=InTurn)
    reorder: timedelta | None = None
    idle_after: timedelta | None = None
    keeps_open: bool = False
    on_failure: Callable[[InputError], None] = _raise
    on_read: Callable[[int], None] = lambda _: None
    on_pause: Callable[[], bool] = lambda: False
    lines: int = 0
    inputs: dict[Input, None] = field(default_factory=dict)
    _input: Input | None = None  # the one that was read last
    _read_bytes: int = 0  # of it

    def run(self, names: Iterable[str]) -> Iterator[Ended]:
        """Run inputs through, and end what is open then.

        Args:
            names: Paths, or `-` for standard input.

        Yields:
            What is over, as soon as it is.

        Raises:
            InputError: If an input cannot be read and `on_failure` raises it.
            DataError: If there are more bad lines than are allowed.
        """
        with closing(self.reader.read(names)) as arrivals:
            for arrival in arrivals:
                match arrival:
                    case Block(input_, lines):
                        yield from self._take_block(input_, lines)
                    case Finished(input_):
                        yield self._flush(input_)
                    case Silence(duration, inputs):
                        yield from self._run_on(duration, inputs)
                    case InputError():
                        self.on_failure(arrival)
                if self.on_pause():
                    break
        if not self.keeps_open:
            for input_ in self.inputs:
                yield self._flush(input_)
            yield self.shard.flush()
        self.bad_lines.finish(self.shard.counts.events)

    def save(self) -> dict[str, Any]:
        """Return where it stands as plain values, but for the inputs.

        It may be called between what `run` yields, or in `on_pause`.
        """
        if self._input is not None:
            self._input.clock = self.shard.clock
        return {
            "lines": self.lines,
            "bad_lines": self.bad_lines.save(),
            "shard": self.shard.save(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Stand where the pipeline stood that was saved.

        Args:
            saved: What `save` returned.
        """
        self.lines = saved["lines"]
        self.bad_lines.restore(saved["bad_lines"])
        self.shard = Shard.restore(saved["shard"], self.shard.rules)

    def _take_block(self, input_: Input, block: bytes) -> Iterator[Ended]:
        self._turn_to(input_)
        events, bad, lines = self.decoder.decode(block, input_.line)
        taken = 0
        for bad_line in bad:
            yield self._take(events[taken : bad_line.after])
            taken = bad_line.after
            self.bad_lines.add(input_.name, bad_line)
        yield self._take(events[taken:] if taken else events)
        input_.line += lines
        self.lines += lines
        input_.heard = self.shard.clock if input_.reorder is None else input_.reorder.latest
        if input_.source is not None:
            read_bytes = input_.source.content.read_bytes
            self.on_read(read_bytes - self._read_bytes)
            self._read_bytes = read_bytes

    def _turn_to(self, input_: Input) -> None:
        """Let an input be the one that is read, and its clock the one that runs."""
        if input_ is self._input:
            return
        if self._input is not None:
            self._input.clock = self.shard.clock
        self._input = input_
        self._read_bytes = 0
        self.inputs[input_] = None
        self.shard.new_clock(input_.clock)

    def _take(self, events: list[TrustedEvent]) -> Ended:
        if self.reorder is not None and self._input is not None:
            if self._input.reorder is None:
                self._input.reorder = Reorder(self.reorder)
            events = self._input.reorder.feed(events)
        return self.shard.feed(events)

    def _flush(self, input_: Input) -> Ended:
        """Let go on what waits to be sorted."""
        if input_.reorder is None:
            return Ended([], [])
        self._turn_to(input_)
        return self.shard.feed(input_.reorder.flush())

    def _run_on(self, silence: timedelta, inputs: Sequence[Input]) -> Iterator[Ended]:
        """Let the clocks run on, if there has been silence for long enough."""
        if self.idle_after is None or silence < self.idle_after:
            return
        for input_ in inputs:
            if input_.heard is None:
                continue
            try:
                to = input_.heard + silence
                known = to - self.reorder if input_.reorder and self.reorder else to
            except OverflowError:  # at the ends of the calendar
                continue
            self._turn_to(input_)
            if input_.reorder is not None:
                yield self.shard.feed(input_.reorder.advance(to))
            yield self.shard.advance(known)


def searches(*names: str, rules: Rules | None = None) -> Iterator[SearchRecord]:
    """Read logs in ctrlog's own format and give their searches.

    Bad lines are passed over.

    Args:
        names: Paths, or `-` for standard input.
        rules: The rules of sessions; the default ones if None.

    Yields:
        Each search as soon as it is over.

    Raises:
        InputError: If an input cannot be read.
    """
    for ended in Pipeline(Shard(rules)).run(names):
        yield from ended.searches
