"""Where results go: complete, or not there."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.errors import OutputError
from ctrlog.outputs import files
from ctrlog.outputs.files import Write, open_as_written, open_growing, open_output

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
    monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", writer)
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
    monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", writer)
    with open_output(None) as write, pytest.raises(BrokenPipeError):
        write(b"x")
    os.close(writer)


def test_a_closed_standard_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is open nothing is written."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", writer)
    with pytest.raises(OutputError) as caught, open_output(None):
        pass
    assert str(caught.value) == "standard output: Bad file descriptor"


def test_all_is_written_though_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is gone on with."""
    write_out = os.write
    monkeypatch.setattr(os, "write", lambda fd, rest: write_out(fd, rest[:3]))
    reader, writer = os.pipe()
    monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", writer)
    with open_output(None) as write:
        write(b"0123456789")
    assert os.read(reader, 100) == b"0123456789"
    os.close(writer)
    os.close(reader)


def test_a_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that somebody else made non-blocking is written to the end all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", writer)
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


# A file that grows and counts up to somewhere.

#: So many bytes of the end are remembered.
TAIL = files.TAIL_BYTES


def grown(path: Path, *pieces: bytes) -> tuple[int, bytes]:
    """Write pieces to a new file and make it secure; returns what is to be remembered of it."""
    with open_growing(path) as growing:
        for piece in pieces:
            growing.write(piece)
        return growing.length, growing.secure()


@given(
    st.lists(st.binary(max_size=600), max_size=5),
    st.binary(max_size=600),
    st.lists(st.binary(max_size=300), max_size=3),
)
def test_what_counts_stays_and_what_comes_after_it_is_cut_off(
    pieces: list[bytes], lost: bytes, later: list[bytes]
) -> None:
    """Gone on with, a file has what was made secure and what is written then, nothing else."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "out")
        length, tail = grown(path, *pieces)
        content = b"".join(pieces)
        assert (length, tail) == (len(content), content[-TAIL:])
        path.write_bytes(content + lost)
        with open_growing(path, length, tail) as growing:
            assert path.read_bytes() == content
            for piece in later:
                growing.write(piece)
            assert growing.length == len(content + b"".join(later))
        assert path.read_bytes() == content + b"".join(later)


def test_without_anything_that_counts_a_file_is_begun_anew(tmp_path: Path) -> None:
    """A file that is there is emptied; one that is not is made, as any new file is."""
    old, new, other = (tmp_path / name for name in ("old", "new", "other"))
    old.write_bytes(b"something")
    old.chmod(0o604)
    for path in old, new:
        with open_growing(path) as growing:
            assert (growing.length, path.read_bytes()) == (0, b"")
            growing.write(b"a line\n")
        assert path.read_bytes() == b"a line\n"
    other.touch()
    assert stat.S_IMODE(old.stat().st_mode) == 0o604
    assert new.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="removed"),
        pytest.param(b"", id="emptied"),
        pytest.param(b"x" * 999, id="cut"),
        pytest.param(b"x" * 999 + b"y", id="changed at the end"),
        pytest.param(b"x" * (1_000 - TAIL) + b"y" + b"x" * 2_000, id="changed before"),
    ],
)
def test_what_is_not_what_was_written_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """It stays as it is, and the message says what was to be there and what to do."""
    path = tmp_path / "out"
    length, tail = grown(path, b"x" * 1_000)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(OutputError) as caught, open_growing(path, length, tail):
        pass
    assert str(caught.value) == (
        f"{path}: is not what was written there before: the 1,000 bytes that count are not there;"
        " put them back, or write to another file"
    )
    assert (path.read_bytes() if path.exists() else None) == content


@pytest.mark.parametrize("name", ["none/out", ".", "x" * 300])
def test_a_growing_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    """In a line with the system's reason."""
    with pytest.raises(OutputError) as caught, open_growing(tmp_path / name):
        pass
    assert str(caught.value).startswith(f"{tmp_path / name}: cannot write: ")


def test_the_file_and_then_its_name_are_made_secure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is synchronized when the file was made, and the file each time it is to be."""
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
    )
    with open_growing(tmp_path / "out") as growing:
        assert synced == [tmp_path.name]
        growing.write(b"x")
        growing.secure()
        growing.secure()
    assert synced == [tmp_path.name, "out", "out"]


def test_a_disk_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made secure does not count, and the message has the system's reason."""
    path = tmp_path / "out"
    with open_growing(path) as growing:

        def fail(_descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OutputError) as caught:
            growing.secure()
    assert str(caught.value) == f"{path}: cannot write: Input/output error"
    with (
        pytest.raises(OutputError, match="out: cannot write: Input/output error"),
        open_growing(path),
    ):
        pass


def test_a_closed_stream_that_was_occupied_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program puts in the place of a closed standard output is not written to."""
    with Path(os.devnull).open("rb") as closed:
        monkeypatch.setattr(files, "STDOUT_DESCRIPTOR", closed.fileno())
        with pytest.raises(OutputError) as caught, open_output(None):
            pass
    assert str(caught.value) == "standard output: Bad file descriptor"
