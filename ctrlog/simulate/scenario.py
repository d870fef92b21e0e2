"""The parameters of a simulated log: its length, its users and its faults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ctrlog.errors import UsageError

MAX_USERS = 1_000_000_000
MAX_QUERIES = 1_000_000
MAX_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Scenario:
    """The parameters of a simulated log.

    The same scenario gives the same bytes on any machine.

    >>> Scenario(events=6, users=2).seed
    1

    Attributes:
        events: Number of events. Bad lines are additional.
        users: Number of users, numbered from 1.
        seed: Seed of all random draws.
        start: Time at which the log begins, aware.
        days: Approximate number of days that the events are spread over. If None, users visit
            as often as `arrivals.VISITS_PER_DAY` says.
        queries: Number of different queries that users can make.
        orphans: Share of the events that are clicks or results without an open search.
        disorder: Share of the events that are written late.
        bad_lines: Number of bad lines per event.
    """

    events: int = 100_000
    users: int = 1_000
    seed: int = 1
    start: datetime = datetime(2024, 3, 4, tzinfo=UTC)
    days: float | None = None
    queries: int = 10_000
    orphans: float = 0.0
    disorder: float = 0.0
    bad_lines: float = 0.0

    def __post_init__(self) -> None:
        """Check that each number is in its range.

        Raises:
            UsageError: If a number is out of its range.
        """
        if self.events < 0:
            raise UsageError("the number of events cannot be negative")
        if not 1 <= self.users <= MAX_USERS:
            raise UsageError(f"the number of users must be 1 to {MAX_USERS:,}")
        if not 1 <= self.queries <= MAX_QUERIES:
            raise UsageError(f"the number of queries must be 1 to {MAX_QUERIES:,}")
        if self.days is not None and not 0 < self.days <= MAX_DAYS:
            raise UsageError(f"the days must be more than 0 and at most {MAX_DAYS:,}")
        for share in (self.orphans, self.disorder, self.bad_lines):
            if not 0 <= share < 1:  # also true of NaN
                raise UsageError(
                    "the shares of orphans, disorder and bad lines must be from 0 to below 1"
                )


DEFAULT_SCENARIO = Scenario()
