"""Arrivals of visits: their times and their users."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.simulate.arrivals import (
    DAILY_TRAFFIC,
    HOUR_MS,
    HOURLY_TRAFFIC,
    MOST_OFTEN,
    arrivals_ms,
    mean_hours,
    traffic,
    visitor,
)
from ctrlog.simulate.draws import draws
from ctrlog.times import EPOCH

#: A Monday.
MONDAY = datetime(2024, 3, 4, tzinfo=UTC)
WEEK = 7 * 24


def ms(time: datetime) -> int:
    """Return a time in ms since 1970."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def arrivals(start: datetime, hours: int, per_hour: float) -> list[datetime]:
    """Return the arrivals within a number of hours."""
    times_ms = arrivals_ms(ms(start), per_hour, draws(1, "test"))
    until_ms = ms(start) + hours * HOUR_MS
    found = takewhile(lambda time_ms: time_ms < until_ms, times_ms)
    return [EPOCH + timedelta(milliseconds=time_ms) for time_ms in found]


def test_traffic_follows_the_clock_and_the_week() -> None:
    """The traffic of an hour follows its hour and weekday in UTC, and is 1 on average."""
    first = ms(MONDAY) // HOUR_MS
    for hour in range(0, 3 * WEEK, 5):
        time = MONDAY + timedelta(hours=hour)
        expected = HOURLY_TRAFFIC[time.hour] * DAILY_TRAFFIC[time.weekday()]
        ratio = traffic(first + hour) / traffic(first)
        assert ratio == pytest.approx(expected / (HOURLY_TRAFFIC[0] * DAILY_TRAFFIC[0]))
    week = [traffic(hour) for hour in range(first, first + WEEK)]
    assert sum(week) / WEEK == pytest.approx(1)


def test_traffic_before_1970_is_the_same() -> None:
    """Weeks before 1970 have the same traffic."""
    assert traffic(-WEEK * 100 - 5) == traffic(-5) == traffic(WEEK - 5)


@pytest.mark.parametrize("start", [MONDAY, MONDAY + timedelta(days=2, hours=15, minutes=47)])
@pytest.mark.parametrize("days", [0.01, 0.3, 1, 6.9, 7, 30.123])
def test_mean_hours_are_the_sum_of_traffic(start: datetime, days: float) -> None:
    """The hours of mean traffic are the traffic summed minute by minute."""
    minutes = round(days * 24 * 60)
    first = ms(start) // 60_000
    expected = sum(traffic((first + minute) // 60) for minute in range(minutes)) / 60
    assert mean_hours(ms(start), minutes / 60 / 24) == pytest.approx(expected)


def test_the_number_of_arrivals_is_the_expected_one() -> None:
    """Over a week, each hour and each day has its share, within random variation."""
    found = arrivals(MONDAY, WEEK, per_hour=1_000)
    assert len(found) == pytest.approx(1_000 * WEEK, rel=0.005)
    by_hour = Counter(time.hour for time in found)
    for hour, share in enumerate(HOURLY_TRAFFIC):
        expected = len(found) * share / sum(HOURLY_TRAFFIC)
        assert by_hour[hour] == pytest.approx(expected, abs=4 * expected**0.5)
    by_day = Counter(time.weekday() for time in found)
    for day, share in enumerate(DAILY_TRAFFIC):
        expected = len(found) * share / sum(DAILY_TRAFFIC)
        assert by_day[day] == pytest.approx(expected, abs=4 * expected**0.5)


def test_arrivals_are_as_random_as_a_poisson_process() -> None:
    """Numbers of arrivals in equal times have a variance equal to their mean."""
    found = arrivals(MONDAY, WEEK, per_hour=500)
    counts = Counter(time.minute for time in found)
    mean = len(found) / 60
    variance = sum((counts[minute] - mean) ** 2 for minute in range(60)) / 59
    assert variance / mean == pytest.approx(1, abs=0.5)


@given(st.integers(0, 10**12), st.floats(0.01, 100))
def test_arrivals_are_in_order_and_not_before_the_start(start_ms: int, per_hour: float) -> None:
    """A log can begin inside an hour."""
    times = arrivals_ms(start_ms, per_hour, draws(start_ms, "test"))
    found = [next(times) for _ in range(50)]
    assert found == sorted(found)
    assert found[0] >= start_ms


@pytest.mark.parametrize("users", [1, 7, 1_000, 10**9])
def test_a_visitor_is_one_of_the_users(users: int) -> None:
    """The least and the greatest random number give the first and the last user."""
    assert visitor(users, 0.0) == 1
    assert visitor(users, 1 - 2**-53) == users


def test_the_first_users_come_most_often() -> None:
    """The share of visits falls from `MOST_OFTEN` times the mean to about half of it."""
    n = 1_000_000
    found = Counter(visitor(1_000, draw / n) for draw in range(n))
    assert found[1] * 1_000 / n == pytest.approx(MOST_OFTEN, rel=0.02)
    assert found[1_000] * 1_000 / n == pytest.approx(MOST_OFTEN / (2 * MOST_OFTEN - 1), rel=0.02)
    by_tenth = [sum(found[tenth * 100 + user] for user in range(1, 101)) for tenth in range(10)]
    assert by_tenth == sorted(by_tenth, reverse=True)
