"""What ctrlog must answer, worked out the slow and obvious way.

A batch oracle written straight from the rules R1 to R12; it shares no code with the package. A
session is the plain list of its events. All open sessions are looked at whenever one may have
ended, and each record is worked out from the events it is about once they are all there.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, product
from math import floor
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, str | int | float | None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(duration: timedelta) -> int:
    """Return a duration as whole microseconds, the unit of every time in this module."""
    return duration // timedelta(microseconds=1)


FIRST_US = to_us(datetime.min.replace(tzinfo=UTC) - EPOCH)
LAST_US = to_us(datetime.max.replace(tzinfo=UTC) - EPOCH)


@dataclass(frozen=True)
class Options:
    """The options of `ctrlog run` that change its answer; `since` is inclusive, `until` not."""

    gap: timedelta = timedelta(minutes=30)
    lateness: timedelta = timedelta(minutes=5)
    max_session: timedelta | None = None
    reorder: timedelta | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: tuple[tuple[str, str], ...] = ()


# --- Reading a log

KINDS = {
    "AppOpen": "open", "app_open": "open",
    "Search": "search", "search": "search",
    "Results": "results", "results": "results",
    "ClickResult": "click", "click_result": "click", "click": "click",
    "AppClose": "close", "app_close": "close",
    "Timeout": "timeout", "timeout": "timeout",
}  # fmt: skip
NEEDED = {"search": ["query"], "results": ["items"], "click": ["item"]}


@dataclass(frozen=True)
class Event:
    """A good line: its JSON object in `fields`; `kind` as in KINDS, or "other"."""

    kind: str
    user: str
    time: int | None
    fields: dict[str, Any]


@dataclass
class ReadLog:
    """A log's events in file order, and its bad lines as (line number from 1, reason)."""

    events: list[Event] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)


class BadLineError(Exception):
    """A line that holds no event; its only argument is the reason."""


def read_log(content: bytes) -> ReadLog:
    """Read a log: an event a line; blank lines are ignored, bad lines noted."""
    log = ReadLog()
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip(b" \t\r"):
            try:
                log.events.append(read_event(read_object(line)))
            except BadLineError as bad:
                log.bad.append((number, str(bad)))
    return log


def read_object(line: bytes) -> dict[str, Any]:
    """Return the JSON object on a line; of several reasons against it the first here counts."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadLineError("not UTF-8") from None
    if not is_json(text):
        raise BadLineError("cut off" if is_cut_off(text) else "not JSON")
    try:
        json.dumps(json.loads(text, object_pairs_hook=list), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate escape such as "\ud800"
        raise BadLineError("not UTF-8") from None
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise BadLineError("not an object")
    return fields


def is_json(text: str) -> bool:
    """Tell whether a text is one JSON value."""
    try:
        json.loads(text, parse_constant=int)  # int refuses "NaN" and "Infinity"
    except ValueError:
        return False
    return True


TOKEN_ENDS = (
    "", '"', '\\"', '0"', '00"', '000"', '0000"',  # of a string, the latter within an escape
    "rue", "ue", "e", "alse", "lse", "se", "ull", "ll", "l", "0",
)  # fmt: skip
MEMBER_ENDS = ("", ":0", "0", '"":0')


def is_cut_off(text: str) -> bool:
    """Tell whether a text that isn't JSON becomes JSON with some ending added."""
    outside_strings = re.sub(r'"([^"\\]|\\.)*("|\\?\Z)', "", text)
    closers = ""
    for mark in re.findall(r"[\[\]{}]", outside_strings):
        closers = {"[": "]", "{": "}"}[mark] + closers if mark in "[{" else closers[1:]
    return any(is_json(text + a + b + closers) for a, b in product(TOKEN_ENDS, MEMBER_ENDS))


def read_event(fields: dict[str, Any]) -> Event:
    """Check the fields that an event of its type uses: that they are there, types, time."""
    spelling = fields.get("type")
    kind = KINDS.get(spelling, "other") if isinstance(spelling, str) else "other"
    needed = ["type", "user", *NEEDED.get(kind, [])]
    if any(fields.get(name) is None for name in needed):
        raise BadLineError("field missing")
    optional = ["time", "rank"] if kind == "click" else ["time"]
    used = needed + [name for name in optional if fields.get(name) is not None]
    if not all(has_right_type(name, fields[name]) for name in used):
        raise BadLineError("wrong type")
    time = read_time(fields["time"]) if "time" in used else None
    return Event(kind, str(fields["user"]), time, fields)


def has_right_type(name: str, value: object) -> bool:
    """Tell whether a value is of the JSON type that the field must have."""
    if name == "items":
        return isinstance(value, list) and all(has_right_type("item", item) for item in value)
    allowed = {
        "type": str, "query": str, "rank": int,
        "user": str | int, "item": str | int, "time": str | int | float,
    }[name]  # fmt: skip
    return isinstance(value, allowed) and not isinstance(value, bool)


RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):?([0-5][0-9]))?",
)


