"""Hypothesis strategies for logs worth testing.

The alphabets are small, so that users meet, items repeat and clicks hit what was shown. The steps
between times and the durations of the options are made for each other: a pause is often the gap to
the microsecond, or one more, and the same holds for gap + lateness and the longest session.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from hypothesis import strategies as st
from reference import KINDS, NEEDED, Options

EventDict: TypeAlias = dict[str, Any]
WrittenTime: TypeAlias = str | int | float

BASE = datetime(2024, 1, 1, tzinfo=UTC)
BASE_US = int(BASE.timestamp()) * 10**6

# --- Small alphabets. What is listed more often comes up more often; examples shrink to the first.

USERS: list[str | int] = [1, 1, "1", 2, 2, "2", "bob"]
TYPES = [
    *["Search", "Search", "Search", "Search", "search", "Results", "Results", "Results", "results"],
    *["ClickResult", "ClickResult", "ClickResult", "ClickResult", "click_result", "click"],
    *["AppOpen", "app_open", "AppClose", "app_close", "Timeout", "timeout"],
    *["scroll", "SEARCH"],  # these two are of another type: plain activity
]
QUERIES = [
    *[
        "dogs",
        "dogs",
        "dog",
        "do",
        "d",
        "dgos",
        "cats",
        "ca",
        "",
        "Crème brûlée",
        "猫 🐈",
        " blank ",
        "null",
        "=1+1",
    ],
    *["tab\there", "line\nbreak", "cr\r\n", "\u2028 \u2029 \x85", "nul\x00", '{"a": 1}'],
    *['say "hi", ok', "it's", "back\\slash \\t \\"],
]
ITEMS: list[str | int] = ["a", "a", "b", "b", "c", 5, "5", "é\u2028"]
RANKS = [1, 2, 3, 10, 0, -1, None]
SEARCH_IDS: list[str | int | None] = [1, 1, "1", 2, "2", "b", "", None]
LANGS = ["en", "en", "fr", "1", 1, 1.0, True, "true", None, ["en"]]
UNUSED: list[EventDict] = [
    *[{}, {}, {}],
    {"device": "phone", "more": {"time": "never", "user": [1, -2.5e3, {"type": None}]}},
    {"device": "tablet", "caf\u00e9": "\U0001f600", "": False},
]
STRANGE_WHERE_NO_ID_IS: list[EventDict] = [{}, {}, {}, {"search_id": [1.5, None]}]
STRANGE_IN_A_SEARCH: list[EventDict] = [{}, {}, {}, {"item": [None]}, {"rank": "1", "items": 5}]

# --- Durations: steps between events that just reach those of the options, or just pass them.

GAPS_S = [10, 10, 20]
LATENESSES_S = [5, 5, 10, 0]
MAX_SESSIONS_S = [None, None, 15, 5, 30]
REORDERS_S = [None, None, 5, 20, 0]
ATTRIBUTIONS = ["order", "order", "id"]
TYPINGS_S = [None, None, None, None, 5, 1, 0, 20]
MOST_OPEN = [1000, 1000, 1000, 3, 2, 1]
MOST_USER_SEARCHES = [None, None, None, None, None, None, 3, 2, 1]
SELECTED_FROM_S = [*[None] * 9, 0, 10, 20]
SELECTED_TO_S = [*[None] * 9, 60, 30, 40]
WHERE: list[tuple[tuple[str, str], ...]] = [
    *[()] * 12,
    (("lang", "en"),),
    (("lang", "1.0"),),
    (("lang", "en"), ("query", "dogs"), ("lang", "true")),
    (("user", "1"),),
    (("device", "null"),),
]

_S = 10**6
STEPS_FORTH_US = [
    *[s * _S for s in (1, 0, 0, 0, 0, 1, 1, 1, 1, 5, 5, 5, 5, 5, 5, 10, 10, 10, 15, 20, 30, 86400)],
    *[s * _S + 1 for s in (0, 0, 5, 10, 15, 20, 25)],
    *[500_000, 1_250_000],
]
STEPS_BACK_US = [
    *[-s * _S for s in (1, 5, 5, 10, 15, 20, 25, 30, 60)],
    *[-s * _S - 1 for s in (0, 5, 5, 10)],
]
STEPS_US = [*STEPS_FORTH_US, *STEPS_FORTH_US, *STEPS_BACK_US]
FILE_STARTS_S = [0, 10, 15, 20, 30, 60, 3600, -30]


def one_in(number: int) -> st.SearchStrategy[bool]:
    """Draw True once in so many times; examples shrink to False."""
    return st.sampled_from([*[False] * (number - 1), True])


# --- Times


def rfc3339(
    time_us: int, separator: str = "T", offset_min: int = 0, zone: str = "Z", rest: str = ""
) -> str:
    """Write a time with as few digits as needed, or all six and the `rest` after them.

    Args:
        time_us: Microseconds since 1970.
        separator: What stands between day and time.
        offset_min: The offset from UTC in minutes.
        zone: The same offset as written.
        rest: Digits from the seventh on.
    """
    local = BASE + timedelta(microseconds=time_us - BASE_US, minutes=offset_min)
    written = local.replace(tzinfo=None).isoformat(separator, "microseconds")
    return (written + rest if rest else written.rstrip("0").rstrip(".")) + zone


def whole_or_float(time_us: int, unit_us: int) -> int | float:
    """Write a time as a number of units, a float only if it has to be."""
    return time_us / unit_us if time_us % unit_us else time_us // unit_us


TIME_FORMS: list[Callable[[int], WrittenTime]] = [
    *[rfc3339, rfc3339, rfc3339],
    partial(rfc3339, zone=""),
    partial(rfc3339, separator="t", zone="z"),
    partial(rfc3339, separator=" ", zone="+00:00"),
    partial(rfc3339, offset_min=330, zone="+05:30"),
    partial(rfc3339, offset_min=-480, zone="-0800"),
    partial(rfc3339, rest="000"),
    partial(rfc3339, rest="4999999"),  # rounds down to the time meant
    lambda time_us: rfc3339(time_us - 1, rest="5"),  # rounds up to it
    partial(whole_or_float, unit_us=10**6),
    partial(whole_or_float, unit_us=10**3),
    lambda time_us: time_us / 10**6,
    lambda time_us: time_us / 10**3,
    lambda time_us: time_us,
    lambda time_us: time_us * 1000,
    lambda time_us: time_us * 1000 + 499,
    lambda time_us: time_us * 1000 - 500,
]
"""Every format of a time; each of them means the microsecond it is given."""


# --- Events


@st.composite
def untimed_events(draw: st.DrawFn) -> EventDict:
    """Draw an event of any type, without its time."""
    event: EventDict = {"type": draw(st.sampled_from(TYPES)), "user": draw(st.sampled_from(USERS))}
    kind = KINDS.get(event["type"])
    if kind == "search":
        event["query"] = draw(st.sampled_from(QUERIES))
        event["lang"] = draw(st.sampled_from(LANGS))
        event |= draw(st.sampled_from(STRANGE_IN_A_SEARCH))
    elif kind == "results":
        event["items"] = draw(st.lists(st.sampled_from(ITEMS), max_size=5))
    elif kind == "click":
        event["item"] = draw(st.sampled_from(ITEMS))
        if draw(one_in(3)):
            event["rank"] = draw(st.sampled_from(RANKS))
    if kind in NEEDED:
        if not draw(one_in(4)):
            event["search_id"] = draw(st.sampled_from(SEARCH_IDS))
    else:
        event |= draw(st.sampled_from(STRANGE_WHERE_NO_ID_IS))
    return event | draw(st.sampled_from(UNUSED))


@st.composite
def event_dicts(draw: st.DrawFn, start_us: int = BASE_US, max_events: int = 40) -> list[EventDict]:
    """Draw the events of one log, as what JSON can hold, roughly in order of time.

    Args:
        draw: Given by Hypothesis.
        start_us: The time that the first step goes from, in µs since 1970.
        max_events: The most events to draw, at least 12.

    Returns:
        Between 0 and `max_events` events. Mostly all or nearly all have a time; one log in eight
        has none.
    """
    least, most = draw(st.sampled_from([(0, 6), (6, 12), (12, max_events), (12, max_events)]))
    placed = st.tuples(
        untimed_events(),
        st.booleans(),
        st.sampled_from(STEPS_US),
        st.sampled_from(TIME_FORMS),
        st.integers(0, 15),
    )
    untimed_sixteenths = draw(st.sampled_from([2, 2, 2, 2, 0, 0, 8, 16]))
    events: list[EventDict] = []
    now_us = start_us
    for event, of_same_user, step_us, time_form, sixteenth in draw(
        st.lists(placed, min_size=least, max_size=most)
    ):
        if of_same_user and events:
            event["user"] = events[-1]["user"]
        if sixteenth >= untimed_sixteenths:
            event["time"] = time_form(now_us + step_us)
            now_us += max(step_us, 0)  # a step back is that one event's
        elif sixteenth % 2:
            event["time"] = None
        events.append(event)
    return events


@st.composite
def options(draw: st.DrawFn) -> Options:
    """Draw options whose durations interact with the steps of the logs."""

    def seconds(choices: list[int | None]) -> timedelta | None:
        chosen = draw(st.sampled_from(choices))
        return None if chosen is None else timedelta(seconds=chosen)

    since, until = seconds(SELECTED_FROM_S), seconds(SELECTED_TO_S)
    return Options(
        gap=timedelta(seconds=draw(st.sampled_from(GAPS_S))),
        lateness=timedelta(seconds=draw(st.sampled_from(LATENESSES_S))),
        max_session=seconds(MAX_SESSIONS_S),
        reorder=seconds(REORDERS_S),
        since=None if since is None else BASE + since,
        until=None if until is None else BASE + until,
        where=draw(st.sampled_from(WHERE)),
        attribution=draw(st.sampled_from(ATTRIBUTIONS)),
        merge_typing=seconds(TYPINGS_S),
        dedupe_clicks=draw(one_in(2)),
        most_open=draw(st.sampled_from(MOST_OPEN)),
        max_user_searches=draw(st.sampled_from(MOST_USER_SEARCHES)),
    )


# --- Lines

ORDERS: list[Callable[[EventDict], list[str]]] = [list, list, sorted, lambda event: [*event][::-1]]
SEPARATORS = [(", ", ": "), (", ", ": "), (",", ":"), (" ,\t", "\r : ")]
REPEATED: list[EventDict] = [{}, {}, {}, {"user": "nobody"}, {"time": True, "query": None}]
BLANK_LINES = [b"", b" ", b"\t \r", b"   "]
GOOD_LINE = b'{"type": "Search", "user": 1, "query": "lost", "more": {"a": "?"}}'

NOT_UTF8 = [
    *[GOOD_LINE.replace(b"lost", bad) for bad in (b"\xff", b"caf\xc3", b"\xc0\xaf")],
    *[GOOD_LINE.replace(b"lost", bad) for bad in (rb"\ud800", rb"\udc00\ud800", rb"\uD83Dx")],
    *[GOOD_LINE.replace(b"?", bad) for bad in (b"\xed\xa0\x80", b"\xf5\x80\x80\x80", rb"\ud800")],
    *[b"\xff" + GOOD_LINE, GOOD_LINE + b"\x80", GOOD_LINE.replace(b'"a"', rb'"\udfff"')],
]
NOT_JSON = [
    *[b"hello", b"# a comment", b"{user: 1}", b"{'user': 1}", b"}", b"\x0c", b"\xc2\xa0", b"\x00"],
    *[GOOD_LINE + GOOD_LINE, GOOD_LINE + b" {", GOOD_LINE + b",", b"\xef\xbb\xbf" + GOOD_LINE],
    *[GOOD_LINE.replace(b"1", bad) for bad in (b"01", b"+1", b"nope", b"1.x", b"0x1", b"--1")],
    *[GOOD_LINE.replace(b"1", bad) for bad in (b"NaN", b"-Infinity", b'1, "time": Infinity')],
    *[GOOD_LINE.replace(b"lost", bad) for bad in (b"a\tb", b"a\rb", rb"\x41", rb"\u12g4", b"\x1f")],
    *[GOOD_LINE.replace(b"}}", bad) for bad in (b"},}", b"}]", b"}}}", b",}}")],
]
NOT_AN_OBJECT = [b"[]", b"1", b"-1.5e3", b'"x"', b"null", b"true", b"[" + GOOD_LINE + b"]"]
WRONG_TYPES: dict[str, list[Any]] = {
    "type": [5, True, ["Search"], {}],
    "user": [1.0, 1.5, True, False, [], {"id": 1}],
    "query": [5, True, ["dogs"], {}],
    "items": ["a", 5, {}, True, [1.5], [True], [None], ["a", ["b"]]],
    "item": [1.0, True, ["a"], {}],
    "rank": [1.0, 2.5, True, "1", [1]],
    "search_id": [1.0, True, ["a"], {}],
    "time": [True, False, [], {"s": 1}],
}
NOT_TIMES: list[WrittenTime] = [
    *["", "now", "1704067200", "2024-01-01", "2024-01-01T00:00Z", "20240101T000000Z"],
    *["2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z"],
    *["2024-01-01T00:60:00Z", "2023-12-31T23:59:60Z", "2024-01-01T00:00:00.Z"],
    *["2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00 Z", "2024-01-01T00:00:00UTC"],
    *["2024-01-01T00:00:00+05", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+00:60"],
    *[" 2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z\n", "\uff12024-01-01T00:00:00Z"],
    *["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"],
    *["9999-12-31T23:59:59.9999995Z", "2024-1-1T0:00:00Z", "2024-01-01_00:00:00Z"],
    *[10**20, -(10**20), 1e20, 1e300, -62135596801, -62135596800.5, -99_999_999_999_999],
]


@st.composite
def lines(draw: st.DrawFn, event: EventDict) -> bytes:
    """Draw a way to write an event as a line, without its line end."""
    order = draw(st.sampled_from(ORDERS))
    repeated = draw(st.sampled_from(REPEATED))  # of equal keys the last one counts
    members = [(key, repeated[key]) for key in event if key in repeated]
    members += [(key, event[key]) for key in order(event)]
    comma, colon = draw(st.sampled_from(SEPARATORS))
    dumped = partial(json.dumps, ensure_ascii=draw(st.booleans()), separators=(comma, colon))
    text = "{" + comma.join(dumped(key) + colon + dumped(value) for key, value in members) + "}"
    if draw(one_in(8)):
        text = " " + text.replace('"user"', r'"us\u0065r"').replace("/", r"\/") + "\t"
    return text.encode()


@st.composite
def bad_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a line with one fault, without its line end; returns the reason and the line."""
    given: dict[str, list[bytes]] = {
        "not UTF-8": NOT_UTF8,
        "not JSON": NOT_JSON,
        "not an object": NOT_AN_OBJECT,
    }
    others = ["cut off", "field missing", "wrong type", "not a time"]
    reason = draw(st.sampled_from([*others, *given]))
    if reason in given:
        return reason, draw(st.sampled_from(given[reason]))
    event = draw(untimed_events())
    needed = ["type", "user", *NEEDED.get(KINDS.get(event["type"], ""), [])]
    if reason == "cut off":
        line = json.dumps(event).encode()
        return reason, line[: draw(st.integers(1, len(line) - 1))]
    if reason == "not a time":
        event["time"] = draw(st.sampled_from(NOT_TIMES))
    elif reason == "wrong type":
        used = [*needed, "time", *(["rank"] if "item" in needed else [])]
        used += ["search_id"] if KINDS.get(event["type"]) in NEEDED else []
        name = draw(st.sampled_from(used))
        event[name] = draw(st.sampled_from(WRONG_TYPES[name]))
    else:
        name = draw(st.sampled_from(needed))
        if draw(st.booleans()):
            event[name] = None
        else:
            del event[name]
    return reason, draw(lines(event))


