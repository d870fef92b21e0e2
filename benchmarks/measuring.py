"""How long a command takes, and how much memory it and all it starts hold together."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PROC = Path("/proc")
SAMPLE_S = 0.02
#: The place of a process's session in /proc/PID/stat, counted after its name.
_SESSION_FIELD = 3
_ERROR_LINES = 3


class CommandError(Exception):
    """A command failed; says how it ended and what it complained of last."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: Of all cores, in the program and in the kernel, its children's included.
    """

    wall_s: float
    cpu_s: float


def measure(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Usage:
    """Run a command undisturbed; its output goes nowhere.

    Args:
        command: A program and its arguments.
        folder: Where to run it.
        environment: Its environment variables; this process's if None.

    Returns:
        What it took. The time of a child that it did not wait for is not in it.

    Raises:
        CommandError: It failed.
    """
    start_s = time.perf_counter()
    with _running(command, folder, environment) as child:
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - start_s
        child.returncode = os.waitstatus_to_exitcode(status)
    return Usage(wall_s, usage.ru_utime + usage.ru_stime)


def peak_memory(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> int | None:
    """Run a command and look, every 20 ms, at the memory of it and all that it has started.

    Args:
        command: A program and its arguments.
        folder: Where to run it.
        environment: Its environment variables; this process's if None.

    Returns:
        The most that was seen, in bytes; None where there is no /proc to see it in. It is the
        sum of the processes' proportional set sizes (PSS), so what several share counts once.

    Raises:
        CommandError: It failed.
    """
    peak_bytes = 0
    with _running(command, folder, environment) as child:
        while child.poll() is None:
            peak_bytes = max(peak_bytes, session_memory(child.pid))
            time.sleep(SAMPLE_S)
    return peak_bytes or None


def session_memory(session: int) -> int:
    """Return the bytes that all processes of a session hold together, 0 if that can't be told."""
    return sum(_memory(process) for process in _processes() if _session(process) == session)


def read_output(command: Sequence[str], folder: Path) -> str:
    """Run a command and return what it prints, without blanks at the ends.

    Raises:
        CommandError: It failed.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise CommandError(_failure(done.returncode, done.stderr))
    return done.stdout.strip()


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a session of its own, and see at the end that it has done well."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        with suppress(OSError):  # if memory runs out, it is what has to go, not this process
            (PROC / str(child.pid) / "oom_score_adj").write_text("1000")
        try:
            yield child
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if child.returncode:
            raise CommandError(_failure(child.returncode, _text(errors)))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _failure(code: int, complaints: str) -> str:
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    return ": ".join([how, *lines[-_ERROR_LINES:]])


def _processes() -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in PROC.iterdir() if path.name.isdecimal())


def _gone(read: Callable[[Path], int]) -> Callable[[Path], int]:
    """Give 0 for a process that has ended meanwhile."""

    def read_or_0(process: Path) -> int:
        try:
            return read(process)
        except OSError:
            return 0

    return read_or_0


@_gone
def _session(process: Path) -> int:
    # The name, in parentheses, may hold blanks and parentheses itself.
    after_name = (process / "stat").read_bytes().rpartition(b")")[2]
    return int(after_name.split()[_SESSION_FIELD])


@_gone
def _memory(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        name, _, size = line.partition(":")
        if name == "Pss":
            return int(size.split()[0]) * 1024
    return 0
