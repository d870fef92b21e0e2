"""Going on with logs that were read before, whatever has become of them meanwhile.

Each case is read by both readers: to the end, and following for a while.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest import mock

import pytest
from rotating import Log, OverError, compress, touch, write

from ctrlog.errors import InputError
from ctrlog.inputs.follow import LINGER_S, Following
from ctrlog.inputs.reader import (
    DEFAULT_LIMITS,
    Block,
    Finished,
    Input,
    InTurn,
    Limits,
    Plan,
    Reader,
)
from ctrlog.inputs.resume import Continuation


class Runs:
    """Runs one after the other, each of which goes on from the one before.

    Attributes:
        remembered: What is known of the inputs, as a checkpoint has it.
        messages: What the last run said.
        errors: What the last run could not read.
        finished: The names of the inputs that the last run finished.
    """

    def __init__(self, *, follows: bool) -> None:
        """Remember nothing."""
        self.remembered: list[Input] = []
        self.messages: list[str] = []
        self.errors: list[str] = []
        self.finished: list[str] = []
        self._follows = follows

    def read(
        self,
        *names: Path,
        blocks: int | None = None,
        on_block: Callable[[Block], None] = lambda _: None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> list[bytes]:
        """Read logs on and return their new lines.

        Args:
            names: The logs.
            blocks: Stop after so many; None to read all.
            on_block: What happens while a block is worked on.
            limits: How much to read.
        """
        self.messages, self.errors, self.finished = [], [], []
        plan = Continuation(self.remembered, self.messages.append)
        lines = []
        met = [*self.remembered]
        arrivals = self._reader(plan, limits).read(map(str, names))
        try:
            for arrival in islice(arrivals, blocks):
                if isinstance(arrival, Block):
                    lines += arrival.lines.removesuffix(b"\n").split(b"\n")
                    met.append(arrival.input)
                    on_block(arrival)
                elif isinstance(arrival, Finished):
                    self.finished.append(arrival.input.name)
                elif isinstance(arrival, InputError):
                    self.errors.append(str(arrival))
        except OverError:
            pass
        arrivals.close()
        self.remembered = [
            Input(each.name, str(Path(each.path).absolute()), mark, home=each.home)
            for each in dict.fromkeys(met)
            if (mark := each.place()) is not None
        ]
        return lines

    def _reader(self, plan: Plan, limits: Limits) -> Reader:
        if not self._follows:
            return InTurn(limits, plan, is_to_go_on=True)
        slept = 0

        def sleep(_: float) -> None:
            nonlocal slept
            slept += 1
            if slept == 3:
                raise OverError

        return Following(
            limits,
            plan,
            self.messages.append,
            clock=lambda: slept * LINGER_S,
            sleep=sleep,
            known=self.remembered,
        )


@pytest.fixture(params=[False, True], ids=["in turn", "following"])
def runs(request: pytest.FixtureRequest) -> Runs:
    """Runs that remember nothing yet."""
    return Runs(follows=request.param)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log of which two lines are to be read first, in a folder of its own."""
    folder = tmp_path / "logs"
    folder.mkdir()
    log = Log(folder / "log")
    log.write(b"1\n2\n")
    return log


@pytest.fixture
def other(tmp_path: Path) -> Log:
    """A log that is not there yet, in another folder."""
    folder = tmp_path / "others"
    folder.mkdir()
    return Log(folder / "other")


# Where it was.


def test_only_what_is_new_is_read(runs: Runs, log: Log) -> None:
    """A log that has grown gives what it has more, one that has not gives nothing."""
    assert runs.read(log.path) == [b"1", b"2"]
    assert runs.read(log.path) == []
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]
    log.write(b"4\n5\n")
    assert runs.read(log.path) == [b"4", b"5"]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_line_without_an_end_is_left_for_later(runs: Runs, log: Log) -> None:
    """It is read when it is whole."""
    log.write(b"thr")
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"ee")
    assert runs.read(log.path) == []
    log.write(b"\n4")
    assert runs.read(log.path) == [b"three"]


