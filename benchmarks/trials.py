"""A trial: all contestants do one job on one log, in turn, and must give the same answer."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.answers import Answer, OtherAnswerError, read_answer, require_same
from benchmarks.contestants import Contestant, Job
from benchmarks.environment import Environment
from benchmarks.measuring import CommandError, Usage, measure, peak_memory


@dataclass(frozen=True, slots=True)
class Trial:
    """A job to be done.

    Attributes:
        job: What is to be done.
        events: Number of events in the log.
        is_compressed: Whether the log is compressed.
    """

    job: Job
    events: int
    is_compressed: bool = False


@dataclass(slots=True)
class Outcome:
    """How a contestant did in a trial.

    Attributes:
        contestant: Who it is.
        usages: What it took, round by round; empty if it failed.
        peak_bytes: The most memory that it held; None if unknown.
        failure: Why it did not do the job; empty if it did.
    """

    contestant: Contestant
    usages: list[Usage] = field(default_factory=list)
    peak_bytes: int | None = None
    failure: str = ""

    @property
    def wall_s(self) -> float:
        """The median of the rounds' times."""
        return median(usage.wall_s for usage in self.usages)

    @property
    def cpu_s(self) -> float:
        """The median of the rounds' processor times."""
        return median(usage.cpu_s for usage in self.usages)

    def times_as_long_as(self, other: "Outcome") -> float:
        """The median of this one's time over the other's in the same round."""
        pairs = zip(self.usages, other.usages, strict=True)
        return median(usage.wall_s / others.wall_s for usage, others in pairs)


Results = dict[Trial, list[Outcome]]
"""The outcomes of each trial, in order."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Lets contestants do a job.

    Attributes:
        environment: Where they are installed.
        folder: Where they run and write to.
    """

    environment: Environment
    folder: Path

    def hold(
        self, trial: Trial, log: Path, contestants: Sequence[Contestant], rounds: int
    ) -> list[Outcome]:
        """Hold a trial.

        In a first round, in which nobody's time is taken, answers are compared with the first
        contestant's and memory is watched. In the further ones each is run undisturbed, and it is
        another one's turn to begin, so that a change in the machine's load meets all.

        Args:
            trial: The job.
            log: Its log.
            contestants: Who takes part.
            rounds: How often each one's time is taken.

        Returns:
            An outcome for each contestant.
        """
        outcomes = [Outcome(contestant) for contestant in contestants]
        expected: Answer | None = None
        for outcome in outcomes:
            answer = self._check(trial, log, outcome, expected)
            expected = expected or answer
            if expected is not answer:  # only what others are compared with is kept
                self._output(outcome).unlink(missing_ok=True)
        for number in range(rounds):
            going = [outcome for outcome in outcomes if not outcome.failure]
            start = number % max(len(going), 1)
            for outcome in going[start:] + going[:start]:
                self._take_time(trial, log, outcome)
        for outcome in outcomes:
            self._output(outcome).unlink(missing_ok=True)
        return outcomes

    def _check(
        self, trial: Trial, log: Path, outcome: Outcome, expected: Answer | None
    ) -> Answer | None:
        """Run once and compare the answer; returns it if it is right, as far as is known."""
        output = self._output(outcome)
        output.unlink(missing_ok=True)  # a run that was stopped may have left one
        self._say(trial, outcome, "is checked")
        try:
            command = self.environment.call(outcome.contestant.command(trial.job, log, output))
            outcome.peak_bytes = peak_memory(command, self.folder, self.environment.variables)
            answer = read_answer(trial.job, output)
            if expected is not None:
                require_same(answer, expected)
        except (CommandError, OtherAnswerError) as error:
            self._fail(trial, outcome, error)
            return None
        return answer

    def _take_time(self, trial: Trial, log: Path, outcome: Outcome) -> None:
        output = self._output(outcome)
        output.unlink(missing_ok=True)
        try:
            command = self.environment.call(outcome.contestant.command(trial.job, log, output))
            usage = measure(command, self.folder, self.environment.variables)
        except CommandError as error:
            self._fail(trial, outcome, error)
            return
        outcome.usages.append(usage)
        output.unlink(missing_ok=True)  # what is not on the disk yet need not be written any more
        self._say(trial, outcome, f"{usage.wall_s:.2f} s, {usage.cpu_s:.2f} s of CPU")

    def _fail(self, trial: Trial, outcome: Outcome, error: Exception) -> None:
        outcome.failure = str(error)
        outcome.usages.clear()
        outcome.peak_bytes = None
        self._say(trial, outcome, outcome.failure)

    def _output(self, outcome: Outcome) -> Path:
        return self.folder / f"{outcome.contestant.name.replace(' ', '_')}.out"

    @staticmethod
    def _say(trial: Trial, outcome: Outcome, what: str) -> None:
        log = f"{trial.events:,} events{', gz' if trial.is_compressed else ''}"
        print(f"{trial.job} of {log}: {outcome.contestant.name}: {what}", file=sys.stderr)
