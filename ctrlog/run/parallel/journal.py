"""What comes of a range, kept in a file until its turn comes."""

from __future__ import annotations

import pickle  # of what a process of this very run has written
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

from ctrlog.run.parallel.pieces import Piece
from ctrlog.schemas.reference import BadLine

#: So much is written at a time: little enough to be held many times over in memory.
_CHUNK_BYTES = 256 * 1024
_CHUNK_ENTRIES = 1000


class Note(NamedTuple):
    """Something to be said of a range.

    Attributes:
        stretch: The place of the stretch in its range.
        what: A bad line, with its number in the stretch, or why reading failed there.
    """

    stretch: int
    what: BadLine | str


#: Bytes are lines of what is to be written.
Entry: TypeAlias = Piece | Note | bytes


class Journal:
    """A file of entries in order, and something at its end."""

    def __init__(self, file: BinaryIO) -> None:
        """Take a file that is empty, or is a whole journal."""
        self._file = file
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            OSError: If it cannot be written.
        """
        self._entries.append(entry)
        if isinstance(entry, bytes):
            self._bytes += len(entry)
        if self._bytes > _CHUNK_BYTES or len(self._entries) > _CHUNK_ENTRIES:
            self._write()

    def finish(self, end: Any) -> None:
        """Write what stands at the end.

        Raises:
            OSError: If it cannot be written.
        """
        self._write()
        start = self._file.tell()
        pickle.dump(None, self._file)
        pickle.dump(end, self._file)
        self._file.write(start.to_bytes(8))
        self._file.flush()

    def end(self) -> Any:
        """Return what stands at the end."""
        self._file.seek(-8, 2)
        self._file.seek(int.from_bytes(self._file.read(8)))
        pickle.load(self._file)  # noqa: S301
        return pickle.load(self._file)  # noqa: S301

    def entries(self) -> Iterator[Entry]:
        """Read all entries from the beginning."""
        self._file.seek(0)
        while (chunk := pickle.load(self._file)) is not None:  # noqa: S301
            yield from chunk

    def close(self) -> None:
        """Close the file, which is gone then."""
        self._file.close()

    def _write(self) -> None:
        if self._entries:
            pickle.dump(_joined(self._entries), self._file, pickle.HIGHEST_PROTOCOL)
        self._entries = []
        self._bytes = 0


def _joined(entries: Sequence[Entry]) -> list[Entry]:
    """Join lines that follow each other, so that they can be written at once."""
    joined: list[Entry] = []
    for is_lines, group in groupby(entries, key=lambda entry: isinstance(entry, bytes)):
        if is_lines:
            joined.append(b"".join(cast("Iterator[bytes]", group)))
        else:
            joined.extend(group)
    return joined
