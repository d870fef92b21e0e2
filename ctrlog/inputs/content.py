"""The content of an input: its bytes, decompressed if it is an archive.

The first bytes decide whether an input is an archive. Reads return what has arrived rather than
wait for a full block, so a pipe can be followed line by line. Memory is one block, or one piece of
an archive and the content of one part of it.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator

from ctrlog.errors import InputError
from ctrlog.inputs.compression import MAGICS, PIECE_BYTES, Damaged, Decompressor, format_of

STDIN_DESCRIPTOR = 0
#: Small enough for the events decoded from a block to stay in the processor's cache.
BLOCK_BYTES = 64 * 1024


class Content:
    """The content of an open input, read from its beginning.

    Attributes:
        name: Name of the input in messages.
        file: Device number and inode number, which identify a file.
        is_regular: Whether the input is a regular file, which can be read again.
        is_directory: Whether the input is a directory, which cannot be read.
        is_compressed: Whether the input is an archive, as far as is known from what was read.
        read_bytes: Number of bytes read, before decompression.
        is_at_end: Whether the last read reached the end, which moves while a log grows.
    """

    def __init__(self, name: str, descriptor: int, block_bytes: int = BLOCK_BYTES) -> None:
        """Prepare to read an open input.

        Args:
            name: Name of the input in messages.
            descriptor: File descriptor of the input.
            block_bytes: Most bytes to read at once.
        """
        self.name = name
        self.read_bytes = 0
        self.is_at_end = False
        self._descriptor = descriptor
        self._block_bytes = block_bytes
        self._beginning: bytes | None = b""  # None once it is known whether it is an archive
        self._decompressor: Decompressor | None = None
        self.is_compressed = False
        self._pieces: Iterator[bytes] = iter(())  # content of the decompressor's last piece
        self._peeked = b""
        status = os.fstat(descriptor)
        self.file = (status.st_dev, status.st_ino)
        self.is_regular = stat.S_ISREG(status.st_mode)
        self.is_directory = stat.S_ISDIR(status.st_mode)

    @property
    def size(self) -> int:
        """Current size of the input in bytes, before decompression."""
        return os.fstat(self._descriptor).st_size

    @property
    def changed_ns(self) -> int:
        """When the input was changed last, in nanoseconds since 1970."""
        return os.fstat(self._descriptor).st_mtime_ns

    @property
    def is_standard_input(self) -> bool:
        """Whether the input is standard input."""
        return self._descriptor == STDIN_DESCRIPTOR

    def has_arrived(self) -> bool:
        """Return whether a read would not block, because bytes or the end are there."""
        return self.is_regular or bool(select.select([self._descriptor], [], [], 0)[0])

    def read(self) -> bytes:
        """Read once and return the content.

        Returns:
            At most one block, or the content of one piece of an archive. Empty if `is_at_end`,
            or if more input is needed before there is content.

        Raises:
            InputError: If reading fails or the archive is damaged.
        """
        if self._peeked:
            peeked, self._peeked = self._peeked, b""
            return peeked
        if self._beginning is not None:
            return self._begin(self._beginning)
        if self._decompressor is None:
            return self._read_input(self._block_bytes)
        return self._decompress(self._decompressor)

    def take_beginning(self) -> bytes:
        """Return the bytes that were held back because they might have begun an archive."""
        beginning, self._beginning = self._beginning or b"", None
        return beginning

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them.

        Args:
            size: Number of bytes. Fewer are returned if the content ends before.

        Raises:
            InputError: If reading fails or the archive is damaged.
        """
        found = self.read()
        while len(found) < size and not self.is_at_end:
            found += self.read()
        self._peeked = found + self.take_beginning() if self.is_at_end else found
        return self._peeked[:size]

    @property
    def peeked(self) -> bytes:
        """What was peeked at and is not taken yet."""
        return self._peeked

    def skip_to(self, offset: int, tail_bytes: int) -> tuple[int, bytes]:
        """Skip to an offset in a regular file from which nothing was consumed yet.

        Args:
            offset: Offset in the content, in bytes.
            tail_bytes: Number of bytes before the offset to return.

        Returns:
            The offset reached, which is smaller if the content ends before, and the bytes
            before it.

        Raises:
            InputError: If reading fails or the archive is damaged.
        """
        if not self.is_compressed:
            self._peeked, self._beginning = b"", None
            self.read_bytes = min(offset, self.size)
            start = max(0, self.read_bytes - tail_bytes)
            os.lseek(self._descriptor, self.read_bytes, os.SEEK_SET)
            return self.read_bytes, self.read_again(start, self.read_bytes - start)
        reached, tail = 0, b""
        while reached < offset and not self.is_at_end:
            piece = self.read()
            taken, self._peeked = piece[: offset - reached], piece[offset - reached :]
            reached += len(taken)
            tail = (tail + taken)[-tail_bytes:]
        return reached, tail

    def restart(self) -> None:
        """Go back to the beginning of a regular file of which nothing was taken but by `peek`."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._peeked, self._beginning, self._decompressor = b"", b"", None
        self._pieces = iter(())
        self.is_compressed = self.is_at_end = False
        self.read_bytes = 0

    def skip_all(self) -> None:
        """Skip to the end of a regular file without reading it."""
        self._peeked, self._beginning, self._decompressor = b"", None, None
        self.read_bytes = os.lseek(self._descriptor, 0, os.SEEK_END)
        self.is_at_end = True

    def close(self) -> None:
        """Close the input, except standard input."""
        if not self.is_standard_input:
            os.close(self._descriptor)

    def read_again(self, offset: int, size: int) -> bytes:
        """Return the current bytes of a part of a regular file, without moving.

        Args:
            offset: Offset of the first byte in the file.
            size: Number of bytes.

        Raises:
            InputError: If reading fails.
        """
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise self._failure(offset, error) from None

    def _begin(self, beginning: bytes) -> bytes:
        beginning += self._read_input(self._block_bytes)
        format_ = format_of(beginning)
        if format_ is not None:
            self.is_compressed = True
            self._decompressor = Decompressor(format_)
            self._pieces = self._decompressed(self._decompressor, beginning)
            beginning = b""
        elif any(
            magic.startswith(beginning) for magic in MAGICS
        ):  # wait for the rest of the magic number
            self._beginning = beginning
            return b""
        self._beginning = None
        return beginning

    def _decompress(self, decompressor: Decompressor) -> bytes:
        for content in self._pieces:
            return content
        piece = self._read_input(PIECE_BYTES)
        self._pieces = self._decompressed(decompressor, piece)
        return next(self._pieces, b"")

    def _decompressed(self, decompressor: Decompressor, read: bytes) -> Iterator[bytes]:
        """Yield the content of the bytes just read; none were read at the end of the archive."""
        place = f"byte {self.read_bytes + 1}"
        before = self.read_bytes - len(read)
        try:
            for offset in range(0, len(read), PIECE_BYTES):
                piece = read[offset : offset + PIECE_BYTES]
                place = f"bytes {before + offset + 1} to {before + offset + len(piece)}"
                yield from decompressor.feed(piece)
            if not read:
                decompressor.finish()
        except Damaged as damage:
            self.is_at_end = False  # reading again must report the damage again
            raise InputError(f"{self.name}: {place}: {damage}") from None

    def _read_input(self, size: int) -> bytes:
        while True:
            try:
                piece = os.read(self._descriptor, size)
            except BlockingIOError:  # another process made the terminal or pipe non-blocking
                select.select([self._descriptor], [], [])
                continue
            except OSError as error:
                raise self._failure(self.read_bytes, error) from None
            self.read_bytes += len(piece)
            self.is_at_end = not piece
            return piece

    def _failure(self, offset: int, error: OSError) -> InputError:
        return InputError(f"{self.name}: byte {offset + 1}: cannot read on: {error.strerror}")
