"""Who may write a file: one process at a time, and the others are told which."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from ctrlog.errors import CheckpointError

#: Somebody who only looks whether a lock is held holds it for a moment.
_TRIES = 10
_TRY_S = 0.02
_SOMEBODY = "another run"


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
    try:
        with _explained(lock):
            _write_who(descriptor)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """Return who holds the lock of a file, None if nobody does."""
    try:
        with _lock_of(path).open("rb") as file:
            try:
                flock(file, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                return file.read().decode(errors="replace") or _SOMEBODY
    except OSError:
        pass
    return None


@contextmanager
def _explained(lock: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{lock}: cannot lock the checkpoint: {error.strerror}") from None


def _lock_of(path: Path) -> Path:
    if os.path.islink(path):  # noqa: PTH114  # raises no errors; one lock for all names of a file
        path = Path(os.path.realpath(path))
    return path.with_name(path.name + ".lock")


def _acquired(path: Path, lock: Path) -> int:
    for _ in range(_TRIES):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if _is_got(descriptor, lock):
            return descriptor
        os.close(descriptor)
        time.sleep(_TRY_S)
    raise CheckpointError(f"{path}: is in use by {holder(path) or _SOMEBODY}")


def _is_got(descriptor: int, lock: Path) -> bool:
    """Try to lock an open lock, which whoever had it may have removed meanwhile."""
    with suppress(BlockingIOError, FileNotFoundError):
        flock(descriptor, LOCK_EX | LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    return False


def _write_who(descriptor: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    who = f"process {os.getpid()} on {socket.gethostname()}, since {now}"
    os.ftruncate(descriptor, 0)
    os.write(descriptor, who.encode())
