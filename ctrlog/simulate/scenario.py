"""What log to make: how long, of how many users, and what goes wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ctrlog.errors import UsageError

MOST_USERS = 1_000_000_000
MOST_QUERIES = 1_000_000
MOST_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Scenario:
    """What log to make. The same scenario gives the same bytes, on any machine.

    Attributes:
        events: Number of events; bad lines come on top.
        users: Number of users, who are called 1, 2, ….
        seed: Fixes all chance.
        start: When the log begins, aware.
        days: About how many days the events are spread over; None if users come as often as
            `arrivals.VISITS_PER_DAY` says.
        queries: Number of queries that users may make.
        orphans: Share of the events that are clicks and results with no search open.
        disorder: Share of the events that are written after later ones.
        bad_lines: Bad lines per event.
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
        """Refuse what makes no sense.

        Raises:
            UsageError: If a number is out of its range.
        """
        if self.events < 0:
            raise UsageError("the number of events cannot be negative")
        if not 1 <= self.users <= MOST_USERS:
            raise UsageError(f"there can be 1 to {MOST_USERS:,} users")
        if not 1 <= self.queries <= MOST_QUERIES:
            raise UsageError(f"there can be 1 to {MOST_QUERIES:,} queries")
        if self.days is not None and not 0 < self.days <= MOST_DAYS:
            raise UsageError(f"the days must be more than 0 and at most {MOST_DAYS:,}")
        for share in (self.orphans, self.disorder, self.bad_lines):
            if not 0 <= share < 1:  # NaN is not, either
                raise UsageError(
                    "the shares of orphans, disorder and bad lines go from 0 to below 1"
                )


DEFAULTS = Scenario()