def test_a_log_of_which_nothing_was_read_is_begun(runs: Runs, other: Log) -> None:
    """What was empty, or had the beginning of a line only, is as good as new."""
    write(other.path, b"")
    assert runs.read(other.path) == []
    other.write(b"fir")
    assert runs.read(other.path) == []
    other.write(b"st\n")
    assert runs.read(other.path) == [b"first"]


def test_a_new_log_joins_in(runs: Runs, log: Log, other: Log) -> None:
    """Logs can be named at any time; those that are not named for a while are remembered."""
    assert runs.read(log.path) == [b"1", b"2"]
    other.write(b"a\n")
    assert runs.read(other.path) == [b"a"]
    log.write(b"3\n")
    other.write(b"b\n")
    assert runs.read(other.path, log.path) == [b"b", b"3"]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_stop_in_the_middle_is_gone_on_from(runs: Runs, log: Log) -> None:
    """Of a log that was read in part the rest is read."""
    log.write(b"3\n4\n5\n")
    few = Limits(block_bytes=2)
    assert runs.read(log.path, blocks=2, limits=few) == [b"1", b"2"]
    assert runs.read(log.path, blocks=1, limits=few) == [b"3"]
    assert runs.read(log.path) == [b"4", b"5"]


@pytest.mark.parametrize("renumbers", [False, True])
def test_a_copy_in_its_place_is_gone_on_with(runs: Runs, log: Log, *, renumbers: bool) -> None:
    """Editors and rsync put a new file in its place; after a restart disks have new numbers."""
    assert runs.read(log.path) == [b"1", b"2"]
    if renumbers:
        for known in runs.remembered:
            assert known.mark is not None
            known.mark = replace(known.mark, device=known.mark.device + 1)
    else:
        shutil.copyfile(log.path, log.path.with_name("new"))
        log.path.with_name("new").rename(log.path)
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]
    assert (runs.messages, runs.errors) == ([], [])


def test_copies_are_told_apart_by_their_places(runs: Runs, log: Log, other: Log) -> None:
    """A log and its copy that were both read go on, each for itself, with other numbers, too."""
    shutil.copyfile(log.path, other.path)
    assert runs.read(log.path, other.path) == [b"1", b"2", b"1", b"2"]
    for known in runs.remembered:
        assert known.mark is not None
        known.mark = replace(known.mark, device=known.mark.device + 1)
    log.write(b"3\n")
    other.write(b"a\n")
    assert runs.read(other.path, log.path) == [b"a", b"3"]


def test_a_read_error_costs_no_place(log: Log) -> None:
    """If a log cannot be read this time, the next run goes on where the one before stopped."""
    runs = Runs(follows=False)
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"3\n")
    with mock.patch.object(os, "read", side_effect=OSError(5, "Input/output error")):
        assert runs.read(log.path) == []
    assert len(runs.errors) == 1
    assert runs.read(log.path) == [b"3"]


# Elsewhere.


def test_a_renamed_log_is_known_under_its_new_name(runs: Runs, log: Log, other: Log) -> None:
    """The file itself is the log, whatever it is called and wherever it is."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.path.rename(other.path)
    other.write(b"3\n")
    assert runs.read(other.path) == [b"3"]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_renamed_and_a_new_log(runs: Runs, log: Log) -> None:
    """Rotated by hand, and both named: the old one is gone on with, the new one begun."""
    assert runs.read(log.path) == [b"1", b"2"]
    old = log.rename()
    write(old, b"3\n")
    log.write(b"4\n")
    assert runs.read(old, log.path) == [b"3", b"4"]
    assert (runs.messages, runs.errors) == ([], [])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_log_that_was_compressed_since(runs: Runs, log: Log, suffix: str, tmp_path: Path) -> None:
    """What is in an archive beyond what was read of the log is read; and it is known again."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"3\n4")
    packed = compress(log.path, suffix)
    assert runs.read(packed) == [b"3", b"4"]
    assert runs.read(packed) == []
    moved = packed.rename(tmp_path / "moved")
    assert runs.read(moved) == []
    assert (runs.messages, runs.errors) == ([], [])