#: Bytes that mean something in JSON, and some that cannot be there.
BYTES = [
    *[bytes([byte]) for byte in b'"\\{}[],:-+.eE0159 tfnu/\t\r\x00\x1f\x7f\x80\xc3\xed\xf0\xff'],
    *[
        b"\\u00e9",
        b"\\ud83d\\ude00",
        b"\\ud800",
        b"\\",
        b"null",
        b"true",
        b"1e999",
        b"NaN",
        b"1" * 25,
    ],
    *["é".encode(), "\u2028".encode(), b"\xed\xa0\x80", b"[" * 30, b'{"a":' * 30, b'"type":5,'],
]


@st.composite
def mutated(draw: st.DrawFn, line: bytes) -> bytes:
    """Draw a line with some of its bytes changed, left out, put in or repeated; it stays one."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(line)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 2, 9, 40]))
        piece = draw(st.sampled_from(BYTES) | st.binary(max_size=3) | st.just(line[start:end] * 2))
        line = line[:start] + piece + line[end:]
    return line.replace(b"\n", b" ")


def noise() -> st.SearchStrategy[list[bytes]]:
    """Draw what stands before a good line: mostly nothing, else blank and bad lines."""
    bad = bad_lines().map(lambda reason_and_line: reason_and_line[1])
    some = st.lists(st.one_of(bad, bad, st.sampled_from(BLANK_LINES)), min_size=1, max_size=2)
    return one_in(6).flatmap(lambda here: some if here else st.just([]))


# --- Logs


@st.composite
def log_bytes(draw: st.DrawFn, start_us: int = BASE_US, max_events: int = 40) -> bytes:
    """Draw a log as a file's content: good lines in every form, blank lines and bad lines.

    Args:
        draw: Given by Hypothesis.
        start_us: The time that the first step goes from, in µs since 1970.
        max_events: The most good lines to draw, at least 12.

    Returns:
        A log, sometimes with a byte order mark, with CRLF, or with no newline at its end.
    """
    all_lines: list[bytes] = []
    for event in draw(event_dicts(start_us, max_events)):
        all_lines += [*draw(noise()), draw(lines(event))]
    all_lines += draw(noise())
    line_ends = draw(st.sampled_from([[b"\n"], [b"\n"], [b"\r\n"], [b"\n", b"\r\n"]]))
    content = b"".join(line + draw(st.sampled_from(line_ends)) for line in all_lines)
    if draw(one_in(4)):
        content = content.removesuffix(b"\n")
    mark = b"\xef\xbb\xbf" if draw(one_in(6)) else b""
    return mark + content


@st.composite
def several_logs(draw: st.DrawFn) -> list[bytes]:
    """Draw one to three logs to be read one after the other, near each other in time."""
    starts_s = draw(st.lists(st.sampled_from(FILE_STARTS_S), min_size=1, max_size=3))
    return [draw(log_bytes(BASE_US + start_s * _S, max_events=16)) for start_s in starts_s]


def split_points(content: bytes) -> st.SearchStrategy[list[int]]:
    """Draw offsets at which to cut bytes into chunks (see `split_at`).

    Args:
        content: What to cut.

    Returns:
        Strategy of sorted offsets from 0 to the length, both inclusive; repeated ones make empty
        chunks. Among them: no cut, a cut at every byte, and cuts right around line ends.
    """
    everywhere = list(range(len(content) + 1))
    line_ends = [offset for offset in everywhere if content[offset : offset + 1] == b"\n"]
    around_line_ends = sorted({0, *line_ends, *(offset + 1 for offset in line_ends)})
    return st.one_of(
        st.lists(st.sampled_from(everywhere), max_size=8).map(sorted),
        st.lists(st.sampled_from(around_line_ends), max_size=8).map(sorted),
        st.sampled_from([[], around_line_ends, everywhere]),
    )


def split_at(content: bytes, offsets: list[int]) -> list[bytes]:
    """Cut bytes into chunks at sorted offsets; one chunk more than there are offsets."""
    bounds = zip([0, *offsets], [*offsets, len(content)], strict=True)
    return [content[start:end] for start, end in bounds]
