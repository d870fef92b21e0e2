"""Sources of log lines: files and standard input, read in whole lines.

A source keeps the beginning of an unfinished line until its end arrives, and drops what exceeds
the limit, so memory is bounded by the longest allowed line and one block. It also keeps what a
`Position` needs: how much was read, and the first and last bytes, by which a later run recognizes
the file and continues where this one stopped.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ctrlog.errors import InputError, MissingInputError, UsageError
from ctrlog.inputs.content import BLOCK_BYTES, STDIN_DESCRIPTOR, Content
from ctrlog.inputs.position import MARK_BYTES, Match, Position

#: The name that stands for standard input.
STDIN = "-"
#: The longest line that is not bad, by default.
MAX_LINE_BYTES = 16 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Source:
    """An open input, read in whole lines.

    Attributes:
        content: The content of the input.
        offset: Offset in the content after the last line returned, in bytes.
    """

    def __init__(self, content: Content, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        """Prepare to read lines.

        Args:
            content: The content of the input, from which nothing was read yet.
            max_line_bytes: The longest line to keep whole. A longer one is cut, but stays longer
                than this, so that the decoder reports it.
        """
        self.content = content
        self.offset = 0
        # One byte more than allowed shows that a line is too long, even after a byte order mark.
        self._kept_bytes = max_line_bytes + 1 + len(_BYTE_ORDER_MARK)
        self._unfinished: list[bytes] = []  # parts of a line without its end
        self._unfinished_bytes = 0
        self._taken_bytes = 0  # of content
        self._head = b""
        self._tail = b""  # the last bytes before the offset
        self._latest = b""  # the last bytes that were taken

    @property
    def name(self) -> str:
        """Name of the input in messages."""
        return self.content.name

    @property
    def has_rest(self) -> bool:
        """Whether part of a line was read whose end has not arrived."""
        return self._taken_bytes > self.offset

    def read_lines(self) -> bytes:
        r"""Read once and return the complete lines.

        A read does not wait for a full block, so a pipe can be followed line by line.

        Returns:
            Lines, each with its \n; empty if no line is complete yet.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        piece = self.content.read()
        start, end = 0, piece.rfind(b"\n") + 1
        if not self.offset and not self._unfinished:
            # A writer that keeps its position after the log was truncated leaves a hole of zeros.
            start = len(piece) - len(piece.lstrip(b"\0"))
        lines = self._completed(piece[start:end]) if end else b""
        self._note(piece, end)
        self._keep(piece[max(start, end) :])
        return lines

    def take_rest(self) -> bytes:
        """Return the last line of the input if it does not end in a line feed, else nothing."""
        beginning = self.content.take_beginning()
        rest = self._completed(beginning)
        self._note(beginning, len(beginning))
        self.offset, self._tail = self._taken_bytes, self._latest
        return rest

    def blocks(self) -> Iterator[bytes]:
        r"""Read to the end.

        Yields:
            Lines, each with its \n, which the last line of the input may lack.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        while not self.content.is_at_end:
            if lines := self.read_lines():
                yield lines
        if rest := self.take_rest():
            yield rest

    def mark(self) -> Position:
        """Return the position after the last line returned."""
        content = self.content
        size = content.read_bytes if content.is_at_end else None
        return Position(*content.file, size, self.offset, self._head[: self.offset], self._tail)

    def reached(self) -> Position:
        """Return the position after the last byte read, which may be inside a line."""
        return Position(*self.content.file, None, self._taken_bytes, self._head, self._latest)

    def end(self) -> Position:
        """Return the position at the end of a regular file that is not an archive.

        Raises:
            InputError: If reading fails.
        """
        content = self.content
        size = content.size
        head = content.read_again(0, min(size, MARK_BYTES))
        tail = content.read_again(max(0, size - MARK_BYTES), min(size, MARK_BYTES))
        return Position(*content.file, None, size, head, tail)

    def go_to(self, mark: Position) -> Match:
        """Go to a position; nothing may have been read before.

        Args:
            mark: A position in this log, or in a log that may be this one.

        Returns:
            How this log relates to the one in which the mark was made. Reading can continue only
            if they are the same.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        content = self.content
        self._head = content.peek(len(mark.head))
        if not mark.may_be_of(self._head):
            return Match.OTHER
        if content.is_compressed and (content.file, content.size) == (mark.file, mark.size):
            content.skip_all()  # unchanged, so it need not be decompressed
            self.offset, self._tail = mark.offset, mark.tail
        else:
            self.offset, self._tail = content.skip_to(mark.offset, len(mark.tail))
        self._taken_bytes, self._latest = self.offset, self._tail
        found = mark.compare(self._head, self._tail, self.offset)
        self._head = self._head[: self.offset]  # the rest has not been taken yet
        return found

    def is_as_read(self) -> bool:
        """Return whether the bytes read so far are unchanged, for an input that is not an archive.

        Only the size and the last bytes read are compared. An input that is not a regular file
        counts as unchanged.

        Raises:
            InputError: If reading fails.
        """
        content, read, latest = self.content, self._taken_bytes, self._latest
        if not content.is_regular or content.is_standard_input:
            return True
        return (
            content.size >= read and content.read_again(read - len(latest), len(latest)) == latest
        )

    def close(self) -> None:
        """Close the input."""
        self.content.close()

    def _note(self, piece: bytes, end: int) -> None:
        """Record a piece of content.

        Args:
            piece: The content.
            end: Offset in the piece after its last line; 0 if no line ends in it.
        """
        if len(self._head) < MARK_BYTES:
            self._head += piece[: MARK_BYTES - len(self._head)]
        if end:
            self.offset = self._taken_bytes + end
            before_end = piece[max(0, end - MARK_BYTES) : end]
            self._tail = (self._latest + before_end)[-MARK_BYTES:]
        self._taken_bytes += len(piece)
        self._latest = (self._latest + piece[-MARK_BYTES:])[-MARK_BYTES:]

    def _keep(self, beginning: bytes) -> None:
        """Keep part of an unfinished line, up to the longest line allowed."""
        beginning = beginning[: self._kept_bytes - self._unfinished_bytes]
        if beginning:
            self._unfinished.append(beginning)
            self._unfinished_bytes += len(beginning)

    def _completed(self, end: bytes) -> bytes:
        """Return the unfinished line together with its end and the lines after it."""
        lines = b"".join((*self._unfinished, end))
        self._unfinished, self._unfinished_bytes = [], 0
        return lines if self.offset else lines.removeprefix(_BYTE_ORDER_MARK)


