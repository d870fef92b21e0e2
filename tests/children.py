"""Runs of ctrlog that start at once: children of a process that has it loaded.

They can be prepared for trouble by functions of `sabotage`, be killed, and be killed at an
exact system call. To start an interpreter for each of some hundred runs would take minutes.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: A function of `sabotage` by name, and what to call it with, as plain values.
Preparation = Sequence[Any]


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Attributes:
        code: Its exit code, or the negative number of the signal that killed it.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: bytes
    err: bytes


@dataclass(frozen=True)
class Child:
    """A run that was started.

    Attributes:
        pid: The number of its process.
    """

    pid: int
    _server: _Server
    _folder: Path

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended takes none."""
        os.kill(self.pid, number)  # the number is its own until it was waited for

    def wait(self) -> Outcome:
        """Wait for its end."""
        status = self._server.ask("wait", self.pid)
        out, err = ((self._folder / name).read_bytes() for name in ("out", "err"))
        return Outcome(os.waitstatus_to_exitcode(status), out, err)


@contextmanager
def started(
    *arguments: str | Path,
    cwd: Path | None = None,
    prepare: Sequence[Preparation] = (),
    killed_at: int = 0,
) -> Iterator[Child]:
    """Start ctrlog; what was not waited for is killed at the end.

    Args:
        arguments: What is on its command line.
        cwd: Where it runs.
        prepare: What to do in the child before.
        killed_at: Kill it at this one of its system calls, each counting twice: before
            it and after it; 0 for none. Then it has ended when it was started.
    """
    server = _server()
    with TemporaryDirectory() as folder:
        for name in "out", "err":
            Path(folder, name).touch()
        how = {
            "arguments": [*map(str, arguments)],
            "cwd": str(cwd or Path.cwd()),
            "folder": folder,
            "prepare": [*prepare],
        }
        pid = server.ask("start", how, killed_at)
        try:
            yield Child(pid, server, Path(folder))
        finally:
            server.ask("end", pid)


def run(
    *arguments: str | Path,
    cwd: Path | None = None,
    prepare: Sequence[Preparation] = (),
    killed_at: int = 0,
) -> Outcome:
    """Run ctrlog to its end; see `started`."""
    with started(*arguments, cwd=cwd, prepare=prepare, killed_at=killed_at) as child:
        return child.wait()


class _Server:
    """The process that has everything loaded, as its client sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"COLUMNS": "80", "TERM": "dumb"},
            bufsize=0,
        )
        atexit.register(self._stop)

    def ask(self, *request: Any) -> int:
        """Let it do something; returns what comes of that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return int(self._process.stdout.readline())

    def _stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@cache
def _server() -> _Server:
    return _Server()


# In the server.


def serve() -> None:
    """Do what is asked for on standard input, a line each, and answer with a number."""
    for module in (
        "run.checkpoint",
        "cli.app",
        "inputs.follow",
        "outputs.summary_formats",
        "run.resume",
    ):
        import_module(f"ctrlog.{module}")
    import_module("sabotage")
    statuses: dict[int, int] = {}  # of those that were waited for
    request = b""
    while byte := os.read(0, 1):  # nothing that children would find, too
        request += byte
        if byte != b"\n":
            continue
        what, *values = json.loads(request)
        request = b""
        if what == "start":
            how, killed_at = values
            answer = os.fork()
            if not answer:
                _be_child(**how, is_traced=killed_at > 0)
            if killed_at:
                statuses[answer] = _kill_at(answer, killed_at)
        else:
            (pid,) = values
            if what == "end" and pid not in statuses:
                os.kill(pid, signal.SIGKILL)
            if pid not in statuses:
                statuses[pid] = os.waitpid(pid, 0)[1]
            answer = statuses[pid]
        os.write(1, b"%d\n" % answer)


def _be_child(
    arguments: list[str], cwd: str, folder: str, prepare: list[list[Any]], *, is_traced: bool
) -> None:
    """Run ctrlog in this process, and end it."""
    code: object = 1
    try:
        for number, name in (0, os.devnull), (1, f"{folder}/out"), (2, f"{folder}/err"):
            descriptor = os.open(name, os.O_RDWR)
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(cwd)
        for name, *values in prepare:
            getattr(import_module("sabotage"), name)(*values)
        sys.argv = ["ctrlog", *arguments]
        main = import_module("ctrlog.__main__").main
        if is_traced:
            _ptrace(_TRACE_ME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
        main()
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:  # noqa: BLE001  # shown as the interpreter would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


# Killing at a system call; see ptrace(2).

_TRACE_ME, _GO_ON_TO_NEXT_CALL, _SET_OPTIONS = 0, 24, 0x4200
_TELL_CALLS, _DIE_WITH_TRACER = 1, 0x100000
_AT_CALL = signal.SIGTRAP | 0x80


def _ptrace(request: int, pid: int, value: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(request, pid, None, value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _kill_at(pid: int, stop: int) -> int:
    """Let a child run that has stopped itself, and kill it at one of its stops.

    Returns:
        The status with which it ended.
    """
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        return status
    _ptrace(_SET_OPTIONS, pid, _TELL_CALLS | _DIE_WITH_TRACER)
    to_deliver = 0
    while True:
        _ptrace(_GO_ON_TO_NEXT_CALL, pid, to_deliver)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return status
        to_deliver = os.WSTOPSIG(status)
        if to_deliver == _AT_CALL:
            to_deliver = 0
            stop -= 1
            if not stop:
                os.kill(pid, signal.SIGKILL)
                return os.waitpid(pid, 0)[1]


if __name__ == "__main__":
    serve()
