"""Storms of rotations under a follower: each line comes once and in order, or it is reported.

Other tests let happen one thing at a time. Here a writer and a follower run side by side, at
other speeds each time, so that a rotation falls between any two steps of a look.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from rotating import COMPRESSORS, OverError

from ctrlog.errors import InputError
from ctrlog.inputs.follow import POLL_S, Following
from ctrlog.inputs.reader import Block

STORM_S = 5.0
#: The longest that a line may take to come after the last rotation.
REST_S = 3.0


class Storm:
    """A writer that rotates its log all the time.

    Attributes:
        written: The lines, in order.
        rotations: How many there were.
    """

    def __init__(self, log: Path, seed: int, by: str, *, counts: bool, keep: int | None) -> None:
        """Begin a log.

        Args:
            log: Where it is.
            seed: Of the speed, which changes all the time.
            by: How it is rotated.
            counts: Whether rotated logs are numbered, else they are named by their time.
            keep: How many rotated logs are kept; None for all.
        """
        self.written: list[bytes] = []
        self.rotations = 0
        self._log = log
        self._random = Random(seed)  # noqa: S311  # no secret
        self._by = by
        self._counts = counts
        self._keep = keep
        self._file = self._opened()
        self._rotated: list[Path] = []  # the latest last

    def rage(self, pause_s: float) -> None:
        """Write and rotate for a while, with a pause of up to that many seconds."""
        end = time.monotonic() + STORM_S
        while time.monotonic() < end:
            for _ in range(self._random.choice([1, 1, 3, 40])):
                self._write()
            self._rotate()
            time.sleep(self._random.random() * pause_s)
        self._write()
        os.close(self._file)

    def _opened(self) -> int:
        return os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _write(self) -> None:
        line = b'{"n":%d}' % len(self.written)
        os.write(self._file, line + b"\n")
        self.written.append(line)

    def _rotate(self) -> None:
        self.rotations += 1
        new = self._next_name()
        by = self._by
        if by == "any":
            by = self._random.choice(["rename", "rename late", "copy", "compress"])
        if by == "copy":
            shutil.copyfile(self._log, new)
            os.truncate(self._log, 0)
        else:
            self._log.rename(new)
            if by == "rename late":
                time.sleep(self._random.random() / 20)
                self._write()
            os.close(self._file)
            self._file = self._opened()
        self._rotated.append(new)
        if by == "compress":
            self._compress(new)
        if self._keep is not None and len(self._rotated) > self._keep:
            self._rotated.pop(0).unlink()

    def _next_name(self) -> Path:
        if not self._counts:
            return self._log.with_name(f"{self._log.name}-2024{self.rotations:04}")
        count = len(self._rotated)
        for place, path in enumerate(self._rotated):  # log.2 becomes log.3, then log.1 log.2
            suffix = path.suffix if path.suffix in COMPRESSORS else ""
            new = self._log.with_name(f"{self._log.name}.{count - place + 1}{suffix}")
            path.rename(new)
            self._rotated[place] = new
        return self._log.with_name(f"{self._log.name}.1")

    def _compress(self, path: Path) -> None:
        """Do as gzip does: it writes another file, gives it the time, and removes the first."""
        packed = path.with_name(path.name + ".gz")
        made = packed.with_name(packed.name + ".tmp~")
        made.write_bytes(COMPRESSORS[".gz"](path.read_bytes()))
        status = path.stat()
        os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns))
        made.rename(packed)
        path.unlink()
        self._rotated[-1] = packed


class Watcher:
    """A follower in a thread of its own.

    Attributes:
        lines: The lines that came.
        said: What it said, errors included.
    """

    def __init__(self, log: Path) -> None:
        """Begin to follow a log."""
        self.lines: list[bytes] = []
        self.said: list[str] = []
        self._log = log
        self._is_over = False
        self._has_looked = Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()
        self._has_looked.wait()

    def stop_after(self, line: bytes) -> None:
        """Stop when a line has come, or if it does not come."""
        end = time.monotonic() + REST_S
        while time.monotonic() < end and (not self.lines or self.lines[-1] != line):
            time.sleep(POLL_S)
        self._is_over = True
        self._thread.join()

    def _watch(self) -> None:
        with suppress(OverError):
            for arrival in Following(say=self.said.append, sleep=self._sleep).read(
                [str(self._log)]
            ):
                if isinstance(arrival, Block):
                    self.lines += arrival.lines.removesuffix(b"\n").split(b"\n")
                elif isinstance(arrival, InputError):
                    self.said.append(str(arrival))

    def _sleep(self, seconds: float) -> None:
        self._has_looked.set()
        if self._is_over:
            raise OverError
        time.sleep(seconds)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A log in a folder of its own."""
    folder = tmp_path / "logs"
    folder.mkdir()
    yield folder / "log"
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["rename", "rename late", "copy", "compress", "any"])
@pytest.mark.parametrize("counts", [False, True], ids=["by time", "numbered"])
@pytest.mark.parametrize("keep", [None, 2], ids=["all kept", "two kept"])
@pytest.mark.parametrize("pause_s", [0.02, 0.1, 0.4])
def test_each_line_comes_once_or_it_is_reported(
    log: Path, by: str, pause_s: float, *, counts: bool, keep: int | None
) -> None:
    """If all rotated logs are kept, none is missed; if they are removed, a message says so."""
    storm = Storm(log, 1, by, counts=counts, keep=keep)
    watcher = Watcher(log)
    storm.rage(pause_s)
    watcher.stop_after(storm.written[-1])
    lost = set(storm.written) - set(watcher.lines)
    assert len(watcher.lines) == len(set(watcher.lines)), "lines came twice"
    if keep is None:
        assert (sorted(lost), watcher.said) == ([], [])
        assert watcher.lines == storm.written
    elif lost:
        assert watcher.said
