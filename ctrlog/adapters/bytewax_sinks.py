"""Records out of Bytewax: to files that a resumed flow goes on with, and standard output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bytewax.outputs import (
    DynamicSink,
    FixedPartitionedSink,
    StatefulSinkPartition,
    StatelessSinkPartition,
)

from ctrlog.adapters.bytewax_sources import FILES, shard_of_key
from ctrlog.errors import OutputError


class FilesSink(FixedPartitionedSink[bytes, int]):
    """One file, or a folder of some.

    A resumed flow cuts its files back to what they had when its state was saved, since it
    writes all that came later again. One that begins anew empties them.
    """

    def __init__(self, path: Path, *, is_folder: bool = False) -> None:
        """Name where to write.

        Args:
            path: The file or folder.
            is_folder: Whether it is one: then there are `FILES` in it, and each shard
                writes to one of them.

        Raises:
            OutputError: If the folder is not there and cannot be made.
        """
        self._path = path
        self._is_folder = is_folder
        if is_folder:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{path}: cannot write: {error.strerror}") from None

    def list_parts(self) -> list[str]:
        """Return the names of the files."""
        if not self._is_folder:
            return [self._path.name]
        return [f"{number:02}.jsonl" for number in range(FILES)]

    def part_fn(self, item_key: str) -> int:
        """Return the number of the file for what a shard has found."""
        return shard_of_key(item_key) % FILES if self._is_folder else 0

    def build_part(self, _step_id: str, for_part: str, resume_state: int | None) -> FilePartition:
        """Open a file."""
        path = self._path / for_part if self._is_folder else self._path
        return FilePartition(path, resume_state or 0)


class FilePartition(StatefulSinkPartition[bytes, int]):
    """A file that lines are added to."""

    def __init__(self, path: Path, offset: int) -> None:
        """Open a file and cut it back.

        Args:
            path: The file; made if it is not there.
            offset: How much of it to keep, in bytes.

        Raises:
            OutputError: If it cannot be opened, or has less.
        """
        try:
            self._file = path.open("ab")
            size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise OutputError(f"{path}: cannot write: {error.strerror}") from None
        if size < offset:
            raise OutputError(
                f"{path}: has {size} bytes, but {offset} were written before; put it back, or"
                " begin anew with an empty recovery directory"
            )
        self._file.truncate(offset)

    def write_batch(self, values: list[bytes]) -> None:
        """Add lines."""
        self._file.write(b"".join(values))
        self._file.flush()

    def snapshot(self) -> int:
        """Return how long the file is, once that is sure to last."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class StdoutSink(DynamicSink[bytes]):
    """Standard output, of each process its own."""

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> StdoutPartition:
        """Take standard output."""
        return StdoutPartition()


class StdoutPartition(StatelessSinkPartition[bytes]):
    """Standard output."""

    def write_batch(self, items: list[bytes]) -> None:
        """Write lines out at once."""
        sys.stdout.buffer.write(b"".join(items))
        sys.stdout.buffer.flush()
