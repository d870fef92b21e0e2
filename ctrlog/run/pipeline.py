"""The whole program: source → decode → reorder → sessionize."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ctrlog.errors import InputError
from ctrlog.inputs.lines import MAX_LINE_BYTES
from ctrlog.inputs.reader import Arrival, Block, Finished, Input, InTurn, Silence
from ctrlog.metrics.summary import RunFacts
from ctrlog.schemas.bad_lines import BadLines
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.interleaving import interleaved
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.ordering import Reorder
from ctrlog.sessions.shard import Shard

if TYPE_CHECKING:
    from ctrlog.sessions.exclusion import Exclusion


class Over(NamedTuple):
    """Records of lines that another process has taken."""

    ended: Ended


class PipelineReader(Protocol):
    """A way to read inputs, perhaps with the help of other processes."""

    def read(self, names: Iterable[str]) -> Generator[Arrival | Over, None, None]:
        """Read inputs, as `inputs.reader.Reader` says."""


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
        exclusion: Leaves out the events of some users; None to take all.
        interleaves: Whether to take the inputs together, in order of time, and not one
            after the other; they have one clock then.
        lines: Number of lines read so far, blank ones included.
        inputs: The inputs met so far, in order.
    """

    shard: Shard
    decoder: Decoder = field(default_factory=lambda: Decoder(Schema(), MAX_LINE_BYTES))
    bad_lines: BadLines = field(default_factory=BadLines)
    reader: PipelineReader = field(default_factory=InTurn)
    reorder: timedelta | None = None
    idle_after: timedelta | None = None
    keeps_open: bool = False
    on_failure: Callable[[InputError], None] = _raise
    on_read: Callable[[int], None] = lambda _: None
    on_pause: Callable[[], bool] = lambda: False
    exclusion: Exclusion | None = None
    interleaves: bool = False
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
        if self.interleaves:
            yield from self._run_interleaved(names)
            names = ()
        with closing(self.reader.read(names)) as arrivals:
            for arrival in arrivals:
                yield from self._take_arrival(arrival)
                if self.on_pause():
                    break
        if not self.keeps_open:
            for input_ in self.inputs:
                yield self._flush(input_)
            yield self.shard.flush()
        self.bad_lines.finish(self.good_lines)

    @property
    def good_lines(self) -> int:
        """Number of lines with an event, those of excluded users included."""
        return self.shard.counts.events + (self.exclusion.events if self.exclusion else 0)

    def facts(self) -> RunFacts:
        """Return what a summary says of the log beside its searches and sessions."""
        exclusion = self.exclusion
        return RunFacts(
            counts=self.shard.counts,
            lines=self.lines,
            bad_lines={reason.value: n for reason, n in self.bad_lines.counts.items()},
            keeps_bad_lines=self.bad_lines.keep is not None,
            open_sessions=self.shard.open_sessions,
            rules=self.shard.rules,
            excluded_events=None if exclusion is None else exclusion.events,
            excluded_unseen=() if exclusion is None else exclusion.unseen,
        )

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
            "exclusion": None if self.exclusion is None else self.exclusion.save(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Stand where the pipeline stood that was saved.

        Args:
            saved: What `save` returned.
        """
        self.lines = saved["lines"]
        self.bad_lines.restore(saved["bad_lines"])
        self.shard = Shard.restore(saved["shard"], self.shard.rules)
        if self.exclusion is not None:
            self.exclusion.restore(saved["exclusion"])

    def _take_arrival(self, arrival: Arrival | Over) -> Iterator[Ended]:
        match arrival:
            case Block(input_, lines):
                yield from self._take_block(input_, lines)
            case Finished(input_):
                yield self._flush(input_)
            case Silence(duration, inputs):
                yield from self._run_on(duration, inputs)
            case Over(ended):
                yield ended
            case InputError():
                self.on_failure(arrival)

    def _run_interleaved(self, names: Iterable[str]) -> Iterator[Ended]:
        self.turn_to(Input("all inputs", ""))
        for events in interleaved([self._events_of(name) for name in names]):
            yield self.shard.feed(events)

    def _events_of(self, name: str) -> Iterator[list[TrustedEvent]]:
        """Give an input's events as they are to be taken; its bad lines are taken as met."""
        with closing(self.reader.read([name])) as arrivals:
            for arrival in arrivals:
                match arrival:
                    case Block(input_, lines):
                        decoded = self.decoder.decode(lines, input_.line)
                        input_.line += decoded.lines
                        self.lines += decoded.lines
                        for bad_line in decoded.bad:
                            self.bad_lines.add(input_.name, bad_line)
                        self.on_read(len(lines))
                        yield self._chosen(input_, decoded.events)
                    case Finished(input_) if input_.reorder is not None:
                        yield input_.reorder.flush()
                    case InputError():
                        self.on_failure(arrival)

    def turn_to(self, input_: Input) -> None:
        """Let an input be the one that is read, and its clock the one that runs."""
        if input_ is self._input:
            return
        if self._input is not None:
            self._input.clock = self.shard.clock
        self._input = input_
        self._read_bytes = 0
        self.inputs[input_] = None
        self.shard.new_clock(input_.clock)

    def _take_block(self, input_: Input, block: bytes) -> Iterator[Ended]:
        self.turn_to(input_)
        events, bad, lines = self.decoder.decode(block, input_.line)
        taken = 0
        for bad_line in bad:
            yield self.shard.feed(self._chosen(input_, events[taken : bad_line.after]))
            taken = bad_line.after
            self.bad_lines.add(input_.name, bad_line)
        yield self.shard.feed(self._chosen(input_, events[taken:] if taken else events))
        input_.line += lines
        self.lines += lines
        input_.heard = self.shard.clock if input_.reorder is None else input_.reorder.latest
        if input_.source is not None:
            read_bytes = input_.source.content.read_bytes
            self.on_read(read_bytes - self._read_bytes)
            self._read_bytes = read_bytes

    def _chosen(self, input_: Input, events: list[TrustedEvent]) -> list[TrustedEvent]:
        """Leave out excluded users, and sort what is out of order in an input (R1)."""
        if self.exclusion is not None:
            events = self.exclusion.rest(events)
        if self.reorder is None:
            return events
        if input_.reorder is None:
            input_.reorder = Reorder(self.reorder)
        reorder: Reorder = input_.reorder
        return reorder.feed(events)

    def _flush(self, input_: Input) -> Ended:
        """Let go on what waits to be sorted."""
        if input_.reorder is None:
            return Ended([], [])
        self.turn_to(input_)
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
            self.turn_to(input_)
            if input_.reorder is not None:
                yield self.shard.feed(input_.reorder.advance(to))
            yield self.shard.advance(known)
