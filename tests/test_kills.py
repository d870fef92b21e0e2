"""Killed at any moment and started again: nothing is lost and nothing is there twice.

Between system calls a process changes nothing that is there after it. So a run that is killed
before and after each of them has been killed at all moments that can make a difference.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import children
import pytest
from archives import gzipped, in_members, zstandard
from commands import SHOP
from sabotage import DEAD

from ctrlog.run.checkpoint import read_checkpoint

LOG = SHOP.read_bytes()
MIDDLE = LOG.index(b"\n", len(LOG) // 2) + 1
#: Enough for some searches to end and a line to be bad.
SHORT_LOG = b"".join(LOG.splitlines(keepends=True)[:60])
#: No larger wait than this is made before a kill.
LATEST_KILL_S = 0.3


@dataclass(frozen=True)
class Work:
    """A command whose runs go on from each other, and the logs that it reads.

    Attributes:
        command: What is on the command line, with a checkpoint named `saved`.
        logs: The logs by name.
        outputs: The files that it writes.
        grows: Whether only a part of the first log is there at first.
    """

    command: str
    logs: dict[str, bytes]
    outputs: tuple[str, ...] = ("out",)
    grows: bool = False

    def finish(
        self,
        folder: Path,
        *prepare: children.Preparation,
        killed_at: int = 0,
    ) -> children.Outcome:
        """Let a run come to its end, at once if nothing else is prepared for it."""
        prepare = prepare or (["sync_nothing"],)
        outcome = children.run(
            *self.command.split(), cwd=folder, prepare=prepare, killed_at=killed_at
        )
        assert b"Traceback" not in outcome.err
        return outcome

    def write_logs(self, folder: Path, share: float = 1.0) -> None:
        """Write the logs, of one that grows as large a share as there is by now."""
        for name, content in self.logs.items():
            size = int(len(content) * share) if self.grows else len(content)
            with (folder / name).open("ab") as log:
                log.write(content[log.tell() : size])

    def results(self, folder: Path) -> dict[str, Any]:
        """All that is left at the end: the outputs, and what the checkpoint says but for when."""
        saved, holder = read_checkpoint(folder / "saved")
        assert holder is None
        found: dict[str, Any] = {name: (folder / name).read_bytes() for name in self.outputs}
        about = {name: value for name, value in saved.about.items() if name != "saved"}
        inputs = [(each.name, each.mark.offset, each.line, each.rest[:2]) for each in saved.inputs]
        outputs = [(each.length, each.tail) for each in saved.outputs]
        # The shard's clock is that of the input that was turned to last; they have their own.
        del saved.state["pipeline"]["shard"]["clock"]
        return found | {"about": about, "in": inputs, "out_": outputs, "state": saved.state}


WORKS = {
    "text": Work("run --checkpoint saved -o out log", {"log": LOG}),
    "bad lines": Work(
        "run --checkpoint saved -o out --bad-lines bad log --gap 2m --lateness 0s",
        {"log": LOG[:MIDDLE] + b"bad\n" * 3_000 + LOG[MIDDLE:]},
        ("out", "bad"),
    ),
    "archives": Work(
        "run --checkpoint saved -o out --per session --format csv a b c",
        {
            "a": in_members(gzipped, LOG, 7),
            "b": LOG.replace(b'"user":', b'"user":777'),
            "c": zstandard(LOG),
        },
    ),
    "reorder": Work(
        "run --checkpoint saved -o out --format jsonl --reorder 20m --max-session 1h a b",
        {"a": LOG[:MIDDLE], "b": LOG[MIDDLE:]},
    ),
    "growing": Work("run --checkpoint saved -o out log", {"log": LOG}, grows=True),
    "summary": Work(
        "summary --checkpoint saved -o out --by query --format json a b",
        {"a": LOG[:MIDDLE], "b": LOG[MIDDLE:]},
    ),
}
SHORT_WORKS = {
    "run": Work(
        "run --checkpoint saved -o out --bad-lines bad --gap 1m --lateness 0s --format csv a b",
        {"a": SHORT_LOG, "b": gzipped(SHORT_LOG)},
        ("out", "bad"),
    ),
    "summary": Work("summary --checkpoint saved -o out --format json log", {"log": SHORT_LOG}),
}


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Path]:
    """Make new folders to work in."""
    numbers = iter(range(10**6))

    def make() -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return folder

    return make


def undisturbed(work: Work, folder: Path) -> dict[str, Any]:
    """What one run gives that nobody kills, and that saves at its end only."""
    work.write_logs(folder)
    outcome = work.finish(folder)
    assert outcome.code == 0
    assert all((folder / name).stat().st_size for name in work.outputs)
    return work.results(folder)


def assert_goes_on(work: Work, folder: Path, expected: dict[str, Any]) -> None:
    """See that the next run gives all that was to be, and that a further one adds nothing."""
    for _ in range(2):
        assert work.finish(folder).code == 0
        assert work.results(folder) == expected
    left = {path.name for path in folder.iterdir() if not path.name.startswith(".ctrlog-")}
    assert left == {*work.logs, *work.outputs, "saved"}


# At random.


def kill_at_random(
    work: Work, folder: Path, expected: dict[str, Any], chance: random.Random, kills: int
) -> int:
    """Kill runs until one comes to its end before, or there were enough kills.

    Returns:
        The number of runs that were killed.
    """
    killed = 0
    while killed < kills:
        work.write_logs(folder, chance.random())
        command = work.command.split()
        often = ["save_often", chance.choice([1024, 4096, 65_536])]
        with children.started(*command, cwd=folder, prepare=[often]) as child:
            sleep(chance.uniform(0, LATEST_KILL_S))
            child.send(signal.SIGKILL)
            outcome = child.wait()
        if outcome.code == 0:
            break
        assert outcome.code == -signal.SIGKILL, outcome.err
        killed += 1
    work.write_logs(folder)
    assert_goes_on(work, folder, expected)
    return killed


def test_killed_at_random(folders: Callable[[], Path]) -> None:
    """Twenty kills while it reads, saves and writes: the bytes are those of a run in peace."""
    kill_often(folders, 20)


@pytest.mark.slow
def test_killed_at_random_very_often(folders: Callable[[], Path]) -> None:
    """Two hundred kills and more."""
    kill_often(folders, 240)


def kill_often(folders: Callable[[], Path], kills: int) -> None:
    """Kill all kinds of work so often together, each about as often as the others."""
    chance = random.Random(kills)  # noqa: S311  # no secret
    left = dict.fromkeys(WORKS, -(-kills // len(WORKS)))
    expected = {name: undisturbed(work, folders()) for name, work in WORKS.items()}
    while left:
        for name in list(left):
            left[name] -= kill_at_random(
                WORKS[name], folders(), expected[name], chance, min(left[name], 10)
            )
            if not left[name]:
                del left[name]


# At exact points.


def killed_at_calls(work: Work, folders: Callable[[], Path], calls: Sequence[int]) -> bool:
    """Kill a run at each of these system calls; returns whether the last one came too late."""
    expected = undisturbed(work, folders())
    for call in calls:
        folder = folders()
        work.write_logs(folder)
        outcome = work.finish(folder, ["save_often", 2048], killed_at=call)
        if outcome.code == 0:
            return True
        if outcome.code == 1 and b"Operation not permitted" in outcome.err:
            pytest.skip("no process may be traced here")
        assert outcome.code == -signal.SIGKILL, outcome.err
        assert_goes_on(work, folder, expected)
        shutil.rmtree(folder)
    return False


@pytest.mark.parametrize("name", sorted(SHORT_WORKS))
def test_killed_at_some_system_calls(name: str, folders: Callable[[], Path]) -> None:
    """A sample of the next test, of all parts of a run."""
    assert killed_at_calls(SHORT_WORKS[name], folders, range(7, 10_000, 71))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHORT_WORKS))
def test_killed_at_every_system_call(name: str, folders: Callable[[], Path]) -> None:
    """Whatever a run was about to do or had just done when it was killed, it goes on."""
    assert killed_at_calls(SHORT_WORKS[name], folders, range(1, 10_000))


@pytest.mark.parametrize("name", sorted(SHORT_WORKS))
def test_dead_around_every_access(name: str, folders: Callable[[], Path]) -> None:
    """Before, within and after each write, and around each fsync and statement of the commit."""
    work = SHORT_WORKS[name]
    expected = undisturbed(work, folders())
    for step in range(1, 10_000, 17):
        folder = folders()
        work.write_logs(folder)
        outcome = work.finish(folder, ["save_often", 2048], ["die_at", step])
        if outcome.code == 0:
            break
        assert outcome.code == DEAD
        assert_goes_on(work, folder, expected)
    assert step > 100


def test_killed_within_a_write(folders: Callable[[], Path]) -> None:
    """Killed as soon as any file, also one of the database, has so many bytes."""
    work = SHORT_WORKS["run"]
    expected = undisturbed(work, folders())
    codes = set()
    for size in (*range(0, 2048, 301), *range(2048, 40_000, 3_000)):
        folder = folders()
        work.write_logs(folder)
        limit = ["die_when_a_file_has", size]
        codes.add(work.finish(folder, ["save_often", 2048], limit).code)
        assert_goes_on(work, folder, expected)
    assert codes == {0, -signal.SIGXFSZ}


def test_dead_before_its_first_saving_and_the_log_is_rotated(folders: Callable[[], Path]) -> None:
    """As soon as there is output, the next run knows what it was made of, and finds that again."""
    new = SHORT_LOG.replace(b'"user":', b'"user":777')
    both = Work("run --checkpoint saved -o out log.1 log", {"log.1": SHORT_LOG, "log": new})
    expected = undisturbed(both, folders())["out"]
    work = Work("run --checkpoint saved -o out log", {"log": SHORT_LOG})
    ends = 0
    for step in range(1, 10_000, 7):
        folder = folders()
        work.write_logs(folder)
        if work.finish(folder, ["sync_nothing"], ["die_at", step]).code == 0:
            break
        out = folder / "out"
        has_output = out.exists() and out.stat().st_size > 0
        (folder / "log").rename(folder / "log.1")
        (folder / "log").write_bytes(new)
        assert work.finish(folder).code == 0
        if has_output:
            ends += 1
            assert out.read_bytes() == expected
    assert ends


# Power loss.


def test_power_fails_after_any_saving(folders: Callable[[], Path]) -> None:
    """What a checkpoint counts on was made secure before: with only that, it all goes on."""
    work = WORKS["text"]
    expected = undisturbed(work, folders())
    folder, snapshots = folders(), folders()
    work.write_logs(folder)
    losing = ["lose_power_after_saving", str(snapshots)]
    work.finish(folder, ["save_often", 20_000], losing)
    found = sorted(snapshots.iterdir())
    assert len(found) > 10
    for number, snapshot in enumerate(found):
        # What was written later may be there, too, or nothing in its place.
        later = [b"", bytes(5_000), LOG[:3_000]][number % 3]
        (folder / "out").write_bytes((snapshot / "out").read_bytes() + later)
        shutil.copy(snapshot / "saved", folder)
        assert_goes_on(work, folder, expected)
