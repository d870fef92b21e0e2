"""Following logs while all sorts of things happen to them: no line lost, none twice.

What happens is told by a generator that goes on whenever the follower sleeps, so nothing
here waits for anything: `yield` lets it look at the logs once, `yield 5.0` lets so many
seconds pass before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rotating import Log, OverError, compress, next_second, touch, write

from ctrlog.errors import InputError
from ctrlog.inputs import content
from ctrlog.inputs import lines as sources
from ctrlog.inputs.follow import LINGER_S, POLL_S, Following
from ctrlog.inputs.lines import STDIN
from ctrlog.inputs.reader import DEFAULT_LIMITS, Arrival, Block, Finished, Limits, Silence

Happenings = Iterator[float | None]


@dataclass
class Followed:
    """What a follower met.

    Attributes:
        arrivals: All of it, but silence.
        silences_s: How long nothing had come, in seconds, each time it slept.
        messages: What it said.
        open_files: How many files it had open when it last slept.
        ended: Whether it ended by itself.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    silences_s: list[float] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    open_files: int = 0
    ended: bool = False

    @property
    def lines(self) -> list[bytes]:
        """The lines that came, without their ends, in order."""
        blocks = (arrival.lines for arrival in self.arrivals if isinstance(arrival, Block))
        return [line for block in blocks for line in block.removesuffix(b"\n").split(b"\n")]

    @property
    def by_input(self) -> list[tuple[str, bytes]]:
        """The lines with the names of their inputs, those of one after the other together."""
        blocks = [arrival for arrival in self.arrivals if isinstance(arrival, Block)]
        return [
            (input_.name, b"".join(block.lines for block in run))
            for input_, run in groupby(blocks, lambda block: block.input)
        ]

    @property
    def errors(self) -> list[str]:
        """What could not be read."""
        return [str(arrival) for arrival in self.arrivals if isinstance(arrival, InputError)]


