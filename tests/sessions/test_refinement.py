"""Searches of one typing: which one is typed on from which, and what becomes of it (R14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

import msgspec
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import US, at, decoded, event, fed, rules_of, s

from ctrlog.sessions.events import Attribution, SearchRecord, TrustedEvent
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.refinement import grows_out_of
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

D = s(4)
TYPING = Rules(merge_typing=D)
BY_ID = Rules(attribution=Attribution.ID, merge_typing=D)


@pytest.mark.parametrize(
    ("query", "earlier"),
    [
        ("dog", "do"),  # typed on
        ("do", "dogs"),  # deleted
        ("dogs", "dogs"),  # sent twice
        ("a long query", "a"),
        ("d", ""),
        ("", ""),
        ("dosg", "dogs"),  # two letters swapped
        ("dgs", "dogs"),
        ("dooogs", "dogs"),
        ("cats", "bits"),  # no more than two letters, though another word
        ("tv", "pc"),
        ("猫 🐈", "猫 🐕"),
    ],
)
def test_what_is_typed_on(query: str, earlier: str) -> None:
    """The same, a beginning, or what is at most two letters away is typed on from a query."""
    assert grows_out_of(query, earlier)


@pytest.mark.parametrize(
    ("query", "earlier"),
    [("cats", "dogs"), ("", "d"), ("", "dogs"), ("hot dogs", "dogs"), ("abc", "xyz")],
)
def test_what_is_another_query(query: str, earlier: str) -> None:
    """More than two letters make another query, and an emptied field is a new beginning."""
    assert not grows_out_of(query, earlier)


@given(st.text("abc ", max_size=6), st.text("abc ", max_size=6))
def test_growing_is_as_in_the_reference(query: str, earlier: str) -> None:
    """The reference, with a distance of its own making, agrees on any two queries."""

    def asked(text: str) -> reference.Event:
        return reference.Event("search", "1", 0, {"query": text})

    search = reference.Search(asked(earlier), 0, [None])
    options = reference.Options(merge_typing=D)
    assert grows_out_of(query, earlier) == reference.is_typed_on(search, asked(query), options)


def search(query: str, seconds: float | None = 0, **fields: Any) -> TrustedEvent:
    """Make a Search."""
    return event("Search", None if seconds is None else at(seconds), query=query, **fields)


def results(*items: str, **fields: Any) -> TrustedEvent:
    """Make Results."""
    return event("Results", items=items, **fields)


def merged(*events: TrustedEvent, rules: Rules = TYPING) -> list[tuple[str, int]]:
    """Return the queries of the searches with how many each of them replaced."""
    return [(each.query, each.refinements) for each in fed(Shard(rules), events).searches]


@pytest.mark.parametrize("sign", [1, -1])
def test_exactly_so_far_apart_is_near_enough(sign: int) -> None:
    """At most D before or after is one typing, a microsecond more is not (R14)."""
    for apart, expected in ((D, [("do", 1)]), (D + US, [("d", 0), ("do", 0)])):
        events = [event("Search", at(100), query="d")]
        events.append(event("Search", at(100) + sign * apart, query="do"))
        assert merged(*events) == expected


def test_each_keystroke_is_measured_from_the_one_before() -> None:
    """A typing may last longer than D as long as no pause in it does."""
    typed = [search("dogs and cats"[: n + 1], 3 * n) for n in range(13)]
    assert merged(*typed) == [("dogs and cats", 12)]


@pytest.mark.parametrize("seconds", [(None, 1), (0, None), (None, None)])
def test_without_a_time_nothing_is_merged(seconds: tuple[float | None, float | None]) -> None:
    """What cannot be measured is not within D."""
    assert merged(search("d", seconds[0]), search("do", seconds[1])) == [("d", 0), ("do", 0)]


def test_a_click_ends_the_typing() -> None:
    """A search that was clicked is one of its own, whatever is typed on."""
    typed = search("d"), event("click"), search("do", 1), search("dog", 2)
    assert merged(*typed) == [("d", 0), ("dog", 1)]


def test_nothing_is_merged_unless_asked_for() -> None:
    """Each Search is a search of its own by default."""
    assert merged(search("d"), search("do", 1), rules=Rules()) == [("d", 0), ("do", 0)]


def test_a_session_that_is_over_is_not_typed_on() -> None:
    """Typing does not reach across the end of a session."""
    assert merged(search("d"), event("AppClose", at(1)), search("do", 2)) == [("d", 0), ("do", 0)]
    short = Rules(gap=s(1), merge_typing=D)
    assert merged(search("d"), search("do", 2), rules=short) == [("d", 0), ("do", 0)]


def test_the_record_is_that_of_the_last_search() -> None:
    """Query, time and results of what was typed on from are dropped with it."""
    (record,) = fed(
        Shard(TYPING),
        [
            search("d", 1),
            results("x", "y"),
            search("do", 2),
            results("y", "z"),
            event("click", at(5), item="z"),
            event("click", at(6), item="x"),
        ],
    ).searches
    assert record == SearchRecord("1", "do", 2, 2, 2, 3.0, at(2), at(1), "end", refinements=1)


def test_the_selection_goes_by_the_last_search() -> None:
    """Whether a search is reported is told from the Search that stands."""
    for wanted, expected in (("do", [("do", 1)]), ("d", [])):
        rules = replace(TYPING, select=Filter(where=(("query", wanted),)).selector())
        assert merged(search("d"), search("do", 1), rules=rules) == expected


# With ids (R13).


def test_a_new_id_is_typed_on_from_the_latest_search_with_an_id() -> None:
    """Each key makes a search with an id of its own: all of a typing are one."""
    typed = [search("do", 0, search_id=1), search("dog", 1, search_id=2)]
    assert merged(*typed, search("dogs", 2, search_id=3), rules=BY_ID) == [("dogs", 2)]


def test_a_search_without_an_id_is_not_typed_on_from_one_with() -> None:
    """Searches with ids and those without do not meet."""
    typed = [search("d", 0, search_id=1), search("do", 1), search("dog", 2, search_id=2)]
    assert merged(*typed, search("dogs", 3), rules=BY_ID) == [("dogs", 1), ("dog", 1)][::-1]


def test_an_older_tab_is_not_typed_on() -> None:
    """Only the search that was opened last may be typed on with a new id."""
    typed = [search("dogs", 0, search_id=1), search("birds", 1, search_id=2)]
    found = merged(*typed, search("dogs!", 2, search_id=3), rules=BY_ID)
    assert found == [("dogs", 0), ("birds", 0), ("dogs!", 0)]


def test_the_same_id_is_typed_on_if_the_query_is_another() -> None:
    """A page or a facet keeps results; another query of the same id takes its place.

    It replaces no other search: by their id, the two were one all along.
    """
    page = [search("do", 0, search_id=1), results("a", search_id=1), search("do", 1, search_id=1)]
    (gone_on,) = fed(Shard(BY_ID), page).searches
    assert (gone_on.query, gone_on.refinements, gone_on.results) == ("do", 0, 1)
    (typed_on,) = fed(Shard(BY_ID), [*page, search("dog", 2, search_id=1)]).searches
    assert (typed_on.query, typed_on.refinements, typed_on.results) == ("dog", 0, None)


def test_a_replaced_id_names_what_took_its_place() -> None:
    """A click that names what was typed on from counts, its results are dropped, no orphans."""
    shard = Shard(BY_ID)
    typed = [search(query, n, search_id=n) for n, query in enumerate(["d", "do", "dog"])]
    events = [
        *typed,
        results("stale", search_id=0),
        results("a", "b", search_id=2),
        event("click", item="b", search_id=0),
        event("click", item="a", search_id=1),
        search("d", 3, search_id=0),  # its query is logged once more
    ]
    (record,) = fed(shard, events).searches
    assert (record.query, record.refinements) == ("dog", 2)
    assert (record.results, record.clicks, record.first_rank) == (2, 2, 2)
    assert (shard.counts.orphan_clicks, shard.counts.orphan_results) == (0, 0)
    assert shard.counts.named_searches == 1


def test_ids_of_a_typing_without_end_are_bounded() -> None:
    """A robot that types on forever does not fill the memory; the oldest ids are forgotten."""
    shard = Shard(BY_ID)
    shard.feed([search("d", n, search_id=n) for n in range(3000)])
    (session,) = shard.save()["sessions"]
    assert max(len(part) for part in session if isinstance(part, dict)) == 1000
    shard.feed([event("click", search_id=0), event("click", search_id=2500)])
    assert [(each.refinements, each.clicks) for each in shard.flush().searches] == [(2999, 1)]
    assert shard.counts.orphan_clicks == 1


# Laws.


def typings(options: reference.Options) -> reference.Options:
    """Return options with typing merged and nothing selected."""
    merge = options.merge_typing or timedelta(seconds=5)
    return replace(options, merge_typing=merge, max_user_searches=None)


@given(strategies.log_bytes(), strategies.options())
def test_raw_and_merged_searches_are_the_same_clicked_ones(
    log: bytes, options: reference.Options
) -> None:
    """By order, what is merged and what it replaced are just the searches that there were."""
    by_order = replace(typings(options), attribution="order")
    merge = fed(Shard(rules_of(by_order)), decoded(log))
    raw = fed(Shard(rules_of(replace(by_order, merge_typing=None))), decoded(log))
    assert sum(1 + each.refinements for each in merge.searches) == len(raw.searches)
    clicked = [each for each in raw.searches if each.clicks]
    assert [(e.query, e.clicks, e.time) for e in merge.searches if e.clicks] == [
        (each.query, each.clicks, each.time) for each in clicked
    ]


@given(strategies.log_bytes(), strategies.options())
def test_searches_and_refinements_are_the_searches_of_an_unmerged_run(
    log: bytes, options: reference.Options
) -> None:
    """Whether searches are told apart by order or by ids, none is counted that was not one."""
    merging = replace(
        typings(options), most_open=1000, since=None, until=None, where=(), max_user_searches=None
    )
    merged = fed(Shard(rules_of(merging)), decoded(log))
    raw = fed(Shard(rules_of(replace(merging, merge_typing=None))), decoded(log))
    assert sum(1 + each.refinements for each in merged.searches) == len(raw.searches)


def without_replaced(log: bytes, options: reference.Options) -> list[TrustedEvent]:
    """Make the Searches that the reference replaces, and their Results, plain activity."""
    machine = reference.Machine(options)
    told = reference.read_log(log, has_ids=True).events
    for each in told:
        machine.take(each)
    machine.finish()
    stands = {id(asked) for asked in machine.reported}
    events: list[TrustedEvent] = []
    replaced: dict[str, bool] = {}  # whether a user's last Search was
    for its, mine in zip(told, decoded(log), strict=True):
        if its.kind == "search":
            replaced[its.user] = id(its) not in stands
        is_gone = its.kind in ("search", "results") and replaced.get(its.user, False)
        events.append(event("activity", mine.time, mine.user) if is_gone else mine)
    return events


@given(strategies.log_bytes(), strategies.options())
def test_merged_searches_are_as_if_the_replaced_ones_were_activity(
    log: bytes, options: reference.Options
) -> None:
    """By order, nothing is left of a Search that was typed on but `refinements`.

    It closes the search before it sooner than the one that takes its place would, so only the
    records of each user come in the same order.
    """
    by_order = replace(typings(options), attribution="order", since=None, until=None, where=())
    merge = fed(Shard(rules_of(by_order)), decoded(log))
    events = without_replaced(log, by_order)
    plain = fed(Shard(rules_of(replace(by_order, merge_typing=None))), events)
    assert plain.sessions == merge.sessions
    assert sorted(plain.searches, key=attrgetter("user")) == [
        msgspec.structs.replace(each, refinements=0)
        for each in sorted(merge.searches, key=attrgetter("user"))
    ]