def test_a_log_that_was_unpacked_since(runs: Runs, log: Log) -> None:
    """The other way round, too."""
    content = log.path.read_bytes()
    packed = compress(log.path)
    assert runs.read(packed) == [b"1", b"2"]
    packed.unlink()
    log.write(content + b"3\n")
    assert runs.read(log.path) == [b"3"]


def test_an_archive_that_grew_by_a_member(runs: Runs, log: Log) -> None:
    """Archives can be joined; what comes after what was read is read."""
    packed = compress(log.path)
    assert runs.read(packed) == [b"1", b"2"]
    with packed.open("ab") as file:
        file.write(gzip.compress(b"3\n"))
    assert runs.read(packed) == [b"3"]


def test_a_copy_beside_its_log_is_a_log_of_its_own(runs: Runs, log: Log, other: Log) -> None:
    """Who names both wants both counted; that is said."""
    assert runs.read(log.path) == [b"1", b"2"]
    shutil.copyfile(log.path, other.path)
    assert runs.read(log.path, other.path) == [b"1", b"2"]
    assert runs.messages == [
        f"{other.path}: is a copy of {log.path}, and counts as a log of its own"
    ]
    log.write(b"3\n")
    other.write(b"a\n")
    assert runs.read(other.path, log.path) == [b"a", b"3"]
    assert runs.messages == []


def test_a_copy_named_alone_is_a_log_of_its_own(runs: Runs, log: Log, other: Log) -> None:
    """As long as the log itself is there, its copy is not taken for it."""
    assert runs.read(log.path) == [b"1", b"2"]
    shutil.copyfile(log.path, other.path)
    assert runs.read(other.path) == [b"1", b"2"]
    assert runs.messages == [
        f"{other.path}: is a copy of {log.path}, and counts as a log of its own"
    ]


def test_the_only_copy_takes_the_place_of_its_log(runs: Runs, log: Log, other: Log) -> None:
    """Moved to another disk, a log is a copy whose original has gone."""
    assert runs.read(log.path) == [b"1", b"2"]
    shutil.copyfile(log.path, other.path)
    log.path.unlink()
    other.write(b"3\n")
    assert runs.read(other.path) == [b"3"]
    assert (runs.messages, runs.errors) == ([], [])


def test_an_archive_beside_its_log_is_a_copy(runs: Runs, log: Log) -> None:
    """With `gzip -k` both are there, and a pattern such as log* names both."""
    assert runs.read(log.path) == [b"1", b"2"]
    content = log.path.read_bytes()
    packed = compress(log.path)
    log.path.write_bytes(content)
    assert runs.read(log.path, packed) == [b"1", b"2"]
    assert runs.messages == [f"{packed}: is a copy of {log.path}, and counts as a log of its own"]


# Rotated.


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_rotated_log_is_finished_first(
    runs: Runs, log: Log, by: str, times: int, *, compressed: bool
) -> None:
    """Then come those that came and went in between, and last what stands under the name."""
    assert runs.read(log.path) == [b"1", b"2"]
    for number in range(times):
        log.write(b"%d\n" % (2 * number + 3))
        first = getattr(log, by)()
        if compressed:
            compress(first)
        log.write(b"%d\n" % (2 * number + 4))
    assert runs.read(log.path) == [b"%d" % number for number in range(3, 2 * times + 3)]
    assert runs.read(log.path) == []
    log.write(b"last\n")
    assert runs.read(log.path) == [b"last"]
    assert (runs.messages, runs.errors) == ([], [])


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
def test_runs_while_the_new_log_is_empty(runs: Runs, log: Log, by: str) -> None:
    """Cron may run right after each rotation, when there is nothing in the new log yet."""
    assert runs.read(log.path) == [b"1", b"2"]
    for number in (3, 4, 5, 6):
        log.write(b"%d\n" % number)
        getattr(log, by)()
        log.write(b"")
        assert runs.read(log.path) == [b"%d" % number]
        assert runs.messages == []


