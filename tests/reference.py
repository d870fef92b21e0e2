"""What ctrlog must answer, worked out the slow and obvious way.

A batch oracle written straight from the rules R1 to R15; it shares no code with the package. A
session is the plain list of its events. All open sessions are looked at whenever one may have
ended, a session's events are dealt out to its searches anew whenever one more has come, and each
record is worked out from the events it is about once they are all there.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product
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
    attribution: str = "order"
    merge_typing: timedelta | None = None
    dedupe_clicks: bool = False
    most_open: int = 1000
    max_user_searches: int | None = None
    excluded: frozenset[str] = frozenset()
    interleaves: bool = False

    @property
    def has_ids(self) -> bool:
        """Whether the ids of searches are looked at (R13)."""
        return self.attribution == "id"


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

    @property
    def search_id(self) -> str | None:
        """The id of the search that it names, as text; None if it names none."""
        named = self.fields.get("search_id")
        return None if named is None or named == "" else str(named)


@dataclass
class ReadLog:
    """A log's events in file order, and its bad lines as (line number from 1, reason)."""

    events: list[Event] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)


class BadLineError(Exception):
    """A line that holds no event; its only argument is the reason."""


def read_log(content: bytes, *, has_ids: bool = False) -> ReadLog:
    """Read a log: an event a line; blank lines are ignored, bad lines noted."""
    log = ReadLog()
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip(b" \t\r"):
            try:
                log.events.append(read_event(read_object(line), has_ids=has_ids))
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


def read_event(fields: dict[str, Any], *, has_ids: bool) -> Event:
    """Check the fields that an event of its type uses: that they are there, types, time."""
    spelling = fields.get("type")
    kind = KINDS.get(spelling, "other") if isinstance(spelling, str) else "other"
    needed = ["type", "user", *NEEDED.get(kind, [])]
    if any(fields.get(name) is None for name in needed):
        raise BadLineError("field missing")
    optional = ["time", "rank"] if kind == "click" else ["time"]
    optional += ["search_id"] if has_ids and kind in NEEDED else []
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
        "user": str | int, "item": str | int, "search_id": str | int,
        "time": str | int | float,
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


def together(files: Sequence[Sequence[Event]]) -> list[Event]:
    """Take the events of files together, the earliest next one first (R1, `--interleave`)."""
    rests = [list(events) for events in files]
    before = [float("-inf")] * len(rests)
    taken: list[Event] = []
    while any(rests):
        keys = []
        for number, rest in enumerate(rests):
            if rest:
                time = rest[0].time
                keys.append((before[number] if time is None else time, number))
        earliest, number = min(keys)
        before[number] = earliest
        taken.append(rests[number].pop(0))
    return taken


# --- Sessions

Session: TypeAlias = list[Event]  # in order of arrival


@dataclass
class Search:
    """A search of a session.

    Attributes:
        asked: Its Search event; of several in one typing, the last.
        opened: The place of that among the session's events.
        names: The ids that it goes by, the present one last; [None] if it has none.
        events: The Results and clicks that belong to it.
        refinements: How many other searches it replaced.
        is_open: Whether no other search has closed it.
    """

    asked: Event
    opened: int
    names: list[str | None]
    events: list[Event] = field(default_factory=list)
    refinements: int = 0
    is_open: bool = True

    @property
    def query(self) -> str:
        """What was searched for."""
        return str(self.asked.fields["query"])

    @property
    def clicks(self) -> list[Event]:
        """The clicks on it."""
        return [event for event in self.events if event.kind == "click"]


@dataclass
class Dealt:
    """The events of a session, dealt out to its searches in the order of these."""

    searches: list[Search] = field(default_factory=list)
    orphan_clicks: int = 0
    orphan_results: int = 0
    repeated_clicks: int = 0

    @property
    def still_open(self) -> list[Search]:
        """The open searches, in the order in which they were opened."""
        open_ones = [search for search in self.searches if search.is_open]
        return sorted(open_ones, key=lambda search: search.opened)

    def named(self, name: str | None) -> Search | None:
        """Return the open search of an id, or that without one."""
        return next((search for search in self.still_open if name in search.names), None)


