"""Who may write a file: one process at a time, and the others are told which."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from errno import ELOOP
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from ctrlog.errors import CheckpointError

#: Somebody who only looks whether a lock is held holds it for a moment.
_TRIES = 10
_TRY_S = 0.02
_SOMEBODY = "another run"
#: What a lock begins with.
_BEGINNING = b"process "


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which stands beside it under the name `FILE.lock`.

    It ends with the process, however that ends.

    Args:
        path: The file, which need not be there.

    Raises:
        CheckpointError: If somebody else holds it, or it cannot be made.
    """
    lock = _lock_of(path)
    with _explained(lock):
        descriptor = _acquired(path, lock)
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        stack.callback(lock.unlink, missing_ok=True)
        with _explained(lock):
            _lock_inode(path, stack)
            _write_who(descriptor)
        yield


def holder(path: Path) -> str | None:
    """Return who holds the lock of a file, None if nobody does."""
    try:
        with os.fdopen(_opened(_lock_of(path), os.O_RDONLY), "rb") as file:
            try:
                flock(file, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                return file.read().decode(errors="replace") or _SOMEBODY
    except (OSError, CheckpointError):
        pass
    return None


@contextmanager
def _explained(lock: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{lock}: cannot lock the checkpoint: {error.strerror}") from None


def _lock_of(path: Path) -> Path:
    if not path.name or os.path.isdir(path):  # noqa: PTH112  # raises no errors
        raise CheckpointError(f"{path}: is a folder, and a checkpoint is a file")
    if os.path.islink(path):  # noqa: PTH114  # raises no errors; one lock for all names of a file
        path = Path(os.path.realpath(path))
    return path.with_name(path.name + ".lock")


def _acquired(path: Path, lock: Path) -> int:
    for _ in range(_TRIES):
        descriptor = _opened(lock, os.O_RDWR | os.O_CREAT)
        if _is_got(descriptor, lock):
            _refuse_other_content(descriptor, lock)
            return descriptor
        os.close(descriptor)
        time.sleep(_TRY_S)
    raise CheckpointError(f"{path}: is in use by {holder(path) or _SOMEBODY}")


def _opened(lock: Path, flags: int) -> int:
    """Open a lock: a regular file and not a link, as others may write to the folder."""
    try:
        descriptor = os.open(lock, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == ELOOP:
            raise _not_a_lock(lock) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_a_lock(lock)
    return descriptor


def _refuse_other_content(descriptor: int, lock: Path) -> None:
    """Leave a file alone that has the name of a lock and was not written by ctrlog."""
    content = os.pread(descriptor, len(_BEGINNING), 0)
    if content and content != _BEGINNING:
        os.close(descriptor)
        raise _not_a_lock(lock)


def _not_a_lock(lock: Path) -> CheckpointError:
    return CheckpointError(
        f"{lock}: is not a lock that ctrlog has written, so it is left alone; give the checkpoint"
        " another name"
    )


def _lock_inode(path: Path, stack: ExitStack) -> None:
    """Lock the checkpoint itself, if there is one, as a hard link to it has another lock file."""
    with suppress(FileNotFoundError, PermissionError):  # which is met when it is used
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(f"{path}: is in use by {_SOMEBODY}, by another name") from None


def _is_got(descriptor: int, lock: Path) -> bool:
    """Try to lock an open lock, which whoever had it may have removed meanwhile."""
    with suppress(BlockingIOError, FileNotFoundError):
        flock(descriptor, LOCK_EX | LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    return False


def _write_who(descriptor: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    who = f"{_BEGINNING.decode()}{os.getpid()} on {socket.gethostname()}, since {now}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, who.encode(), 0)
