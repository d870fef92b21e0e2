"""Where logs come from: files and standard input, read in whole lines."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ctrlog.content import BLOCK_BYTES, STDIN_DESCRIPTOR, Content
from ctrlog.errors import InputError, MissingInputError
from ctrlog.marks import MARK_BYTES, Likeness, Mark

#: The name that stands for standard input.
STDIN = "-"
#: A longer line is bad, unless told otherwise.
MAX_LINE_BYTES = 16 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Source:
    """An open input, read in whole lines.

    Attributes:
        content: The bytes it is read from.
        offset: Bytes of content up to the end of the last line that was given.
    """

    def __init__(self, content: Content, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        """Take an open input.

        Args:
            content: The bytes to read from, of which none was read.
            max_line_bytes: Of a longer line little more is kept, so memory stays bounded,
                and it can be told that the line was too long.
        """
        self.content = content
        self.offset = 0
        # One byte more than allowed tells that a line is too long, a mark before it included.
        self._kept_bytes = max_line_bytes + 1 + len(_BYTE_ORDER_MARK)
        self._unfinished: list[bytes] = []  # the beginning of a line
        self._unfinished_bytes = 0
        self._taken_bytes = 0  # of content
        self._head = b""
        self._tail = b""  # the last bytes before the offset
        self._latest = b""  # the last bytes that were taken

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return self.content.name

    @property
    def has_rest(self) -> bool:
        """Whether a line was begun that has no end yet."""
        return self._taken_bytes > self.offset

    def read_lines(self) -> bytes:
        r"""Read once, and return the lines that are complete.

        What has arrived is not held back until a block is full, so a pipe is followed
        line by line.

        Returns:
            Lines, each with its \n; nothing if no line is complete yet.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        piece = self.content.read()
        start, end = 0, piece.rfind(b"\n") + 1
        if not self.offset and not self._unfinished:
            # A writer that goes on where it was after a log was cut leaves a hole before.
            start = len(piece) - len(piece.lstrip(b"\0"))
        lines = self._completed(piece[start:end]) if end else b""
        self._note(piece, end)
        self._keep(piece[max(start, end) :])
        return lines

    def take_rest(self) -> bytes:
        """Return the line that has no end, if there is one, as at the end of the input."""
        beginning = self.content.take_beginning()
        rest = self._completed(beginning)
        self._note(beginning, len(beginning))
        self.offset, self._tail = self._taken_bytes, self._latest
        return rest

    def blocks(self) -> Iterator[bytes]:
        r"""Read to the end.

        Yields:
            Lines, each with its \n but for the last of the input.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        while not self.content.is_at_end:
            if lines := self.read_lines():
                yield lines
        if rest := self.take_rest():
            yield rest

    def mark(self) -> Mark:
        """Return the place at the end of the last line that was given."""
        content = self.content
        size = content.read_bytes if content.is_at_end else None
        return Mark(*content.file, size, self.offset, self._head[: self.offset], self._tail)

    def reached(self) -> Mark:
        """Return the place up to which was read, though it may be in the middle of a line."""
        return Mark(*self.content.file, None, self._taken_bytes, self._head, self._latest)

    def end(self) -> Mark:
        """Return the place at the end of a regular file that is no archive, read or not.

        Raises:
            InputError: If reading fails.
        """
        content = self.content
        size = content.size
        head = content.read_again(0, min(size, MARK_BYTES))
        tail = content.read_again(max(0, size - MARK_BYTES), min(size, MARK_BYTES))
        return Mark(*content.file, None, size, head, tail)

    def go_to(self, mark: Mark) -> Likeness:
        """Go to a place; nothing may have been read before.

        Args:
            mark: The place, of this log or of one that it may be.

        Returns:
            What this log is to the one that the mark was made in. Only the same one can
            be read on.

        Raises:
            InputError: If reading fails or an archive is damaged.
        """
        content = self.content
        self._head = content.peek(len(mark.head))
        if not mark.may_be_of(self._head):
            return Likeness.OTHER
        if content.is_compressed and (content.file, content.size) == (mark.file, mark.size):
            content.skip_all()  # to read it all again, to see that nothing came, would take long
            self.offset, self._tail = mark.offset, mark.tail
        else:
            self.offset, self._tail = content.skip_to(mark.offset, len(mark.tail))
        self._taken_bytes, self._latest = self.offset, self._tail
        found = mark.compare(self._head, self._tail, self.offset)
        self._head = self._head[: self.offset]  # else it was not taken yet
        return found

    def is_as_read(self) -> bool:
        """Tell whether an input that is no archive was added to at most, as far as can be told.

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
        """Count a piece of content in which the last line ends there, 0 if none does."""
        if len(self._head) < MARK_BYTES:
            self._head += piece[: MARK_BYTES - len(self._head)]
        if end:
            self.offset = self._taken_bytes + end
            before_end = piece[max(0, end - MARK_BYTES) : end]
            self._tail = (self._latest + before_end)[-MARK_BYTES:]
        self._taken_bytes += len(piece)
        self._latest = (self._latest + piece[-MARK_BYTES:])[-MARK_BYTES:]

    def _keep(self, beginning: bytes) -> None:
        """Keep what was read of a line that has no end yet, as far as it may be long."""
        beginning = beginning[: self._kept_bytes - self._unfinished_bytes]
        if beginning:
            self._unfinished.append(beginning)
            self._unfinished_bytes += len(beginning)

    def _completed(self, end: bytes) -> bytes:
        """Return what was kept of a line together with its end and the lines after it."""
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
        path: Its path, or `STDIN`.
        name: What to call it in messages; the path if None.
        max_line_bytes: Of a longer line little more is kept.
        block_bytes: How much to read at a time.

    Returns:
        The open input, to be closed by the caller.

    Raises:
        MissingInputError: If there is nothing of that name.
        InputError: If it cannot be opened or is a directory.
    """
    name = name or path
    descriptor = STDIN_DESCRIPTOR
    try:
        if path != STDIN:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        content = Content(name, descriptor, block_bytes)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError(f"{name}: {error.strerror}") from None
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    if content.is_directory:
        content.close()
        example = Path(name) / "*.jsonl"
        raise InputError(f"{name}: is a directory; name the files in it, such as {example}")
    return Source(content, max_line_bytes)


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
