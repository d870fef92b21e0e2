"""Logs as Bytewax reads them: each file or part of a topic is a partition.

A partition deals its log out to shards as it reads it, so that few and large items go
between processes. Where it is goes into the recovery store of Bytewax.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from ctrlog.adapters.bytewax_readers import FileReader, LineReader, Reading, TopicReader
from ctrlog.adapters.partitioning import Dealer, Portion
from ctrlog.errors import InputError, UsageError
from ctrlog.schemas.bad_lines import BadLines

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

#: How long to wait for a file to grow.
_PATIENCE = timedelta(milliseconds=100)


class LogPartition(StatefulSourcePartition[Item, dict[str, Any]]):
    """A log that is dealt out to shards as it is read."""

    def __init__(
        self, name: str, reader: LineReader, reading: Reading, saved: dict[str, Any] | None
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
        self._dealer = Dealer(
            options.decoder(), reading.shards, options.reorder, options.exclusion()
        )
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
        good_lines = self._events + self._dealer.excluded_events
        self._bad_lines.finish(good_lines)
        if self._bad_lines.total:
            _show(f"{self._name}: {self._bad_lines.summary(good_lines, keep=_KEEP)}")
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


#: How bad lines are kept in a flow.
_KEEP = "bad_lines=FILE"


def _show(message: str) -> None:
    print(f"ctrlog: {message}", file=sys.stderr, flush=True)


# Files.


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
        try:
            from bytewax.connectors.kafka import KafkaSource  # noqa: PLC0415  # an extra of its own
        except ModuleNotFoundError as error:
            raise UsageError(
                f"a Kafka topic needs {error.name}, which is not installed: pip install"
                " 'ctrlog[kafka]'"
            ) from None

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
