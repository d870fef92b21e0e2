"""Disks that are full or break, and reads that fail: told in a line, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from time import sleep

import children
import pytest
from archives import COMPRESS, gzipped
from commands import CTRLOG, PATIENCE_S, SHOP, environment
from processes import started

from ctrlog.run.checkpoint import read_checkpoint

LOG = SHOP.read_bytes()
SAVING = ("run", "--checkpoint", "saved", "-q", "-o", "out", "--bad-lines", "bad")
#: A log of other users.
OTHER_LOG = LOG.replace(b'"user":', b'"user":777')
OTHER = b"\t777"
#: Many bad lines, so that these are more than the results.
BAD_LOG = b"".join(
    line + b"no event " * 20 + b"\n" + line for line in LOG.splitlines(keepends=True)
)


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    """A folder to run in that anybody may enter, with a log."""
    before, folder = Path.cwd(), Path(mkdtemp())
    folder.chmod(0o777)
    os.chdir(folder)
    Path("log").write_bytes(LOG)
    yield folder
    os.chdir(before)
    shutil.rmtree(folder)


def run(*arguments: str, prepare: Sequence[children.Preparation] = ()) -> children.Outcome:
    """Run ctrlog; what goes wrong is told in one line."""
    outcome = children.run(*arguments, prepare=prepare or [["sync_nothing"]])
    assert b"Traceback" not in outcome.err
    assert outcome.err.count(b"\n") == (outcome.code == 2), outcome.err
    return outcome


def results() -> tuple[bytes, bytes]:
    """The output and the bad lines."""
    return Path("out").read_bytes(), Path("bad").read_bytes()


def in_one_pass(*names: str) -> tuple[bytes, bytes]:
    """What a run gives to which nothing happens."""
    here, there = Path.cwd(), Path(mkdtemp())
    os.chdir(there)
    for name in names:
        shutil.copy(here / name, there)
    run(*SAVING, *names)
    found = results()
    os.chdir(here)
    shutil.rmtree(there)
    assert all(found)
    return found


def assert_goes_on(*names: str) -> None:
    """See that the next run gives all there is to be, once."""
    for _ in range(2):
        assert run(*SAVING, *names).code == 0
        assert results() == in_one_pass(*names)


# Disks.


@pytest.mark.parametrize("log", [LOG, BAD_LOG], ids=["results", "bad lines"])
@pytest.mark.parametrize("size", [100, 500, 5_000, 12_000, 25_000, 40_000, 70_000])
def test_full_disk(log: bytes, size: int) -> None:
    """Whatever does not fit, the output, the bad lines or the checkpoint, it goes on later."""
    Path("log").write_bytes(log)
    prepare: list[children.Preparation] = [["save_often", 20_000], ["limit_files", size]]
    for _ in range(2):
        outcome = run(*SAVING, "log", prepare=prepare)
        assert outcome.code == 2
        told = outcome.err.decode().removeprefix("ctrlog: ")
        what, why = told.split(": ", 1)
        assert what in {"out", "bad", "saved", "saved.lock"}
        assert why.startswith(("cannot write: ", "cannot use the checkpoint: ", "cannot lock "))
    assert_goes_on("log")


def test_no_room_for_a_lock() -> None:
    """Not even the few bytes that say who has it."""
    with started("log", "--checkpoint", "saved", script='ulimit -f 0; exec "$@"') as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, b"")
    assert err == b"ctrlog: saved.lock: cannot lock the checkpoint: File too large\n"
    assert {path.name for path in Path().iterdir()} == {"log"}


def test_full_disk_of_a_summary() -> None:
    """It is not there, but what was read is saved if there is room for that."""
    arguments = ("summary", "--checkpoint", "saved", "-q", "-o", "out", "log")
    run("summary", "-q", "-o", "expected", "--checkpoint", "other", "log")
    size = Path("expected").stat().st_size
    assert run(*arguments, prepare=[["limit_files", size - 1]]).code == 2
    assert not Path("out").exists()
    assert run(*arguments).code == 0
    assert Path("out").read_bytes() == Path("expected").read_bytes()


SMALL_DISK = """
mkdir disk && mount -t tmpfs -o size=64k none disk && shift && cd disk || exit 99
export PYTHONDONTWRITEBYTECODE=1
"$@"; echo $?
"$@"; echo $?
mount -o remount,size=64m none . || exit 99
"$@"; echo $?
cat $RESULTS
"""


@pytest.mark.parametrize("what", ["saved", "out", "bad", "saved out bad"])
def test_small_disk(what: str) -> None:
    """On a disk that is really full, with the checkpoint, the output, the bad lines or all."""
    Path("log").write_bytes(BAD_LOG)
    files = {name: name if name in what else f"../{name}" for name in ("saved", "out", "bad")}
    arguments = [files.get(argument, argument) for argument in SAVING]
    if what == "saved":  # the state alone is large
        Path("log").write_bytes(
            b"".join(b'{"type":"Search","user":%d,"query":"dogs"}\nbad\n' % n for n in range(2_000))
            + LOG
        )
    command = [*CTRLOG, *arguments, "../log"]
    run_ = subprocess.run(
        ["unshare", "-rm", "sh", "-c", SMALL_DISK, "sh", "", *command],  # noqa: S607
        capture_output=True,
        check=False,
        env=environment(RESULTS=f"{files['out']} {files['bad']}"),
        timeout=PATIENCE_S,
    )
    if run_.returncode == 99 or b"unshare" in run_.stderr:
        pytest.skip("no disk may be mounted here")
    assert b"Traceback" not in run_.stderr
    first, second, third, found = run_.stdout.split(b"\n", 3)
    assert (first, second, third) == (b"2", b"2", b"0")
    out, bad = in_one_pass("log")
    assert found == out + bad.replace(b"log:", b"../log:")


@pytest.mark.parametrize("name", ["out", "bad"])
def test_a_disk_that_breaks(name: str) -> None:
    """What could not be made secure does not count, and is written again."""
    outcome = run(*SAVING, "log", prepare=[["save_often", 20_000], ["fail_to_sync", name]])
    assert (outcome.code, outcome.err.decode()) == (
        2,
        f"ctrlog: {name}: cannot write: Input/output error\n",
    )
    assert_goes_on("log")


# Permissions.


def forbidden(*arguments: str) -> str:
    """What a run is told that may not do everything."""
    outcome = run(*arguments, prepare=[["be_nobody_special"]])
    assert outcome.code == 2
    return outcome.err.decode().removeprefix("ctrlog: ").removesuffix("\n")


def test_a_folder_that_may_not_be_written() -> None:
    """The checkpoint cannot be made there."""
    Path("sub").mkdir(0o555)
    assert forbidden("run", "--checkpoint", "sub/saved", "log") == (
        "sub/saved.lock: cannot lock the checkpoint: Permission denied"
    )
    assert forbidden("run", "--checkpoint", "saved", "-o", "sub/out", "log") == (
        "sub/out: cannot write: Permission denied"
    )


def test_a_folder_that_may_not_be_entered() -> None:
    """Whatever is named in it, it is told in a line."""
    Path("sub").mkdir(0o000)
    told = "Permission denied"
    assert told in forbidden("run", "--checkpoint", "sub/saved", "log")
    assert told in forbidden("run", "--checkpoint", "saved", "-o", "sub/out", "log")
    assert told in forbidden("run", "--checkpoint", "saved", "--bad-lines", "sub/bad", "log")
    assert forbidden("run", "--checkpoint", "saved", "sub/log") == f"sub/log: {told}"
    assert told in forbidden("checkpoint", "show", "sub/saved")


def test_a_folder_that_may_not_be_listed() -> None:
    """Files can be made and read in it by name, and that is enough."""
    Path("sub").mkdir()
    shutil.copy("log", "sub")
    Path("sub").chmod(0o333)
    arguments = ("run", "--checkpoint", "sub/saved", "-q", "-o", "sub/out", "sub/log")
    for _ in range(2):
        outcome = run(*arguments, prepare=[["be_nobody_special"]])
        assert (outcome.code, outcome.err) == (0, b"")
    run(*SAVING, "log")
    assert Path("sub/out").read_bytes() == Path("out").read_bytes()


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("saved", 0o000, "saved: cannot use the checkpoint: unable to open database file"),
        ("saved", 0o222, "saved: cannot use the checkpoint: unable to open database file"),
        ("saved", 0o444, "saved: cannot use the checkpoint: attempt to write a readonly database"),
        ("out", 0o444, "out: cannot write: Permission denied"),
        ("out", 0o222, "out: cannot write: Permission denied"),
        ("bad", 0o000, "bad: cannot write: Permission denied"),
        ("log", 0o000, "log: Permission denied"),
    ],
)
def test_a_file_that_may_not_be_used(name: str, mode: int, message: str) -> None:
    """It is told in a line, and when it may be used again it goes on."""
    half = LOG.index(b"\n", len(LOG) // 2) + 1
    Path("log").write_bytes(LOG[:half])
    run(*SAVING, "log")
    for path in Path().iterdir():
        path.chmod(0o666)
    with Path("log").open("ab") as log:
        log.write(LOG[half:])
    Path(name).chmod(mode)
    assert forbidden(*SAVING, "log") == message
    Path(name).chmod(0o666)
    assert_goes_on("log")


# Reading.


@pytest.mark.parametrize("kind", ["", *COMPRESS])
def test_short_reads(kind: str) -> None:
    """However few bytes a read gives, the results are the same."""
    expected = in_one_pass("log")
    if kind:
        Path("log").write_bytes(COMPRESS[kind](LOG))
    outcome = run(*SAVING, "log", prepare=[["read_shortly", 1], ["sync_nothing"]])
    assert outcome.code == 0
    assert results() == expected
    assert_goes_on("log")


@pytest.mark.parametrize("kind", ["", *COMPRESS])
def test_a_storm_of_signals(kind: str) -> None:
    """Interrupted at every turn, in reading, saving and writing, a run gives the same."""
    expected = in_one_pass("log")
    if kind:
        Path("log").write_bytes(COMPRESS[kind](LOG))
    outcome = run(*SAVING, "log", prepare=[["save_often", 50_000], ["storm"]])
    assert outcome.code == 0
    assert results() == expected
    assert_goes_on("log")


@pytest.mark.parametrize("content", [LOG[:100_000], gzipped(LOG)], ids=["plain", "gzip"])
def test_a_storm_of_signals_while_it_waits(content: bytes) -> None:
    """A read that waits for a pipe is taken up again each time."""
    os.mkfifo("fifo")

    def write() -> None:
        with Path("fifo").open("wb", buffering=0) as fifo:
            for start in range(0, len(content), 20_000):
                sleep(0.01)
                fifo.write(content[start : start + 20_000])

    thread = threading.Thread(target=write)
    thread.start()
    stormy = run("run", "-q", "fifo", prepare=[["storm"]])
    thread.join()
    Path("log").write_bytes(content)
    assert stormy == run("run", "-q", "log")
    assert stormy.out


@pytest.mark.parametrize("kind", ["", *COMPRESS])
@pytest.mark.parametrize("tenth", [0, 1, 5, 9, 10])
def test_a_read_that_fails(kind: str, tenth: int) -> None:
    """The place is told, each time; what came before counts, and later it goes on."""
    content = COMPRESS[kind](LOG) if kind else LOG
    Path("log").write_bytes(content)
    offset = len(content) * tenth // 10
    for _ in range(2):
        outcome = run(*SAVING, "log", prepare=[["fail_to_read_from", offset, "log"]])
        assert outcome.err.decode() == (
            f"ctrlog: log: byte {offset + 1}: cannot read on: Input/output error\n"
        )
    assert_goes_on("log")


def test_a_read_that_fails_costs_no_other_log() -> None:
    """The others are read, and each line of all is read once in the end."""
    Path("other").write_bytes(OTHER_LOG)
    failing = [["fail_to_read_from", 100_000, "log"]]
    assert run(*SAVING, "log", "other", prepare=failing).code == 2
    assert Path("out").read_bytes().count(OTHER) > 100
    assert run(*SAVING, "log", "other").code == 0
    saved, _ = read_checkpoint(Path("saved"))
    assert saved.state["pipeline"]["lines"] == (LOG + OTHER_LOG).count(b"\n")
    assert [each.mark.offset for each in saved.inputs] == [len(LOG), len(OTHER_LOG)]


@pytest.mark.parametrize("kind", ["", "gzip"])
@pytest.mark.parametrize("times", range(1, 9))
def test_a_log_that_cannot_be_looked_at_is_not_taken_for_another(kind: str, times: int) -> None:
    """If the first reads fail of a log that was read before, it is read on, now or later."""
    half = LOG.index(b"\n", len(LOG) // 2) + 1
    compress = COMPRESS.get(kind, bytes)
    Path("log").write_bytes(compress(LOG[:half]))
    run(*SAVING, "log")
    Path("log").write_bytes(compress(LOG))
    outcome = run(*SAVING, "log", prepare=[["fail_to_read_from", 0, "log", times]])
    if outcome.code:
        assert outcome.err == b"ctrlog: log: byte 1: cannot read on: Input/output error\n"
    assert_goes_on("log")
