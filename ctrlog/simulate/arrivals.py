"""When people come, and who: at random, more in the evening, and some more often than others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import fsum

from ctrlog.simulate.draws import EXPONENTIAL, STEPS, Draw

#: How often a user comes on average, unless the log is to last so many days.
VISITS_PER_DAY = 1.2
#: The first user comes so many times as often as the mean.
MOST_OFTEN = 5
#: Visits in each hour of the day and on each day of the week, from Monday, relative to each other.
HOURLY_TRAFFIC = (
    *(0.45, 0.28, 0.18, 0.14, 0.14, 0.22, 0.45, 0.75, 0.95, 1.10, 1.20, 1.25),
    *(1.30, 1.20, 1.10, 1.10, 1.15, 1.30, 1.55, 1.85, 2.00, 1.85, 1.35, 0.80),
)
DAILY_TRAFFIC = (1.10, 1.02, 1.00, 0.97, 0.88, 0.90, 1.13)

HOUR_MS = 3_600_000
_MEAN_TRAFFIC = fsum(HOURLY_TRAFFIC) / 24 * fsum(DAILY_TRAFFIC) / 7
_EPOCH_WEEKDAY = 3  # 1970 began on a Thursday
_WEEK = 7 * 24


def traffic(hour: int) -> float:
    """Return how many visits an hour has, relative to the mean of all.

    Args:
        hour: Hours since 1970.
    """
    day = hour // 24 + _EPOCH_WEEKDAY
    return HOURLY_TRAFFIC[hour % 24] * DAILY_TRAFFIC[day % 7] / _MEAN_TRAFFIC


def mean_hours(start_ms: int, days: float) -> float:
    """Return how many hours of mean traffic a time is worth.

    Args:
        start_ms: When it begins, in ms since 1970.
        days: How long it is.
    """
    first, begun = divmod(start_ms, HOUR_MS)
    hours = begun / HOUR_MS + 24 * days  # from the beginning of the first hour
    weeks, rest = divmod(int(hours), _WEEK)
    whole = fsum(map(traffic, range(first, first + rest)))
    part = traffic(first + rest) * (hours % 1)
    return weeks * _WEEK + whole + part - traffic(first) * begun / HOUR_MS


def arrivals_ms(start_ms: int, per_hour: float, draw: Draw) -> Iterator[int]:
    """Yield when visits begin, for ever: a Poisson process whose rate is the traffic.

    The process is one of rate 1 on a scale on which each hour is as long as its number of
    visits is on average. Source: E. Çinlar, Introduction to Stochastic Processes (1975),
    chapter 4.

    Args:
        start_ms: When the first may begin, in ms since 1970.
        per_hour: Visits in an hour of mean traffic.
        draw: Chance.

    Yields:
        Times in ms since 1970, in order.
    """
    due = EXPONENTIAL[int(draw() * STEPS)]
    for hour in count(start_ms // HOUR_MS):
        expected = per_hour * traffic(hour)
        while due < expected:
            arrival_ms = hour * HOUR_MS + int(due / expected * HOUR_MS)
            if arrival_ms >= start_ms:
                yield arrival_ms
            due += EXPONENTIAL[int(draw() * STEPS)]
        due -= expected


def visitor(users: int, chance: float) -> int:
    """Return who comes: a user from 1 to `users`, with a smaller number the more likely.

    The share of the visits falls from `MOST_OFTEN` times the mean, for the first user, to
    MOST_OFTEN / (2 * MOST_OFTEN - 1) times, for the last.

    Args:
        users: How many there are.
        chance: 0 <= chance < 1, all equally likely.
    """
    return 1 + int(users * chance * (1 + (MOST_OFTEN - 1) * chance) / MOST_OFTEN)