def deal(session: Session, options: Options) -> Dealt:
    """Deal the events of a session out."""
    dealt = Dealt()
    for place, event in enumerate(session):
        name = event.search_id if options.has_ids else None
        if event.kind == "search":
            ask(dealt, event, place, name, options)
        elif event.kind in ("results", "click"):
            search = dealt.named(name)
            if event.kind == "click":
                count_click(dealt, search, event, options)
            elif search is None:
                dealt.orphan_results += 1  # R5, R13
            elif search.names[-1] == name:  # else they are of what was replaced: dropped (R14)
                search.events.append(event)
    return dealt


def ask(dealt: Dealt, event: Event, place: int, name: str | None, options: Options) -> None:
    """Open a search, go on with one (R13), or replace one (R14)."""
    mine = dealt.named(name)
    named = [search for search in dealt.still_open if search.names != [None]]
    if name is None:
        typed_on = mine
    elif mine is None:
        typed_on = named[-1] if named else None
    elif mine.names[-1] == name and event.fields["query"] != mine.query:
        typed_on = mine
    else:
        typed_on = None
    if typed_on is not None and is_typed_on(typed_on, event, options):
        typed_on.asked, typed_on.opened, typed_on.events = event, place, []
        typed_on.refinements += name is None or name != typed_on.names[-1]
        if name != typed_on.names[-1]:
            typed_on.names.append(name)
    elif mine is None or name is None:
        if mine is not None:
            mine.is_open = False  # R3
        elif len(dealt.still_open) >= options.most_open:
            dealt.still_open[0].is_open = False  # R13
        dealt.searches.append(Search(event, place, [name]))


def count_click(dealt: Dealt, search: Search | None, click: Event, options: Options) -> None:
    """Give a click to its search."""
    if search is None:
        dealt.orphan_clicks += 1  # R5, R13
    elif options.dedupe_clicks and str(click.fields["item"]) in [
        str(before.fields["item"]) for before in search.clicks
    ]:
        dealt.repeated_clicks += 1  # R15
    else:
        search.events.append(click)


def is_typed_on(search: Search, event: Event, options: Options) -> bool:
    """Tell whether a Search event is typed on from an open search (R14)."""
    if options.merge_typing is None or search.clicks:
        return False
    if search.asked.time is None or event.time is None:
        return False
    if abs(event.time - search.asked.time) > to_us(options.merge_typing):
        return False
    query, before = str(event.fields["query"]), search.query
    if query == "" or before == "":
        return before == ""
    if query[: len(before)] == before or before[: len(query)] == query:
        return True
    return edits(query, before) <= 2


def edits(one: str, other: str) -> int:
    """Return the least number of letters to insert, delete or change (Levenshtein)."""
    distances = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        row = [i + 1]
        for j, its in enumerate(other):
            row.append(min(row[-1] + 1, distances[j + 1] + 1, distances[j] + (letter != its)))
        distances = row
    return distances[-1]


def times(session: Session) -> list[int]:
    """Return the times of a session's events that have one, in order of arrival."""
    return [event.time for event in session if event.time is not None]


