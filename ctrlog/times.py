"""Times and durations: read as logs and people write them, written as RFC 3339.

Inside ctrlog a time is an aware `datetime` in UTC and a duration a `timedelta`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import overload

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Before and after all times that can be told.
BEGINNING = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)

MICROSECOND = timedelta(microseconds=1)


def from_number(number: float) -> datetime:
    """Read a number since 1970.

    Args:
        number: Seconds, milliseconds, microseconds or nanoseconds since 1970 in UTC,
            told apart by size: below 1e11, 1e14, 1e17 and 1e20.

    Returns:
        The time to the nearest microsecond.

    Raises:
        ValueError: If it is none in the years 1 to 9999.
    """
    size = abs(number)
    if not size < _NANOSECONDS_BELOW:  # NaN is not, either
        raise ValueError("no time is that large")
    # In whole numbers, since a float times a million is not exact; rounded half up.
    numerator, denominator = number.as_integer_ratio()
    if size < _SECONDS_BELOW:
        numerator *= 1_000_000
    elif size < _MILLISECONDS_BELOW:
        numerator *= 1_000
    elif size >= _MICROSECONDS_BELOW:
        denominator *= 1_000
    return from_micros((2 * numerator + denominator) // (2 * denominator))


# Each bound lies in the year 5138 in its own unit and in 1973 in the next smaller one.
_SECONDS_BELOW = 1e11
_MILLISECONDS_BELOW = 1e14
_MICROSECONDS_BELOW = 1e17
_NANOSECONDS_BELOW = 1e20


def from_micros(micros: int) -> datetime:
    """Return the time that is so many microseconds after 1970, in UTC.

    Raises:
        ValueError: If it is none in the years 1 to 9999.
    """
    try:
        return EPOCH + micros * MICROSECOND
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def to_micros(time: datetime) -> int:
    """Return the microseconds from 1970 to a time, which must be aware."""
    return (time - EPOCH) // MICROSECOND


def to_utc(time: datetime | float) -> datetime:
    """Bring a decoded time to UTC.

    Args:
        time: A number since 1970 (see `from_number`), or a datetime; one without an
            offset means UTC.

    Raises:
        ValueError: If it is none in the years 1 to 9999.
    """
    if not isinstance(time, datetime):
        return from_number(time)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def from_text(text: str) -> datetime:
    """Read a time that a log has in quotes.

    Args:
        text: RFC 3339 (no offset means UTC), or a whole number since 1970 (see `from_number`).

    Raises:
        ValueError: If it is neither; msgspec's ValidationError is one.
    """
    if _WHOLE_NUMBER.fullmatch(text):
        return from_number(int(text))
    return to_utc(msgspec.convert(text, datetime))


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")
_decode_time = msgspec.json.Decoder(datetime | int | float).decode
_encode = msgspec.json.Encoder().encode


def parse_time(text: str) -> datetime:
    """Read a time that a person wrote.

    Args:
        text: RFC 3339 (no offset means UTC), a date (its beginning in UTC), or a
            number since 1970.

    Raises:
        ValueError: If it is none of these.
    """
    is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None
    is_date = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None
    try:
        if is_number:
            return to_utc(_decode_time(text))
        return to_utc(_decode_time(_encode(f"{text}T00:00:00Z" if is_date else text)))
    except (ValueError, msgspec.MsgspecError):
        raise ValueError(
            f"{text!r} is not a time: write 2024-01-31, 2024-01-31T12:00:00Z or seconds since 1970"
        ) from None


@overload
def format_times(times: Sequence[datetime | None]) -> list[str | None]: ...
@overload
def format_times(times: Sequence[datetime | None], null: str) -> list[str]: ...
def format_times(
    times: Sequence[datetime | None], null: str | None = None
) -> list[str] | list[str | None]:
    """Write many times at once as RFC 3339 with a Z and milliseconds, so that text sorts by time.

    A time that has microseconds is written with all six digits.

    Args:
        times: Times in UTC.
        null: What to return for None.

    Returns:
        A string, or `null`, for each.
    """
    if not times:
        return []
    text = _encode(times).decode()
    has_null = "null" in text
    if has_null:
        text = text.replace("null", '"null"')
    # The encoder writes no fraction, or six digits.
    written = text.replace('000Z"', 'Z"')[2:-2].split('","')
    written = [f"{time[:-1]}.000Z" if len(time) == _WHOLE_SECONDS else time for time in written]
    return [null if time == "null" else time for time in written] if has_null else written


_WHOLE_SECONDS = len("2024-03-04T00:00:05Z")


def format_second(time: datetime) -> str:
    """Write a time for people, as RFC 3339 with a Z and without the fraction of its second.

    Args:
        time: A time in UTC.
    """
    return f"{time.replace(microsecond=0, tzinfo=None).isoformat()}Z"


_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[wdhms])")
_LONGEST_DURATION = timedelta(days=1_000_000)


def parse_duration(text: str) -> timedelta:
    """Read a duration as people write it: `90s`, `30m`, `1h30m`, `2d`, `1.5h`, `0`.

    Args:
        text: Numbers with the units w, d, h, m, s and ms, one after the other.

    Raises:
        ValueError: If it is no duration or longer than a million days.
    """
    compact = text.replace(" ", "")
    if compact == "0":
        return timedelta(0)
    parts = _DURATION_PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        hint = f"; did you mean {compact}s or {compact}m?" if compact.isdecimal() else ""
        raise ValueError(f"{text!r} is not a duration: write 90s, 30m, 1h30m or 2d{hint}")
    try:
        duration = sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta(0))
    except OverflowError:
        duration = timedelta.max
    if duration > _LONGEST_DURATION:
        raise ValueError(f"{text!r} is too long: at most {_LONGEST_DURATION.days} days")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it: `1h30m`, `2d`, `0.5s`."""
    rest = duration
    text = ""
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    if rest or not text:
        text += f"{rest.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    return text
