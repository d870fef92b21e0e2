"""Logs as Bytewax reads them: each file or part of a topic is a partition.

A partition deals its log out to shards as it reads it, so that few and large items go
between processes. Where it is goes into the recovery store of Bytewax.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from ctrlog.badlines import BadLines
from ctrlog.dealing import Dealer, Portion
from ctrlog.errors import InputError
from ctrlog.growing import GrowingFile
from ctrlog.options import LogOptions

if TYPE_CHECKING:
    from bytewax.connectors.kafka import KafkaSource

#: What goes on from here, under the key of who takes it: a portion for a shard, or lines
#: for a file.
Item: TypeAlias = tuple[str, "Portion | bytes"]

#: The key of bad lines.
BAD_LINES = "bad lines"

#: How many files there are in a folder of records, however many shards: a resumed flow must
#: find those that it wrote to.
FILES = 16

#: How much to read at a time: as many lines as one event more or less of a shard matters
#: little for.
BLOCK_BYTES = 512 * 1024

#: How long to wait for a file to grow.
_PATIENCE = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Reading:
    """How logs are read.

    Attributes:
        options: As of `ctrlog run`.
        shards: How many shards a log is dealt to.
        follows: Whether to wait for more at the end of a log.
        keeps_open: Whether sessions stay open at the end of a log, for a later run.
        block_bytes: How much of a file to read at a time.
        batch_size: How many messages of a topic to take at a time.
    """

    options: LogOptions
    shards: int
    follows: bool
    keeps_open: bool
    block_bytes: int = BLOCK_BYTES
    batch_size: int = 5000


class Reader(ABC):
    """Gives the lines of a partition."""

    @abstractmethod
    def read(self) -> bytes:
        """Return the next lines; nothing if there are none now."""

    @abstractmethod
    def passed(self, lines: int) -> None:
        """Hear that so many lines were taken of what `read` returned."""

    @abstractmethod
    def number_of(self, index: int) -> int:
        """Return the number by which a line is known, from its index in what was read."""

    @property
    @abstractmethod
    def is_at_end(self) -> bool:
        """Whether the log had ended when `read` returned nothing."""

    @abstractmethod
    def read_unfinished(self) -> bytes:
        """Return what is left of a log that nobody will write on."""

    @abstractmethod
    def save(self) -> Any:
        """Return where the reader is."""

    @abstractmethod
    def close(self) -> None:
        """Read no more."""


class LogPartition(StatefulSourcePartition[Item, dict[str, Any]]):
    """A log that is dealt out to shards as it is read."""

    def __init__(
        self, name: str, reader: Reader, reading: Reading, saved: dict[str, Any] | None
    ) -> None:
        """Begin at the beginning, or go on.

        Args:
            name: What the log is called: its shards are keyed by it.
            reader: Gives its lines.
            reading: How to read.
            saved: What `snapshot` returned; None to begin.
        """
        options = reading.options
        self._name = name
        self._reader = reader
        self._reading = reading
        self._dealer = Dealer(options.decoder(), reading.shards, options.reorder)
        self._bad_lines = BadLines(_show, options.limit())
        if options.bad_lines is not None:
            self._bad_lines.keep = self._keep
        self._kept: list[bytes] = []
        self._events = 0
        self._is_new = saved is None
        self._has_ended = False
        if saved is not None:
            self._dealer.restore(saved["dealer"])
            self._bad_lines.counts.update(saved["bad_lines"])
            self._events = saved["events"]

    def next_batch(self) -> list[Item]:
        """Return what the next lines hold for each shard."""
        if self._is_new:
            self._is_new = False
            return self._open_files()
        if self._has_ended:
            raise StopIteration
        block = self._reader.read()
        if block:
            return self._deal(block)
        if self._reading.follows or not self._reader.is_at_end:
            return []
        self._has_ended = True
        return self._end()

    def next_awake(self) -> datetime | None:
        """Say when to look again."""
        waits = isinstance(self._reader, FileReader) and self._reader.is_at_end
        if waits and self._reading.follows:
            return datetime.now(UTC) + _PATIENCE
        return None

    def snapshot(self) -> dict[str, Any]:
        """Return where the partition is."""
        return {
            "reader": self._reader.save(),
            "dealer": self._dealer.save(),
            "bad_lines": dict(self._bad_lines.counts),
            "events": self._events,
        }

    def close(self) -> None:
        """Read no more."""
        self._reader.close()

    def _open_files(self) -> list[Item]:
        """Write nothing to each file, which empties what is left of an earlier flow."""
        keys = [BAD_LINES, *(key_of(self._name, number) for number in range(FILES))]
        return [(key, b"") for key in keys]

    def _deal(self, block: bytes) -> list[Item]:
        dealt = self._dealer.deal(block, 0)
        for bad in dealt.bad:
            self._bad_lines.add(self._name, bad._replace(line=self._reader.number_of(bad.line)))
        self._reader.passed(dealt.lines)
        return self._keyed(dealt.portions)

    def _end(self) -> list[Item]:
        items: list[Item] = []
        if self._reading.keeps_open:
            items += self._keyed(self._dealer.pause())
        else:
            unfinished = self._reader.read_unfinished()
            items += self._deal(unfinished) if unfinished else []
            items += self._keyed(self._dealer.finish())
        self._bad_lines.finish(self._events)
        if self._bad_lines.total:
            _show(f"{self._name}: {self._bad_lines.summary(self._events)}")
        return items

    def _keyed(self, portions: dict[int, Portion]) -> list[Item]:
        items: list[Item] = []
        for number, portion in portions.items():
            self._events += sum(len(events) for _, events in portion.parts)
            items.append((key_of(self._name, number), portion))
        items += [(BAD_LINES, line) for line in self._kept]
        self._kept.clear()
        return items

    def _keep(self, line: bytes) -> None:
        self._kept.append(line)


def key_of(log: str, shard: int) -> str:
    """Return the key of a shard of a log."""
    return f"{log}/{shard}"


def shard_of_key(key: str) -> int:
    """Return the number of the shard that has a key."""
    return int(key.rpartition("/")[2])


def _show(message: str) -> None:
    print(f"ctrlog: {message}", file=sys.stderr, flush=True)


# Files.


class FileReader(Reader):
    """Reads a file."""

    def __init__(self, path: Path, reading: Reading, saved: tuple[int, int] | None) -> None:
        """Open a file.

        Args:
            path: The file.
            reading: How to read.
            saved: What `save` returned; None to begin.

        Raises:
            InputError: If it cannot be opened.
        """
        offset, self._line = saved or (0, 1)
        self._file = GrowingFile(path, offset, reading.options.max_line, reading.block_bytes)
        self._is_at_end = False

    def read(self) -> bytes:
        """Return the next lines; nothing if there are none now."""
        lines = self._file.read()
        self._is_at_end = not lines
        return lines

    def passed(self, lines: int) -> None:
        """Count lines."""
        self._line += lines

    def number_of(self, index: int) -> int:
        """Return the line's number in the file, from 1."""
        return self._line + index

    @property
    def is_at_end(self) -> bool:
        """Whether the file ended there when it was read last."""
        return self._is_at_end

    def read_unfinished(self) -> bytes:
        """Return a last line without a newline."""
        return self._file.read_unfinished()

    def save(self) -> tuple[int, int]:
        """Return the offset and the number of the next line."""
        return self._file.offset, self._line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class FilesSource(FixedPartitionedSource[Item, dict[str, Any]]):
    """A log file, or a folder in which each file is a log of its own."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """Name what to read.

        Args:
            path: A file or a folder; every process reads the files that it finds.
            reading: How to read.

        Raises:
            InputError: If there is nothing.
        """
        self._path = path
        self._reading = reading
        if not path.exists():
            raise InputError(f"{path}: No such file or directory")

    def list_parts(self) -> list[str]:
        """Return the names of the files, without hidden ones."""
        if not self._path.is_dir():
            return [self._path.name]
        found = sorted(self._path.iterdir())
        return [path.name for path in found if path.is_file() and path.name[0] not in "._"]

    def build_part(
        self, _step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> LogPartition:
        """Open a file."""
        path = self._path / for_part if self._path.is_dir() else self._path
        saved = None if resume_state is None else resume_state["reader"]
        reader = FileReader(path, self._reading, saved)
        return LogPartition(for_part, reader, self._reading, resume_state)


# Topics.


class TopicReader(Reader):
    """Reads a partition of a topic: each message is a line."""

    def __init__(self, messages: Any) -> None:
        """Take a partition.

        Args:
            messages: Of Bytewax's own source.
        """
        self._messages = messages
        self._offsets: Sequence[int] = ()
        self._is_at_end = False

    def read(self) -> bytes:
        """Return the messages that have come, each as a line."""
        try:
            messages = self._messages.next_batch()
        except StopIteration:
            self._is_at_end = True
            return b""
        self._offsets = [message.offset for message in messages]
        # Outside of a string, where none may be, a newline means as much as a blank.
        values = [(message.value or b"").replace(b"\n", b" ") for message in messages]
        return b"\n".join([*values, b""])

    def passed(self, lines: int) -> None:
        """Do nothing: messages know their numbers."""

    def number_of(self, index: int) -> int:
        """Return the message's offset."""
        return self._offsets[index]

    @property
    def is_at_end(self) -> bool:
        """Whether all that was there is read."""
        return self._is_at_end

    def read_unfinished(self) -> bytes:
        """Return nothing: a message is there or not."""
        return b""

    def save(self) -> int | None:
        """Return the offset of the next message."""
        offset: int | None = self._messages.snapshot()
        return offset

    def close(self) -> None:
        """Leave the topic."""
        self._messages.close()


class TopicSource(FixedPartitionedSource[Item, dict[str, Any]]):
    """A Kafka topic, each of whose partitions is a log of its own."""

    def __init__(
        self, brokers: Sequence[str], topic: str, reading: Reading, config: Mapping[str, str]
    ) -> None:
        """Name what to read.

        Args:
            brokers: Addresses as `host:port`.
            topic: The topic.
            reading: How to read.
            config: Further settings of librdkafka.
        """
        from bytewax.connectors.kafka import KafkaSource  # noqa: PLC0415  # an extra of its own

        self._reading = reading
        self._source: KafkaSource = KafkaSource(
            brokers,
            [topic],
            tail=reading.follows,
            add_config=dict(config),
            batch_size=reading.batch_size,
        )

    def list_parts(self) -> list[str]:
        """Return the names of the topic's partitions."""
        return self._source.list_parts()

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> LogPartition:
        """Join a partition."""
        saved = None if resume_state is None else resume_state["reader"]
        messages = self._source.build_part(step_id, for_part, saved)
        return LogPartition(for_part, TopicReader(messages), self._reading, resume_state)
