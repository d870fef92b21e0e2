"""Bad lines: counted by reason, shown, kept, and measured against a limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ctrlog.errors import DataError
from ctrlog.escaping import SEPARATORS, escape
from ctrlog.schemas.reference import BadLine, Reason

#: How many bad lines are shown.
SHOWN = 5

_ALL = 100  # per cent


@dataclass(frozen=True, slots=True)
class Limit:
    """How many bad lines are tolerated.

    Attributes:
        count: At most so many, None for any number.
        percent: At most so many of a hundred lines, None for any share. Blank lines
            do not count as lines. It is known at the end only.
    """

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read a limit as it is written on the command line: `100` or `0.5%`.

        Raises:
            ValueError: If it is neither.
        """
        try:
            number = float(text.removesuffix("%"))
            if text.endswith("%") and 0 <= number <= _ALL:
                return cls(percent=number)
            if text.isdecimal():
                return cls(count=int(text))
        except ValueError:
            pass
        raise ValueError(
            f"{text!r} is not a limit: write a number such as 100, or a share such as 1%"
        )


class BadLines:
    """What becomes of the bad lines of a run.

    Attributes:
        counts: How many there are, by reason.
        keep: Writes each one with its place; None to keep none.
    """

    def __init__(
        self,
        show: Callable[[str], None] = lambda _: None,
        limit: Limit | None = None,
        keep: Callable[[bytes], None] | None = None,
        most_shown: int | None = SHOWN,
    ) -> None:
        """Start with none.

        Args:
            show: Called with a message for each of the first ones.
            limit: How many to tolerate; None for any number.
            keep: Where to write each one with its place; None for nowhere.
            most_shown: For how many `show` is called; None for all.
        """
        self._most_shown = most_shown
        self.counts: Counter[Reason] = Counter()
        self._shown = 0
        self._show = show
        self._limit = limit or Limit()
        self.keep = keep

    @property
    def total(self) -> int:
        """How many there are."""
        return self.counts.total()

    def save(self) -> dict[str, int]:
        """Return the counts as plain values."""
        return {reason.value: count for reason, count in self.counts.items()}

    def restore(self, saved: dict[str, int]) -> None:
        """Go on from counts that `save` returned."""
        self.counts = Counter({Reason(reason): count for reason, count in saved.items()})

    def count(self, more: Counter[Reason]) -> None:
        """Take bad lines that are neither shown nor kept, and for which there is no limit."""
        self.counts.update(more)

    def add(self, source: str, bad: BadLine) -> None:
        """Take a bad line.

        Args:
            source: The name of its input.
            bad: The line.

        Raises:
            DataError: If there are more than the limit allows.
        """
        self.counts[bad.reason] += 1
        place = f"{source}:{bad.line}"
        if self._most_shown is None or self._shown < self._most_shown:
            self._shown += 1
            self._show(f"{place}: {bad.reason}: {bad.detail}")
        if self.keep is not None:
            place = escape(place, SEPARATORS)  # so that each bad line is a line
            self.keep(f"{place}\t{bad.reason}\t".encode(errors="replace") + bad.text + b"\n")
        if self._limit.count is not None and self.total > self._limit.count:
            raise DataError(
                f"stopped at {place}: more bad lines than the {self._limit.count} allowed"
                if self._limit.count
                else f"stopped at {place}: no bad line is allowed"
            )

    def finish(self, events: int) -> None:
        """See whether the share of bad lines is within the limit.

        Args:
            events: The number of good lines.

        Raises:
            DataError: If it is not.
        """
        percent = self._limit.percent
        if percent is None or not self.total:
            return
        share = 100 * self.total / (events + self.total)
        if share > percent:
            raise DataError(
                f"{share:.3g} % of the lines are bad, more than the {percent:g} % allowed"
            )

    def summary(self, events: int, keep: str = "--bad-lines FILE") -> str:
        """Say in a line how many there were and why.

        Args:
            events: The number of good lines.
            keep: How to ask for them to be kept.
        """
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.counts.most_common())
        hint = "" if self.keep else f"; {keep} keeps them"
        s = "" if self.total == 1 else "s"
        return f"skipped {self.total:,} bad line{s} of {events + self.total:,}: {reasons}{hint}"
