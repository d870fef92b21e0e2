"""A file that others still write to, read in blocks of whole lines up to where it ends."""

from __future__ import annotations

import os
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.sources import compression_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class GrowingFile:
    """A file, read from any line on, as far as it goes.

    A last line without its newline is not taken: it may still be written to.

    Attributes:
        offset: Where the first line begins that was not taken, in bytes.
    """

    def __init__(self, path: Path, offset: int, max_line_bytes: int, block_bytes: int) -> None:
        """Open a file.

        Args:
            path: The file.
            offset: Where to begin, in bytes: 0, or what `offset` was.
            max_line_bytes: Of a longer line only one byte more is kept, so that memory
                stays bounded, and it can be told that the line was too long.
            block_bytes: How much to read at a time.

        Raises:
            InputError: If it cannot be opened, or ends before the offset.
        """
        self.offset = offset
        self._path = path
        self._max_line_bytes = max_line_bytes
        self._block_bytes = block_bytes
        self._unfinished: list[bytes] = []  # the beginning of a line
        self._unfinished_bytes = 0
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            size = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        if size < offset:
            raise InputError(
                f"{path}: ends at byte {size}, but was read up to byte {offset} before; it is"
                " not the file of then"
            )
        self._next = offset

    def read(self) -> bytes:
        r"""Return the next lines, each with its \n; nothing if there are no more yet.

        Raises:
            InputError: If reading fails or the file is compressed.
        """
        while piece := self._read_piece():
            end = piece.rfind(b"\n") + 1
            lines = b"".join((*self._unfinished, piece[:end])) if end else b""
            if end:
                self.offset = self._next - len(piece) + end
                self._unfinished, self._unfinished_bytes = [], 0
            rest = piece[end : end + self._max_line_bytes + 1 - self._unfinished_bytes]
            if rest:
                self._unfinished.append(rest)
                self._unfinished_bytes += len(rest)
            if lines:
                return lines
        return b""

    def read_unfinished(self) -> bytes:
        """Return the last line if it has no newline: it is complete if nobody writes on."""
        line = b"".join(self._unfinished)
        self._unfinished, self._unfinished_bytes = [], 0
        self.offset = self._next
        return line

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _read_piece(self) -> bytes:
        try:
            piece = os.pread(self._descriptor, self._block_bytes, self._next)
        except OSError as error:
            place = f"{self._path}: byte {self._next + 1}"
            raise InputError(f"{place}: cannot read on: {error.strerror}") from None
        is_first = self._next == 0
        self._next += len(piece)
        if not is_first:
            return piece
        if compressed := compression_of(piece):
            raise InputError(f"{self._path}: is compressed ({compressed[0]}); decompress it first")
        return piece.removeprefix(_BYTE_ORDER_MARK)