COUNTED = (
    "events clicks orphan_clicks orphan_results repeated_clicks named_searches out_of_order late"
    " sessions sessions_without_search"
)


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
    """The rules R2 to R15, for all users."""

    def __init__(self, options: Options) -> None:
        """Start with no session open."""
        self.options = options
        self.clock: int | None = None
        self.open: list[Session] = []  # in order of their first events
        self.asked: list[Event] = []  # every Search so far
        self.reported: list[Event] = []  # the Search of every search that was printed
        self.made: Counter[str] = Counter()  # the searches of each user that were to be printed
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
        self.outcome.counts["clicks"] += event.kind == "click"
        before = deal(session, self.options)
        session.append(event)  # before anything closes: the event that closes a session is in it
        after = deal(session, self.options)
        for name in ("orphan_clicks", "orphan_results", "repeated_clicks"):
            self.outcome.counts[name] += getattr(after, name) - getattr(before, name)
        if event.kind == "search":
            self.asked.append(event)
            is_new = len(after.searches) > len(before.searches)
            has_id = self.options.has_ids and event.search_id is not None
            self.outcome.counts["named_searches"] += is_new and has_id
        for search, earlier in zip(after.searches, before.searches, strict=False):
            if earlier.is_open and not search.is_open:
                self.report(session, search, "search")  # R3, R13
        if event.kind in ("close", "timeout"):
            self.end(session, event.kind)  # R4

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
                still_open = deal(session, self.options).still_open
                for search in still_open:
                    if search.asked is asked and search is still_open[-1]:
                        self.report(session, search, "end")
                        self.close(session, "end")
                    elif search.asked is asked:
                        self.report(session, search, "end")
        for session in list(self.open):
            self.end(session, "end")

    def end(self, session: Session, closed_by: str) -> None:
        """End a session and its open searches, and report all."""
        for search in deal(session, self.options).still_open:
            self.report(session, search, closed_by)
        self.close(session, closed_by)

    def close(self, session: Session, closed_by: str) -> None:
        """End a session whose searches were reported, and report it."""
        self.open.remove(session)
        searches = deal(session, self.options).searches
        selected = [s for s in searches if any(s.asked is asked for asked in self.reported)]
        if selected:
            self.outcome.counts["sessions"] += 1
            self.outcome.sessions.append(session_record(session, selected, closed_by))
        else:
            self.outcome.counts["sessions_without_search"] += 1  # R11

    def report(self, session: Session, search: Search, closed_by: str) -> None:
        """Report a search that was closed, if it is selected and its user has not had enough."""
        if not is_selected(search, self.options):
            return
        user, most = search.asked.user, self.options.max_user_searches
        self.made[user] += 1
        if most is not None and self.made[user] > most:
            return
        self.reported.append(search.asked)
        record = search_record(session, search, closed_by)
        if self.options.merge_typing is not None:
            record["refinements"] = search.refinements
        others = deal(session, self.options).searches
        record["followed"] = any(other.opened > search.opened for other in others)
        self.outcome.searches.append(record)


def run(logs: Sequence[bytes], options: Options = Options()) -> Outcome:
    """Answer what `ctrlog run` answers for the contents of some files."""
    machine = Machine(options)
    files = []
    for content in logs:
        # Zeros before all lines are a hole, no line.
        log = read_log(content.lstrip(b"\0"), has_ids=options.has_ids)
        machine.outcome.counts["bad"].update(reason for _, reason in log.bad)
        others = [event for event in log.events if event.user not in options.excluded]
        files.append(in_order(others, options.reorder))
    for events in [together(files)] if options.interleaves else files:
        machine.clock = None  # each file has a clock of its own (R7)
        for event in events:
            machine.take(event)
    machine.finish()
    return machine.outcome


# --- Records


def is_selected(search: Search, options: Options) -> bool:
    """Tell whether `since`, `until` and `where` select a search."""
    asked = search.asked
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
    asked, clicks = search.asked, search.clicks
    shown_at_first = shown(search.events[: search.events.index(clicks[0])]) if clicks else None
    everything_shown = shown(search.events)
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
    clicks = [len(search.clicks) for search in selected]
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


def shown(events: list[Event]) -> list[str] | None:
    """Return the items of all Results as one list; None without Results.

    A further page adds only what is new if it begins with all that is shown, and nothing if it
    repeats what is shown (R5).
    """
    pages = [[*map(str, event.fields["items"])] for event in events if event.kind == "results"]
    if not pages:
        return None
    together: list[str] = []
    for page in pages:
        if page[: len(together)] == together:
            together = page
        elif not set(page) <= set(together):
            together = together + page
    return together


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
    """Write a time in UTC with three digits of a second, or six where it has microseconds."""
    if time is None:
        return None
    written = (EPOCH + timedelta(microseconds=time)).replace(tzinfo=None)
    return written.isoformat(timespec="microseconds" if time % 1000 else "milliseconds") + "Z"