def read_time(value: str | float) -> int:
    """Return a time as microseconds since 1970, the nearest; halves go up."""
    exact_us = read_rfc3339(value) if isinstance(value, str) else read_number(value)
    time = floor(exact_us + Fraction(1, 2))
    if not FIRST_US <= time <= LAST_US:
        raise BadLineError("not a time")
    return time


def read_number(number: float) -> Fraction:
    """Return a number since 1970 as microseconds; its size tells the unit."""
    for limit, us in (10**11, 10**6), (10**14, 10**3), (10**17, 1), (10**20, Fraction(1, 1000)):
        if abs(number) < limit:
            return Fraction(number) * us
    raise BadLineError("not a time")


def read_rfc3339(text: str) -> Fraction:
    """Return an RFC 3339 time, in UTC unless it has an offset, as microseconds since 1970."""
    match = RFC_3339.fullmatch(text)
    if match is None:
        raise BadLineError("not a time")
    *numbers, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - EPOCH
    except ValueError:
        raise BadLineError("not a time") from None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    in_utc = local + offset if sign == "-" else local - offset
    return to_us(in_utc) + Fraction(fraction or 0) * 10**6


def in_order(events: Sequence[Event], reorder: timedelta | None) -> list[Event]:
    """Sort the events of a file that are up to `reorder` out of order (R1)."""
    if reorder is None:
        return list(events)
    sorted_events: list[Event] = []
    held: list[tuple[float, Event]] = []
    greatest = float("-inf")
    for event in events:
        greatest = greatest if event.time is None else max(greatest, event.time)
        held.append((greatest if event.time is None else event.time, event))
        held.sort(key=lambda pair: pair[0])  # stable: ties stay in order of arrival
        while held and held[0][0] <= greatest - to_us(reorder):
            sorted_events.append(held.pop(0)[1])
    return sorted_events + [event for _, event in held]


# --- Sessions

Session: TypeAlias = list[Event]  # in order of arrival
Search: TypeAlias = list[Event]  # a Search and the session's events after it, up to the next


def times(session: Session) -> list[int]:
    """Return the times of a session's events that have one, in order of arrival."""
    return [event.time for event in session if event.time is not None]


def searches(session: Session) -> list[Search]:
    """Return a session's searches; while the session is open the last of them is open."""
    starts = [place for place, event in enumerate(session) if event.kind == "search"]
    return [session[start:end] for start, end in pairwise([*starts, len(session)])]


COUNTED = "events orphan_clicks orphan_results out_of_order late sessions sessions_without_search"


@dataclass(frozen=True)
class Outcome:
    """What a run prints per search and per session, each in order, and what it counts.

    Counted are bad lines by reason ("bad") and all that COUNTED names; "sessions" are those with
    a selected search, "sessions_without_search" all others.
    """

    searches: list[Record] = field(default_factory=list)
    sessions: list[Record] = field(default_factory=list)
    counts: dict[str, Any] = field(
        default_factory=lambda: {"bad": Counter(), **dict.fromkeys(COUNTED.split(), 0)}
    )


class Machine:
    """The rules R2 to R11, for all users."""

    def __init__(self, options: Options) -> None:
        """Start with no session open."""
        self.options = options
        self.clock: int | None = None
        self.open: list[Session] = []  # in order of their first events
        self.asked: list[Event] = []  # every Search so far
        self.outcome = Outcome()

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        self.outcome.counts["events"] += 1
        if event.time is not None:
            self.move_clock(event.time)
        session = self.session_for(event)
        if session is None:
            if event.kind in ("close", "timeout"):
                return  # they start no session (R2) and there is none to end (R4)
            session = []
            self.open.append(session)
        session.append(event)  # before anything closes: the event that closes a session is in it
        if event.kind == "search":
            self.asked.append(event)
            if len(searches(session)) > 1:
                self.report(session, searches(session)[-2], "search")  # R3
        elif event.kind in ("close", "timeout"):
            self.end(session, event.kind)  # R4
        elif event.kind == "click" and not searches(session):
            self.outcome.counts["orphan_clicks"] += 1  # R5
        elif event.kind == "results" and not searches(session):
            self.outcome.counts["orphan_results"] += 1  # R5

    def move_clock(self, time: int) -> None:
        """Move the clock to a time and end the sessions it passes, or count it as behind."""
        gap, lateness = to_us(self.options.gap), to_us(self.options.lateness)
        if self.clock is not None and time <= self.clock:
            self.outcome.counts["out_of_order"] += time < self.clock
            self.outcome.counts["late"] += time < self.clock - lateness  # R8
            return
        self.clock = time
        timed = [session for session in self.open if times(session)]
        due = [(max(times(session)) + gap + lateness, session) for session in timed]
        for due_time, session in sorted(due, key=lambda pair: pair[0]):  # stable
            if due_time < time:
                self.end(session, "gap")  # R7

    def session_for(self, event: Event) -> Session | None:
        """Return the user's open session if the event is in it; if it isn't, end that one."""
        session = next((session for session in self.open if session[0].user == event.user), None)
        if session is None or event.time is None or not times(session):
            return session  # without a time there is no pause
        longest = self.options.max_session
        if event.time - max(times(session)) > to_us(self.options.gap):
            self.end(session, "gap")  # R2
        elif longest is not None and event.time - times(session)[0] >= to_us(longest):
            self.end(session, "max")  # R10
        else:
            return session
        return None

    def finish(self) -> None:
        """End what is open at the end of the input, in order of the open searches (R9)."""
        for asked in self.asked:
            for session in list(self.open):
                if searches(session) and searches(session)[-1][0] is asked:
                    self.end(session, "end")
        for session in list(self.open):
            self.end(session, "end")

    def end(self, session: Session, closed_by: str) -> None:
        """End a session and its open search, and report both."""
        self.open.remove(session)
        if searches(session):
            self.report(session, searches(session)[-1], closed_by)
        selected = [search for search in searches(session) if is_selected(search, self.options)]
        if selected:
            self.outcome.counts["sessions"] += 1
            self.outcome.sessions.append(session_record(session, selected, closed_by))
        else:
            self.outcome.counts["sessions_without_search"] += 1  # R11

    def report(self, session: Session, search: Search, closed_by: str) -> None:
        """Report a search that was closed, if it is selected."""
        if is_selected(search, self.options):
            self.outcome.searches.append(search_record(session, search, closed_by))


