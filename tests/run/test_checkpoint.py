"""Checkpoints on disk: all that was saved comes back, or it is told why not."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import children
import pytest
from commands import SHOP
from hypothesis import given
from hypothesis import strategies as st
from sabotage import Hasty

from ctrlog.errors import CheckpointError
from ctrlog.inputs.position import Position
from ctrlog.run import checkpoint
from ctrlog.run.checkpoint import (
    VERSION,
    Checkpoint,
    Saved,
    SavedInput,
    SavedOutput,
    open_checkpoint,
    read_checkpoint,
)

#: What a name on the command line may be: any bytes but NUL.
NAMES = st.binary(max_size=30).map(lambda name: os.fsdecode(name.replace(b"\0", b"")))
#: More than a database, JSON or a float holds exactly.
LARGE = st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**4000])
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | LARGE | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SIZES = st.integers(0, 2**63 - 1)
NUMBERS = st.integers(0, 2**64 - 1)  # of devices and files, on some systems
MARKS = st.builds(
    Position,
    NUMBERS,
    NUMBERS,
    st.none() | SIZES,
    SIZES,
    st.binary(max_size=256),
    st.binary(max_size=256),
)
SAVED = st.builds(
    Saved,
    st.dictionaries(st.text(max_size=10).filter(lambda name: name != "digest"), NAMES, max_size=4),
    st.lists(st.builds(SavedInput, NAMES, NAMES, MARKS, SIZES, PLAIN), max_size=4),
    st.lists(
        st.builds(SavedOutput, NAMES, SIZES, st.binary(max_size=256)),
        max_size=3,
        unique_by=lambda each: each.path,
    ),
    st.dictionaries(st.text(max_size=10), PLAIN, max_size=4),
)
SOMETHING = Saved(
    {"command": "run"},
    [SavedInput("log", "/var/log", Position(1, 2, 3, 4, b"head", b"tail"), 5, [6, None])],
    [SavedOutput("/out", 7, b"tail")],
    {"pipeline": {"lines": list(range(3_000))}, "summing": {"text": "x" * 9_000}},
)


def refusal(path: Path) -> str:
    """What is said of a file that is no good checkpoint, to who looks and who goes on alike."""
    with pytest.raises(CheckpointError) as looking:
        read_checkpoint(path)
    with pytest.raises(CheckpointError) as going_on, open_checkpoint(path) as opened:
        assert opened.load() is not None
    assert str(going_on.value) == str(looking.value)
    return str(looking.value)


def loaded(path: Path) -> Saved | None:
    """Open a checkpoint and load it."""
    with open_checkpoint(path) as opened:
        return opened.load()


def save(path: Path, saved: Saved = SOMETHING) -> None:
    """Open a checkpoint and save something."""
    with open_checkpoint(path) as opened:
        opened.save(saved)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file for a checkpoint, which is not there yet."""
    return tmp_path / "saved"


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no disk: the power will not fail."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Hasty))


# What comes back.


@given(st.lists(SAVED, min_size=1, max_size=3))
def test_what_was_saved_last_comes_back(each: list[Saved]) -> None:
    """Any names, bytes and plain values, however large the numbers; what was before is gone."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "saved")
        with open_checkpoint(path) as opened:
            assert opened.load() is None
            for saved in each:
                opened.save(saved)
                assert opened.load() == saved
        assert loaded(path) == each[-1]
        assert read_checkpoint(path) == (each[-1], None)
        assert [name.name for name in path.parent.iterdir()] == ["saved"]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), -0.0, 5e-324, 1e308, 2**70 + 0.5])
@pytest.mark.parametrize("beside", [None, 10**30], ids=["alone", "beside a large integer"])
def test_floats_come_back_as_they_are(path: Path, value: float, beside: int | None) -> None:
    """A log may say 1e999, and -0.0 is another text than 0.0."""
    save(path, Saved({}, state={"extra": [value, beside]}))
    saved = loaded(path)
    assert saved is not None
    assert repr(saved.state) == repr({"extra": [value, beside]})


def test_only_one_can_have_it(path: Path) -> None:
    """A second one is told who has it; to look at it is always allowed."""
    with open_checkpoint(path) as opened:
        opened.save(SOMETHING)
        with pytest.raises(CheckpointError, match=f"is in use by process {os.getpid()} on "):
            loaded(path)
        saved, holder = read_checkpoint(path)
        assert saved == SOMETHING
        assert str(holder).startswith(f"process {os.getpid()} on ")
    assert loaded(path) == SOMETHING


def test_to_look_changes_nothing(path: Path) -> None:
    """Neither the file nor the folder."""
    save(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    read_checkpoint(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [*path.parent.iterdir()] == [path]


# Saving that fails.


class Failing(sqlite3.Connection):
    """A database that fails at a statement."""

    at = ""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Execute it, or fail."""
        if self.at and sql.startswith(self.at):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().execute(sql, *parameters)


