"""A checkpoint on disk: how far everything has come, saved in one transaction of SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec

from ctrlog.errors import CheckpointError
from ctrlog.inputs.position import Position
from ctrlog.run.locks import holder, locked

#: The form of what is saved. A program refuses a checkpoint of another form than its own.
VERSION = 2
_APPLICATION_ID = int.from_bytes(b"ctrl")
_BUSY_S = 30.0  # to wait while somebody looks at it

_SCHEMA = {
    "about": "name text primary key, value text",
    "inputs": "number integer primary key, name text, path text, device text, inode text,"
    " size integer, offset integer, head blob, tail blob, line integer, rest blob",
    "outputs": "path text primary key, length integer, tail blob",
    "state": "name text primary key, value blob",
}
_Row: TypeAlias = tuple[str | int | bytes | None, ...]


@dataclass(frozen=True, slots=True)
class SavedInput:
    """How far an input was read.

    Attributes:
        name: What it was called.
        path: Where it was.
        mark: How far it was read.
        line: The number of its next line.
        rest: What else is to be known of it, as plain values.
    """

    name: str
    path: str
    mark: Position
    line: int
    rest: Any = None


@dataclass(frozen=True, slots=True)
class SavedOutput:
    """How much of an output counts.

    Attributes:
        path: Where it is.
        length: So many bytes of it count.
        tail: The last of them.
    """

    path: str
    length: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Saved:
    """All that a checkpoint holds.

    Attributes:
        about: What made it: the command, its settings as on the command line, and times.
        inputs: How far each input was read, the latest last.
        outputs: How much of each output counts.
        state: Everything that was open, by name, as plain values.
    """

    about: dict[str, str]
    inputs: list[SavedInput] = field(default_factory=list)
    outputs: list[SavedOutput] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)


class Checkpoint:
    """A checkpoint that nobody else writes meanwhile; use `open_checkpoint`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take an open one.

        Args:
            path: Its file.
            connection: To its file.
        """
        self.path = path
        self._connection = connection

    def load(self) -> Saved | None:
        """Return what was saved last; None if nothing was yet.

        Raises:
            CheckpointError: If the file is no checkpoint, is damaged, or was written by a
                version with another form.
        """
        with _explained(self.path):
            return _load(self.path, self._connection)

    def save(self, saved: Saved) -> None:
        """Replace what was saved by something else, wholly or not at all.

        When it returns, it will be there even if the power fails.

        Args:
            saved: What to save.

        Raises:
            CheckpointError: If it cannot be written.
        """
        tables = _to_rows(saved)
        with _explained(self.path):
            connection = self._connection
            connection.execute("begin immediate")
            try:
                connection.execute(f"pragma application_id = {_APPLICATION_ID}")
                connection.execute(f"pragma user_version = {VERSION}")
                for table, rows in tables.items():
                    _replace(connection, table, rows)
                connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):  # what went wrong is raised
                    connection.execute("rollback")
                raise


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open a checkpoint, new or not, to go on from it and to write it.

    Args:
        path: Its file.

    Yields:
        The checkpoint; nobody else can open it meanwhile.

    Raises:
        CheckpointError: If it cannot be opened or somebody else has it.
    """
    with locked(path), _connected(path) as connection:
        yield Checkpoint(path, connection)


def read_checkpoint(path: Path) -> tuple[Saved, str | None]:
    """Read a checkpoint only to look at it; a run may be writing it.

    Args:
        path: Its file.

    Returns:
        What was saved last, and who is writing it, if anybody is.

    Raises:
        CheckpointError: If there is none, or as `Checkpoint.load`.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(f"{path}: cannot read the checkpoint: {why}") from None
    with _connected(path) as connection:
        saved = _load(path, connection)
    if saved is None:
        raise CheckpointError(f"{path}: is empty: nothing was saved in it yet")
    return saved, holder(path)


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database, and see that it is whole, also where the next one will be saved."""
    with (
        _explained(path),
        closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection,
    ):
        try:
            # The journal's folder is synchronized, too, so that a saved state cannot come undone.
            connection.execute("pragma synchronous = extra")
            (found,) = connection.execute("pragma integrity_check(1)").fetchone()
        except UnicodeDecodeError:  # in a message that quotes what is damaged
            found = "its schema is garbled"
        if found != "ok":
            raise _damaged(path, " ".join(found.split()))
        yield connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Make errors of SQLite messages to users."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        # The disk is full, say; else a table is not there, or text is not text.
        if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
            raise CheckpointError(f"{path}: cannot use the checkpoint: {error}") from None
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: is no checkpoint of ctrlog, or a damaged one ({why}); to count from the"
        " beginning, name a new file"
    )