def test_a_line_that_is_being_written_when_its_log_is_renamed(runs: Runs, log: Log) -> None:
    """As long as the new log is empty the old one may grow, and its last line is left."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"thr")
    old = log.rename()
    log.write(b"")
    assert runs.read(log.path) == []
    write(old, b"ee\nfo")
    assert runs.read(log.path) == [b"three"]
    write(old, b"ur\n")
    log.write(b"5\n")
    assert runs.read(log.path) == [b"four", b"5"]
    assert runs.finished[:1] == [str(log.path)]


def test_runs_while_there_is_no_new_log(log: Log) -> None:
    """The old one is finished; that there is none is an error for who does not wait."""
    runs = Runs(follows=False)
    assert runs.read(log.path) == [b"1", b"2"]
    for number in (3, 4):
        log.write(b"%d\n" % number)
        log.rename()
        assert runs.read(log.path) == [b"%d" % number]
        assert runs.errors == [f"{log.path}: No such file or directory"]
        log.write(b"")


@pytest.mark.parametrize("blocks", range(1, 9))
def test_a_stop_while_rotated_logs_are_caught_up_on(runs: Runs, log: Log, blocks: int) -> None:
    """Wherever a run stops in a row of rotated logs, the next ones read the rest."""
    assert runs.read(log.path) == [b"1", b"2"]
    for number in (3, 4, 5):
        log.write(b"%d\n%da\n" % (number, number))
        log.rename()
    log.write(b"6\n")
    expected = [b"3", b"3a", b"4", b"4a", b"5", b"5a", b"6"]
    found = runs.read(log.path, blocks=blocks, limits=Limits(block_bytes=3))
    log.rename()
    log.write(b"7\n")
    found += runs.read(log.path)
    assert found == [*expected, b"7"]


@pytest.mark.parametrize("compresses", [False, True])
def test_rotation_while_rotated_logs_are_caught_up_on(
    runs: Runs, log: Log, *, compresses: bool
) -> None:
    """That names change while there is much to read costs nothing and doubles nothing."""
    assert runs.read(log.path) == [b"1", b"2"]
    written = 2

    def add_and_rotate() -> None:
        nonlocal written
        written += 1
        log.write(b"%d\n" % written)
        first = log.rename()
        if compresses:
            compress(first)

    def rotate(_: Block) -> None:
        if written < 9:
            add_and_rotate()
            log.write(b"")

    add_and_rotate()
    add_and_rotate()
    found = runs.read(log.path, on_block=rotate)
    log.write(b"last\n")
    found += runs.read(log.path)
    assert found == [*(b"%d" % number for number in range(3, written + 1)), b"last"]
    assert runs.errors == []


def test_what_a_rotated_log_got_since_is_not_lost(runs: Runs, log: Log) -> None:
    """A writer that has not noticed may write to the old log when the new one was begun."""
    assert runs.read(log.path) == [b"1", b"2"]
    old = log.rename()
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]
    write(old, b"late\n")
    assert runs.read(log.path) == [b"late"]
    log.write(b"4\n")
    assert runs.read(log.path) == [b"4"]
    assert runs.read(log.path) == []


def test_rotated_logs_that_are_named_too(runs: Runs, log: Log) -> None:
    """`log.1 log` may be what cron always names; nothing comes twice."""
    first = log.path.with_name("log.1")
    write(first, b"0\n")
    assert runs.read(first, log.path) == [b"0", b"1", b"2"]
    found = []
    for number in range(3, 9):
        log.write(b"%d\n" % number)
        log.rename()
        log.write(b"%da\n" % number)
        if number % 3:
            found += runs.read(first, log.path)
    expected = [b"%d" % number for number in range(3, 9)]
    expected += [b"%da" % number for number in range(3, 9)]
    assert sorted([*found, *runs.read(first, log.path)]) == sorted(expected)
    assert runs.messages == []


def test_a_copy_that_is_named_is_not_read_twice(runs: Runs, log: Log) -> None:
    """After copy-and-truncate a pattern such as log* names the copy, too."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"3\n")
    copy = log.copy_and_truncate()
    log.write(b"4\n")
    assert sorted(runs.read(log.path, copy)) == [b"3", b"4"]
    assert runs.messages == []


