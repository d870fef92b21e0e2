"""Locks: one process at a time writes a file, whatever becomes of the others."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ctrlog.errors import CheckpointError
from ctrlog.run.locks import holder, locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to lock, which is not there."""
    return tmp_path / "saved"


def refusal(path: Path) -> str:
    """What is said when a lock is not to be had."""
    with pytest.raises(CheckpointError) as caught, locked(path):
        pass
    return str(caught.value)


def test_a_second_one_is_told_who_has_it(path: Path) -> None:
    """The message names the file, and the process, its machine and since when it is at it."""
    with locked(path):
        told = refusal(path)
        assert told == f"{path}: is in use by {holder(path)}"
        assert re.fullmatch(
            re.escape(f"{path}: is in use by process {os.getpid()} on {socket.gethostname()}")
            + r", since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
            told,
        )


def test_after_it_nothing_is_left(path: Path) -> None:
    """When it is released, the lock can be had again, and its file is gone."""
    for _ in range(2):
        with locked(path):
            assert [each.name for each in path.parent.iterdir()] == ["saved.lock"]
        assert [*path.parent.iterdir()] == []
    with pytest.raises(RuntimeError), locked(path):
        raise RuntimeError
    assert [*path.parent.iterdir()] == []
    assert holder(path) is None


def test_what_a_killed_run_left_is_no_lock(path: Path) -> None:
    """A file that nobody holds hinders nobody, and its content is not told as of now."""
    lock = path.with_name("saved.lock")
    lock.write_text("process 1 on a machine that was switched off, " * 9)
    assert holder(path) is None
    with locked(path):
        assert str(holder(path)).startswith(f"process {os.getpid()} on ")
        assert "switched off" not in lock.read_text()


def test_who_has_it_may_not_be_known(path: Path) -> None:
    """Somebody who has not yet written who it is has the lock all the same."""
    with locked(path):
        path.with_name("saved.lock").write_bytes(b"")
        assert holder(path) == "another run"
        assert refusal(path) == f"{path}: is in use by another run"
        path.with_name("saved.lock").write_bytes(b"\xff")
        assert holder(path) == "\ufffd"


def test_a_link_is_the_same_file(path: Path) -> None:
    """A lock is one of the file, by whatever name it is called."""
    path.touch()
    link = path.with_name("link")
    link.symlink_to(path)
    with locked(link):
        assert refusal(path).startswith(f"{path}: is in use by process ")
        assert holder(link) == holder(path)
    with locked(path):
        assert refusal(link).startswith(f"{link}: is in use by process ")


def test_different_files_have_different_locks(path: Path) -> None:
    """A lock is of nothing else in the folder."""
    with locked(path), locked(path.with_name("other")):
        assert refusal(path) != refusal(path.with_name("other"))


@pytest.mark.parametrize("name", ["none/saved", "file/saved", "x" * 300])
def test_where_nothing_can_be_written_is_told(tmp_path: Path, name: str) -> None:
    """A folder that is not there, or is none, and a name that is too long."""
    (tmp_path / "file").touch()
    assert holder(tmp_path / name) is None
    told = refusal(tmp_path / name)
    assert told.startswith(f"{tmp_path / name}.lock: cannot lock the checkpoint: ")


def test_to_look_hinders_nobody(path: Path) -> None:
    """Whoever asks who has a lock does not keep others from it."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            holder(path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with locked(path):
                pass
    finally:
        is_over.set()
        thread.join()


RIVAL = """
import sys
from pathlib import Path
from ctrlog.errors import CheckpointError
from ctrlog.run.locks import locked
path, left = Path(sys.argv[1]), 40
while left:
    try:
        with locked(path):
            number = int(path.read_text())
            path.write_text(str(number + 1))
            left -= 1
    except CheckpointError as error:
        assert "is in use by" in str(error)
"""


def test_of_many_one_has_it(path: Path) -> None:
    """Of several processes that take and release it as fast as they can, none meets another."""
    path.write_text("0")
    rivals = [subprocess.Popen([sys.executable, "-c", RIVAL, path]) for _ in range(4)]
    assert [rival.wait() for rival in rivals] == [0] * 4
    assert path.read_text() == str(4 * 40)


@pytest.mark.parametrize("content", ["[package]\nname = 'mine'\n", "p", "process"])
def test_a_file_of_another_program_is_left_alone(path: Path, content: str) -> None:
    """A file that only happens to have the name of a lock is neither written to nor removed."""
    lock = path.with_name("saved.lock")
    lock.write_text(content)
    assert "is not a lock that ctrlog has written" in refusal(path)
    assert lock.read_text() == content


def test_a_link_in_the_place_of_a_lock_is_not_followed(path: Path) -> None:
    """In a shared folder somebody else could have a file of yours overwritten."""
    target = path.with_name("precious")
    target.write_text("precious")
    path.with_name("saved.lock").symlink_to(target)
    assert "is not a lock that ctrlog has written" in refusal(path)
    assert target.read_text() == "precious"
    assert holder(path) is None


def test_what_is_not_a_regular_file_is_not_a_lock(path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(path.with_name("saved.lock"))
    assert "is not a lock that ctrlog has written" in refusal(path)


def test_a_hard_link_is_the_same_file(path: Path) -> None:
    """A checkpoint has one lock, whatever it is called."""
    path.touch()
    link = path.with_name("link")
    link.hardlink_to(path)
    with locked(link):
        assert refusal(path) == f"{path}: is in use by another run, by another name"
    with locked(path):
        pass


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_folder_has_no_lock(name: str) -> None:
    """An unset variable in a job, say, is reported in a line."""
    assert "is a folder, and a checkpoint is a file" in refusal(Path(name))
