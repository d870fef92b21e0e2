"""Finding logs again that were renamed, copied or compressed since they were read."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from os import stat_result
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from ctrlog.errors import InputError
from ctrlog.inputs.lines import open_source
from ctrlog.inputs.position import MARK_BYTES, Match, Position

T = TypeVar("T")


def file_at(path: Path) -> tuple[int, int] | None:
    """Return the numbers of the device and of the file that is there; None if none is."""
    try:
        return _file(path.stat())
    except OSError:
        return None


def size_of(path: Path) -> int:
    """Return how many bytes a file has; 0 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def likeness(path: Path, mark: Position) -> Match:
    """Tell what a file is to a log that was read.

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


def held_in(path: Path, marks: Iterable[Position]) -> list[Position]:
    """Find the logs of which a file holds all that was read.

    Args:
        path: The file.
        marks: Where the reading of the logs stopped.
    """
    marks = [mark for mark in marks if mark.offset]
    head = (head_of(path) if marks else None) or b""
    alike = [mark for mark in marks if head.startswith(mark.head)]
    return [mark for mark in alike if likeness(path, mark) is Match.SAME]


def find_again(path: Path, mark: Position) -> Path | None:
    """Find a log that is no longer under its name, in the folder where it was.

    Args:
        path: Where it was.
        mark: Where its reading stopped. If that is at its beginning, nothing but its number
            tells it from others, so it must still be open.

    Returns:
        The file itself under another name, or else its largest copy, compressed or not,
        which is rather one that rotation has named than a backup; None if there is none.
    """

    def among(files: Listing) -> Path | None:
        found = [
            (_file(status) == mark.file, is_rotated_name(path, other), status.st_size, other)
            for other, status in files.items()
            if (_file(status) == mark.file and not mark.offset)
            or likeness(other, mark) is Match.SAME
        ]
        return max(found)[-1] if found else None

    return _while_unchanged(path, among)


def is_rotated_name(path: Path, other: Path) -> bool:
    """Tell whether a file is named as rotation names them: `log.1`, `log-20240304.gz`.

    Args:
        path: The name under which the log is written.
        other: The file.
    """
    return _turn(path, other) is not None


def rotated_since(
    path: Path, earlier: Path, known: Iterable[Position], files: Collection[tuple[int, int]] = ()
) -> dict[Path, tuple[int, int]]:
    """Find the logs that came after one that was rotated and before the one of that name now.

    Args:
        path: The name under which the log is written.
        earlier: Where the log is now that was rotated.
        known: Logs that were read: what holds the same is none of those that are looked for,
            though it may be another file, compressed since.
        files: Devices and numbers of files that are none of them, either.

    Returns:
        The files that have names of rotation, are not empty, and were changed last after the
        earlier one, in the order of that, with the numbers of device and file of each; none if
        the earlier one has no such name.
    """
    known = [*known]

    def among(listing: Listing) -> dict[Path, tuple[int, int]]:
        found: dict[Path, _Rotated] = {}
        for other, status in listing.items():
            turn = _turn(path, other)
            if turn is not None:
                found[other] = _Rotated(status, turn)
        if earlier not in found:
            return {}
        later = [
            other
            for other, rotated in found.items()
            if rotated.place > found[earlier].place
            and _file(rotated.status) not in files
            and _uncompressed(other) not in found  # else it is just being compressed
            and head_of(other) != b""
            and not held_in(other, known)
        ]
        in_order = sorted(later, key=lambda other: found[other].place)
        return {other: _file(found[other].status) for other in in_order}

    return _while_unchanged(path, among)


class _Rotated(NamedTuple):
    """A file that rotation has named.

    Attributes:
        status: Of the file.
        turn: Its number or time in its name.
    """

    status: stat_result
    turn: str

    @property
    def place(self) -> tuple[int, int, str]:
        """Sort key: the last change; of the same one, `log.2` before `log.1`."""
        is_count = self.turn.isdecimal() and len(self.turn) < len("2024")
        return self.status.st_mtime_ns, -int(self.turn) if is_count else 0, self.turn


_COMPRESSED = r"\.(gz|bz2|xz|zst)"


def _turn(path: Path, other: Path) -> str | None:
    """Return the number or time that rotation has put into a name; None if it is not its."""
    for name in (path, path.resolve()):
        stem, suffix = re.escape(name.stem), re.escape(name.suffix)
        turn = r"[.\-_](?P<turn>[\d\-_.:TZ+]+)"
        pattern = rf"{stem}({suffix})?{turn}({suffix})?({_COMPRESSED})?"
        if match := re.fullmatch(pattern, other.name, re.ASCII):
            return match["turn"]
    return None


def _uncompressed(path: Path) -> Path | None:
    """Return the name of what an archive was made of, None for what is no archive."""
    name, replaced = re.subn(rf"{_COMPRESSED}$", "", path.name)
    return path.with_name(name) if replaced else None


def head_of(path: Path) -> bytes | None:
    """Return the beginning of a regular file's content; None if it cannot be read."""
    try:
        if path.is_file():
            with closing(open_source(str(path))) as source:
                return source.content.peek(MARK_BYTES)
    except (InputError, OSError):
        pass
    return None


def _file(status: stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


#: The files of a folder with what was known of each when it was listed.
Listing: TypeAlias = dict[Path, stat_result]
#: How often to look again, where files are renamed faster than they can be looked into.
_MOST_LOOKS = 10


def _while_unchanged(path: Path, look: Callable[[Listing], T]) -> T:
    """Look into the files beside a path, and again if names changed hands meanwhile.

    What is listed under one name and opened a moment later may be another file: a rotation
    renames `log.1` to `log.2`, and `log` to `log.1`.
    """
    listing = dict(_files_beside(path))
    for _ in range(_MOST_LOOKS):
        found = look(listing)
        before, listing = listing, dict(_files_beside(path))
        if _names_of_files(before) == _names_of_files(listing):
            break
    return found


def _names_of_files(listing: Listing) -> dict[Path, tuple[int, int]]:
    return {path: _file(status) for path, status in listing.items()}


def _files_beside(path: Path) -> Iterator[tuple[Path, stat_result]]:
    """Yield the other regular files of a folder, and if it is a link those where it leads."""
    names = {path.name, path.resolve().name}
    folders: dict[tuple[int, int] | None, Path] = {}
    for folder in (path.resolve().parent, path.absolute().parent):
        folders[file_at(folder)] = folder  # a folder may have several names, too
    for folder in folders.values():
        with suppress(OSError):
            for other in folder.iterdir():
                with suppress(OSError):
                    status = other.stat()
                    if other.name not in names and stat.S_ISREG(status.st_mode):
                        yield other, status
