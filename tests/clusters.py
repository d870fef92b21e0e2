"""Flows run by Bytewax as a user runs them: in processes of their own, on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ctrlog.adapters.partitioning import shard_of

#: So long anything may take, in seconds, before a test gives up.
PATIENCE_S = 60


def records(*paths: Path) -> Counter[str]:
    """Return how often each line is in files, or in all files of folders."""
    found: Counter[str] = Counter()
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file() and file.name[0] not in "._":
                found.update(file.read_bytes().decode().split("\n")[:-1])
    return found


def run_ctrlog(*logs: Path, options: Mapping[str, Any], per: str = "search") -> Counter[str]:
    """Return what `ctrlog run` prints, each log run alone."""
    arguments = ["--format", "jsonl", "--quiet", "--per", per, *as_arguments(options)]
    found: Counter[str] = Counter()
    for log in logs:
        done = subprocess.run(
            [sys.executable, "-m", "ctrlog", "run", *arguments, str(log)],
            capture_output=True,
            check=True,
        )
        found.update(done.stdout.decode().split("\n")[:-1])
    return found


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Write options as the command line has them."""
    arguments: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        pairs = [f"{key}={each}" for key, each in value.items()] if isinstance(value, dict) else []
        for each in pairs or [value]:
            arguments += [option, each]
    return arguments


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@dataclass
class Cluster:
    """A flow and the processes that run it.

    Attributes:
        folder: Where it runs: names of files are relative to it.
        log: As of `dataflow.flow`.
        out: As of `dataflow.flow`.
        processes: How many run it.
        snapshot_s: Seconds between saved states; None for no recovery.
        options: Further arguments of `dataflow.flow`.
    """

    folder: Path
    log: str
    out: str
    processes: int = 1
    snapshot_s: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> Self:
        """Start the processes."""
        arguments = [repr(self.log), repr(self.out)]
        arguments += [f"{name}={value!r}" for name, value in self.options.items()]
        command = [sys.executable, "-m", "bytewax.run"]
        command.append(f"ctrlog.dataflow:flow({', '.join(arguments)})")
        if self.snapshot_s is not None:
            command += ["-r", self._recovery(), "-s", str(self.snapshot_s), "-b", "0"]
        addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(self.processes))
        for number in range(self.processes):
            place = ["-i", str(number), "-a", addresses] if self.processes > 1 else []
            with (self.folder / f"stderr-{number}").open("wb") as stderr:
                process = subprocess.Popen(
                    [*command, *place], cwd=self.folder, stdout=subprocess.PIPE, stderr=stderr
                )
            self.running.append(process)
        return self

    def finish(self) -> bytes:
        """Wait for the end and return what was printed."""
        printed = self.wait()
        assert not self.has_failed, self.said()
        return printed

    def wait(self) -> bytes:
        """Wait for the end, whatever it is, and return what was printed."""
        return b"".join(process.communicate(timeout=PATIENCE_S)[0] for process in self.running)

    @property
    def has_failed(self) -> bool:
        """Whether a process ended with an error."""
        return any(process.returncode for process in self.running)

    def said(self) -> str:
        """Return what was said on standard error."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("stderr-*")))

    def kill(self) -> None:
        """End all processes at once."""
        for process in self.running:
            process.kill()  # nothing happens to one that has ended
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Leave nothing running."""
        self.kill()

    def _recovery(self) -> str:
        """Return the recovery directory; made for three processes to share."""
        path = self.folder / "recovery"
        if not path.exists():
            path.mkdir()
            command = [sys.executable, "-m", "bytewax.recovery", str(path), "3"]
            subprocess.run(command, check=True, capture_output=True)
        return str(path)


def as_log(*events: Mapping[str, Any]) -> bytes:
    """Write events as a log."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def split_by_user(log: bytes, parts: int) -> list[bytes]:
    """Split a log by its users; lines without one go to the first part."""
    lines: list[list[bytes]] = [[] for _ in range(parts)]
    for line in log.split(b"\n")[:-1]:
        try:
            part = shard_of(json.loads(line)["user"], 1000) % parts
        except (ValueError, KeyError):
            part = 0
        lines[part].append(line)
    return [b"\n".join([*part_lines, b""]) for part_lines in lines]
