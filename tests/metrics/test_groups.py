"""Groups: the names of periods, queries and values, empty periods, and the bound on groups."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from expected_metrics import search, search_records
from hypothesis import example, given
from hypothesis import strategies as st
from making import fed

from ctrlog.errors import UsageError
from ctrlog.metrics.groups import (
    MOST_PERIODS,
    OTHERS,
    Choice,
    Grouping,
    Groups,
    Period,
    all_periods,
    fold,
    period_of,
)
from ctrlog.metrics.order import Order
from ctrlog.metrics.totals import SearchMetrics, outcomes_of
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import SearchRecord
from ctrlog.sessions.shard import Shard

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
ST_JOHNS = ZoneInfo("America/St_Johns")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour of summer time
ZONES = [UTC, BERLIN, KOLKATA, KATHMANDU, ST_JOHNS, ZoneInfo("America/New_York")]


def utc(text: str) -> datetime:
    """Read a time in UTC, written without its Z."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made_at(time: datetime | None, query: str = "dogs") -> SearchRecord:
    """Make a search without a click."""
    return SearchRecord("a", query, 10, 0, None, None, time, time, "close")


def queries(text: str) -> list[SearchRecord]:
    """Make a search for each letter."""
    return [made_at(None, letter) for letter in text]


# --- Periods.


@pytest.mark.parametrize(
    ("time", "zone", "names"),
    [
        ("2024-03-04T13:59:59.999999", UTC, ("2024-03-04T13:00Z", "2024-03-04", "2024-W10", "Mon")),
        ("2024-03-04T14:00", UTC, ("2024-03-04T14:00Z", "2024-03-04", "2024-W10", "Mon")),
        # Berlin: from UTC+1 to UTC+2 at 01:00 UTC, and back; 02:00 to 03:00 comes never, twice.
        ("2024-03-31T00:59", BERLIN, ("2024-03-31T01:00+01:00", "2024-03-31", "2024-W13", "Sun")),
        ("2024-03-31T01:00", BERLIN, ("2024-03-31T03:00+02:00", "2024-03-31", "2024-W13", "Sun")),
        ("2024-10-27T00:59", BERLIN, ("2024-10-27T02:00+02:00", "2024-10-27", "2024-W43", "Sun")),
        ("2024-10-27T01:00", BERLIN, ("2024-10-27T02:00+01:00", "2024-10-27", "2024-W43", "Sun")),
        ("2024-10-27T02:00", BERLIN, ("2024-10-27T03:00+01:00", "2024-10-27", "2024-W43", "Sun")),
        # Days begin and end where they do in the zone: 23 and 25 hours long in Berlin.
        ("2024-03-30T23:00", BERLIN, ("2024-03-31T00:00+01:00", "2024-03-31", "2024-W13", "Sun")),
        ("2024-03-31T21:59", BERLIN, ("2024-03-31T23:00+02:00", "2024-03-31", "2024-W13", "Sun")),
        ("2024-03-31T22:00", BERLIN, ("2024-04-01T00:00+02:00", "2024-04-01", "2024-W14", "Mon")),
        ("2024-10-26T22:00", BERLIN, ("2024-10-27T00:00+02:00", "2024-10-27", "2024-W43", "Sun")),
        ("2024-10-27T22:59", BERLIN, ("2024-10-27T23:00+01:00", "2024-10-27", "2024-W43", "Sun")),
        # Hours that begin at half past and at a quarter to the hour in UTC.
        ("2024-06-01T18:29", KOLKATA, ("2024-06-01T23:00+05:30", "2024-06-01", "2024-W22", "Sat")),
        ("2024-06-01T18:30", KOLKATA, ("2024-06-02T00:00+05:30", "2024-06-02", "2024-W22", "Sun")),
        (
            "2024-06-01T18:14",
            KATHMANDU,
            ("2024-06-01T23:00+05:45", "2024-06-01", "2024-W22", "Sat"),
        ),
        (
            "2024-06-01T18:15",
            KATHMANDU,
            ("2024-06-02T00:00+05:45", "2024-06-02", "2024-W22", "Sun"),
        ),
        # ISO weeks belong to the year that has their Thursday.
        ("2021-01-03T12:00", UTC, ("2021-01-03T12:00Z", "2021-01-03", "2020-W53", "Sun")),
        ("2024-12-30T12:00", UTC, ("2024-12-30T12:00Z", "2024-12-30", "2025-W01", "Mon")),
        ("2023-01-01T12:00", UTC, ("2023-01-01T12:00Z", "2023-01-01", "2022-W52", "Sun")),
        ("0999-01-01T12:00", UTC, ("0999-01-01T12:00Z", "0999-01-01", "0999-W01", "Tue")),
    ],
)
def test_a_period_is_named_by_the_clock_of_the_zone(
    time: str, zone: ZoneInfo, names: tuple[str, ...]
) -> None:
    """Hour, day, week and weekday are those that clocks and calendars there show."""
    periods = (Period.HOUR, Period.DAY, Period.WEEK, Period.WEEKDAY)
    assert tuple(period_of(utc(time), period, zone) for period in periods) == names