def test_older_logs_are_not_read(runs: Runs, log: Log) -> None:
    """What was rotated before the first run is not what came in between."""
    for number in (3, 2, 1):
        write(log.path.with_name(f"log.{number}"), b"old %d\n" % number)
    touch(log.path)
    assert runs.read(log.path) == [b"1", b"2"]
    log.rename()
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]


def test_what_was_read_and_compressed_later_is_not_read_again(runs: Runs, log: Log) -> None:
    """Even if its archive has a later time than what came after it."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.rename()
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]
    log.rename()
    touch(compress(log.rotated()[1]))
    log.write(b"4\n")
    assert runs.read(log.path) == [b"4"]


def test_a_new_log_may_have_the_number_of_one_that_was_read(runs: Runs, log: Log) -> None:
    """A log that came in between is not left out because its file's number was known."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.rename()
    log.write(b"3\n")
    assert runs.read(log.path) == [b"3"]
    log.rename()
    log.write(b"4\n")
    between = log.rename()
    log.write(b"5\n")
    known = runs.remembered[0]
    assert known.mark is not None
    status = between.stat()
    known.mark = replace(known.mark, device=status.st_dev, inode=status.st_ino)
    assert runs.read(log.path) == [b"4", b"5"]


def test_rotation_behind_a_link(runs: Runs, log: Log, other: Log) -> None:
    """As Kubernetes has it: a link elsewhere to a log that is renamed where it is."""
    other.path.symlink_to(log.path)
    assert runs.read(other.path) == [b"1", b"2"]
    for number in (1, 2, 3):
        log.write(b"%d\n" % (2 * number + 1))
        log.path.rename(log.path.with_name(f"log.2024030{number}-120000"))
        log.write(b"%d\n" % (2 * number + 2))
    assert runs.read(other.path) == [b"%d" % number for number in range(3, 9)]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_link_that_was_switched(runs: Runs, log: Log) -> None:
    """What the link led to is finished, then what it leads to now is begun."""
    first, second = (log.path.with_name(f"events-{name}") for name in "ab")
    write(first, b"a1\n")
    link = log.path.with_name("current")
    link.symlink_to(first)
    assert runs.read(link) == [b"a1"]
    write(first, b"a2\n")
    write(second, b"b1\n")
    link.unlink()
    link.symlink_to(second)
    assert runs.read(link) == [b"a2", b"b1"]
    write(second, b"b2\n")
    assert runs.read(link) == [b"b2"]
    assert (runs.messages, runs.errors) == ([], [])


# Two names.


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_log_is_known_by_any_of_its_names(
    runs: Runs, log: Log, other: Log, link: Callable[[Path, Path], None]
) -> None:
    """A link to a log that was read is that log, and so is a relative path."""
    link(log.path, other.path)
    assert runs.read(log.path) == [b"1", b"2"]
    log.write(b"3\n")
    assert runs.read(other.path) == [b"3"]
    log.write(b"4\n")
    assert runs.read(Path(os.path.relpath(log.path))) == [b"4"]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_log_that_is_named_twice_counts_twice(runs: Runs, log: Log, other: Log) -> None:
    """As without a checkpoint: who names it twice gets it twice, each time what is new."""
    other.path.symlink_to(log.path)
    assert runs.read(log.path, other.path) == [b"1", b"2"] * 2
    log.write(b"3\n")
    assert runs.read(other.path, log.path) == [b"3"] * 2
    log.write(b"4\n")
    assert runs.read(log.path) == [b"4"]


# Many logs, and logs that begin alike.


