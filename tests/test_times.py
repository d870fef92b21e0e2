"""Times and durations: read as people and logs write them, written with no noise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from math import floor, nan

import pytest
import reference
from hypothesis import example, given
from hypothesis import strategies as st
from making import BASE, US, at

from ctrlog.times import (
    BEGINNING,
    EPOCH,
    NEVER,
    format_duration,
    format_second,
    format_times,
    from_micros,
    from_number,
    parse_duration,
    parse_time,
    to_micros,
    to_utc,
)

FIRST_US, LAST_US = reference.FIRST_US, reference.LAST_US
S, MS = 10**6, 10**3

#: Times whose fraction has from none to six digits, or is none at all.
MICROS = st.one_of(
    st.integers(FIRST_US // S, LAST_US // S).map(lambda seconds: seconds * S),
    st.integers(FIRST_US // MS, LAST_US // MS).map(lambda millis: millis * MS),
    st.integers(FIRST_US, LAST_US),
    st.builds(
        lambda n, digits: n // 10**digits * 10**digits, st.integers(0, LAST_US), st.integers(0, 6)
    ),
)
TIMES = MICROS.map(from_micros)


def written(time: datetime) -> str:
    """Write a time as RFC 3339 with three digits of a second, or all six, by way of isoformat."""
    digits = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=digits) + "Z"


# Writing.


@given(st.lists(TIMES | st.none(), max_size=8))
@example([None, None])
@example([at(0)])
@example([at(0.5), at(0.25), at(0.000001), at(0.1234)])
@example([at(0.5), None])
@example([at(0.5), at(0)])
def test_times_are_written_with_three_digits_or_six(times: list[datetime | None]) -> None:
    """Each time is written the same alone and beside others: RFC 3339 with a Z."""
    expected = [None if time is None else written(time) for time in times]
    assert format_times(times) == expected
    assert format_times(times, "–") == ["–" if text is None else text for text in expected]


@given(st.lists(st.integers(0, 999_999).map(lambda us: BASE + us * US), min_size=1, max_size=5))
def test_any_fraction_is_written_with_three_digits_or_six(times: list[datetime]) -> None:
    """Milliseconds are written with three digits, anything finer with six."""
    assert format_times(times) == [written(time) for time in times]


@given(st.lists(TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))))
def test_text_of_milliseconds_sorts_by_time(times: list[datetime]) -> None:
    """`sort` on a column of times puts them in order, as all have one width."""
    assert sorted(format_times(times, "")) == format_times(sorted(times), "")


@given(TIMES)
def test_a_time_for_people_is_cut_to_the_second(time: datetime) -> None:
    """The second in which a time lies is written without a fraction."""
    assert format_second(time) == written(time)[: len("2024-01-01T00:00:00")] + "Z"


@given(TIMES)
def test_a_written_time_reads_back(time: datetime) -> None:
    """What is written is the time itself, to the microsecond."""
    (text,) = format_times([time], "")
    assert datetime.fromisoformat(text) == time
    assert parse_time(text) == time


def test_the_ends_of_time_are_written_in_full() -> None:
    """Years have four digits."""
    assert format_times([BEGINNING, NEVER]) == [
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999999Z",
    ]


# Numbers.


@given(MICROS)
def test_microseconds_and_times_are_each_others_inverse(micros: int) -> None:
    """A time is an exact number of microseconds."""
    time = from_micros(micros)
    assert (time - EPOCH) // US == micros
    assert to_micros(time) == micros
    assert time.tzinfo is UTC


@pytest.mark.parametrize("micros", [FIRST_US - 1, LAST_US + 1, 10**30, -(10**30)])
def test_micros_out_of_range_are_refused(micros: int) -> None:
    """There are no times before the year 1 and after 9999."""
    with pytest.raises(ValueError, match="years 1 to 9999"):
        from_micros(micros)


def nearest_micros(number: float) -> int:
    """Return the microseconds that a number means, exactly rounded, halves up."""
    for bound, micros in (
        (10**11, Fraction(S)),
        (10**14, Fraction(MS)),
        (10**17, Fraction(1)),
        (10**20, Fraction(1, MS)),
    ):
        if abs(number) < bound:
            return floor(Fraction(number) * micros + Fraction(1, 2))
    raise ValueError(number)


@given(st.integers(-(10**20), 10**20))
@example(0)
@example(10**11 - 1)
@example(10**11)
@example(10**14 - 1)
@example(10**14)
@example(10**17 - 1)
@example(10**17)
@example(10**20 - 1)
@example(-(10**11) + 1)
@example(-(10**17))
@example(1_704_067_200_000_000_499)
@example(1_704_067_200_000_000_500)
@example(-62_135_596_800)
@example(-500)
@example(-(10**18) - 500)
@example(-(10**18) - 501)
def test_the_size_of_an_integer_tells_its_unit(number: int) -> None:
    """Below 1e11 it is seconds, below 1e14 ms, below 1e17 µs, below 1e20 ns; halves go up."""
    try:
        expected = nearest_micros(number)
        known = FIRST_US <= expected <= LAST_US
    except ValueError:
        known = False
    if known:
        assert to_micros(from_number(number)) == expected
    else:
        with pytest.raises(ValueError, match=r"no time is that large|years 1 to 9999"):
            from_number(number)


@pytest.mark.parametrize(
    "number",
    [10**20, -(10**20), 10**400, 1e20, 1e308, float("inf"), -float("inf"), nan,
     -62_135_596_801, -62_135_596_801.0, -99_999_999_999_999],
)  # fmt: skip
def test_numbers_that_are_no_time_are_refused(number: float) -> None:
    """Too large a number, one before the year 1, and what is no number are no times."""
    with pytest.raises(ValueError, match=r"no time is that large|years 1 to 9999"):
        from_number(number)


@given(st.integers(FIRST_US, 10**17 - 1), st.sampled_from([S, MS]))
def test_a_float_that_was_meant_as_microseconds_gives_them(micros: int, unit: int) -> None:
    """Seconds and milliseconds with a fraction are read to the microsecond near the present."""
    recent = 10**15 + micros % 10**15  # where a float of seconds tells microseconds apart
    assert to_micros(from_number(recent / unit)) == recent


@given(st.floats(0, 4 * 10**9) | st.floats(10**11, 4 * 10**12))
def test_a_float_is_read_to_within_a_microsecond(number: float) -> None:
    """Until 2096 a float is read to within a microsecond of what it is exactly."""
    assert abs(to_micros(from_number(number)) - nearest_micros(number)) <= 1


@pytest.mark.parametrize(
    "number", [1_704_067_200.0000014, 1_704_067_200_000.0014, 36_028_797_019.4375]
)
def test_a_float_gives_the_nearest_microsecond(number: float) -> None:
    """A float is read as the microsecond nearest to what it is exactly."""
    assert to_micros(from_number(number)) == nearest_micros(number)


# Any decoded time.


def test_a_time_without_offset_means_utc() -> None:
    """A naive datetime is taken as UTC, another offset is converted."""
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    india = timezone(timedelta(hours=5, minutes=30))
    assert to_utc(naive) == BASE
    assert to_utc(datetime(2024, 1, 1, 5, 30, tzinfo=india)) == BASE
    assert to_utc(1_704_067_200) == BASE
    for time in (naive, datetime(2024, 1, 1, tzinfo=india), 1_704_067_200):
        assert to_utc(time).tzinfo is UTC


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(minutes=1))),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(minutes=-1))),
    ],
)
def test_a_time_outside_the_years_in_utc_is_refused(time: datetime) -> None:
    """An offset may not lead out of the years 1 to 9999."""
    with pytest.raises(ValueError, match="years 1 to 9999"):
        to_utc(time)


# What a person writes.


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-01", at(0)),
        ("2024-01-01T00:00:01Z", at(1)),
        ("2024-01-01T00:00:01", at(1)),
        ("2024-01-01 00:00:01.5Z", at(1.5)),
        ("2024-01-01t05:30:01+05:30", at(1)),
        ("1704067200", at(0)),
        ("1704067200.25", at(0.25)),
        ("1704067200000", at(0)),
        ("1704067200000000", at(0)),
        ("1704067200000000000", at(0)),
        ("0", EPOCH),
        ("2024", EPOCH + timedelta(seconds=2024)),
        ("-1", EPOCH - timedelta(seconds=1)),
    ],
)
def test_a_person_may_write_a_time_in_many_ways(text: str, time: datetime) -> None:
    """A date, RFC 3339 with any offset or none, and a number since 1970 are understood."""
    assert parse_time(text) == time
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "now", "2024-1-1", "2024-01-01T25:00:00Z", "01:00", "1e9", "NaN",
     "1704067200 ", " 2024-01-01", "2024-01-01\n", "2024-01-01T00:00Z", "true", "null", '"x"',
     "\u0663", "100000000000000000000", "1.", ".5", "--1", "0x5"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_a_hint(text: str) -> None:
    """The message repeats what was written and shows what can be."""
    with pytest.raises(ValueError, match="is not a time: write 2024-01-31") as caught:
        parse_time(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["2024-02-30", "\u0662\u0660\u0662\u0664-01-01"])
def test_a_date_that_is_none_is_refused_as_it_was_written(text: str) -> None:
    """The message repeats a wrong date without what was added to it."""
    with pytest.raises(ValueError, match="is not a time") as caught:
        parse_time(text)
    assert repr(text) in str(caught.value)


def test_a_written_number_means_what_it_means_in_a_log() -> None:
    """Nanoseconds on the command line are the same time as in a log's line."""
    for number in (1_704_067_200_123_456_499, 1_704_067_200_123_456_500):
        assert parse_time(str(number)) == from_number(number)