def open_files() -> int:
    """Count the open files of this process."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # which opens no more than one


def follow(
    happenings: Happenings,
    *names: Path | str,
    limits: Limits = DEFAULT_LIMITS,
    on_block: Callable[[Block], None] = lambda _: None,
) -> Followed:
    """Follow logs while something happens to them, until all has happened.

    Args:
        happenings: What happens, as the head of this module says.
        names: The logs.
        limits: How much to read.
        on_block: What happens while a block is worked on.
    """
    followed = Followed()
    now_s = 0.0
    before = open_files()

    def sleep(seconds: float) -> None:
        nonlocal now_s
        assert seconds == POLL_S
        followed.open_files = open_files() - before
        try:
            now_s += next(happenings) or seconds
        except StopIteration:
            raise OverError from None

    follower = Following(limits, say=followed.messages.append, clock=lambda: now_s, sleep=sleep)
    try:
        for arrival in follower.read(map(str, names)):
            if isinstance(arrival, Silence):
                followed.silences_s.append(arrival.duration.total_seconds())
                continue
            followed.arrivals.append(arrival)
            if isinstance(arrival, Block):
                on_block(arrival)
        followed.ended = True
    except OverError:
        pass
    assert open_files() <= before, "files were left open"
    return followed


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log that is not there yet, in a folder of its own."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return Log(folder / "log")


# Growing.


def test_lines_come_as_they_are_written(log: Log) -> None:
    """What is there comes at once, what is added at the next look."""
    log.write(b"1\n2\n")
    seen = []

    def happenings() -> Happenings:
        seen.append([*followed_lines])
        log.write(b"3\n")
        yield None
        seen.append([*followed_lines])
        log.write(b"4\n5\n")
        yield None

    followed_lines: list[bytes] = []
    followed = follow(
        happenings(), log.path, on_block=lambda block: followed_lines.append(block.lines)
    )
    assert followed.lines == [b"1", b"2", b"3", b"4", b"5"]
    assert seen == [[b"1\n2\n"], [b"1\n2\n", b"3\n"]]


@pytest.mark.parametrize("block_bytes", [1, 3, 65536])
def test_a_line_is_held_until_its_end(log: Log, block_bytes: int) -> None:
    """A line that is written in pieces comes once, when its newline is there."""

    def happenings() -> Happenings:
        for piece in (b"fir", b"st", b"\n", b"sec", b"ond\nthi", b"rd", b"\nfourth"):
            log.write(piece)
            yield None

    log.write(b"")
    followed = follow(happenings(), log.path, limits=Limits(block_bytes=block_bytes))
    assert followed.lines == [b"first", b"second", b"third"]


def test_of_a_line_that_is_too_long_little_is_kept(log: Log) -> None:
    """A line that grows without end is cut, and the next one is whole."""

    def happenings() -> Happenings:
        for _ in range(100):
            log.write(b"x" * 100)
            yield None
        log.write(b"\nshort\n")
        yield None

    log.write(b"")
    followed = follow(happenings(), log.path, limits=Limits(max_line_bytes=150))
    assert followed.lines[0].strip(b"x") == b""
    assert 150 < len(followed.lines[0]) < 300
    assert followed.lines[1:] == [b"short"]


def test_a_log_that_is_not_there_is_waited_for(log: Log) -> None:
    """It is said once that a log is missing; when it is there it is read from its beginning."""

    def happenings() -> Happenings:
        yield None
        yield None
        log.write(b"")
        yield None
        log.write(b"1\n")
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1"]
    assert followed.messages == [f"{log.path}: is not there yet; waiting for it"]
    assert followed.errors == []


def test_a_log_in_a_folder_that_is_not_there_is_waited_for(log: Log) -> None:
    """The folder may come later, too."""
    inner = Log(log.path / "inner")

    def happenings() -> Happenings:
        yield None
        log.path.mkdir()
        yield None
        inner.write(b"1\n")
        yield None

    assert follow(happenings(), inner.path).lines == [b"1"]


def test_an_empty_line_is_a_line(log: Log) -> None:
    """Blank lines count for the numbers of lines."""

    def happenings() -> Happenings:
        log.write(b"\n\n")
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == [b"1", b"", b""]


# Rotation by renaming.


def test_a_renamed_log_is_finished_before_the_new_one(log: Log) -> None:
    """What was written to the old log after the last look comes before what is in the new one."""

    def happenings() -> Happenings:
        log.write(b"2\n")
        log.rename()
        log.write(b"3\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.by_input == [(str(log.path), b"1\n2\n"), (str(log.path), b"3\n")]
    assert followed.messages == []


def test_a_writer_that_has_not_noticed_writes_on_to_the_renamed_log(log: Log) -> None:
    """Until the new log has something in it the old one goes on, however long that takes."""

    def happenings() -> Happenings:
        old = log.rename()
        write(old, b"2\n")
        yield 60.0
        log.write(b"")  # logrotate has made the new one
        write(old, b"3\n")
        yield 60.0
        write(old, b"4\n")
        yield None
        log.write(b"5\n")
        yield None
        log.write(b"6\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert [lines for _, lines in followed.by_input] == [b"1\n2\n3\n4\n", b"5\n6\n"]


def test_of_several_writers_the_last_to_notice_loses_nothing(log: Log) -> None:
    """Lines that still come to the old log when the new one was begun are taken, too."""

    def happenings() -> Happenings:
        old = log.rename()
        log.write(b"2\n")
        yield None
        write(old, b"3\n")
        yield LINGER_S - 1
        write(old, b"4\n")
        log.write(b"5\n")
        yield None

    log.write(b"1\n")
    assert sorted(follow(happenings(), log.path).lines) == [b"1", b"2", b"3", b"4", b"5"]


def test_a_line_that_is_being_written_while_the_log_is_renamed_stays_whole(log: Log) -> None:
    """The end of a line may come to the old log when another writer has begun the new one."""

    def happenings() -> Happenings:
        write(log.path, b"sec")
        yield None
        old = log.rename()
        log.write(b"third\n")
        yield None
        write(old, b"ond\n")
        yield None

    log.write(b"first\n")
    assert sorted(follow(happenings(), log.path).lines) == [b"first", b"second", b"third"]


def test_a_last_line_without_an_end_comes_when_nobody_writes_it_on(log: Log) -> None:
    """The last line of a renamed log may have no newline; it counts as at the end of a file."""

    def happenings() -> Happenings:
        log.write(b"second")
        log.rename()
        log.write(b"third\n")
        yield None
        yield LINGER_S
        yield None

    log.write(b"first\n")
    assert sorted(follow(happenings(), log.path).lines) == [b"first", b"second", b"third"]


def test_an_old_log_is_let_go_after_a_while(log: Log) -> None:
    """However often a log is rotated, few files are open."""
    most = 0

    def happenings() -> Happenings:
        nonlocal most
        for number in range(2, 50):
            log.rename()
            log.write(b"%d\n" % number)
            yield LINGER_S / 2

    log.write(b"1\n")

    def count(_: Block) -> None:
        nonlocal most
        most = max(most, open_files())

    before = open_files()
    followed = follow(happenings(), log.path, on_block=count)
    assert followed.lines == [b"%d" % number for number in range(1, 50)]
    assert most - before <= 6


def test_there_may_be_no_log_for_a_while(log: Log) -> None:
    """Between renaming and the first line of the new log there is nothing of the name."""

    def happenings() -> Happenings:
        log.rename()
        yield 60.0
        log.write(b"2\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2"]
    assert followed.errors == []


def test_a_log_that_is_removed_is_finished(log: Log) -> None:
    """What is still written to it comes, until there is another of its name."""

    def happenings() -> Happenings:
        with log.path.open("ab") as file:
            log.path.unlink()
            file.write(b"2\n")
        yield None
        log.write(b"3\n")
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == [b"1", b"2", b"3"]


def test_a_log_that_was_empty_when_it_was_renamed(log: Log) -> None:
    """Nothing was read of it, yet nothing that comes to it or after it is lost."""

    def happenings() -> Happenings:
        old = log.rename()
        write(old, b"1\n")
        log.write(b"2\n")
        yield None

    log.write(b"")
    assert follow(happenings(), log.path).lines == [b"1", b"2"]


# Several rotations between two looks, as when the machine or the reader of the results was
# asleep.


def numbered(first: int, last: int) -> list[bytes]:
    """Return lines that are numbers, both ends included."""
    return [b"%d" % number for number in range(first, last + 1)]


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
@pytest.mark.parametrize("times", [1, 2, 3, 11])
@pytest.mark.parametrize("compressed", ["none", "all", "all but the first"])
def test_several_rotations_at_once(log: Log, by: str, times: int, compressed: str) -> None:
    """The logs that came and went in the meantime are found, and taken in order."""

    def happenings() -> Happenings:
        for number in range(times):
            log.write(b"%d\n" % (2 * number + 2))
            first = getattr(log, by)()
            if compressed == "all":
                compress(first)
            elif compressed == "all but the first" and number:
                compress(log.rotated()[1])
            log.write(b"%d\n" % (2 * number + 3))
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 2 * times + 1)
    assert followed.messages == []
    assert followed.errors == []


@pytest.mark.parametrize(
    "name", ["log-2024030{}", "log.2024-03-04T0{}", "log_{}-12.30", "log.{}.gz"]
)
def test_rotated_logs_may_be_named_by_their_times(log: Log, name: str) -> None:
    """Any name with numbers will do."""

    def happenings() -> Happenings:
        for number in (1, 2, 3):
            new = log.path.with_name(name.format(number).removesuffix(".gz"))
            log.path.rename(new)
            if name.endswith(".gz"):
                compress(new)
            log.write(b"%d\n" % (number + 1))
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == numbered(1, 4)


@pytest.mark.parametrize(
    "name", ["app-2024030{}.jsonl", "app.{}.jsonl", "app.jsonl.{}", "app.jsonl-2024030{}"]
)
def test_rotated_logs_may_keep_their_suffix(log: Log, name: str) -> None:
    """With `extension .jsonl` of logrotate and in many libraries the number comes before it."""
    path = log.path.with_name("app.jsonl")

    def happenings() -> Happenings:
        for number in (1, 2, 3):
            path.rename(path.with_name(name.format(number)))
            write(path, b"%d\n" % (number + 1))
        yield None

    write(path, b"1\n")
    assert follow(happenings(), path).lines == numbered(1, 4)


def test_rotated_logs_that_were_changed_at_the_same_time(log: Log) -> None:
    """A backup may have given all of them one time; then the numbers tell their order."""

    def happenings() -> Happenings:
        for number in range(2, 14):
            log.rename()
            log.write(b"%d\n" % number)
        for path in log.rotated():
            os.utime(path, (1, 1))
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == numbered(1, 13)


def test_other_logs_beside_are_left_alone(log: Log) -> None:
    """What is named otherwise is none of the rotated ones, even if it is new."""

    def happenings() -> Happenings:
        log.rename()
        for name in (
            "log.bak",
            "log2",
            "log.1.tmp",
            "access.1",
            "log.error.1",
            "xlog.1",
            "log.lock",
        ):
            write(log.path.with_name(name), b"other\n")
        log.path.with_name("log.5").mkdir()
        os.mkfifo(log.path.with_name("log.6"))
        log.write(b"2\n")
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == [b"1", b"2"]


def test_older_logs_are_not_read_again(log: Log) -> None:
    """What was rotated before the log was followed does not count."""
    for number in range(3):
        log.write(b"old %d\n" % number)
        log.rename()

    def happenings() -> Happenings:
        log.rename()
        log.write(b"2\n")
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == [b"1", b"2"]


@pytest.mark.parametrize("looks", [True, False])
def test_a_log_that_was_read_is_not_read_again_compressed(log: Log, *, looks: bool) -> None:
    """A script that gives the compressed log a later time does not let it count twice."""

    def happenings() -> Happenings:
        log.rename()
        log.write(b"2\n")
        yield None
        if looks:
            yield LINGER_S
        log.rename()
        touch(compress(log.rotated()[1]))
        log.write(b"3\n")
        yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == [b"1", b"2", b"3"]


def test_a_log_that_is_just_being_compressed_counts_once(log: Log) -> None:
    """As long as a log is there, what has been written of its archive does not count."""

    def happenings() -> Happenings:
        for number in (2, 3):
            log.rename()
            log.write(b"%d\n" % number)
        first = log.rotated()[0]
        copy = first.with_name("copy")
        shutil.copyfile(first, copy)
        archive = compress(copy)
        first.with_name("log.1.gz").write_bytes(archive.read_bytes()[:15])
        touch(first.with_name("log.1.gz"))
        archive.unlink()
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2", b"3"]
    assert followed.errors == []


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
@pytest.mark.parametrize("place", range(8))
def test_rotations_while_a_block_is_worked_on(log: Log, by: str, place: int) -> None:
    """The reader of the results may take its time anywhere, and the log be rotated meanwhile."""
    blocks = 0
    written = 3

    def add() -> None:
        nonlocal written
        written += 1
        log.write(b"%d\n" % written)

    def rotate(_block: Block) -> None:
        nonlocal blocks
        blocks += 1
        if blocks == place + 1:
            for _ in range(3):
                getattr(log, by)()
                add()

    def happenings() -> Happenings:
        add()
        old = getattr(log, by)()
        if by == "rename":
            write(old, b"4a\n4b\n")
        add()
        add()
        yield None
        yield None
        add()
        yield None
        yield None

    log.write(b"1\n2\n3\n")
    # A block a line.
    followed = follow(happenings(), log.path, limits=Limits(block_bytes=2), on_block=rotate)
    numbers = [line for line in followed.lines if line.isdigit()]
    assert numbers == numbered(1, written)
    assert sorted(set(followed.lines) - set(numbers)) == ([b"4a", b"4b"] if by == "rename" else [])


def test_rotations_while_missed_logs_are_caught_up_on(log: Log) -> None:
    """Rotation changes the names of logs that were found, but are not read yet."""
    written = 1

    def add_and_rotate() -> None:
        nonlocal written
        log.rename()
        written += 1
        log.write(b"%d\n" % written)

    def rotate(_: Block) -> None:
        if written < 12:
            add_and_rotate()

    def happenings() -> Happenings:
        for _ in range(3):
            add_and_rotate()
        yield None
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path, on_block=rotate)
    assert followed.lines == numbered(1, 15)
    assert written == 15
    assert followed.errors == []


def test_missed_logs_that_are_compressed_while_they_are_caught_up_on(log: Log) -> None:
    """A log that is compressed after it was found, and before it is read, is not lost."""

    def happenings() -> Happenings:
        for number in (2, 3, 4):
            log.rename()
            log.write(b"%d\n" % number)
        yield None

    def compress_all(_: Block) -> None:
        for path in log.rotated():
            if not path.name.endswith(".gz"):
                compress(path)

    log.write(b"1\n")
    followed = follow(happenings(), log.path, on_block=compress_all)
    assert followed.lines == numbered(1, 4)
    assert followed.errors == []


# Rotation by copying and truncating.


def test_what_was_not_read_of_a_truncated_log_is_in_the_copy(log: Log) -> None:
    """The input goes on in the copy, and a new one begins at the beginning of the log."""

    def happenings() -> Happenings:
        log.write(b"2\n")
        log.copy_and_truncate()
        log.write(b"3\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.by_input == [(str(log.path), b"1\n2\n"), (str(log.path), b"3\n")]
    assert followed.messages == []


def test_a_truncated_log_may_stay_empty_for_a_while(log: Log) -> None:
    """An empty log is none that was cut once more."""

    def happenings() -> Happenings:
        log.write(b"2\n")
        log.copy_and_truncate()
        yield None
        yield 60.0
        log.write(b"3\n")
        yield None
        log.write(b"4\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 4)
    assert followed.messages == []


def test_a_truncated_log_may_be_longer_again_than_it_was(log: Log) -> None:
    """That a log was cut is noticed by what stands where the reading stopped."""

    def happenings() -> Happenings:
        log.copy_and_truncate()
        log.write(b"".join(line + b"\n" for line in numbered(2, 100)))
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 100)


def test_a_line_that_is_begun_when_the_log_is_copied(log: Log) -> None:
    """What was read of it is not lost, and does not come twice: it is in the copy."""

    def happenings() -> Happenings:
        log.write(b"sec")
        yield None
        log.write(b"ond\nthird\n")
        log.copy_and_truncate()
        log.write(b"fourth\n")
        yield None

    log.write(b"first\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"first", b"second", b"third", b"fourth"]


def test_a_log_that_is_cut_without_a_copy_is_begun_anew(log: Log) -> None:
    """It is said that lines may be lost; what comes is read from the beginning."""

    def happenings() -> Happenings:
        os.truncate(log.path, 0)
        log.write(b"2\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2"]
    (message,) = followed.messages
    assert message.startswith(f"{log.path}: was cut, and there is no copy of it beside it;")


def test_a_copy_that_lacks_what_was_read_is_none(log: Log) -> None:
    """A backup from before is not what rotation has made."""

    def happenings() -> Happenings:
        shutil.copyfile(log.path, log.path.with_name("log.1"))
        log.write(b"2\n")
        yield None
        os.truncate(log.path, 0)
        log.write(b"3\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2", b"3"]
    assert len(followed.messages) == 1


def test_a_writer_that_does_not_append_leaves_a_hole(log: Log) -> None:
    """`app > log` writes on where it was when the log is truncated: after a hole of zeros."""

    def happenings() -> Happenings:
        log.copy_and_truncate()
        with log.path.open("r+b") as file:
            file.seek(100_000)
            file.write(b"2\n3\n")
        yield None
        log.write(b"4\n")
        yield None

    log.write(b"1\n")
    lines = follow(happenings(), log.path, limits=Limits(max_line_bytes=1000)).lines
    assert lines == [b"1", b"2", b"3", b"4"]


# Replaced.


@pytest.mark.parametrize("keeps_backup", [False, True])
def test_a_log_that_is_replaced_by_a_longer_copy_of_itself(log: Log, *, keeps_backup: bool) -> None:
    """Editors and rsync put a new file in its place, with all that it had; that counts once."""

    def happenings() -> Happenings:
        for number in (2, 3):
            new = log.path.with_name(".log.tmp")
            new.write_bytes(log.path.read_bytes() + b"%d\n" % number)
            if keeps_backup:
                log.path.rename(log.path.with_name("log~"))
            new.rename(log.path)
            yield None
        log.write(b"4\n")
        yield None
        yield LINGER_S

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == numbered(1, 4)


def test_a_log_that_is_shortened_is_waited_for(log: Log) -> None:
    """An editor that writes in place cuts a log first; what was read of it does not come twice."""
    whole = b"".join(b"%d\n" % number for number in range(1, 100))

    def happenings() -> Happenings:
        os.truncate(log.path, 20)
        yield None
        yield None
        with log.path.open("r+b") as file:  # in place
            file.write(whole)
        log.write(b"100\n")
        yield None

    log.write(whole)
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 100)
    (message,) = followed.messages
    assert message == (
        f"{log.path}: is shorter than the {len(whole)} bytes that were read of it; waiting for it"
        " to be as it was"
    )


@pytest.mark.parametrize("keeps_backup", [False, True])
@pytest.mark.parametrize("line", [b"500\n", b"998\n"])
def test_a_log_of_which_lines_are_removed_is_not_read_on(
    log: Log, line: bytes, *, keeps_backup: bool
) -> None:
    """What was counted cannot be taken back, and is not counted twice: an error says so."""
    whole = b"".join(b"%d\n" % number for number in range(1, 1000))

    def happenings() -> Happenings:
        if keeps_backup:  # sed -i.bak
            shutil.copyfile(log.path, log.path.with_name("log.bak"))
        new = log.path.with_name("new")
        new.write_bytes(whole.replace(b"\n" + line, b"\n") + b"new line\n")
        new.rename(log.path)
        yield None

    log.write(whole)
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 999)
    (message,) = followed.errors
    assert message == (
        f"{log.path}: was replaced by a file that has lines of it, but not all as they were, so it"
        " cannot be read on"
    )


def test_a_new_log_may_begin_as_the_one_before(log: Log) -> None:
    """Without times in a log, lines come again; the name of the old log tells that it is old."""

    def happenings() -> Happenings:
        for _ in range(3):
            log.rename()
            log.write(b"open\nclose\n")
            yield None

    log.write(b"open\n")
    assert follow(happenings(), log.path).lines == [b"open"] + [b"open", b"close"] * 3


@pytest.mark.parametrize("names", ["log.1 log", "log log.1"])
def test_a_rotated_log_that_is_named_too_is_not_read_twice(log: Log, names: str) -> None:
    """The history first, then what comes: the log takes the other name, which has been read."""

    def happenings() -> Happenings:
        for number in (3, 5, 7):
            log.write(b"%d\n" % number)
            log.rename()
            log.write(b"%d\n" % (number + 1))
            yield None
            yield LINGER_S + 1
            yield None

    write(log.path.with_name("log.1"), b"1\n")
    log.write(b"2\n")
    paths = [log.path.with_name(name) for name in names.split()]
    assert sorted(follow(happenings(), *paths).lines) == numbered(1, 8)


def test_a_link_to_another_log(log: Log) -> None:
    """A symbolic link that is switched leads to the next log; the last one is finished."""
    first, second = (log.path.with_name(f"log-{number}") for number in (1, 2))

    def happenings() -> Happenings:
        write(first, b"2\n")
        write(second, b"3\n")
        other = log.path.with_name("other")
        other.symlink_to(second)
        other.rename(log.path)
        yield None
        write(first, b"4\n")
        yield None

    write(first, b"1\n")
    log.path.symlink_to(first)
    assert follow(happenings(), log.path).lines == numbered(1, 4)


def test_rotation_behind_a_link(log: Log) -> None:
    """As Kubernetes has it: a link elsewhere to a log that is renamed where it is."""
    links = log.path.parent.parent / "links"
    links.mkdir()
    link = links / "app.log"
    link.symlink_to(log.path)

    def happenings() -> Happenings:
        for number in (1, 2, 3):
            log.path.rename(log.path.with_name(f"log.2024030{number}-120000"))
            log.write(b"%d\n" % (number + 1))
        yield None

    log.write(b"1\n")
    assert follow(happenings(), link).lines == numbered(1, 4)


def test_a_new_log_may_get_the_number_of_one_that_is_gone(log: Log) -> None:
    """File systems give the numbers of removed files anew; what is in a file counts."""

    def happenings() -> Happenings:
        for number in range(2, 30):
            log.rename().unlink()
            log.write(b"%d\n" % number)
            yield LINGER_S + 1
            yield None

    log.write(b"1\n")
    assert follow(happenings(), log.path).lines == numbered(1, 29)


# Several logs.


def test_several_logs_are_followed(log: Log) -> None:
    """Each is read on whenever it has something, and is rotated for itself."""
    other = Log(log.path.with_name("other"))

    def happenings() -> Happenings:
        other.write(b"b2\n")
        yield None
        log.write(b"a2\n")
        other.rename()
        other.write(b"b3\n")
        yield None
        log.copy_and_truncate()
        log.write(b"a3\n")
        yield None

    log.write(b"a1\n")
    other.write(b"b1\n")
    lines = follow(happenings(), log.path, other.path).lines
    assert lines == [b"a1", b"b1", b"b2", b"a2", b"b3", b"a3"]


def test_an_older_archive_and_the_log_of_today(log: Log) -> None:
    """What is compressed is read to its end, for it does not grow; the other one is followed."""
    write(log.path.with_name("log.1"), b"1\n2")
    archive = compress(log.path.with_name("log.1"))

    def happenings() -> Happenings:
        log.write(b"4\n")
        yield None

    log.write(b"3\n")
    followed = follow(happenings(), archive, log.path)
    assert followed.lines == numbered(1, 4)
    finished = [each.input.name for each in followed.arrivals if isinstance(each, Finished)]
    assert finished == [str(archive)]


def test_with_archives_only_there_is_nothing_to_wait_for(log: Log) -> None:
    """Following ends when no input can get more lines."""
    log.write(b"1\n2")
    followed = follow(iter(()), compress(log.path))
    assert followed.lines == [b"1", b"2"]
    assert followed.ended


def test_a_log_that_cannot_be_read_costs_no_other(log: Log) -> None:
    """It is said what is wrong, and the others are followed."""
    folder = log.path.with_name("folder")
    folder.mkdir()

    def happenings() -> Happenings:
        log.write(b"2\n")
        yield None

    log.write(b"1\n")
    followed = follow(happenings(), folder, log.path)
    assert followed.lines == [b"1", b"2"]
    assert len(followed.errors) == 1
    assert "is a directory" in followed.errors[0]
    assert follow(iter(()), folder).ended


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_read_that_fails_costs_no_other(log: Log, *, is_renamed: bool) -> None:
    """A log on a network that is gone is told, even one that was rotated; others go on."""
    other = Log(log.path.with_name("other"))
    log.write(b"1\n")
    other.write(b"b1\n")
    bad = log.path.stat().st_ino
    fails = False
    read = os.read

    def failing(descriptor: int, size: int) -> bytes:
        if fails and os.fstat(descriptor).st_ino == bad:
            raise OSError(116, "Stale file handle")
        return read(descriptor, size)

    def happenings() -> Happenings:
        nonlocal fails
        if is_renamed:
            log.rename()
            log.write(b"2\n")
            yield None
        fails = True
        yield None
        log.write(b"3\n")
        other.write(b"b2\n")
        yield None
        yield None

    with mock.patch.object(os, "read", failing):
        followed = follow(happenings(), log.path, other.path)
    assert len(followed.errors) == 1
    assert followed.errors[0].endswith("cannot read on: Stale file handle")
    assert b"b2" in followed.lines
    assert (b"3" in followed.lines) == is_renamed


def test_a_log_that_is_renamed_just_when_it_is_opened(log: Log) -> None:
    """There may be nothing under the name for a moment; that is waited for, no error."""
    log.write(b"1\n")
    open_ = os.open
    opened = 0

    def opening(path: str, *arguments: int) -> int:
        nonlocal opened
        if path == str(log.path):
            opened += 1
            if opened == 1:
                log.path.rename(log.path.with_name("moment"))
        return open_(path, *arguments)

    def happenings() -> Happenings:
        log.path.with_name("moment").rename(log.path)
        yield None

    with mock.patch.object(os, "open", opening):
        followed = follow(happenings(), log.path)
    assert followed.lines == [b"1"]
    assert followed.errors == []


# Between any two steps of a look.


def at_open(path: Path, happen: Callable[[], object]) -> Any:
    """Let something happen just before a file is opened for the first time from then on."""
    open_ = os.open
    happened = False

    def opening(name: str, *arguments: int) -> int:
        nonlocal happened
        if name == str(path) and not happened:
            happened = True
            happen()
        return open_(name, *arguments)

    return mock.patch.object(os, "open", opening)


def at_listing(happen: Callable[[], None]) -> Any:
    """Let something happen in the middle of the first listing of a folder from then on."""
    scan = os.scandir
    happened = False

    @contextmanager
    def scanning(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        def entries() -> Iterator[os.DirEntry[str]]:
            nonlocal happened
            for place, entry in enumerate(sorted(found, key=lambda entry: entry.name)):
                if place == 1 and not happened:
                    happened = True
                    happen()
                yield entry

        with scan(folder) as found:
            yield entries()

    return mock.patch.object(os, "scandir", scanning)


def test_a_log_that_is_back_at_once_after_it_was_missing(log: Log) -> None:
    """It is missing when it is opened, and is there at the next look."""
    moment = log.path.with_name("moment")
    log.write(b"1\n")

    def happenings() -> Happenings:
        log.rename()
        log.write(b"2\n")
        with at_open(log.path, lambda: log.path.rename(moment)):
            yield None
        moment.rename(log.path)
        yield None
        log.write(b"3\n")
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 3)
    assert (followed.messages, followed.errors) == ([], [])


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
def test_logs_that_are_renamed_while_they_are_listed(log: Log, by: str) -> None:
    """A listing can have one file twice and another one not at all; it is made again then."""
    log.write(b"1\n")
    written = 1

    def rotate() -> None:
        nonlocal written
        written += 1
        getattr(log, by)()
        log.write(b"%d\n" % written)

    def happenings() -> Happenings:
        for _ in range(3):
            rotate()
            rotate()
            with at_listing(rotate):
                yield None
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 10)
    assert (followed.messages, followed.errors) == ([], [])


@pytest.mark.parametrize("name", ["log", "log.1", "log.2", "log.3"])
@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
def test_logs_that_are_renamed_before_they_are_opened(log: Log, by: str, name: str) -> None:
    """Under the name that was listed there is another log by then, which is not taken for it."""
    log.write(b"1\n")
    written = 1

    def rotate() -> None:
        nonlocal written
        written += 1
        getattr(log, by)()
        log.write(b"%d\n" % written)

    def happenings() -> Happenings:
        for _ in range(3):
            rotate()
        with at_open(log.path.with_name(name), rotate):
            yield None
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, written)
    assert (followed.messages, followed.errors) == ([], [])


@pytest.mark.parametrize("name", ["log.1", "log.2"])
@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
def test_a_log_that_is_compressed_before_it_is_opened(log: Log, by: str, name: str) -> None:
    """It was listed and is gone; what has become of it is found in a new listing."""
    log.write(b"1\n")
    path = log.path.with_name(name)

    def happenings() -> Happenings:
        for number in (2, 3, 4):
            getattr(log, by)()
            log.write(b"%d\n" % number)
        with at_open(path, lambda: compress(path) if path.exists() else None):
            yield None
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 4)
    assert (followed.messages, followed.errors) == ([], [])


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("times", [1, 3])
def test_a_log_that_is_copied_and_cut_at_its_first_line(
    log: Log, times: int, *, is_there: bool
) -> None:
    """Nothing was read of it before; the copies came after the follower did."""
    write(log.path.with_name("log.1"), b"old\n")
    if is_there:
        log.write(b"")

    def happenings() -> Happenings:
        yield None
        for number in range(1, times + 1):
            log.write(b"%d\n" % number)
            log.copy_and_truncate()
        yield None
        log.write(b"%d\n" % (times + 1))
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, times + 1)
    assert followed.errors == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_copy_that_is_just_being_made_is_not_read_twice(log: Log, *, is_whole: bool) -> None:
    """As long as the log has its lines, they are read there."""

    def happenings() -> Happenings:
        log.write(b"1\n2\n3\n")
        copy = log.path.with_name("log-20240304")
        write(copy, b"1\n2\n3\n" if is_whole else b"1\n2")
        yield None
        copy.write_bytes(log.path.read_bytes())
        os.truncate(log.path, 0)
        yield None
        log.write(b"4\n")
        yield None

    log.write(b"")
    followed = follow(happenings(), log.path)
    assert followed.lines == numbered(1, 4)
    assert (followed.messages, followed.errors) == ([], [])


def test_copies_that_begin_with_the_same_lines(log: Log) -> None:
    """Each is told by what comes after them, however often the log is cut between two looks."""
    start = b"".join(b"line %d of the licence\n" % number for number in range(50))

    def happenings() -> Happenings:
        for number in range(2, 8):
            log.copy_and_truncate()
            log.write(start + b"%d\n" % number)
            if number % 3 == 0:
                yield None
        yield None

    log.write(start + b"1\n")
    followed = follow(happenings(), log.path)
    assert [line for line in followed.lines if line.isdigit()] == numbered(1, 7)
    assert len(followed.lines) == 7 * 51
    assert (followed.messages, followed.errors) == ([], [])


def test_a_number_that_is_missing_is_reported(log: Log) -> None:
    """Somebody removed a log before it was read; the others are read, and a message says so."""
    log.write(b"1\n")

    def happenings() -> Happenings:
        for number in (2, 3, 4):
            log.rename()
            log.write(b"%d\n" % number)
        log.path.with_name("log.2").unlink()
        for _ in range(5):
            yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"3", b"4"]
    (message,) = followed.messages
    assert message == (
        f"{log.path}: may have missed lines: log.3 was read before, and number 2, which came after"
        " it, is not there"
    )


def test_that_the_log_that_was_read_was_removed_is_reported(log: Log) -> None:
    """Then nothing tells how often it was rotated between two looks."""
    log.write(b"1\n")

    def happenings() -> Happenings:
        yield None
        log.rename()
        log.write(b"2\n")
        yield None
        for number in (3, 4):
            log.rename().unlink()
            log.write(b"%d\n" % number)
        yield None

    followed = follow(happenings(), log.path)
    assert followed.lines == [b"1", b"2", b"4"]
    (message,) = followed.messages
    assert message == (
        f"{log.path}: may have missed lines: the log that was read before is no longer beside this"
        " one, so there may have been others in between"
    )


# Anything, in any order.


class Writer:
    """A writer of lines, its log, and what rotates it.

    The writer writes on to the file that it has open when that is renamed, until it is
    told to open its log anew.
    """

    def __init__(self, log: Log, by: str) -> None:
        """Begin a log that is rotated in one way."""
        self.log = log
        self._by = by
        self.lines: list[bytes] = []
        self._begun = b""
        self._file = log.path.open("ab", buffering=0)

    def write(self, number: int) -> None:
        """Write lines."""
        for _ in range(number):
            self.begin(2)
            self._end()

    def begin(self, size: int) -> None:
        """Write the beginning of a line, or of its rest."""
        if not self._begun:
            self._begun = b"%d-" % len(self.lines) + b"x" * (len(self.lines) * 7 % 30)
            self.lines.append(self._begun)
        self._put(self._begun[:size])
        self._begun = self._begun[size:]
        if not self._begun:
            self._put(b"\n")

    def rotate(self) -> None:
        """Rotate in the way of the log; a line that is copied while it is written is torn."""
        if self._by == "copy_and_truncate":
            self.reopen()
            self.log.copy_and_truncate()
        elif self.log.path.exists():
            self.log.rename()

    def reopen(self) -> None:
        """End the line and open the log anew."""
        self._end()
        self._file.close()
        self._file = self.log.path.open("ab", buffering=0)

    def compress(self, place: int) -> None:
        """Compress a rotated log that nobody writes to."""
        self.reopen()
        plain = [path for path in self.log.rotated() if path.name.split(".")[-1].isdigit()]
        for path in plain[place : place + 1]:
            compress(path)

    def close(self) -> None:
        """End the line and open files."""
        self.reopen()
        self._file.close()

    def _end(self) -> None:
        while self._begun:
            self.begin(len(self._begun))

    def _put(self, piece: bytes) -> None:
        self._file.write(piece)
        now = next_second()
        os.utime(self._file.fileno(), (now, now))


DEEDS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 5)),
    st.tuples(st.just("begin"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["rotate", "reopen", "rotate"])),
    st.tuples(st.just("compress"), st.integers(0, 3)),
)


@given(
    st.lists(st.lists(DEEDS, max_size=6), max_size=12),
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from([1, 7, 64, 65536]),
    st.sampled_from([None, 1.0, LINGER_S]),
    st.sampled_from(["rename", "copy_and_truncate"]),
)
def test_whatever_happens_each_line_comes_once_and_in_order(
    deeds: list[list[tuple[Any, ...]]],
    on_blocks: list[bool],
    block_bytes: int,
    pause_s: float | None,
    by: str,
) -> None:
    """Between looks and while blocks are worked on, a log is written, rotated, compressed."""
    with TemporaryDirectory() as folder:
        writer = Writer(Log(Path(folder, "log")), by)
        writer.write(1)
        rest = iter(deeds)
        turns = cycle(on_blocks)

        def do() -> None:
            for name, *arguments in next(rest, ()):
                getattr(writer, name)(*arguments)

        def happenings() -> Happenings:
            for _ in deeds:
                do()
                yield pause_s
            writer.reopen()
            writer.write(1)
            writer.close()
            yield None
            yield None
            yield LINGER_S

        followed = follow(
            happenings(),
            writer.log.path,
            limits=Limits(block_bytes=block_bytes),
            on_block=lambda _: do() if next(turns) else None,
        )
        assert followed.lines == writer.lines
        assert followed.errors == followed.messages == []


# What is no file.


def test_standard_input_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has an end; then its last line counts without a newline, and all is over."""
    reader, writer = os.pipe()
    for module in (sources, content):
        monkeypatch.setattr(module, "STDIN_DESCRIPTOR", reader)

    def happenings() -> Happenings:
        os.write(writer, b"2\nthi")
        yield None
        os.write(writer, b"rd\n")
        yield None
        os.write(writer, b"4")
        os.close(writer)
        yield None

    os.write(writer, b"1\n")
    followed = follow(happenings(), STDIN)
    os.close(reader)
    assert followed.by_input == [("<stdin>", b"1\n2\nthird\n4")]
    assert followed.messages == []


