"""Several searches of a session open at once, told apart by their ids (R13)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
import reference
import strategies
from hypothesis import given
from making import US, at, decoded, event, fed, rules_of, s

from ctrlog.sessions.events import Attribution, ClosedBy, SearchRecord, TrustedEvent
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard
from ctrlog.sessions.table import MOST_OPEN

BY_ID = Rules(s(10), s(5), attribution=Attribution.ID)


def search(query: str, search_id: str | int | None = None, **more: object) -> TrustedEvent:
    """Make a Search."""
    return event("Search", query=query, search_id=search_id, **more)  # type: ignore[arg-type]


def click(search_id: str | int | None = None, item: str = "b") -> TrustedEvent:
    """Make a click."""
    return event("click", item=item, search_id=search_id)


def results(search_id: str | int | None = None, *items: str) -> TrustedEvent:
    """Make Results."""
    return event("Results", items=items, search_id=search_id)


def told(records: list[SearchRecord]) -> list[tuple[str, int, str]]:
    """Return the query, clicks and end of each."""
    return [(each.query, each.clicks, each.closed_by) for each in records]


def run(*events: TrustedEvent, rules: Rules = BY_ID) -> tuple[Ended, Counts]:
    """Feed events and end the input."""
    shard = Shard(rules)
    return fed(shard, events), shard.counts


# Which search an event belongs to.


def test_a_click_goes_to_the_search_that_it_names() -> None:
    """Also when the user has opened another since; 1 and "1" are the same id."""
    ended, counts = run(search("dogs", 1), search("cats", "2"), click("1"), click(2), click(1))
    assert told(ended.searches) == [("dogs", 2, "end"), ("cats", 1, "end")]
    assert counts.named_searches == 2


def test_results_go_to_the_search_that_they_name() -> None:
    """Each search has its own list, and pages of one are in order of their arrival."""
    shown = [results(1, "x"), results(2, "y", "z", "b"), results(1, "b")]
    ended, _ = run(search("dogs", 1), search("cats", 2), *shown, click(1), click(2))
    assert [(each.results, each.first_rank) for each in ended.searches] == [(2, 2), (3, 3)]


def test_by_order_ids_are_passed_over() -> None:
    """`--attribute order` gives clicks to the latest search, whatever they name (R3, R5)."""
    events = [search("dogs", 1), search("cats", 2), click(1), click(7), click()]
    ended, counts = run(*events, rules=Rules())
    assert told(ended.searches) == [("dogs", 0, "search"), ("cats", 3, "end")]
    assert (counts.orphan_clicks, counts.named_searches) == (0, 0)


@pytest.mark.parametrize("before", [[], [search("dogs", 1)], [search("dogs")]])
def test_what_names_no_open_search_is_an_orphan(before: list[TrustedEvent]) -> None:
    """A click or results with an id that no open search of the session has belong to none."""
    ended, counts = run(*before, click(2), results(2, "b"))
    assert (counts.orphan_clicks, counts.orphan_results) == (1, 1)
    assert all(each.clicks == 0 and each.results is None for each in ended.searches)


def test_an_id_is_known_in_its_session_only() -> None:
    """In another session, or with another user, an id means another search, or none."""
    events = [search("dogs", 1), event("AppClose"), click(1), search("dogs again", 1), click(1)]
    others = [event("click", user=2, search_id=1), event("Search", user=2, search_id=1)]
    ended, counts = run(*events, *others)
    assert counts.orphan_clicks == 2
    assert told(ended.searches) == [
        ("dogs", 0, "close"),
        ("dogs again", 1, "end"),
        ("dogs", 0, "end"),
    ]


def test_an_empty_id_is_none() -> None:
    """Logs write "" where there is no id, which must not make one search of all."""
    ended, _ = run(search("a", ""), search("b", ""), click(""))
    assert told(ended.searches) == [("a", 0, "search"), ("b", 1, "end")]


def test_events_without_an_id_are_among_themselves() -> None:
    """R3 and R5 hold for them as if those with an id were not there."""
    events = [search("a", 1), click(), search("b"), search("c", 2), click(), results(None, "b")]
    ended, counts = run(*events, search("d"), click(), click(1))
    assert counts.orphan_clicks == 1
    assert told(ended.searches) == [
        *[("b", 1, "search"), ("a", 1, "end"), ("c", 0, "end"), ("d", 1, "end")]
    ]
    assert [each.results for each in ended.searches] == [1, None, None, None]


def test_a_search_of_an_open_id_goes_on_with_it() -> None:
    """Pages and facets of one id are one search, with the query and time of its first Search."""
    events = [
        search("dogs", 1, time=at(0)),
        results(1, "a", "b"),
        search("cats", 2, time=at(1)),
        search("", 1, time=at(2)),
        results(1),
        results(1, "c"),
        event("click", at(3), item="c", search_id=1),
    ]
    ended, counts = run(*events)
    dogs, cats = ended.searches
    assert (dogs.query, dogs.time, dogs.results) == ("dogs", at(0), 3)
    assert (dogs.clicks, dogs.first_rank, dogs.first_click_s) == (1, 3, 3.0)
    assert (cats.query, cats.clicks) == ("cats", 0)
    assert counts.named_searches == 2


# How they end, and in what order.


@pytest.mark.parametrize(
    ("last", "closed_by"),
    [
        (event("AppClose", at(3)), "close"),
        (event("Timeout", at(3)), "timeout"),
        (event("scroll", at(12) + US), "gap"),
        (event("scroll", at(17) + US, user=2), "gap"),
        (event("scroll", at(8)), "max"),
        (event("scroll", at(3), user=2), "end"),
    ],
)
def test_what_ends_a_session_closes_all_in_the_order_of_opening(
    last: TrustedEvent, closed_by: str
) -> None:
    """Whatever ends the session closes every open search, the first opened first."""
    events = [
        search("a", 1, time=at(0)),
        search("b", 2, time=at(1)),
        search("c", time=at(1)),
        search("d", 3, time=at(2)),
        search("", 2, time=at(2)),
        click(1),
    ]
    rules = replace(BY_ID, max_session=s(8) if closed_by == "max" else None)
    ended, counts = run(*events, last, rules=rules)
    assert told(ended.searches) == [(query, query == "a", closed_by) for query in "abcd"]
    (session,) = ended.sessions
    assert (session.searches, session.clicked_searches, session.closed_by) == (4, 1, closed_by)
    assert counts.sessions == 1


def test_at_the_end_searches_of_all_sessions_are_in_the_order_of_opening() -> None:
    """Sessions do not come one after the other then; each comes with its last search (R9)."""
    events = [
        event("Search", user=user, query=query, search_id=query)
        for user, query in [(1, "a"), (2, "b"), (3, "c"), (1, "d"), (2, "e"), (1, "a")]
    ]
    shard = Shard(BY_ID)
    shard.feed(events)
    ended = shard.flush()
    assert [each.query for each in ended.searches] == ["a", "b", "c", "d", "e"]
    assert [each.user for each in ended.sessions] == ["3", "1", "2"]
    assert shard.flush() == Ended([], [])


def test_what_follows_is_told_from_the_order_of_opening() -> None:
    """All but the last opened were followed by another, whatever closes them."""
    ended, _ = run(search("a", 1), search("b"), search("c", 2), search("", 1), event("AppClose"))
    assert [(each.query, each.followed) for each in ended.searches] == [
        *[("a", True), ("b", True), ("c", False)]
    ]
    by_order, _ = run(search("a"), search("b"), rules=Rules())
    assert [each.followed for each in by_order.searches] == [True, False]


# How many may be open.


def test_one_search_too_many_closes_the_oldest() -> None:
    """The session has room for so many: a further one first closes what was opened first."""
    rules = replace(BY_ID, most_open=2)
    shard = Shard(rules)
    ended = shard.feed([search("a", 1), search("b"), search("", 1), search("c", 2), click(1)])
    assert told(ended.searches) == [("a", 0, "search")]
    assert shard.counts.orphan_clicks == 1
    ended = shard.feed([search("d"), search("e", 1), click(1)])  # "d" takes the place of "b"
    assert told(ended.searches) == [("b", 0, "search"), ("c", 0, "search")]
    assert told(shard.flush().searches) == [("d", 0, "end"), ("e", 1, "end")]


def test_the_ids_of_a_search_that_made_room_mean_nothing() -> None:
    """What was typed on to it is closed with it (R14): its ids may mean another search then."""
    rules = replace(BY_ID, most_open=1, merge_typing=s(5))
    typed = [search("do"[: n + 1], n, time=at(n)) for n in range(2)]
    shard = Shard(rules)
    ended = shard.feed([*typed, search("cats", 7), click(0), search("birds", 0), click(0)])
    assert told(ended.searches) == [("do", 0, "search"), ("cats", 0, "search")]
    shard.feed([click(1), click(0)])
    assert shard.counts.orphan_clicks == 2
    assert told(shard.flush().searches) == [("birds", 2, "end")]


def test_a_session_without_end_is_bounded() -> None:
    """A robot that searches forever in one session does not fill the memory."""
    shard = Shard(BY_ID)
    ended = shard.feed([search(str(number), number) for number in range(MOST_OPEN + 500)])
    assert told(ended.searches) == [(str(number), 0, "search") for number in range(500)]
    assert len(shard.flush().searches) == MOST_OPEN


# Saving and restoring.


def test_a_session_with_one_search_is_saved_in_few_words() -> None:
    """Nothing is written for tabs that are not there."""
    shard = Shard(BY_ID)
    shard.feed([search("dogs", 1, time=at(0))])
    by_order = Shard()
    by_order.feed([search("dogs", time=at(0))])
    (mine,), (plain,) = shard.save()["sessions"], by_order.save()["sessions"]
    assert mine[: len(plain)] == plain
    assert len(json.dumps(mine)) <= len(json.dumps(plain)) + 24


def test_tabs_are_restored() -> None:
    """All open searches go on after a stop, with all that they have."""
    events = [search("a", 1, time=at(0)), results(1, "x", "b"), search("b", time=at(1)), click(1)]
    after = [search("c", 2), click(1), click(), results(1, "y"), event("AppClose", at(2))]
    shard = Shard(BY_ID)
    shard.feed(events)
    restored = Shard.restore(json.loads(json.dumps(shard.save())), BY_ID)
    assert restored.save() == shard.save()
    assert restored.feed(after) == shard.feed(after)


# Laws.


@given(strategies.log_bytes(), strategies.options())
def test_every_click_counts_once(log: bytes, options: reference.Options) -> None:
    """Each click is in one search, an orphan or a repeated one: none twice, none lost."""
    plain = replace(options, since=None, until=None, where=(), max_user_searches=None)
    events = decoded(log)
    clicks = sum(each.type in ("ClickResult", "click_result", "click") for each in events)
    for attribution in Attribution:
        shard = Shard(rules_of(replace(plain, attribution=attribution.value)))
        ended = fed(shard, events)
        counts = shard.counts
        counted = sum(each.clicks for each in ended.searches)
        assert counted + counts.orphan_clicks + counts.repeated_clicks == clicks
        assert sum(each.clicks for each in ended.sessions) == counted


@given(strategies.log_bytes(), strategies.options())
def test_without_ids_both_ways_are_the_same(log: bytes, options: reference.Options) -> None:
    """Where no event names a search, `--attribute id` gives what `--attribute order` gives."""
    events = decoded(log)
    for each in events:
        each.search_id = None
    by_order, by_id = (
        fed(Shard(rules_of(replace(options, attribution=attribution.value))), events)
        for attribution in Attribution
    )
    assert by_order == by_id


@given(strategies.log_bytes(), strategies.options())
def test_only_searches_without_an_id_are_closed_by_another(
    log: bytes, options: reference.Options
) -> None:
    """A search with an id stays open until its session ends, if there is room."""
    plain = replace(options, attribution="id", most_open=1000, merge_typing=None)
    named = [each for each in decoded(log) if each.search_id is not None]
    ended = fed(Shard(rules_of(plain)), [*named])
    assert Counter(each.closed_by for each in ended.searches)[ClosedBy.SEARCH] == 0
