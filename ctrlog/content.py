"""The bytes of an input, decompressed if it is an archive."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator

from ctrlog.compression import MAGICS, PIECE_BYTES, Damaged, Decompressor, format_of
from ctrlog.errors import InputError

STDIN_DESCRIPTOR = 0
#: Small enough that what is decoded from a block stays in the processor's cache.
BLOCK_BYTES = 64 * 1024


class Content:
    """The content of an open input, from the beginning on.

    Attributes:
        name: What to call the input in messages.
        file: Numbers of the device and of the file there, which tell it from others.
        is_regular: Whether it is a regular file, so that it can be read again.
        is_directory: Whether it is a directory, which cannot be read.
        is_compressed: Whether it is an archive, as far as is known from what was read.
        read_bytes: How much of the input was read, before decompression.
        is_at_end: Whether the last read met the end, which moves while a log grows.
    """

    def __init__(self, name: str, descriptor: int, block_bytes: int = BLOCK_BYTES) -> None:
        """Take an open input.

        Args:
            name: What to call it in messages.
            descriptor: Its file descriptor.
            block_bytes: How much to read at a time.
        """
        self.name = name
        self.read_bytes = 0
        self.is_at_end = False
        self._descriptor = descriptor
        self._block_bytes = block_bytes
        self._beginning: bytes | None = b""  # None once it is known whether it is an archive
        self._decompressor: Decompressor | None = None
        self.is_compressed = False
        self._pieces: Iterator[bytes] = iter(())  # that come out of the decompressor
        self._peeked = b""
        status = os.fstat(descriptor)
        self.file = (status.st_dev, status.st_ino)
        self.is_regular = stat.S_ISREG(status.st_mode)
        self.is_directory = stat.S_ISDIR(status.st_mode)

    @property
    def size(self) -> int:
        """Bytes of the input as it is now, before decompression."""
        return os.fstat(self._descriptor).st_size

    @property
    def changed_ns(self) -> int:
        """When the input was changed last, in nanoseconds since 1970."""
        return os.fstat(self._descriptor).st_mtime_ns

    @property
    def is_standard_input(self) -> bool:
        """Whether it is standard input."""
        return self._descriptor == STDIN_DESCRIPTOR

    def has_arrived(self) -> bool:
        """Whether a read need not wait: there is something, or the end."""
        return self.is_regular or bool(select.select([self._descriptor], [], [], 0)[0])

    def read(self) -> bytes:
        """Read once, and return what came of it.

        Returns:
            At most a block, or what came out of a piece of an archive. Nothing if
            `is_at_end`, or if it takes more to come out.

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
        """Return the few bytes that were held as they might have begun an archive."""
        beginning, self._beginning = self._beginning or b"", None
        return beginning

    def peek(self, size: int) -> bytes:
        """Return what comes next without taking it.

        Args:
            size: How many bytes; fewer are returned if there are no more.

        Raises:
            InputError: As `read`.
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
        """Go on to a place in a regular file; nothing may have been taken before.

        Args:
            offset: How many bytes of content are before it.
            tail_bytes: How many bytes before the place to return.

        Returns:
            The place that was reached, which is less if the content ends before, and the
            bytes before it.

        Raises:
            InputError: As `read`.
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
        """Go to the end of a regular file, without looking at what is before."""
        self._peeked, self._beginning, self._decompressor = b"", None, None
        self.read_bytes = os.lseek(self._descriptor, 0, os.SEEK_END)
        self.is_at_end = True

    def close(self) -> None:
        """Close the input, but for standard input."""
        if not self.is_standard_input:
            os.close(self._descriptor)

    def read_again(self, offset: int, size: int) -> bytes:
        """Return bytes of a regular file that were read before, as they are now.

        Args:
            offset: How many bytes are before them.
            size: How many of them.

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
        elif any(magic.startswith(beginning) for magic in MAGICS):  # wait for the rest of it
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
        """Yield what comes out of what was just read, which is nothing at the end."""
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
            self.is_at_end = False  # who reads it another time is to be told again
            raise InputError(f"{self.name}: {place}: {damage}") from None

    def _read_input(self, size: int) -> bytes:
        while True:
            try:
                piece = os.read(self._descriptor, size)
            except BlockingIOError:  # whoever shares the terminal or pipe made it so
                select.select([self._descriptor], [], [])
                continue
            except OSError as error:
                raise self._failure(self.read_bytes, error) from None
            self.read_bytes += len(piece)
            self.is_at_end = not piece
            return piece

    def _failure(self, offset: int, error: OSError) -> InputError:
        return InputError(f"{self.name}: byte {offset + 1}: cannot read on: {error.strerror}")