def test_a_redirected_log_is_followed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on standard input grows as any other; it has no name to look for."""

    def happenings() -> Happenings:
        log.write(b"2\n")
        yield None
        old = log.rename()
        log.write(b"other\n")
        yield None
        write(old, b"3\n")
        yield None

    log.write(b"1\n")
    with log.path.open("rb") as file:
        for module in (sources, content):
            monkeypatch.setattr(module, "STDIN_DESCRIPTOR", file.fileno())
        followed = follow(happenings(), STDIN)
    assert followed.lines == [b"1", b"2", b"3"]


def test_a_named_pipe_is_followed_from_writer_to_writer(tmp_path: Path) -> None:
    """When one writer has gone the next is waited for, and lines stay whole."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    keeper = os.open(fifo, os.O_RDWR)  # so that opening need not wait
    writer = os.open(fifo, os.O_WRONLY)

    def happenings() -> Happenings:
        nonlocal writer
        os.write(writer, b"2\n3")
        os.close(writer)
        os.close(keeper)
        yield None
        yield None
        writer = os.open(fifo, os.O_WRONLY)
        os.write(writer, b"3\n4\n")
        yield None
        os.close(writer)

    os.write(writer, b"1\n")
    followed = follow(happenings(), fifo)
    assert followed.lines == [b"1", b"2", b"33", b"4"]
    assert followed.messages == []


# Silence.


def test_silence_is_the_time_since_the_last_line(log: Log) -> None:
    """It is told at each look; the beginning of a line does not break it, a line does."""

    def happenings() -> Happenings:
        yield 1.0
        yield 2.0
        log.write(b"be")
        yield 4.0
        log.write(b"gun\n")
        yield 8.0
        yield 16.0

    log.write(b"1\n")
    followed = follow(happenings(), log.path)
    assert followed.silences_s == [0.0, 1.0, 3.0, 7.0, 0.0, 16.0]


def test_nobody_is_silent_if_one_of_several_is_not(log: Log) -> None:
    """A line of any log breaks the silence of all."""
    other = Log(log.path.with_name("other"))

    def happenings() -> Happenings:
        yield 5.0
        other.write(b"1\n")
        yield 5.0
        yield 5.0

    log.write(b"1\n")
    other.write(b"1\n")
    assert follow(happenings(), log.path, other.path).silences_s == [0.0, 5.0, 0.0, 5.0]