def test_many_known_logs_cost_a_few_looks_each(tmp_path: Path) -> None:
    """To find the log of each name takes as many opened files, however many logs are known."""
    opened = {}
    for count in (20, 200):
        folder = tmp_path / str(count)
        folder.mkdir()
        paths = [folder / f"{number}.jsonl" for number in range(count)]
        for number, path in enumerate(paths):
            write(path, b'{"the same at the beginning": "%s", "n": %d}\n' % (b"x" * 300, number))
        runs = Runs(follows=False)
        assert len(runs.read(*paths)) == count
        for path in paths[::2]:
            path.rename(path.with_suffix(".done"))
        names = [path if path.exists() else path.with_suffix(".done") for path in paths]
        with mock.patch.object(os, "open", wraps=os.open) as opening:
            assert runs.read(*names) == []
        opened[count] = opening.call_count / count
        assert (runs.messages, runs.errors) == ([], [])
    assert opened[200] <= opened[20] * 1.1


@pytest.mark.parametrize("by", ["rename", "copy_and_truncate"])
def test_logs_that_begin_with_the_same_lines(runs: Runs, log: Log, by: str) -> None:
    """More of them than is remembered of a beginning: each log is told by what comes after."""
    start = b"".join(b"line %d of the licence\n" % number for number in range(50))
    log.path.write_bytes(start + b"1\n")
    touch(log.path)
    assert runs.read(log.path)[-1:] == [b"1"]
    found = []
    for number in range(2, 8):
        getattr(log, by)()
        log.write(start + b"%d\n" % number)
        if number % 3 == 0:
            found += runs.read(log.path)
    found += runs.read(log.path)
    assert [line for line in found if line.isdigit()] == [b"%d" % n for n in range(2, 8)]
    assert len(found) == 6 * 51
    assert (runs.messages, runs.errors) == ([], [])


def test_a_longer_log_that_begins_with_all_of_another(runs: Runs, log: Log, other: Log) -> None:
    """A log of its own, as long as that other one is there."""
    assert runs.read(log.path) == [b"1", b"2"]
    other.write(b"1\n2\n3\n")
    assert runs.read(log.path, other.path) == [b"1", b"2", b"3"]
    assert runs.messages == [
        f"{other.path}: is a copy of {log.path}, and counts as a log of its own"
    ]


# What cannot be gone on with.


