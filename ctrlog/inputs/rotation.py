"""Rotated logs: which of the files beside a log hold what was read, or came after it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.inputs.beside import Beside, File, Folder
from ctrlog.inputs.lines import open_source
from ctrlog.inputs.position import MARK_BYTES, Beginnings, Match, Position

#: So few numbered logs do not show for sure whether their numbers go up or down.
MOST_UNSURE = 2


def size_of(path: Path) -> int:
    """Return how many bytes a file has; 0 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def likeness(path: Path, mark: Position) -> Match:
    """Compare a file with a log that was read.

    Args:
        path: The file.
        mark: Where the reading of the log stopped.

    Returns:
        `Match.OTHER` also for what is no regular file.
    """
    try:
        if not path.is_file():
            return Match.OTHER
        with closing(open_source(str(path))) as source:
            return source.go_to(mark)
    except InputError:
        return Match.UNKNOWN
    except OSError:
        return Match.OTHER


def beginning(path: Path) -> Position | None:
    """Return a mark at the beginning of a file; None if there is nothing in it yet."""
    try:
        if path.is_file():
            with closing(open_source(str(path))) as source:
                head = source.content.peek(MARK_BYTES)
                return Position(*source.content.file, None, 0, head, b"") if head else None
    except (InputError, OSError):
        pass
    return None


def held_in(path: Path, marks: Beginnings) -> list[Position]:
    """Find the logs of which a file holds all that was read.

    Args:
        path: The file.
        marks: Where the reading of the logs stopped.
    """
    head = (_head(path) if marks else None) or b""
    return [mark for mark in marks.of(head) if likeness(path, mark) is Match.SAME]


def holds_end(path: Path, mark: Position) -> bool:
    """Return whether a file has what stood before a mark anywhere, so that it is no new log.

    That of a log that is shorter than `MARK_BYTES` may be there by chance, and does not count.
    """
    if len(mark.tail) < MARK_BYTES:
        return False
    try:
        with closing(open_source(str(path))) as source:
            before = b""
            while not source.content.is_at_end:
                before = before[-MARK_BYTES:] + source.content.read()
                if mark.tail in before:
                    return True
    except InputError:
        pass
    return False


def find_again(folder: Folder, mark: Position, seen: Collection[File] = ()) -> Beside | None:
    """Find a log that is no longer under its name.

    Args:
        folder: What is beside it.
        mark: Where its reading stopped. If its beginning is not known, nothing but its number
            tells it from others, so it must still be open.
        seen: Files that were beside it before it was rotated, so that they are its copies only
            if no other file is.

    Returns:
        The file itself under another name, or else a copy, compressed or not; rather one that
        rotation has named than a backup, and of those the one that was rotated first. None if
        there is none.

    Raises:
        MovedError: If files are renamed meanwhile.
    """
    for other in sorted(folder.others, key=lambda other: other.turn is None):
        is_itself = other.file == mark.file
        if is_itself and (not mark.head or other.likeness(mark) is Match.SAME):
            return other
    if not mark.head:
        return None
    for is_rotated in (True, False):
        others = [other for other in folder.others if (other.turn is not None) == is_rotated]
        for is_seen in (False, True):
            copies = in_turn([other for other in others if (other.file in seen) == is_seen])
            for other in copies if is_rotated else reversed(copies):
                if other.likeness(mark) is Match.SAME:
                    return other
    return None


def rotated_since(
    folder: Folder,
    earlier: Beside | None,
    known: Beginnings,
    files: Collection[File] = (),
    *,
    since_ns: int | None = None,
) -> list[Beside]:
    """Find the logs that came after one that was rotated and before the one of that name now.

    Args:
        folder: What is beside the log.
        earlier: The log that was rotated, as it is there; None if it is not.
        known: Logs that were read: what holds the same is none of those that are looked for,
            though it may be another file, compressed since, unless that log itself is there.
        files: Files that are none of them, either.
        since_ns: Those that were changed later than that came after the earlier one for sure;
            None if no such time is known.

    Returns:
        The files that have names of rotation, are not empty, and came after the earlier one, in
        the order in which they were rotated.

    Raises:
        MovedError: If files are renamed meanwhile.
    """
    plain = {other.path for other in folder.rotated}
    # Of two only, their changes alone tell which way the numbers go.
    is_sure = sum(other.rank is not None for other in folder.rotated) > MOST_UNSURE
    return in_turn(
        other
        for other in folder.rotated
        if _is_later(other, earlier, since_ns, is_sure=is_sure)
        and other.file not in files
        and _uncompressed(other.path) not in plain  # else it is just being compressed
        and other.head() != b""
        and not _was_read(other, folder, known)
    )


def gap_before(folder: Folder, earlier: Beside) -> int | None:
    """Return the number that is missing among those that came after a log, None if none is.

    While a log is rotated one is missing for a moment. If it stays so, a log was removed.
    """
    ranks = {other.rank for other in folder.rotated if other.rank is not None}
    if earlier.rank is None or not ranks:
        return None
    missing = (rank for rank in range(earlier.rank, max(ranks)) if rank not in ranks)
    return next((abs(rank) for rank in missing), None)


def in_turn(others: Iterable[Beside]) -> list[Beside]:
    """Sort rotated logs by when they were rotated, the earliest first."""
    others = [*others]
    if any(other.rank is None for other in others):
        return sorted(others, key=lambda other: other.place)
    return sorted(others, key=lambda other: other.rank or 0)


def _is_later(
    other: Beside, earlier: Beside | None, since_ns: int | None, *, is_sure: bool
) -> bool:
    if earlier is not None and other.file == earlier.file:
        return False
    if earlier is not None and earlier.turn is not None:
        if other.comes_after(earlier):
            return True
        if other.rank is not None and earlier.rank is not None and is_sure:
            return False
    return since_ns is not None and other.status.st_mtime_ns > since_ns


def _was_read(other: Beside, folder: Folder, known: Beginnings) -> bool:
    """Return whether a file is one that was read, or what has become of one that is gone."""
    originals = {each.file: each for each in folder.others}
    for mark in other.held(known):
        original = originals.get(mark.file)
        if original is None or original is other or original.likeness(mark) is not Match.SAME:
            return True
    return False


_COMPRESSED = r"\.(gz|bz2|xz|zst)"


def _uncompressed(path: Path) -> Path | None:
    """Return the name of what an archive was made of, None for what is no archive."""
    name, replaced = re.subn(rf"{_COMPRESSED}$", "", path.name)
    return path.with_name(name) if replaced else None


def _head(path: Path) -> bytes | None:
    """Return the beginning of a regular file's content; None if it cannot be read."""
    try:
        if path.is_file():
            with closing(open_source(str(path))) as source:
                return source.content.peek(MARK_BYTES)
    except (InputError, OSError):
        pass
    return None
