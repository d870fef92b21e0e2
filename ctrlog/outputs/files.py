"""Where results go: standard output, or a file that is complete or not there."""

from __future__ import annotations

import os
import select
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EBADF
from fcntl import F_GETFL, fcntl
from pathlib import Path
from typing import TypeAlias

from ctrlog.errors import OutputError
from ctrlog.outputs.signals import held

Write: TypeAlias = Callable[[bytes], None]

STDOUT_DESCRIPTOR = 1


def columns_of(output: Path | None) -> int:
    """Return the columns of the terminal that is written to; 80 for anything else.

    Args:
        output: Where to write; None for standard output.
    """
    if output is None and os.isatty(STDOUT_DESCRIPTOR):
        return shutil.get_terminal_size().columns
    return 80


@contextmanager
def open_output(path: Path | None) -> Iterator[Write]:
    """Open an output.

    A file is written beside its final place and put there at the end, so it is complete
    or not there, and what stood there before stays until then. What is no regular file,
    such as a named pipe, is written to as it is.

    Args:
        path: The file, or None for standard output.

    Yields:
        A function that writes bytes out at once. It writes all of them before an
        interruption takes effect; it raises OutputError, and BrokenPipeError if the
        reader of a pipe has gone.

    Raises:
        OutputError: If the output cannot be opened or completed.
    """
    if path is None:
        yield _writer(_open_stdout(), "standard output")
    elif os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113  # no errors
        with _opened(path, os.O_WRONLY) as descriptor:
            yield _writer(descriptor, str(path))
    else:
        with _replacing(path) as descriptor:
            yield _writer(descriptor, str(path))


@contextmanager
def open_as_written(path: Path) -> Iterator[Write]:
    """Open a file that is there, and grows, from the beginning.

    Args:
        path: The file; what stood in it is lost.

    Yields:
        A function as `open_output` yields.

    Raises:
        OutputError: If it cannot be opened.
    """
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
        yield _writer(descriptor, str(path))


class Growing:
    """A file that is written to its end, and from time to time up to where it counts."""

    def __init__(self, path: Path, descriptor: int, length: int) -> None:
        """Take an open file.

        Args:
            path: The file.
            descriptor: Its descriptor, at its end.
            length: How many bytes it has.
        """
        self.path = path
        self.length = length
        self._descriptor = descriptor
        self._write = _writer(descriptor, str(path))

    def write(self, content: bytes) -> None:
        """Write at the end, at once; raises as what `open_output` yields."""
        self._write(content)
        self.length += len(content)

    def secure(self) -> bytes:
        """See that all that was written will be there even if the power fails.

        Returns:
            The last bytes that were written.

        Raises:
            OutputError: If that fails.
        """
        try:
            os.fsync(self._descriptor)
            return _tail(self._descriptor, self.length)
        except OSError as error:
            raise _cannot_write(self.path, error) from None


#: So many bytes tell whether a file is still what was written.
TAIL_BYTES = 256


@contextmanager
def open_growing(path: Path, length: int = 0, tail: bytes = b"") -> Iterator[Growing]:
    """Open a file to write on from where it counts; what is there beyond that is cut off.

    Args:
        path: The file.
        length: How many bytes of it count; with 0 it is written anew.
        tail: The last bytes of these, as `Growing.secure` gave them.

    Yields:
        The file.

    Raises:
        OutputError: If it cannot be opened, or what counts is not there.
    """
    if length and not os.path.exists(path):  # noqa: PTH110  # raises no errors
        raise _not_as_written(path, length)
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        if os.fstat(descriptor).st_size < length or _tail(descriptor, length) != tail:
            raise _not_as_written(path, length)
        try:
            os.ftruncate(descriptor, length)
            os.lseek(descriptor, length, os.SEEK_SET)
            _secure_name(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
        yield Growing(path, descriptor, length)


def _not_as_written(path: Path, length: int) -> OutputError:
    return OutputError(
        f"{path}: is not what was written there before: the {length:,} bytes that count are not"
        " there; put them back, or write to another file"
    )


def _tail(descriptor: int, length: int) -> bytes:
    start = max(0, length - TAIL_BYTES)
    return os.pread(descriptor, length - start, start)


def _secure_name(path: Path) -> None:
    """See that a new file will be found even if the power fails."""
    try:
        folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # a folder that may be written to but not listed
        return
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_stdout() -> int:
    try:
        mode = fcntl(STDOUT_DESCRIPTOR, F_GETFL) & os.O_ACCMODE
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror}") from None
    if mode == os.O_RDONLY:  # as the program makes it if it was closed
        raise OutputError(f"standard output: {os.strerror(EBADF)}")
    return STDOUT_DESCRIPTOR


def _writer(descriptor: int, name: str) -> Write:
    def write(content: bytes) -> None:
        rest = memoryview(content)
        try:
            with held():
                while rest:
                    try:
                        rest = rest[os.write(descriptor, rest) :]
                    except BlockingIOError:  # whoever shares the terminal or pipe made it so
                        select.select([], [descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"{name}: cannot write: {error.strerror}") from None

    return write


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _replacing(path: Path) -> Iterator[int]:
    final = Path(os.path.realpath(path))  # a link stays one
    try:
        descriptor, name = tempfile.mkstemp(".tmp", ".ctrlog-", final.parent)
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from None
    temporary = Path(name)
    try:
        os.fchmod(descriptor, _mode_of(final))
        yield descriptor
        os.fsync(descriptor)
        temporary.replace(final)
        _secure_name(final)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, BrokenPipeError):  # of another output
            raise
        raise _cannot_write(path, error) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _mode_of(path: Path) -> int:
    """Return the permissions of a file, or those that a new one would have."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _cannot_write(path: Path, error: OSError | ValueError) -> OutputError:
    why = error.strerror if isinstance(error, OSError) else error
    return OutputError(f"{path}: cannot write: {why}")
