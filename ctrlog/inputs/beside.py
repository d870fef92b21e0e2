"""The files beside a log, listed at one moment and opened as what they were then.

Rotation renames, copies, compresses and removes files at any time, also between the moment in
which a folder is listed and the moment in which a file of it is opened. So all that is found is
found in one `Folder`, which is what two listings in a row agree on, and a file that is opened by
its name is checked to be the one that was listed. If it is another one by then, `MovedError` is
raised, and `steadily` starts again with a new listing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from os import stat_result
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from ctrlog.errors import InputError, MissingInputError
from ctrlog.inputs.lines import Source, open_source
from ctrlog.inputs.position import MARK_BYTES, Beginnings, Match, Position

#: The numbers of the device and of the file there, which tell a file from all others that exist.
File: TypeAlias = tuple[int, int]

#: The most listings of a folder, and the most searches in it, until it is given up as too busy.
MOST_TRIES = 50

_Found = TypeVar("_Found")


class MovedError(InputError):
    """Files were renamed or removed while something was looked for among them."""


class Beside(NamedTuple):
    """A regular file beside a log.

    Attributes:
        path: Where it was when the folder was listed.
        status: Its status then.
        turn: The number or time that rotation has put into its name; None if its name is not
            one of rotation.
        rank: Its number, negative if the latest has the smallest one; None if it has none.
    """

    path: Path
    status: stat_result
    turn: str | None
    rank: int | None = None

    @property
    def file(self) -> File:
        """What tells it from other files."""
        return _file(self.status)

    @property
    def number(self) -> int | None:
        """Its number, if rotation counts: 1 in `log.1`."""
        is_number = self.turn is not None and self.turn.isdecimal() and len(self.turn) < len("2024")
        return int(self.turn or "") if is_number else None

    @property
    def place(self) -> tuple[int, int, str]:
        """Sort key: the last change; of the same one, what the name says."""
        return self.status.st_mtime_ns, self.rank or 0, self.turn or ""

    def comes_after(self, other: Beside) -> bool:
        """Return whether it was rotated after another one: by their numbers, or the last change.

        The last change alone can mislead: a writer that has not noticed a rotation may write to
        the older one after the newer one was rotated, too.
        """
        if self.rank is not None and other.rank is not None:
            return self.rank > other.rank
        return self.place > other.place

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Open it for a look.

        Raises:
            MovedError: If its name stands for another file by now, or for none.
            InputError: If it cannot be opened.
        """
        try:
            source = open_source(str(self.path))
        except MissingInputError:
            raise MovedError(f"{self.path}: was renamed or removed") from None
        with closing(source):
            if source.content.file != self.file:
                raise MovedError(f"{self.path}: was replaced")
            yield source

    def likeness(self, mark: Position) -> Match:
        """Compare it with a log that was read to a mark; see `likeness`."""
        try:
            with self.opened() as source:
                return source.go_to(mark)
        except MovedError:
            raise
        except InputError:
            return Match.UNKNOWN

    def head(self) -> bytes | None:
        """Return the beginning of its content; None if it cannot be read."""
        try:
            with self.opened() as source:
                return source.content.peek(MARK_BYTES)
        except MovedError:
            raise
        except InputError:
            return None

    def held(self, marks: Beginnings) -> list[Position]:
        """Return the marks of logs of which it holds all that was read."""
        head = (self.head() if marks else None) or b""
        return [mark for mark in marks.of(head) if self.likeness(mark) is Match.SAME]


class Folder(NamedTuple):
    """The files beside a log at one time, and the log.

    Attributes:
        path: The name under which the log is written.
        here: The file of that name; None if there was none.
        others: The other regular files in its folder, and if it is a link where that leads.
    """

    path: Path
    here: File | None
    others: list[Beside]

    @property
    def rotated(self) -> list[Beside]:
        """Those that rotation has named."""
        return [other for other in self.others if other.turn is not None]

    def names(self) -> dict[Path, File | None]:
        """Return which file had which name."""
        return {self.path: self.here} | {other.path: other.file for other in self.others}


def look(path: Path) -> Folder:
    """List what is beside a log, until two listings agree on which file has which name.

    While files are renamed, one listing can have a file twice and another one not at all.

    Args:
        path: The name under which the log is written.

    Raises:
        MovedError: If files are renamed all the time.
    """
    before: dict[Path, File | None] | None = None
    for _ in range(MOST_TRIES):
        found = Folder(path, file_at(path), _ranked([*_files_beside(path)]))
        names = found.names()
        if names == before:
            return found
        before = names
    raise _busy(path)


def steadily(path: Path, find: Callable[[Folder], _Found]) -> _Found:
    """Find something among the files beside a log, again if they are renamed meanwhile.

    Args:
        path: The name under which the log is written.
        find: Finds it; may raise `MovedError`, and must then have changed nothing.

    Raises:
        MovedError: If files are renamed all the time.
    """
    for _ in range(MOST_TRIES):
        with suppress(MovedError):
            return find(look(path))
    raise _busy(path)


def _busy(path: Path) -> MovedError:
    return MovedError(f"{path}: the files beside it are renamed all the time; try again later")


def file_at(path: Path) -> File | None:
    """Return the numbers of the device and of the file that is there; None if none is."""
    try:
        return _file(path.stat())
    except OSError:
        return None


def _ranked(others: list[Beside]) -> list[Beside]:
    """Rank numbered logs: `log.1` is the latest, unless those with greater numbers are newer."""
    numbered = [other for other in others if other.number is not None]
    if not numbered:
        return others
    least = min(numbered, key=lambda other: (other.number or 0, -other.status.st_mtime_ns))
    most = max(numbered, key=lambda other: (other.number or 0, other.status.st_mtime_ns))
    sign = 1 if least.status.st_mtime_ns < most.status.st_mtime_ns else -1
    return [
        other if other.number is None else other._replace(rank=sign * other.number)
        for other in others
    ]


def _turn_pattern(path: Path) -> re.Pattern[str]:
    """Return what names of rotation look like; its groups are their numbers or times."""
    patterns = []
    for name in dict.fromkeys((path.name, path.resolve().name)):
        stem, suffix = re.escape(Path(name).stem), re.escape(Path(name).suffix)
        turn = r"[.\-_]([\d\-_.:TZ+]+)"
        patterns.append(rf"{stem}(?:{suffix})?{turn}(?:{suffix})?(?:\.(?:gz|bz2|xz|zst))?")
    return re.compile("|".join(patterns), re.ASCII)


def _file(status: stat_result) -> File:
    return status.st_dev, status.st_ino


def folders_of(path: Path) -> list[Path]:
    """Return the folder of a log, and if it is a link the one where that leads."""
    folders: dict[File | None, Path] = {}
    for folder in (path.resolve().parent, path.absolute().parent):
        folders[file_at(folder)] = folder  # a folder may have several names, too
    return [*folders.values()]


def _files_beside(path: Path) -> Iterator[Beside]:
    """Yield the other regular files of the log's folders."""
    names = {path.name, path.resolve().name}
    pattern = _turn_pattern(path)
    for folder in folders_of(path):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat()
                    if entry.name not in names and stat.S_ISREG(status.st_mode):
                        match = pattern.fullmatch(entry.name)
                        groups = match.groups() if match else ()
                        turn = next((group for group in groups if group), None)
                        yield Beside(folder / entry.name, status, turn)
