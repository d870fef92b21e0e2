"""The whole program: source → decode → reorder → sessionize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ctrlog.badlines import BadLines
from ctrlog.decoding import Decoder
from ctrlog.errors import InputError
from ctrlog.events import Attribution, SearchRecord, TrustedEvent
from ctrlog.ledger import Ended
from ctrlog.reorder import Reorder
from ctrlog.rules import Rules
from ctrlog.schema import Schema
from ctrlog.shard import Shard
from ctrlog.sources import BLOCK_BYTES, open_source

if TYPE_CHECKING:
    from ctrlog.exclusion import Exclusion

#: A longer line is bad, unless told otherwise.
MAX_LINE_BYTES = 16 * 1024 * 1024


def _raise(error: InputError) -> None:
    raise error


@dataclass(slots=True)
class Pipeline:
    """What a log runs through.

    Attributes:
        shard: Makes searches and sessions of events.
        decoder: Makes events of lines.
        bad_lines: Takes the lines that cannot be used.
        reorder: Sorts events that are a little out of order; None to leave them.
        max_line_bytes: How long a line may be.
        block_bytes: How much to read at a time.
        on_failure: Called with what is wrong with an input that cannot be read; if it
            returns, the other inputs are still run. It raises, unless told otherwise.
        on_read: Called after each block with its bytes.
        exclusion: Leaves out the events of some users; None to take all.
        lines: Number of lines read so far, blank ones included.
    """

    shard: Shard
    decoder: Decoder = field(default_factory=lambda: Decoder(Schema(), MAX_LINE_BYTES))
    bad_lines: BadLines = field(default_factory=BadLines)
    reorder: Reorder | None = None
    max_line_bytes: int = MAX_LINE_BYTES
    block_bytes: int = BLOCK_BYTES
    on_failure: Callable[[InputError], None] = _raise
    on_read: Callable[[int], None] = lambda _: None
    exclusion: Exclusion | None = None
    lines: int = 0

    def run(self, names: Iterable[str]) -> Iterator[Ended]:
        """Run inputs through, one after the other, and end what is open then.

        Args:
            names: Paths, or `-` for standard input.

        Yields:
            What is over, as soon as it is.

        Raises:
            InputError: If an input cannot be read and `on_failure` raises it.
            DataError: If there are more bad lines than are allowed.
        """
        for name in names:
            self.shard.new_clock()
            try:
                yield from self._run_one(name)
            except InputError as error:
                self.on_failure(error)
            if self.reorder is not None:
                yield self.shard.feed(self.reorder.flush())
        yield self.shard.flush()
        self.bad_lines.finish(self.good_lines)

    @property
    def good_lines(self) -> int:
        """Number of lines with an event, those of excluded users included."""
        return self.shard.counts.events + (self.exclusion.events if self.exclusion else 0)

    def _run_one(self, name: str) -> Iterator[Ended]:
        line = 1
        with open_source(name) as source:
            for block in source.blocks(self.max_line_bytes, self.block_bytes):
                events, bad, lines = self.decoder.decode(block, line)
                taken = 0
                for bad_line in bad:
                    yield self._take(events[taken : bad_line.after])
                    taken = bad_line.after
                    self.bad_lines.add(source.name, bad_line)
                yield self._take(events[taken:] if taken else events)
                line += lines
                self.lines += lines
                self.on_read(len(block))

    def _take(self, events: list[TrustedEvent]) -> Ended:
        if self.exclusion is not None:
            events = self.exclusion.rest(events)
        if self.reorder is not None:
            events = self.reorder.feed(events)
        return self.shard.feed(events)


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
    schema = Schema()
    if rules is None or rules.attribution is Attribution.ORDER:
        schema = schema.without_ids()
    for ended in Pipeline(Shard(rules), Decoder(schema, MAX_LINE_BYTES)).run(names):
        yield from ended.searches
