"""Processes that run ctrlog, with pipes and terminals."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any
from unittest import mock

from commands import CTRLOG, PATIENCE_S, environment, unread_bytes

#: Clicked searches of 100,000 users: far more output than a pipe holds.
LARGE_LOG = b"".join(
    b'{"type":"Search","user":%d,"query":"dogs"}\n'
    b'{"type":"ClickResult","user":%d,"item":"rover"}\n'
    b'{"type":"AppClose","user":%d}\n' % (user, user, user)
    for user in range(100_000)
)


@contextmanager
def started(
    *arguments: str | Path,
    subcommand: str = "run",
    script: str = "",
    term: str = "dumb",
    **settings: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start ctrlog, its streams pipes unless told otherwise; at the end it is gone.

    A shell script may start it, as `exec "$@"`; `settings` go to Popen.
    """
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [*CTRLOG, subcommand, *map(str, arguments)]
    if script:
        command = ["sh", "-c", script, "sh", *command]
    process = subprocess.Popen(command, bufsize=0, env=environment(TERM=term), **(pipes | settings))
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def pipe_of(stream: IO[bytes] | None) -> IO[bytes]:
    """A stream that is known to be a pipe."""
    assert stream is not None
    return stream


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what is to come about soon."""
    deadline = monotonic() + PATIENCE_S
    while not is_so():
        assert monotonic() < deadline, "it has not come about"
        sleep(0.005)


def wait_until_full(pipe: int) -> None:
    """Wait until a pipe holds as much as it can, so that its writer waits too."""
    wait_until(lambda: unread_bytes(pipe) > 60_000)


def read_line(stream: IO[bytes]) -> bytes:
    """Read a line that is to be there soon, without waiting for more."""
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([stream], [], [], PATIENCE_S)[0], f"only {line!r} came"
        byte = os.read(stream.fileno(), 1)
        assert byte, f"the stream ended after {line!r}"
        line += byte
    return line


def event(type_: str, user: str, time: str, more: str = "") -> bytes:
    """A line of a log."""
    when = f"2024-05-01T{time}Z"
    return f'{{"type":"{type_}","user":"{user}","time":"{when}"{more}}}\n'.encode()


def search(user: str, time: str) -> bytes:
    """A line of a log: a search."""
    return event("Search", user, time, ',"query":"dogs"')


class Terminal:
    """A terminal of which a test sees what is shown and types what is typed."""

    def __init__(self) -> None:
        """Open it."""
        self._outer, self.inner = os.openpty()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._outer, keys)

    def shown(self) -> str:
        """What was shown in all, once everyone who writes to it is gone."""
        os.close(self.inner)
        shown = b""
        try:
            while piece := os.read(self._outer, 65536):
                shown += piece
        except OSError:  # Linux says by an error that nobody has it open any more
            pass
        os.close(self._outer)
        return shown.decode()


@contextmanager
def arriving(pieces: list[bytes]) -> Iterator[None]:
    """Let reads return these pieces, one at a time and none longer than asked for, then the end."""
    rest = [piece for piece in pieces if piece]

    def read(_descriptor: int, size: int) -> bytes:
        if not rest:
            return b""
        piece = rest.pop(0)
        if len(piece) > size:
            rest.insert(0, piece[size:])
        return piece[:size]

    with mock.patch.object(os, "read", read):
        yield
