"""Arrivals of simulated visits: their times and their users.

Visits begin as a Poisson process whose rate follows the hour of the day and the day of the week,
and some users visit more often than others. The generator needs constant memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import fsum

from ctrlog.simulate.draws import EXPONENTIAL, TABLE_SIZE, Draw

#: Mean number of visits of a user per day, for logs without a given number of days.
VISITS_PER_DAY = 1.2
#: Visits of the most frequent user, relative to the mean of all users.
MOST_OFTEN = 5
#: Relative numbers of visits in each hour of the day, and on each day of the week from Monday.
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
    """Return the expected number of visits in an hour, relative to the mean of all hours.

    Args:
        hour: The hour, counted from 1970-01-01T00Z.
    """
    day = hour // 24 + _EPOCH_WEEKDAY
    return HOURLY_TRAFFIC[hour % 24] * DAILY_TRAFFIC[day % 7] / _MEAN_TRAFFIC


def mean_hours(start_ms: int, days: float) -> float:
    """Return the length of a period in hours of mean traffic: the sum of its hours' traffic.

    Args:
        start_ms: Start of the period, in ms since 1970.
        days: Length of the period.
    """
    first, begun = divmod(start_ms, HOUR_MS)
    hours = begun / HOUR_MS + 24 * days  # from the beginning of the first hour
    weeks, rest = divmod(int(hours), _WEEK)
    whole = fsum(map(traffic, range(first, first + rest)))
    part = traffic(first + rest) * (hours % 1)
    return weeks * _WEEK + whole + part - traffic(first) * begun / HOUR_MS


def arrivals_ms(start_ms: int, per_hour: float, draw: Draw) -> Iterator[int]:
    """Yield the times at which visits begin, without end.

    The visits are a Poisson process whose rate is proportional to the traffic. It is computed as
    a process of rate 1 on a time scale on which the length of each hour is its expected number
    of visits. Source: E. Çinlar, Introduction to Stochastic Processes (1975), chapter 4.

    Args:
        start_ms: The earliest time of a visit, in ms since 1970.
        per_hour: Expected number of visits in an hour of mean traffic.
        draw: Source of random numbers.

    Yields:
        Times in ms since 1970, in ascending order.
    """
    due = EXPONENTIAL[int(draw() * TABLE_SIZE)]
    for hour in count(start_ms // HOUR_MS):
        expected = per_hour * traffic(hour)
        while due < expected:
            arrival_ms = hour * HOUR_MS + int(due / expected * HOUR_MS)
            if arrival_ms >= start_ms:
                yield arrival_ms
            due += EXPONENTIAL[int(draw() * TABLE_SIZE)]
        due -= expected


def visitor(users: int, chance: float) -> int:
    """Return the user who makes a visit; users with small numbers visit most often.

    The first user visits `MOST_OFTEN` times as often as the mean, the last one
    MOST_OFTEN / (2 * MOST_OFTEN - 1) times.

    Args:
        users: Number of users.
        chance: A random number, uniform in 0 <= chance < 1.

    Returns:
        The number of the user, from 1 to `users`.
    """
    return 1 + int(users * chance * (1 + (MOST_OFTEN - 1) * chance) / MOST_OFTEN)