def run(logs: Sequence[bytes], options: Options = Options()) -> Outcome:
    """Answer what `ctrlog run` answers for the contents of some files, one after the other."""
    machine = Machine(options)
    for content in logs:
        log = read_log(content.lstrip(b"\0"))  # zeros before all lines are a hole, no line
        machine.outcome.counts["bad"].update(reason for _, reason in log.bad)
        machine.clock = None  # each file has a clock of its own (R7)
        for event in in_order(log.events, options.reorder):
            machine.take(event)
    machine.finish()
    return machine.outcome


# --- Records


def is_selected(search: Search, options: Options) -> bool:
    """Tell whether `since`, `until` and `where` select a search."""
    asked = search[0]
    if options.since and (asked.time is None or asked.time < to_us(options.since - EPOCH)):
        return False
    if options.until and (asked.time is None or asked.time >= to_us(options.until - EPOCH)):
        return False
    named = {name for name, _ in options.where}
    matched = {name for name, text in options.where if has_value(asked.fields.get(name), text)}
    return named == matched


def has_value(value: object, text: str) -> bool:
    """Tell whether a field's value is the text, or the number that the text stands for."""
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, int | float) and is_json(text):
        number = json.loads(text)
        return not isinstance(number, bool) and bool(number == value)
    return value == text


def search_record(session: Session, search: Search, closed_by: str) -> Record:
    """Work out the record of a search from its events."""
    asked = search[0]
    clicks = [event for event in search if event.kind == "click"]
    shown_at_first = shown(search[: search.index(clicks[0])]) if clicks else None
    everything_shown = shown(search)
    return {
        "ctr": 1.0 if clicks else 0.0,
        "user": asked.user,
        "query": asked.fields["query"],
        "results": None if everything_shown is None else len(everything_shown),
        "clicks": len(clicks),
        "first_rank": rank(clicks[0], shown_at_first or []) if clicks else None,
        "first_click_s": seconds_between(asked, clicks[0]) if clicks else None,
        "time": rfc3339(asked.time),
        "session_start": rfc3339(next(iter(times(session)), None)),
        "closed_by": closed_by,
    }


def session_record(session: Session, selected: list[Search], closed_by: str) -> Record:
    """Work out the record of a session from its events, for its selected searches."""
    clicks = [sum(event.kind == "click" for event in search) for search in selected]
    clicked_searches = sum(count > 0 for count in clicks)
    return {
        "ctr": clicked_searches / len(selected),
        "clicks_per_search": sum(clicks) / len(selected),
        "user": session[0].user,
        "searches": len(selected),
        "clicked_searches": clicked_searches,
        "clicks": sum(clicks),
        "session_start": rfc3339(next(iter(times(session)), None)),
        "session_end": rfc3339(max(times(session), default=None)),
        "closed_by": closed_by,
    }


def shown(search: Search) -> list[str] | None:
    """Return the items of all Results, a further page going on (R5); None without Results."""
    pages = [event.fields["items"] for event in search if event.kind == "results"]
    return [str(item) for page in pages for item in page] if pages else None


def rank(click: Event, shown_so_far: list[str]) -> int | None:
    """Return a click's own rank, else its item's first place, else None (R6)."""
    own: int | None = click.fields.get("rank")
    if own is not None and own >= 1:
        return own
    item = str(click.fields["item"])
    return shown_so_far.index(item) + 1 if item in shown_so_far else None


def seconds_between(earlier: Event, later: Event) -> float | None:
    """Return the seconds from one event to another, None if either has no time."""
    if earlier.time is None or later.time is None:
        return None
    return (later.time - earlier.time) / 10**6


def rfc3339(time: int | None) -> str | None:
    """Write a time in UTC with only as many digits as needed."""
    if time is None:
        return None
    written = (EPOCH + timedelta(microseconds=time)).replace(tzinfo=None)
    return written.isoformat(timespec="microseconds").rstrip("0").rstrip(".") + "Z"
