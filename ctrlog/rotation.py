"""Finding logs again that were renamed, copied or compressed since they were read."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from os import stat_result
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.marks import Likeness, Mark
from ctrlog.sources import open_source


def likeness(path: Path, mark: Mark) -> Likeness:
    """Tell what a file is to a log that was read.

    Args:
        path: The file.
        mark: Where the reading of the log stopped.

    Returns:
        `Likeness.OTHER` also for what is no regular file or cannot be read.
    """
    try:
        if not path.is_file():
            return Likeness.OTHER
        with closing(open_source(str(path))) as source:
            return source.go_to(mark)
    except (InputError, OSError):
        return Likeness.OTHER


def find_again(path: Path, mark: Mark) -> Path | None:
    """Find a log that is no longer under its name, in the folder where it was.

    Args:
        path: Where it was.
        mark: Where its reading stopped.

    Returns:
        The file itself under another name, or else its largest copy, compressed or not;
        None if there is none.
    """
    found = [
        (status.st_ino == mark.inode, status.st_size, other)
        for other, status in _files_beside(path)
        if likeness(other, mark) is Likeness.SAME
    ]
    return max(found)[-1] if found else None


def rotated_since(path: Path, earlier: Path, known: Collection[tuple[int, int]]) -> list[Path]:
    """Find the logs that came after one that was rotated and before the one of that name now.

    Args:
        path: The name under which the log is written.
        earlier: Where the log is now that was rotated.
        known: Devices and numbers of the files that were read.

    Returns:
        The files that rotation has named (`log.1`, `log-20240304.gz`) and that were
        changed last after the earlier one, in the order of that; none if the earlier
        one is not named so.
    """
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    rotated = re.compile(rf"{stem}({suffix})?[.\-_][\d\-_.T:]+({suffix})?(\.(gz|bz2|xz|zst))?")
    if not rotated.fullmatch(earlier.name):
        return []
    found = {
        other: status for other, status in _files_beside(path) if rotated.fullmatch(other.name)
    }
    since = found[earlier].st_mtime_ns if earlier in found else 0
    later = [
        (status.st_mtime_ns, other)
        for other, status in found.items()
        if other != earlier
        and status.st_mtime_ns >= since
        and (status.st_dev, status.st_ino) not in known
    ]
    return [other for _, other in sorted(later)]


def _files_beside(path: Path) -> Iterator[tuple[Path, stat_result]]:
    """Yield the other regular files of a folder."""
    with suppress(OSError):
        for other in path.parent.iterdir():
            with suppress(OSError):
                status = other.stat()
                if other.name != path.name and stat.S_ISREG(status.st_mode):
                    yield other, status