def _load(path: Path, connection: sqlite3.Connection) -> Saved | None:
    (application_id,) = connection.execute("pragma application_id").fetchone()
    (version,) = connection.execute("pragma user_version").fetchone()
    (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    if not (application_id or version or tables):
        return None
    if application_id != _APPLICATION_ID:
        raise _damaged(path, "a database of something else")
    if version != VERSION:
        other = "a later" if version > VERSION else "an earlier"
        raise CheckpointError(
            f"{path}: was written by {other} version of ctrlog (its form is {version}, this one"
            f" knows {VERSION}); continue with that version, or count from the beginning with a new"
            " file"
        )
    tables = {table: _rows(connection, table) for table in _SCHEMA}
    digest = dict(tables["about"]).get(_DIGEST)
    tables["about"] = [row for row in tables["about"] if row[0] != _DIGEST]
    if digest != _digest(tables):
        raise _damaged(path, "its sum is wrong")
    return _from_rows(tables)


def _rows(connection: sqlite3.Connection, table: str) -> list[_Row]:
    # By name, so that a damaged name of a column is told by the database.
    names = ", ".join(column.split()[0] for column in _SCHEMA[table].split(","))
    return connection.execute(f"select {names} from {table} order by rowid").fetchall()  # noqa: S608


def _replace(connection: sqlite3.Connection, table: str, rows: list[_Row]) -> None:
    columns = _SCHEMA[table]
    connection.execute(f"create table if not exists {table} ({columns})")
    connection.execute(f"delete from {table}")  # noqa: S608
    places = ", ".join("?" * len(columns.split(",")))
    connection.executemany(f"insert into {table} values ({places})", rows)  # noqa: S608


# Rows.

_DIGEST = "digest"


def _to_rows(saved: Saved) -> dict[str, list[_Row]]:
    inputs: list[_Row] = [
        (
            number,
            _to_column(each.name),
            _to_column(each.path),
            str(each.mark.device),  # may be beyond the integers of SQLite
            str(each.mark.inode),
            each.mark.size,
            each.mark.offset,
            each.mark.head,
            each.mark.tail,
            each.line,
            _packed(each.rest),
        )
        for number, each in enumerate(saved.inputs)
    ]
    outputs: list[_Row] = [
        (_to_column(each.path), each.length, each.tail) for each in saved.outputs
    ]
    state: list[_Row] = [(name, _packed(value)) for name, value in saved.state.items()]
    about: list[_Row] = [(name, _to_column(value)) for name, value in saved.about.items()]
    tables = {"about": about, "inputs": inputs, "outputs": outputs, "state": state}
    return tables | {"about": [*about, (_DIGEST, _digest(tables))]}


def _from_rows(tables: dict[str, list[_Row]]) -> Saved:
    inputs = []
    for row in tables["inputs"]:
        _, name, path, device, inode, size, offset, head, tail, line, rest = cast("Any", row)
        mark = Position(int(device), int(inode), size, offset, head, tail)
        inputs.append(
            SavedInput(_from_column(name), _from_column(path), mark, line, _unpacked(rest))
        )
    return Saved(
        about={name: _from_column(value) for name, value in cast("Any", tables["about"])},
        inputs=inputs,
        outputs=[
            SavedOutput(_from_column(path), length, tail)
            for path, length, tail in cast("Any", tables["outputs"])
        ],
        state={name: _unpacked(value) for name, value in cast("Any", tables["state"])},
    )


def _to_column(text: str) -> str | bytes:
    """Return text as SQLite takes it; names of files and what else is typed need not be UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogateescape")
    return text


def _from_column(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(errors="surrogateescape")


#: Begins JSON; nothing in MessagePack begins so.
_JSON = b"\xc1"


def _packed(value: Any) -> bytes:
    # Not always as JSON, which has no infinity, and 1e999 in a log is that.
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):  # an integer beyond 64 bits, a name not in UTF-8
        return _JSON + json.dumps(value).encode()


def _unpacked(packed: bytes) -> Any:
    if packed.startswith(_JSON):
        return json.loads(packed.removeprefix(_JSON))
    return msgspec.msgpack.decode(packed)


def _digest(tables: dict[str, list[_Row]]) -> str:
    """Sum all up, so that damage is noticed that leaves the database whole."""
    found = blake2b(digest_size=16)
    for table in _SCHEMA:
        for row in tables[table]:
            for value in row:
                found.update(value if isinstance(value, bytes) else repr(value).encode())
                found.update(b"\0")
    return found.hexdigest()
