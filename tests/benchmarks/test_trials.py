"""Tests of how the benchmark holds a trial: turns, failures and wrong answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.answers import NUMBERS
from benchmarks.contestants import Contestant, Job
from benchmarks.environment import Environment
from benchmarks.measuring import Usage
from benchmarks.trials import Judge, Outcome, Trial

TRIAL = Trial(Job.SUMMARY, 1_000)
RIGHT = json.dumps(dict.fromkeys(NUMBERS, 1))
WRONG = json.dumps(dict.fromkeys(NUMBERS, 1) | {"clicks": 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretender(Contestant):
    """Writes what it is told to, and its name to a list of turns.

    Attributes:
        answer: What it writes.
        script: What it does further, in the shell.
    """

    answer: str = RIGHT
    script: str = ""

    def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:  # noqa: ARG002
        """Return the command line."""
        script = f'echo "$1" > "$2"; echo {self.name} >> turns; {self.script}'
        return ("bash", "-c", script, "", self.answer, str(output))


class Here(Environment):
    """Whatever is installed already."""

    def __init__(self) -> None:
        """Take it as it is."""
        self.variables = {"PATH": "/usr/bin:/bin"}


def held(folder: Path, *contestants: Contestant, rounds: int = 3) -> list[Outcome]:
    """Hold a trial."""
    return Judge(Here(), folder).hold(TRIAL, Path("log"), contestants, rounds)


def turns(folder: Path) -> str:
    """Return the names in the order of turns."""
    return (folder / "turns").read_text().replace("\n", "")


def test_contestants_take_turns_and_each_goes_first(tmp_path: Path) -> None:
    """After a round for the check, each is timed once a round; nothing is left behind."""
    outcomes = held(tmp_path, *(Pretender(name=name) for name in "abc"), rounds=4)
    assert turns(tmp_path) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert [len(outcome.usages) for outcome in outcomes] == [4, 4, 4]
    assert not any(outcome.failure for outcome in outcomes)
    assert [path.name for path in tmp_path.iterdir()] == ["turns"]


def test_what_an_earlier_run_left_is_no_answer(tmp_path: Path) -> None:
    """Who writes nothing does not get by with an old file."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Idle(Contestant):
        def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:  # noqa: ARG002
            return ("true",)

    (tmp_path / "b.out").write_text(RIGHT)
    _, idle = held(tmp_path, Pretender(name="a"), Idle(name="b"))
    assert idle.failure.startswith("no answer: FileNotFoundError")


@pytest.mark.parametrize(
    ("loser", "failure"),
    [
        (Pretender(name="b", answer=WRONG), "clicks is 2, not 1"),
        (Pretender(name="b", answer="nonsense"), "no answer: JSONDecodeError"),
        (Pretender(name="b", script="echo no memory >&2; exit 3"), "exit code 3: no memory"),
        (Pretender(name="b", script='rm "$2"'), "no answer: FileNotFoundError"),
    ],
    ids=["other answer", "no answer", "failure", "no file"],
)
def test_who_does_not_do_the_job_is_not_timed(
    tmp_path: Path, loser: Contestant, failure: str
) -> None:
    """Its failure is told, and the others go on."""
    outcomes = held(tmp_path, Pretender(name="a"), loser, Pretender(name="c"), rounds=2)
    assert turns(tmp_path) == "abc" + "ac" + "ca"
    assert [len(outcome.usages) for outcome in outcomes] == [2, 0, 2]
    assert outcomes[1].failure.startswith(failure)
    assert outcomes[1].peak_bytes is None
    assert not outcomes[0].failure + outcomes[2].failure


def test_who_fails_later_is_not_timed_any_more(tmp_path: Path) -> None:
    """Times of a job that fails now and then are none."""
    fails = 'test "$(grep -c b turns)" -lt 3'
    outcomes = held(tmp_path, Pretender(name="a"), Pretender(name="b", script=fails))
    assert turns(tmp_path) == "ab" + "ab" + "ba" + "a"
    assert [len(outcome.usages) for outcome in outcomes] == [3, 0]
    assert outcomes[1].failure == "exit code 1"


def test_answer_is_compared_with_that_of_the_first_who_gave_one(tmp_path: Path) -> None:
    """If the first fails, the others are still compared with each other."""
    first = Pretender(name="a", script="exit 1")
    outcomes = held(tmp_path, first, Pretender(name="b"), Pretender(name="c", answer=WRONG))
    assert [bool(outcome.failure) for outcome in outcomes] == [True, False, True]


def test_program_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    """A tool that vanished after it was installed stops nobody else."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Missing(Contestant):
        def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:
            return ("no-such-program", job, str(log), str(output))

    outcomes = held(tmp_path, Pretender(name="a"), Missing(name="b"))
    assert outcomes[1].failure == "there is no no-such-program here"
    assert outcomes[0].usages


def test_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A round in which the machine was slow for both changes nothing."""
    ours = Outcome(Pretender(name="a"), [Usage(1, 1), Usage(10, 1), Usage(1, 1)])
    other = Outcome(Pretender(name="b"), [Usage(2, 1), Usage(21, 1), Usage(3, 1)])
    assert other.times_as_long_as(ours) == pytest.approx(2.1)
    assert ours.wall_s == 1
    assert other.cpu_s == 1