@pytest.mark.parametrize("statement", ["begin", "pragma user", "create", "delete", "commit"])
def test_what_cannot_be_saved_leaves_what_was(
    path: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the reason, and the last state stays, to be loaded or replaced."""
    save(path)
    with closing(sqlite3.connect(path, isolation_level=None, factory=Failing)) as connection:
        opened = Checkpoint(path, connection)
        monkeypatch.setattr(Failing, "at", statement)
        with pytest.raises(CheckpointError) as caught:
            opened.save(Saved({"command": "summary"}))
        assert str(caught.value) == f"{path}: cannot use the checkpoint: database or disk is full"
        monkeypatch.setattr(Failing, "at", "")
        assert opened.load() == SOMETHING
        opened.save(Saved({"command": "summary"}))
    assert loaded(path) == Saved({"command": "summary"})


def test_somebody_who_looks_for_too_long_is_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saving waits for others to have looked, but not for ever."""
    monkeypatch.setattr(checkpoint, "_BUSY_S", 0.1)
    save(path)
    with closing(sqlite3.connect(path)) as other, open_checkpoint(path) as opened:
        rows = other.execute("select * from state")
        rows.fetchone()
        with pytest.raises(CheckpointError, match="cannot use the checkpoint: database is locked"):
            opened.save(Saved({}))
        rows.close()
        opened.save(Saved({}))
    assert loaded(path) == Saved({})


# What is none.


def damage(path: Path, why: str) -> str:
    """The message of a damaged checkpoint."""
    return f"{beginning_of_damage(path)}{why}); to count from the beginning, name a new file"


def beginning_of_damage(path: Path) -> str:
    """What the message of a damaged checkpoint begins with, whatever the damage is."""
    return f"{path}: is no checkpoint of ctrlog, or a damaged one ("


def test_one_that_is_not_there_can_only_be_begun(path: Path) -> None:
    """It cannot be looked at, and that does not make it; who goes on begins it."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == f"{path}: there is no such checkpoint"
    assert not path.exists()
    assert loaded(path) is None


@pytest.mark.parametrize("content", [b"", b"\0"])
def test_an_empty_one_has_nothing_saved(path: Path, content: bytes) -> None:
    """As a kill before the first saving leaves it; SQLite takes one byte for none."""
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == f"{path}: is empty: nothing was saved in it yet"
    save(path)
    assert loaded(path) == SOMETHING


@pytest.mark.parametrize("content", [b"\n", b"a text\n", SHOP.read_bytes()[:5_000], bytes(5_000)])
def test_something_else_is_no_checkpoint(path: Path, content: bytes) -> None:
    """A log named by mistake is told and stays as it is."""
    path.write_bytes(content * 2)
    assert refusal(path) == damage(path, "file is not a database")
    assert path.read_bytes() == content * 2


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 7", ""])
def test_a_database_of_something_else_is_no_checkpoint(path: Path, pragma: str) -> None:
    """It stays as it is."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"pragma {pragma}" if pragma else "create table about (name, value)")
        other.commit()
    before = path.read_bytes()
    assert refusal(path) == damage(path, "a database of something else")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "other"), [(VERSION + 1, "a later"), (VERSION - 1, "an earlier")]
)
def test_one_of_another_version_is_refused(version: int, other: str, path: Path) -> None:
    """Which form it has, which form this version knows, and what to do."""
    save(path)
    with closing(sqlite3.connect(path)) as later:
        later.execute(f"pragma user_version = {version}")
        later.execute("drop table inputs")  # whatever it may look like
        later.execute("create table places (a, b)")
    assert refusal(path) == (
        f"{path}: was written by {other} version of ctrlog (its form is {version}, this one knows"
        f" {VERSION}); continue with that version, or count from the beginning with a new file"
    )


