"""What happens to logs: they are written, rotated, copied, compressed, replaced.

Times of change are made up, one later than the other, since a file system tells times
apart only if they are some milliseconds apart.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

_NOW_S = count(1_700_000_000)


def next_second() -> int:
    """Return the next time of change, in seconds since 1970."""
    return next(_NOW_S)


def touch(path: Path) -> None:
    """Let a file have been changed just now."""
    now = next_second()
    os.utime(path, (now, now))


def write(path: Path, content: bytes) -> None:
    """Write something at the end of a file, which is made if it is not there."""
    with path.open("ab") as file:
        file.write(content)
    touch(path)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda content: gzip.compress(content, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def compress(path: Path, suffix: str = ".gz") -> Path:
    """Put a compressed file in the place of a file, as gzip does: it keeps the time."""
    status = path.stat()
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(COMPRESSORS[suffix](path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return packed


class Log:
    """A log, and those that rotation has made of it: `log`, `log.1`, `log.2.gz`.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        """Take a path under which there may be nothing yet."""
        self.path = path

    def write(self, content: bytes) -> None:
        """Write something at its end."""
        write(self.path, content)

    def rotated(self) -> list[Path]:
        """The rotated ones, the latest first."""
        numbered = re.compile(re.escape(self.path.name) + r"\.(\d+)(\.\w+)?")
        found = {}
        for path in self.path.parent.iterdir():
            if match := numbered.fullmatch(path.name):
                found[int(match[1])] = path
        return [found[number] for number in sorted(found)]

    def rename(self) -> Path:
        """Rotate it by renaming, as most do; returns its new place."""
        first = self._make_room()
        self.path.rename(first)
        return first

    def copy_and_truncate(self) -> Path:
        """Rotate it by copying what is in it and cutting it back; returns the copy."""
        first = self._make_room()
        shutil.copyfile(self.path, first)
        touch(first)
        os.truncate(self.path, 0)
        touch(self.path)
        return first

    def _make_room(self) -> Path:
        """Give all rotated ones the next number."""
        for path in reversed(self.rotated()):
            _, number, *suffix = path.name.removeprefix(self.path.name).split(".")
            path.rename(path.with_name(".".join((self.path.name, str(int(number) + 1), *suffix))))
        return self.path.with_name(self.path.name + ".1")


class OverError(Exception):
    """All has happened."""
