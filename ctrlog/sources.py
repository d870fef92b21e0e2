"""Where logs come from: files and standard input, read as blocks of whole lines."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctrlog.errors import InputError

#: The name that stands for standard input.
STDIN = "-"
STDIN_DESCRIPTOR = 0
#: Small enough that what is decoded from a block stays in the processor's cache.
BLOCK_BYTES = 64 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "zcat"),
    b"BZh": ("bzip2", "bzcat"),
    b"\xfd7zXZ\x00": ("xz", "xzcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
}
_LONGEST_MAGIC = max(map(len, (_BYTE_ORDER_MARK, *_COMPRESSED)))


class Source:
    """An open input.

    Attributes:
        name: What to call it in messages.
        read_bytes: How much of it has been read.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        """Take an open input.

        Args:
            name: What to call it in messages.
            descriptor: Its file descriptor; the caller closes it.
        """
        self.name = name
        self._descriptor = descriptor
        self.read_bytes = 0

    def blocks(self, max_line_bytes: int, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        r"""Read to the end.

        What has arrived is not held back until a block is full, so a pipe is followed
        line by line.

        Args:
            max_line_bytes: Of a longer line only one byte more is kept, so memory
                stays bounded, and it can be told that the line was too long.
            block_bytes: How much to read at a time.

        Yields:
            Lines, each with its \n but for the last of the input.

        Raises:
            InputError: If reading fails or the input is compressed.
        """
        unfinished: list[bytes] = []  # the beginning of a line
        unfinished_bytes = 0
        for piece in self._pieces(block_bytes):
            end = piece.rfind(b"\n") + 1
            if end:
                yield b"".join((*unfinished, piece[:end]))
                unfinished, unfinished_bytes = [], 0
            rest = piece[end : end + max_line_bytes + 1 - unfinished_bytes]
            if rest:
                unfinished.append(rest)
                unfinished_bytes += len(rest)
        if unfinished:
            yield b"".join(unfinished)

    def _pieces(self, size: int) -> Iterator[bytes]:
        beginning = b""
        while len(beginning) < _LONGEST_MAGIC and (piece := self._read(size)):
            beginning += piece
        self._refuse_compressed(beginning)
        if beginning := beginning.removeprefix(_BYTE_ORDER_MARK):
            yield beginning
        while piece := self._read(size):
            yield piece

    def _read(self, size: int) -> bytes:
        while True:
            try:
                piece = os.read(self._descriptor, size)
            except BlockingIOError:  # whoever shares the terminal or pipe made it so
                select.select([self._descriptor], [], [])
                continue
            except OSError as error:
                place = f"{self.name}: byte {self.read_bytes + 1}"
                raise InputError(f"{place}: cannot read on: {error.strerror}") from None
            self.read_bytes += len(piece)
            return piece

    def _refuse_compressed(self, beginning: bytes) -> None:
        found = compression_of(beginning)
        if found is not None:
            kind, tool = found
            raise InputError(
                f"{self.name}: is compressed ({kind}); decompress it on the way: "
                f"{tool} FILE | ctrlog run -"
            )


def compression_of(beginning: bytes) -> tuple[str, str] | None:
    """Return how an input is compressed, and the tool that decompresses it; None if not."""
    for magic, found in _COMPRESSED.items():
        if beginning.startswith(magic):
            return found
    return None


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """Open an input by its name.

    Args:
        name: A path, or `STDIN`.

    Yields:
        The open input; it is closed at the end, but for standard input.

    Raises:
        InputError: If it cannot be opened or is a directory.
    """
    if name == STDIN:
        yield Source("<stdin>", STDIN_DESCRIPTOR)
        return
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            example = Path(name) / "*.jsonl"
            raise InputError(f"{name}: is a directory; name the files in it, such as {example}")
        yield Source(name, descriptor)
    finally:
        os.close(descriptor)


def total_size(names: list[str]) -> int | None:
    """Return how many bytes inputs have together, None if that is not known.

    Args:
        names: Paths, or `STDIN`. What cannot be opened counts nothing.
    """
    total = 0
    for name in names:
        try:
            status = os.fstat(STDIN_DESCRIPTOR) if name == STDIN else Path(name).stat()
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total