# Durations.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("90s", 90),
        ("30m", 1800),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("0.1s", 0.1),
        ("1w2d3h4m5s6ms", 604_800 + 2 * 86_400 + 3 * 3600 + 4 * 60 + 5.006),
        ("1h 30m", 5400),
        ("1 h", 3600),
        ("30m1h", 5400),
        ("1m1m", 120),
        ("1m1ms", 60.001),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    """Numbers with units, one after the other, are summed."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "m", "5", "1h30", "-5m", "+5m", "5 minutes", "5M", "1,5h", "1.h", ".5h", "1e3s",
     "5m!", "1:30", "inf", "5µs"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_a_hint(text: str) -> None:
    """The message repeats what was written and shows what can be."""
    with pytest.raises(
        ValueError, match="is not a duration: write 90s, 30m, 1h30m or 2d"
    ) as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


def test_a_bare_number_is_asked_for_its_unit() -> None:
    """A number without a unit is refused, and seconds or minutes are proposed."""
    with pytest.raises(ValueError, match=r"did you mean 30s or 30m\?"):
        parse_duration("30")


@pytest.mark.parametrize("text", ["1000000d0.000001s", "99999999999999999999d", "9" * 400 + "s"])
def test_a_duration_of_more_than_a_million_days_is_refused(text: str) -> None:
    """What would run out of the years is too long."""
    with pytest.raises(ValueError, match="is too long: at most 1000000 days"):
        parse_duration(text)


def test_a_million_days_are_not_too_long() -> None:
    """The longest duration is exactly a million days."""
    assert parse_duration("1000000d") == timedelta(days=1_000_000)


@given(st.timedeltas(timedelta(0), timedelta(days=1_000_000)))
@example(timedelta(0))
@example(US)
@example(timedelta(seconds=59, microseconds=999_999))
@example(timedelta(days=1_000_000))
def test_a_written_duration_reads_back(duration: timedelta) -> None:
    """What `format_duration` writes, `parse_duration` reads, to the microsecond."""
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.5, "0.5s"), (1e-06, "0.000001s"), (60, "1m"), (5400, "1h30m"), (172_800, "2d"),
     (86_461, "1d1m1s"), (10, "10s")],
)  # fmt: skip
def test_durations_are_written_in_the_largest_units(seconds: float, text: str) -> None:
    """A duration is written short: whole units, no needless digit."""
    assert format_duration(timedelta(seconds=seconds)) == text