#: Times near which clocks change in some of the zones, or years end.
NEAR_CHANGES = [
    *["2024-03-31T01:00", "2024-10-27T01:00", "2024-03-10T06:30", "2024-11-03T05:30"],
    *["2020-12-31T12:00", "2024-12-30T00:00", "2023-01-01T00:00", "2024-02-29T00:00"],
]
TIMES = st.one_of(
    st.tuples(st.sampled_from(NEAR_CHANGES), st.integers(-3 * 10**5, 3 * 10**5)).map(
        lambda drawn: utc(drawn[0]) + timedelta(seconds=drawn[1])
    ),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(st.lists(TIMES), st.sampled_from(ZONES), st.sampled_from(Period))
@example([utc("2024-06-01T18:14"), utc("2024-06-01T18:15")], KATHMANDU, Period.DAY)
def test_searches_are_grouped_by_the_period_they_were_made_in(
    times: list[datetime], zone: ZoneInfo, period: Period
) -> None:
    """The key of a search is its period's name, whatever searches came before."""
    key_of = Grouping((period.value,), zone).key_of(())
    assert [key_of(made_at(time)) for time in times] == [
        (period_of(time, period, zone),) for time in times
    ]


def test_a_search_without_a_time_is_in_no_period() -> None:
    """Its group is the one of what is unknown."""
    assert {Grouping((period.value,)).key_of(())(made_at(None)) for period in Period} == {(None,)}


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize(
    ("time", "zone"),
    [("0001-01-01T00:00", ST_JOHNS), ("9999-12-31T23:59:59.999999", BERLIN)],
    ids=["first", "last"],
)
def test_the_first_and_the_last_time_of_a_log_are_in_some_period(
    time: str, zone: ZoneInfo, period: Period
) -> None:
    """Every time that ctrlog reads can be grouped, in every zone."""
    assert period_of(utc(time), period, zone)


def periods_between(first: datetime, last: datetime, period: Period, zone: ZoneInfo) -> list[str]:
    """List the periods on the way from one time to another, in steps of a quarter of an hour."""
    names: dict[str, None] = {}
    time = first
    while time <= last:
        names[period_of(time, period, zone)] = None
        time += timedelta(minutes=15)
    return [*names]


@given(
    st.sampled_from(NEAR_CHANGES).map(utc),
    st.integers(-400, 0),
    st.lists(st.integers(0, 800), min_size=1, max_size=5),
    st.sampled_from(ZONES),
    st.sampled_from([Period.HOUR, Period.DAY, Period.WEEK]),
)
@example(utc("2024-03-31T01:00"), -20, [0, 40], BERLIN, Period.HOUR)
@example(utc("2024-10-27T01:00"), -20, [0, 40], BERLIN, Period.HOUR)
def test_all_periods_are_those_between_the_first_and_the_last(
    near: datetime, first: int, quarters: list[int], zone: ZoneInfo, period: Period
) -> None:
    """Exactly the periods that time passes through, across changes of the clock as well."""
    times = [near + timedelta(minutes=15 * (first + quarter)) for quarter in quarters]
    names = [period_of(time, period, zone) for time in times]
    found = all_periods(list(dict.fromkeys(names)), period, zone)
    assert found == periods_between(min(times), max(times), period, zone)


@pytest.mark.parametrize(
    ("period", "given", "found"),
    [
        (
            Period.HOUR,
            ["2024-10-27T04:00+01:00", "2024-10-27T01:00+02:00"],
            [
                "2024-10-27T01:00+02:00",
                "2024-10-27T02:00+02:00",
                "2024-10-27T02:00+01:00",
                "2024-10-27T03:00+01:00",
                "2024-10-27T04:00+01:00",
            ],
        ),
        (
            Period.HOUR,
            ["2024-03-31T01:00+01:00", "2024-03-31T04:00+02:00"],
            ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00"],
        ),
        (
            Period.DAY,
            ["2024-03-02", "2024-02-28"],
            ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"],
        ),
        (
            Period.WEEK,
            ["2021-W01", "2020-W51"],
            ["2020-W51", "2020-W52", "2020-W53", "2021-W01"],
        ),
        (Period.WEEKDAY, ["Sun"], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        (Period.DAY, ["2024-02-28"], ["2024-02-28"]),
        (Period.DAY, [], []),
    ],
)
def test_empty_periods_are_filled_in(period: Period, given: list[str], found: list[str]) -> None:
    """No gap is left, in order of time; what comes twice, or never, is so here."""
    assert all_periods(given, period, BERLIN) == found


@pytest.mark.parametrize(
    ("period", "length"),
    [
        (Period.HOUR, timedelta(hours=1)),
        (Period.DAY, timedelta(days=1)),
    ],
)
def test_as_many_periods_as_are_allowed_are_filled_in(period: Period, length: timedelta) -> None:
    """From the first to the last there may be `MOST_PERIODS`, of any length."""
    first = datetime(1980, 1, 1, tzinfo=UTC)
    last = first + (MOST_PERIODS - 1) * length
    names = [period_of(time, period, UTC) for time in (first, last)]
    found = all_periods(names, period, UTC)
    assert len(found) == MOST_PERIODS
    assert [found[0], found[-1]] == names


def test_too_many_empty_periods_are_not_filled_in() -> None:
    """A log with one event of 1970 and one of today is no table of half a million hours."""
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    last += timedelta(hours=MOST_PERIODS + 1)
    names = [period_of(time, Period.HOUR, UTC) for time in (last, first)]
    assert all_periods(names, Period.HOUR, UTC) == names[::-1]
    assert len(all_periods([names[1], names[1]], Period.HOUR, UTC)) == 1


def test_half_an_hour_of_summer_time_neither_doubles_nor_loses_an_hour() -> None:
    """On Lord Howe Island clocks change by half an hour; every hour is listed once."""
    first, last = utc("2024-04-06T13:00"), utc("2024-04-06T17:45")
    names = periods_between(first, last, Period.HOUR, LORD_HOWE)
    assert all_periods(names, Period.HOUR, LORD_HOWE) == names


@pytest.mark.parametrize(
    ("period", "name"),
    [
        (Period.HOUR, "9999-12-31T23:00Z"),
        (Period.DAY, "9999-12-31"),
        (Period.WEEK, "9999-W52"),
    ],
)
def test_the_first_and_the_last_period_can_be_listed(period: Period, name: str) -> None:
    """The last period that there is has none after it, and that is no error."""
    assert all_periods([name], period, UTC) == [name]


# --- Queries.


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café  AU lait", "cafe au lait"),
        ("\tcafe\u0301\u00a0au\u2003lait\n", "cafe au lait"),
        ("CRÈME BRÛLÉE", "creme brulee"),
        ("Straße", "strasse"),
        ("ÅNGSTRÖM", "angstrom"),
        ("\u212bngström", "angstrom"),
        ("İstanbul", "istanbul"),
        ("Ｗｉｄｅ", "wide"),
        ("ﬁne", "fine"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("猫 🐈", "猫 🐈"),
        ("c++ & c#", "c++ & c#"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_case_accents_and_blanks_are_folded(text: str, folded: str) -> None:
    """Queries that people take for the same become equal; signs that mean something stay."""
    assert fold(text) == folded


def test_marks_that_are_no_accents_stay() -> None:
    """A Japanese bus is no pass, and a virama is part of a Hindi word."""
    assert fold("バス") != fold("パス")
    assert fold("हिन्दी") == "हिन्दी"
    assert fold("Ёлка Ά") == "елка α"


@given(st.text())
@example("25 \u2103")
@example("\u2116 5")
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    """Folding twice is folding once, and no blank is left at an end or doubled."""
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())


def test_queries_are_grouped_as_typed_unless_folded() -> None:
    """Only --fold makes one group of queries that differ in case."""
    searches = [made_at(None, query) for query in ("Café", "cafe ", "cafe")]
    as_typed = Grouping(("query",)).key_of(())
    folded = Grouping(("query",), folds=True).key_of(())
    assert [as_typed(search) for search in searches] == [("Café",), ("cafe ",), ("cafe",)]
    assert [folded(search) for search in searches] == [("cafe",)] * 3


# --- Fields of the log.


def keys_of_fields(lines: Sequence[dict[str, Any]], *dimensions: str) -> list[Any]:
    """Return the keys that the searches of a log get, one search a line."""
    grouping = Grouping(dimensions)
    log = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    events = Decoder(Schema.native(extra=grouping.extra_fields), 2**24).decode(log).events
    key_of = grouping.key_of(grouping.extra_fields)
    return [key_of(record) for record in fed(Shard(), events).searches]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("en", "en"),
        ("", ""),
        ("true", "true"),
        ("null", "null"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        (1, "1"),
        (-(10**30), "-1" + "0" * 30),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ([], "[]"),
        (["b", 1, None], '["b", 1, null]'),
        ({"b": 1, "a": "\u00e9"}, '{"a": "\u00e9", "b": 1}'),
    ],
    ids=repr,
)
def test_a_value_of_any_type_names_its_group(value: Any, name: str | None) -> None:
    """Text is its own name and null has none; all else is named by its JSON."""
    line = {"type": "Search", "user": 1, "query": "dogs", "lang": value}
    assert keys_of_fields([line], "lang") == [(name,)]


def test_a_field_may_lie_in_an_object_or_be_missing() -> None:
    """What is not there, or not where it was looked for, is unknown, as null is."""
    search_line = {"type": "Search", "user": 1, "query": "dogs"}
    lines = [
        {**search_line, "device": {"os": "android"}},
        {**search_line, "device": {}},
        {**search_line, "device": None},
        search_line,
    ]
    assert keys_of_fields(lines, "device.os") == [("android",), (None,), (None,), (None,)]


def test_only_the_search_event_says_in_which_group_a_search_is() -> None:
    """A field of the click or of the results changes nothing."""
    lines = [
        {"type": "Search", "user": 1, "query": "dogs", "lang": "en"},
        {"type": "ClickResult", "user": 1, "item": "a", "lang": "fr"},
    ]
    assert keys_of_fields(lines, "lang", "query") == [("en", "dogs")]


def test_two_dimensions_make_a_key_of_two() -> None:
    """The parts of the key come in the order of the dimensions, of any kind."""
    line = {"type": "Search", "user": 7, "query": "dogs", "time": "2024-03-04T13:30:00Z"}
    line["lang"] = "en"
    assert keys_of_fields([line], "user", "hour") == [("7", "2024-03-04T13:00Z")]
    assert keys_of_fields([line], "lang", "query") == [("en", "dogs")]


@pytest.mark.parametrize("dimensions", [(), ("query", "query"), ("query", "user", "day")])
def test_a_table_has_one_or_two_different_dimensions(dimensions: tuple[str, ...]) -> None:
    """None, three or twice the same are refused."""
    with pytest.raises(UsageError):
        Grouping(dimensions)


# --- Groups.


def by_query(most_groups: int) -> Groups:
    """Make groups by query."""
    return Groups(Grouping(("query",)).key_of(()), most_groups)


@given(st.lists(search_records()))
def test_a_group_has_the_metrics_of_its_searches(searches: list[SearchRecord]) -> None:
    """Each group is summed up as if the log had no other searches."""
    groups = by_query(1000)
    groups.update(searches)
    expected = {
        (query,): SearchMetrics.of(
            Counter(outcomes_of([search for search in searches if search.query == query]))
        )
        for query in {search.query for search in searches}
    }
    assert dict(groups.groups()) == expected
    assert groups.merged_searches == 0


QUERIES = st.lists(st.sampled_from("aaaaabbbcdefghij"), max_size=60).map("".join)


@given(QUERIES, st.integers(2, 6))
def test_beyond_the_bound_no_search_is_lost_and_none_invented(text: str, most: int) -> None:
    """All groups together have all searches, and no group has more than were made."""
    groups = by_query(most)
    groups.update(queries(text))
    sizes = {group.key: group.metrics.searches for group in groups.groups()}
    assert sum(sizes.values()) == len(text)
    assert sizes.get(OTHERS, 0) == groups.merged_searches
    assert len(sizes.keys() - {OTHERS}) <= most
    made = Counter(text)
    assert all(size <= made[str(key[0])] for key, size in sizes.items() if key != OTHERS)
    if len(made) <= most:
        assert sizes == {(query,): size for query, size in made.items()}


@given(QUERIES, st.integers(2, 6), st.lists(st.integers(0, 60)))
def test_groups_do_not_depend_on_how_many_searches_come_at_a_time(
    text: str, most: int, cuts: list[int]
) -> None:
    """However searches are handed over, beyond the bound as well, the groups are the same."""
    whole, cut = by_query(most), by_query(most)
    whole.update(queries(text))
    bounds = [0, *sorted(cuts), len(text)]
    for start, end in pairwise(bounds):
        cut.update(queries(text[start:end]))
    assert dict(cut.groups()) == dict(whole.groups())
    assert cut.merged_searches == whole.merged_searches


@given(st.lists(QUERIES, min_size=2, max_size=4), st.integers(2, 6))
def test_merging_beyond_the_bound_loses_no_search(texts: list[str], most: int) -> None:
    """Parts merged have all searches of all parts, and no group has more than were made."""
    merged = by_query(most)
    for text in texts:
        part = by_query(most)
        part.update(queries(text))
        merged.merge(part)
    made = Counter("".join(texts))
    sizes = {group.key: group.metrics.searches for group in merged.groups()}
    assert sum(sizes.values()) == made.total()
    assert len(sizes.keys() - {OTHERS}) <= most
    assert all(size <= made[str(key[0])] for key, size in sizes.items() if key != OTHERS)


def test_the_half_with_the_most_searches_is_kept() -> None:
    """With one group too many the larger half stays, and what was merged starts anew."""
    groups = by_query(4)
    groups.update(queries("aaabbcde"))
    sizes = {group.key: group.metrics.searches for group in groups.groups()}
    assert sizes == {("a",): 3, ("b",): 2, OTHERS: 3}
    groups.update(queries("cc"))
    sizes = {group.key: group.metrics.searches for group in groups.groups()}
    assert sizes == {("a",): 3, ("b",): 2, ("c",): 2, OTHERS: 3}


@pytest.mark.parametrize("most", [2, 3, 4, 10])
def test_as_many_are_kept_the_second_time(most: int) -> None:
    """Where groups were merged before, still half of `most_groups` are kept."""
    heavy = "abcde"[: most // 2]
    groups = by_query(most)
    groups.update(queries(3 * heavy + "fghijklmnopqrstuvwxyz"))
    sizes = {group.key: group.metrics.searches for group in groups.groups()}
    assert {(query,): 3 for query in heavy}.items() <= sizes.items()


# --- Which groups to show.


def shown(choice: Choice, grouping: Grouping, searches: list[SearchRecord]) -> list[Any]:
    """Group searches and choose; return the keys' first parts with the number of searches."""
    groups = Groups(grouping.key_of(()), 1000)
    groups.update(searches)
    known = groups.groups()
    chosen, left_out = choice.of(known, grouping)
    assert sum(map(choice.is_too_small, known)) <= left_out
    return [*((*group.key, group.metrics.searches) for group in chosen), left_out]


def test_groups_come_with_the_most_searches_first() -> None:
    """Groups of one size come by name; those beyond the top are counted."""
    searches = queries("bbbaaaccd")
    everything = [("a", 3), ("b", 3), ("c", 2), ("d", 1)]
    grouping = Grouping(("query",))
    assert shown(Choice(), grouping, searches) == [*everything, 0]
    assert shown(Choice(top=2), grouping, searches) == [*everything[:2], 2]
    assert shown(Choice(min_searches=2), grouping, searches) == [*everything[:3], 1]
    assert shown(Choice(order=Order.CTR), grouping, searches) == [*everything, 0]


def test_the_worst_are_those_whose_ctr_is_surely_low() -> None:
    """Many searches without a click come before a few, since they leave less doubt."""
    searches = queries("aaabbbbbbc")
    worst = shown(Choice(worst=True), Grouping(("query",)), searches)
    assert worst == [("b", 6), ("a", 3), ("c", 1), 0]


def test_unknown_values_are_sorted_last() -> None:
    """A group without logged results has no zero-result rate, which is neither low nor high."""
    unknown = search(results=None)
    searches = [SearchRecord("a", "x", *unknown_values(unknown)), *queries("y")]
    chosen = shown(Choice(order=Order.ZERO_RESULT_RATE), Grouping(("query",)), [*searches])
    assert chosen == [("y", 1), ("x", 1), 0]


def unknown_values(record: SearchRecord) -> tuple[Any, ...]:
    """Return what follows user and query."""
    return tuple(getattr(record, name) for name in record.__struct_fields__[2:])


def test_periods_come_in_order_of_time_with_the_empty_ones() -> None:
    """A day without a search is there with 0, and searches without a time come last."""
    days = [utc("2024-03-03"), utc("2024-03-01"), utc("2024-03-01"), None]
    searches = [made_at(day) for day in days]
    in_order = [("2024-03-01", 2), ("2024-03-02", 0), ("2024-03-03", 1), (None, 1)]
    assert shown(Choice(), Grouping(("day",)), searches) == [*in_order, 0]


def test_a_period_with_few_searches_is_not_shown_as_empty() -> None:
    """A day that --min-searches leaves out had searches: 0 would be an invented number."""
    days = [date(2024, 3, day) for day in (1, 1, 2, 3, 3)]
    searches = [made_at(utc(day.isoformat())) for day in days]
    chosen = shown(Choice(min_searches=2), Grouping(("day",)), searches)
    assert ("2024-03-02", 0) not in chosen
    assert chosen[-1] == 1
