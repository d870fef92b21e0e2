"""What can go wrong for a run, done to the process in which it is about to run.

These are the preparations of `children`, which calls them by name with plain values.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import resource
import shutil
import signal
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ctrlog.inputs.reader import Limits
from ctrlog.run import checkpoint, resume

#: The processes that die by themselves do so with this code.
DEAD = 99


def save_often(block_bytes: int) -> None:
    """Save after every block, and read small ones."""
    resume.INTERVAL_S = 0.0
    resume.MOST_SHARE = 1e9
    read_blocks(block_bytes)


class Hasty(sqlite3.Connection):
    """A database that waits for no disk."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Execute a statement, but none that asks to wait."""
        return super().execute(sql.replace("= extra", "= off"), *parameters)


def sync_nothing() -> None:
    """Wait for no disk. That makes a difference to a machine without power only."""
    patch("sqlite3.connect", partial(sqlite3.connect, factory=Hasty)).start()
    patch("os.fsync", lambda _: None).start()


def read_blocks(block_bytes: int) -> None:
    """Read blocks of so many bytes."""
    patch("ctrlog.run.settings.Limits", partial(Limits, block_bytes=block_bytes)).start()


# Ends.


def die_at(step: int) -> None:
    """Die at a step, of those before and after each access to an output or the checkpoint.

    What is written is written to the middle first.
    """
    steps = iter(range(1, step + 1))

    def maybe_die() -> None:
        if next(steps, step) == step:
            os._exit(DEAD)

    def around(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            maybe_die()
            found = function(*arguments)
            maybe_die()
            return found

        return call

    write = os.write

    def write_in_two(descriptor: int, content: bytes) -> int:
        maybe_die()
        written = write(descriptor, content[: len(content) // 2 + 1])
        maybe_die()
        return written

    class Connection(sqlite3.Connection):
        execute = around(sqlite3.Connection.execute)
        executemany = around(sqlite3.Connection.executemany)

    patch("sqlite3.connect", partial(sqlite3.connect, factory=Connection)).start()
    patch("os.write", write_in_two).start()
    for name in "fsync", "ftruncate":
        patch(f"os.{name}", around(getattr(os, name))).start()


def lose_power_after_saving(folder: str) -> None:
    """After each saving, note what would be there if the power failed then.

    Args:
        folder: Gets a folder for each saving, 0, 1 and so on, with the checkpoint, and with
            what was synchronized of the output `out`, if its name was.
    """
    synced: dict[str, int] = {}
    fsync, save = os.fsync, checkpoint.Checkpoint.save

    def noting_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced[str(Path(f"/proc/self/fd/{descriptor}").readlink())] = os.fstat(descriptor).st_size

    def noting_save(self: checkpoint.Checkpoint, saved: checkpoint.Saved) -> None:
        save(self, saved)
        snapshot = Path(folder, str(sum(1 for _ in Path(folder).iterdir())))
        snapshot.mkdir()
        shutil.copy(self.path, snapshot / self.path.name)
        for output in saved.outputs:
            if str(Path(output.path).parent) in synced:
                content = Path(output.path).read_bytes()[: synced.get(output.path, 0)]
                (snapshot / Path(output.path).name).write_bytes(content)

    patch("os.fsync", noting_fsync).start()
    patch("ctrlog.run.checkpoint.Checkpoint.save", noting_save).start()


# Limits.


def limit_files(size: int) -> None:
    """Let no file become larger, as if the disk was full then."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def die_when_a_file_has(size: int) -> None:
    """Be killed by the first write that would make a file larger."""
    limit_files(size)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def be_nobody_special() -> None:
    """Take away root's right to pass over permissions, if this is root."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.setuid.argtypes = (ctypes.c_uint,)
    if os.geteuid() == 0 and libc.setuid(65534):
        raise OSError(ctypes.get_errno(), "setuid")


# Reading.


def read_shortly(seed: int) -> None:
    """Let each read give only a few of the bytes that are there."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    read = os.read

    def short(descriptor: int, size: int) -> bytes:
        return read(descriptor, chance.randint(1, min(size, 999)))

    patch("os.read", short).start()


def fail_to_read_from(offset: int, path: str, times: int = 1_000_000) -> None:
    """Let reads of a file fail from a byte on, so many times."""
    read = os.read
    status = Path(path).stat()
    failures = iter(range(times))

    def failing(descriptor: int, size: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), status):
            left = offset - os.lseek(descriptor, 0, os.SEEK_CUR)
            if left <= 0 and next(failures, None) is not None:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            size = min(size, left) if left > 0 else size
        return read(descriptor, size)

    patch("os.read", failing).start()


def fail_to_sync(name: str) -> None:
    """Let no file of a name be synchronized, as when a disk breaks."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    patch("os.fsync", failing).start()


def storm() -> None:
    """Interrupt whatever it does many times a second."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