def open_source(
    path: str,
    name: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    block_bytes: int = BLOCK_BYTES,
) -> Source:
    """Open an input.

    Args:
        path: Path of the input, or `STDIN`.
        name: Name of the input in messages; the path if None.
        max_line_bytes: The longest line to keep whole.
        block_bytes: Most bytes to read at once.

    Returns:
        The open input, to be closed by the caller.

    Raises:
        MissingInputError: If there is nothing of that name.
        InputError: If the input cannot be opened or is a directory.
    """
    name = name or path
    descriptor = STDIN_DESCRIPTOR
    try:
        if path != STDIN:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        content = Content(name, descriptor, block_bytes)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError(f"{name}: {error.strerror}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name}: {why}") from None
    if content.is_directory:
        content.close()
        example = Path(name) / "*.jsonl"
        raise InputError(f"{name}: is a directory; name the files in it, such as {example}")
    return Source(content, max_line_bytes)


def total_size(names: list[str]) -> int | None:
    """Return the total size of inputs in bytes, or None if one is not a regular file.

    Args:
        names: Paths, or `STDIN`. Inputs that cannot be opened are left out.
    """
    total = 0
    for name in names:
        try:
            status = os.fstat(STDIN_DESCRIPTOR) if name == STDIN else Path(name).stat()
        except (OSError, ValueError):
            continue
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


def refuse_repeated(names: Sequence[str]) -> None:
    """Refuse inputs that would count twice: a repeated file, or a file and its compressed copy.

    Args:
        names: Paths, or `STDIN`.

    Raises:
        UsageError: If two paths lead to one file, or if one has the name of another plus a suffix
            such as `.gz`, and its content begins with the same bytes.
    """
    seen: dict[tuple[int, int], str] = {}
    for name in names:
        with suppress(OSError, ValueError):
            status = Path(name).stat()
            if name == STDIN or not stat.S_ISREG(status.st_mode):
                continue
            first = seen.setdefault((status.st_dev, status.st_ino), name)
            if first is not name:
                raise UsageError(f"{first} and {name} are one file, which would count twice")
    regular = set(seen.values())
    for name in seen.values():
        plain, dot, suffix = name.rpartition(".")
        if dot and plain in regular and f".{suffix}" in _ARCHIVES and _begin_alike(plain, name):
            raise UsageError(f"{name} is a copy of {plain}, which would count twice")


#: The most content of a file that is compared with that of its copy.
_COMPARED_BYTES = 64 * 1024
#: The suffixes of compressed copies.
_ARCHIVES = {".gz", ".bz2", ".xz", ".zst", ".Z"}


def _begin_alike(one: str, other: str) -> bool:
    beginnings = []
    for name in (one, other):
        try:
            source = open_source(name)
        except InputError:
            return False
        try:
            beginnings.append(source.content.peek(_COMPARED_BYTES)[:_COMPARED_BYTES])
        except InputError:
            return False
        finally:
            source.close()
    shorter, longer = sorted(beginnings, key=len)  # one may have grown since it was copied
    return bool(shorter) and longer.startswith(shorter)
