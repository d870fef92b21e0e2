"""What tells one log from another, and where its reading stopped.

Names change when logs are rotated, and a new file may get the number of one that is
gone. So a log is known by what stands at its beginning and before the place where its
reading stopped, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

#: How much of a log is remembered at its beginning and before the place.
MARK_BYTES = 256


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log, at the end of a line.

    Attributes:
        device: Number of the device that the file is on.
        inode: The file's number there.
        size: Bytes of the file, decompressed or not, if it was read to its end; else None.
        offset: Bytes of its content that were taken: whole lines.
        head: The first bytes of the content, at most `MARK_BYTES`, all before the place.
        tail: The bytes before the place, at most `MARK_BYTES`.
    """

    device: int
    inode: int
    size: int | None
    offset: int
    head: bytes
    tail: bytes

    @property
    def file(self) -> tuple[int, int]:
        """The numbers that tell the file from others that are there at the time."""
        return self.device, self.inode

    def may_be_of(self, head: bytes) -> bool:
        """Tell whether a log that begins so may be this one, or what is left of it."""
        return bool(head) and self.head.startswith(head)

    def compare(self, head: bytes, tail: bytes, offset: int) -> Match:
        """Tell what has become of the log.

        Args:
            head: The first bytes of what is there now, as many as of the mark if there are.
            tail: The bytes before the place now, as many as of the mark.
            offset: How many bytes there are up to the place; fewer than that of the mark
                if it ends before.
        """
        if not self.may_be_of(head):
            return Match.OTHER
        if offset < self.offset:
            return Match.SHORTER
        return Match.SAME if (head, tail) == (self.head, self.tail) else Match.CHANGED


class Match(Enum):
    """What a file is to a log that was read before."""

    SAME = auto()  #: the same up to the place
    SHORTER = auto()  #: the same, but it ends before the place
    CHANGED = auto()  #: the same beginning, but something else before the place
    OTHER = auto()  #: another log
    UNKNOWN = auto()  #: it cannot be read, at least not just now


class Beginnings:
    """Marks of logs of which something was read, found by how the logs begin.

    However many there are, only those are looked at that a log may hold.
    """

    def __init__(self, marks: Iterable[Position] = ()) -> None:
        """Take marks."""
        self._by_head: dict[bytes, dict[Position, None]] = {}
        self._sizes: set[int] = set()  # of the heads
        for mark in marks:
            self.add(mark)

    def add(self, mark: Position) -> None:
        """Take a mark; one at the beginning of a log says nothing of what was read."""
        if not mark.offset:
            return
        self._sizes.add(len(mark.head))
        self._by_head.setdefault(mark.head, {})[mark] = None

    def of(self, head: bytes) -> list[Position]:
        """Return the marks of logs that a log may hold that begins so."""
        sizes = sorted(size for size in self._sizes if size <= len(head))
        return [mark for size in sizes for mark in self._by_head.get(head[:size], ())]

    def __bool__(self) -> bool:
        return bool(self._by_head)