def test_another_log_in_its_place_is_told_and_begun(runs: Runs, log: Log) -> None:
    """What was there is gone, with all that was not read; the new one is a log like any other."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.path.unlink()
    log.write(b"a\n")
    assert runs.read(log.path) == [b"a"]
    (message,) = runs.messages
    assert message == (
        f"{log.path}: is another log than the one that was read there to byte 4; what that one got"
        " since is not counted, unless you name it"
    )
    log.write(b"b\n")
    assert runs.read(log.path) == [b"b"]
    assert runs.messages == []


def test_what_waits_to_be_sorted_goes_on_when_its_log_is_gone(runs: Runs, log: Log) -> None:
    """The log that was there is finished, though nothing of it can be read any more."""
    assert runs.read(log.path) == [b"1", b"2"]
    log.path.unlink()
    log.write(b"a\n")
    assert runs.read(log.path) == [b"a"]
    assert runs.finished[:1] == [str(log.path)]


def test_a_log_that_was_cut_and_written_anew_is_another(runs: Runs, log: Log) -> None:
    """The same file with other content is another log; without a copy nothing is left of it."""
    assert runs.read(log.path) == [b"1", b"2"]
    os.truncate(log.path, 0)
    assert runs.read(log.path) == []
    assert (runs.messages, runs.errors) == ([], [])
    log.write(b"a\nb\nc\n")
    assert runs.read(log.path) == [b"a", b"b", b"c"]
    assert len(runs.messages) == 1
    assert "is another log than the one that was read there to byte 4" in runs.messages[0]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_shortened_log_is_refused(runs: Runs, log: Log, size: int) -> None:
    """Lines that were counted are gone; the other logs are read, and nothing is forgotten."""
    more = log.path.with_name("more")
    write(more, b"a\n")
    assert runs.read(log.path) == [b"1", b"2"]
    whole = log.path.read_bytes()
    os.truncate(log.path, size)
    assert runs.read(log.path, more) == [b"a"]
    (message,) = runs.errors
    assert message == (
        f"{log.path}: is shorter than the 4 bytes that were read of it, so it cannot be read on;"
        " to count it anew, use another --checkpoint"
    )
    log.path.write_bytes(whole + b"3\n")
    assert runs.read(log.path, more) == [b"3"]


def test_a_log_that_was_changed_is_refused(runs: Runs, log: Log) -> None:
    """Lines that were counted are others now."""
    log.path.write_bytes(b"".join(b"%d\n" % number for number in range(1000)))
    assert len(runs.read(log.path)) == 1000
    whole = log.path.read_bytes()
    log.path.write_bytes(whole.replace(b"\n990\n", b"\n000\n") + b"more\n")
    assert runs.read(log.path) == []
    (message,) = runs.errors
    assert message == (
        f"{log.path}: was changed before byte {len(whole):,}, where the last run stopped, so it"
        " cannot be read on; to count it anew, use another --checkpoint"
    )
    log.path.write_bytes(whole + b"more\n")
    assert runs.read(log.path) == [b"more"]


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("line", [b"", b"0\n", b"abc\n"])
def test_a_log_that_was_changed_at_its_beginning_is_refused(
    runs: Runs, log: Log, line: bytes, *, in_place: bool
) -> None:
    """It begins otherwise now, but it still has lines that were counted, and would count twice."""
    whole = b"".join(b"%d\n" % number for number in range(1000))
    log.path.write_bytes(whole)
    assert len(runs.read(log.path)) == 1000
    if not in_place:
        log.path.unlink()
    log.path.write_bytes(line + whole.removeprefix(b"0\n1\n") + b"more\n")
    assert runs.read(log.path) == []
    assert len(runs.errors) == 1
    assert "was changed before byte 3,890" in runs.errors[0]
    log.path.write_bytes(whole + b"more\n")
    assert runs.read(log.path) == [b"more"]


def test_a_change_in_the_middle_is_not_noticed(runs: Runs, log: Log) -> None:
    """Only what stands at the beginning and before the place where a run stopped is compared."""
    whole = b"".join(b"%d\n" % number for number in range(1000))
    log.path.write_bytes(whole)
    assert len(runs.read(log.path)) == 1000
    log.path.write_bytes(whole.replace(b"\n500\n", b"\n000\n") + b"more\n")
    assert runs.read(log.path) == [b"more"]
    assert (runs.messages, runs.errors) == ([], [])


def test_a_log_of_which_lines_were_removed_is_refused_despite_a_backup(
    runs: Runs, log: Log
) -> None:
    """`sed -i.bak` leaves the log itself as log.bak; what is in its place is no new log."""
    log.path.write_bytes(b"".join(b"%d\n" % number for number in range(1000)))
    assert len(runs.read(log.path)) == 1000
    lines = log.path.read_bytes().replace(b"\n500\n", b"\n")
    log.path.rename(log.path.with_name("log.bak"))
    log.path.write_bytes(lines + b"more\n")
    assert runs.read(log.path) == []
    assert len(runs.errors) == 1
    assert "was changed before byte" in runs.errors[0]


def test_a_log_that_is_gone_is_an_error(log: Log) -> None:
    """A name under which there is nothing is told as ever."""
    runs = Runs(follows=False)
    assert runs.read(log.path) == [b"1", b"2"]
    content = log.path.read_bytes()
    log.path.unlink()
    assert runs.read(log.path) == []
    assert runs.errors == [f"{log.path}: No such file or directory"]
    log.write(content + b"3\n")
    assert runs.read(log.path) == [b"3"]


def test_a_folder_is_an_error(runs: Runs, log: Log) -> None:
    """As ever, and it costs no other log."""
    assert runs.read(log.path.parent, log.path) == [b"1", b"2"]
    assert len(runs.errors) == 1
    assert "is a directory" in runs.errors[0]
