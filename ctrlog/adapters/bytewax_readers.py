"""Lines of a log for one who reads on and on: of a file, or of a partition of a topic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrlog.errors import InputError
from ctrlog.inputs.lines import open_source
from ctrlog.inputs.position import Match, Position
from ctrlog.run.settings import LogOptions

#: How much of a file to read at a time: enough for each of some shards to get many events.
PARTITION_BLOCK_BYTES = 512 * 1024


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
    block_bytes: int = PARTITION_BLOCK_BYTES
    batch_size: int = 5000


class LineReader(ABC):
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


class FileReader(LineReader):
    """Reads a file."""

    def __init__(self, path: Path, reading: Reading, saved: tuple[Position, int] | None) -> None:
        """Open a file.

        Args:
            path: The file.
            reading: How to read.
            saved: What `save` returned; None to begin.

        Raises:
            InputError: If it cannot be opened, or is not the file that was read before.
        """
        self._line = 1
        source = open_source(str(path), None, reading.options.max_line, reading.block_bytes)
        with ExitStack() as stack:
            stack.callback(source.close)
            if saved is not None:
                mark, self._line = saved
                if mark.offset and source.go_to(mark) is not Match.SAME:
                    raise InputError(
                        f"{path}: was read up to byte {mark.offset} before, and does not hold what"
                        " was there; it is not the file of then"
                    )
            stack.pop_all()
        self._source = source

    def read(self) -> bytes:
        """Return the next lines; nothing if there are none now."""
        while True:
            lines = self._source.read_lines()
            if lines or self._source.content.is_at_end:
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
        return self._source.content.is_at_end

    def read_unfinished(self) -> bytes:
        """Return a last line without a newline."""
        return self._source.take_rest()

    def save(self) -> tuple[Position, int]:
        """Return the place and the number of the next line."""
        return self._source.mark(), self._line

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class TopicReader(LineReader):
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