@pytest.mark.parametrize(
    "change",
    [
        "drop table {table}",
        "delete from {table}",
        "insert into {table} select * from {table} limit 0",
        "alter table {table} rename to something",
        "alter table {table} rename column {column} to something",
    ],
)
@pytest.mark.parametrize(
    ("table", "column"),
    [("about", "name"), ("inputs", "tail"), ("outputs", "path"), ("state", "value")],
)
def test_a_changed_one_is_told(path: Path, change: str, table: str, column: str) -> None:
    """Whatever somebody has done to its tables, it is not taken for what was saved."""
    save(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(change.format(table=table, column=column))
    if "limit 0" in change:
        assert loaded(path) == SOMETHING
    else:
        assert refusal(path).startswith(beginning_of_damage(path))


@pytest.mark.parametrize(
    "change",
    [
        "update inputs set offset = offset + 1",
        "update inputs set number = number + 1",
        "update outputs set length = length - 1",
        "update outputs set tail = x'00'",
        "update state set value = x'00' where name = 'summing'",
        "update state set name = 'x' where name = 'summing'",
        "update about set value = 'summary' where name = 'command'",
        "insert into about values ('--gap', '10m')",
        "insert into inputs (number, name) values (9, 'log')",
    ],
)
def test_a_changed_value_is_told(path: Path, change: str) -> None:
    """No value can be changed, added or left out without the sum."""
    save(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(change)
    assert refusal(path) == damage(path, "its sum is wrong")


@pytest.mark.parametrize("name", ["none/saved", "file/saved", "x" * 300, "folder"])
def test_where_none_can_be_is_told(tmp_path: Path, name: str) -> None:
    """In a line with the system's reason."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError) as caught:
        loaded(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}")
    assert re.search("cannot lock the checkpoint: |is a folder, and a", str(caught.value))
    with pytest.raises(
        CheckpointError,
        match=r"there is no such checkpoint|unable to open|cannot read the checkpoint",
    ):
        read_checkpoint(tmp_path / name)


# Damage.


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as a run leaves it."""
    folder = tmp_path_factory.mktemp("real")
    children.run("summary", "--by", "query", "--checkpoint", "saved", "-o", "out", SHOP, cwd=folder)
    return folder / "saved"


def check_damaged(path: Path, content: bytes, expected: Saved) -> bool:
    """See that a damaged checkpoint is told or does no harm; returns whether it was told."""
    path.write_bytes(content)
    try:
        assert loaded(path) == expected
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017  # either is right
        return True
    try:
        save(path)
    except CheckpointError:
        return True
    assert loaded(path) == SOMETHING
    return False


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda region: bytes(byte ^ 0xFF for byte in region),
    "a bit": lambda region: bytes((region[0] ^ 0x20,)) + region[1:],
    "zeroed": lambda region: bytes(len(region)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_damage_is_told_or_does_no_harm(change: str, real: Path, path: Path) -> None:
    """What is loaded is what was saved, or it is told; and what is saved then comes back."""
    content, (expected, _) = real.read_bytes(), read_checkpoint(real)
    regions = [*range(100), *range(100, len(content), 151)]
    told = 0
    for start in regions:
        size = 1 if start < 100 else 151
        changed = CHANGES[change](content[start : start + size])
        damaged = content[:start] + changed + content[start + size :]
        if damaged != content:
            told += check_damaged(path, damaged, expected)
    assert told > len(regions) // 10


def test_one_that_was_cut_off_is_told(real: Path, path: Path) -> None:
    """At any length but none."""
    content, (expected, _) = real.read_bytes(), read_checkpoint(real)
    for length in (*range(2, 200), *range(200, len(content), 211)):
        assert check_damaged(path, content[:length], expected), length


@given(st.data())
def test_any_bytes_may_be_changed(real: Path, data: st.DataObject) -> None:
    """Also several at once, where they hurt: in the header and in the names of things."""
    content, (expected, _) = real.read_bytes(), read_checkpoint(real)
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        page = data.draw(st.integers(0, len(content) // 4096 - 1)) * 4096
        place = data.draw(st.integers(0, 120) | st.integers(0, 4095) | st.integers(3_000, 4_095))
        damaged[page + place] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        check_damaged(Path(folder, "saved"), bytes(damaged), expected)


HALF_SAVED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_spill = 1")
connection.execute("pragma cache_size = 1")
connection.execute("begin immediate")
connection.execute("delete from about")
connection.execute("insert into state values (1, zeroblob(100000))")
os._exit(0)
"""


def test_a_journal_of_a_kill_is_rolled_back(real: Path, path: Path) -> None:
    """What was half saved when the process was killed is undone by whoever comes next."""
    shutil.copy(real, path)
    expected = loaded(path)
    subprocess.run([sys.executable, "-c", HALF_SAVED, path], check=True)
    assert path.with_name("saved-journal").stat().st_size
    assert read_checkpoint(path)[0] == expected
    assert loaded(path) == expected
