"""Where results go: complete, or not there."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ctrlog import outputs
from ctrlog.errors import OutputError
from ctrlog.outputs import Write, open_as_written, open_output

# A file.


def test_a_file_is_there_when_it_is_complete(tmp_path: Path) -> None:
    """Until the end the old content stands, then the new one; nothing else is left behind."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with open_output(path) as write:
        write(b"new ")
        assert path.read_bytes() == b"old"
        write(b"content\n")
    assert path.read_bytes() == b"new content\n"
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_was_not_there_is_made(tmp_path: Path) -> None:
    """Nothing stands under the name until it is complete, though nothing is written."""
    path = tmp_path / "out"
    with open_output(path):
        assert not path.exists()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit, BrokenPipeError])
def test_after_an_error_all_is_as_before(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever goes wrong, what stood there stays and no part of the new content is left."""
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail() -> None:
        with open_output(path) as write:
            write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    """A file that is replaced keeps who may read it; a new one is as the system makes files."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with open_output(path) as write:
        write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    other = tmp_path / "other"
    other.touch()
    with open_output(tmp_path / "new"):
        pass
    assert (tmp_path / "new").stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_one(tmp_path: Path, exists: bool) -> None:  # noqa: FBT001
    """Through a link the file it leads to is written, whether that is there yet or not."""
    target, link = tmp_path / "target", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to("target")
    with open_output(link) as write:
        write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_file_in_the_present_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is a file here."""
    monkeypatch.chdir(tmp_path)
    with open_output(Path("out")) as write:
        write(b"here")
    assert (tmp_path / "out").read_bytes() == b"here"


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The message has the name that was asked for, not that of a temporary file."""
    path = tmp_path / "none" / "out"
    with pytest.raises(OutputError) as caught, open_output(path):
        pass
    assert str(caught.value) == f"{path}: cannot write: No such file or directory"


@pytest.mark.parametrize("opener", [open_output, open_as_written])
def test_a_directory_is_refused(
    tmp_path: Path, opener: Callable[[Path], AbstractContextManager[Write]]
) -> None:
    """A directory cannot be written, and is left as it is."""
    with pytest.raises(OutputError) as caught, opener(tmp_path):
        pass
    assert str(caught.value) == f"{tmp_path}: cannot write: Is a directory"


def test_a_full_disk_while_completing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be put on the disk is not put in its place."""

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "out"
    with pytest.raises(OutputError, match="out: cannot write: No space left"), open_output(path):
        pass
    assert [*tmp_path.iterdir()] == []


def test_what_a_killed_run_left_behind_does_no_harm(tmp_path: Path) -> None:
    """A process in a container has the same number again and again, also after a kill."""
    path = tmp_path / "out"
    with open_output(path):
        (temporary,) = tmp_path.iterdir()
    temporary.write_bytes(b"half")
    with open_output(path) as write:
        write(b"whole")
    assert path.read_bytes() == b"whole"


# What is no regular file.


def test_a_named_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    """What is no regular file is not replaced by one."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(path.read_bytes()))
    thread.start()
    with open_output(path) as write:
        write(b"through the pipe")
    thread.join()
    assert found == [b"through the pipe"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_full_device_is_an_output_error() -> None:
    """What cannot be written is told with the system's reason."""
    with open_output(Path("/dev/full")) as write, pytest.raises(OutputError) as caught:
        write(b"x")
    assert str(caught.value) == "/dev/full: cannot write: No space left on device"


# Standard output.


def test_standard_output_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line can be read as soon as it was written, and the descriptor stays open."""
    reader, writer = os.pipe()
    monkeypatch.setattr(outputs, "STDOUT_DESCRIPTOR", writer)
    with open_output(None) as write:
        write(b"a line\n")
        assert os.read(reader, 100) == b"a line\n"
        write(b"")
    os.close(writer)
    os.close(reader)


def test_a_reader_that_has_gone_is_a_broken_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken pipe is no output error: whoever calls ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(outputs, "STDOUT_DESCRIPTOR", writer)
    with open_output(None) as write, pytest.raises(BrokenPipeError):
        write(b"x")
    os.close(writer)


def test_a_closed_standard_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is open nothing is written."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    monkeypatch.setattr(outputs, "STDOUT_DESCRIPTOR", writer)
    with pytest.raises(OutputError) as caught, open_output(None):
        pass
    assert str(caught.value) == "standard output: Bad file descriptor"


def test_all_is_written_though_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is gone on with."""
    write_out = os.write
    monkeypatch.setattr(os, "write", lambda fd, rest: write_out(fd, rest[:3]))
    reader, writer = os.pipe()
    monkeypatch.setattr(outputs, "STDOUT_DESCRIPTOR", writer)
    with open_output(None) as write:
        write(b"0123456789")
    assert os.read(reader, 100) == b"0123456789"
    os.close(writer)
    os.close(reader)


def test_a_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that somebody else made non-blocking is written to the end all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    monkeypatch.setattr(outputs, "STDOUT_DESCRIPTOR", writer)
    read_bytes = []

    def read() -> None:
        time.sleep(0.05)
        while piece := os.read(reader, 2**16):
            read_bytes.append(len(piece))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        with open_output(None) as write:
            write(b"x" * 300_000)
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
    assert sum(read_bytes) == 300_000


# A file that grows.


def test_a_growing_file_is_written_as_it_comes(tmp_path: Path) -> None:
    """What was written is there at once, and what stood in the file before is gone."""
    path = tmp_path / "bad"
    path.write_bytes(b"something long from before")
    with open_as_written(path) as write:
        assert path.read_bytes() == b""
        write(b"one\n")
        assert path.read_bytes() == b"one\n"
        write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_growing_file_stays_after_an_error(tmp_path: Path) -> None:
    """What was kept until an error is there after it."""
    path = tmp_path / "bad"

    def fail() -> None:
        with open_as_written(path) as write:
            write(b"one\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"one\n"
