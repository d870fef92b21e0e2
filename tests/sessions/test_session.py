"""One user's session: every entry of the table, and what a search's record says."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import ALL_SPELLINGS, US, at, event

from ctrlog.sessions.events import SPELLINGS, ClosedBy, Kind, SearchRecord, TrustedEvent
from ctrlog.sessions.ledger import Counts, Ledger
from ctrlog.sessions.machine import machine_for
from ctrlog.sessions.session import Session
from ctrlog.sessions.table import BOUNDARIES, CLOSING_EVENTS, TABLE, Action, State, TableInput

ROWS = machine_for().rows
NO_SESSION = ROWS[State.NONE]

#: Ways to bring a session to a state, by what it is fed.
WAYS: dict[str, tuple[State, list[str]]] = {
    "new": (State.NONE, []),
    "ended": (State.NONE, ["Search", "Results", "click", "AppClose"]),
    "timed out": (State.NONE, ["AppOpen", "Timeout"]),
    "app opened": (State.BROWSING, ["AppOpen"]),
    "orphan click": (State.BROWSING, ["click"]),
    "orphan results": (State.BROWSING, ["results"]),
    "activity": (State.BROWSING, ["scroll", "AppOpen", "scroll"]),
    "searched": (State.SEARCHING, ["Search"]),
    "searched after activity": (State.SEARCHING, ["AppOpen", "Search"]),
    "searched again": (State.SEARCHING, ["Search", "Results", "click", "Search"]),
}
INPUTS: list[str | ClosedBy] = [*ALL_SPELLINGS, *BOUNDARIES]


def brought(way: str) -> tuple[Session, Ledger]:
    """Return a session that was brought to a state, and its ledger."""
    session, ledger = Session(1, NO_SESSION), Ledger()
    for second, type_ in enumerate(WAYS[way][1]):
        session.feed(event(type_, at(second)), ledger)
    return session, ledger


def give(session: Session, given_: str | ClosedBy, ledger: Ledger) -> None:
    """Give a session an event of a type, or a boundary."""
    if isinstance(given_, ClosedBy):
        session.end(given_, ledger)
    else:
        session.feed(event(given_, at(60), query="cats"), ledger)


def expected_counts(before: Counts, actions: tuple[Action, ...], *, has_searched: bool) -> Counts:
    """Return the counts after the actions of a transition, as their names say."""
    counts = deepcopy(before)
    counts.clicks += Action.CLICK in actions or Action.ORPHAN_CLICK in actions
    counts.orphan_clicks += Action.ORPHAN_CLICK in actions
    counts.orphan_results += Action.ORPHAN_RESULTS in actions
    if Action.FINISH in actions:
        counts.sessions += has_searched
        counts.sessions_without_search += not has_searched
    return counts


@pytest.mark.parametrize("given_", INPUTS, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_does_what_the_table_says(way: str, given_: str | ClosedBy) -> None:
    """Each state, however it was reached, takes each spelling and boundary as the table has it."""
    session, ledger = brought(way)
    assert session.state is WAYS[way][0]
    taken: TableInput = (
        given_ if isinstance(given_, ClosedBy) else SPELLINGS.get(given_, Kind.OTHER)
    )
    actions, after = TABLE[session.state][taken]
    closed_by = CLOSING_EVENTS.get(taken, taken)
    counts, started, opened = deepcopy(ledger.counts), ledger.started, ledger.opened
    ledger.collect()

    give(session, given_, ledger)

    has_searched = session.state is State.SEARCHING or Action.CLOSE in actions
    assert session.state is after
    assert ledger.started - started == (Action.START in actions)
    assert ledger.opened - opened == (Action.OPEN in actions)
    assert ledger.counts == expected_counts(counts, actions, has_searched=has_searched)
    assert [search.closed_by for search in ledger.searches] == [closed_by] * (
        Action.CLOSE in actions
    )
    assert [ended.closed_by for ended in ledger.sessions] == [closed_by] * (
        Action.FINISH in actions and has_searched
    )


@pytest.mark.parametrize("given_", INPUTS, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_the_open_search_has_what_the_table_gave_it(way: str, given_: str | ClosedBy) -> None:
    """Only SHOW adds results to the open search and only CLICK a click; OPEN makes a fresh one."""
    session, ledger = brought(way)
    taken: TableInput = (
        given_ if isinstance(given_, ClosedBy) else SPELLINGS.get(given_, Kind.OTHER)
    )
    actions, after = TABLE[session.state][taken]
    give(session, given_, ledger)
    ledger.collect()
    session.end(ClosedBy.END, ledger)
    assert session.state is State.NONE
    if after is State.SEARCHING:
        (search,) = ledger.searches
        assert search.query == ("cats" if Action.OPEN in actions else "dogs")
        assert search.results == (3 if Action.SHOW in actions else None)
        assert search.clicks == (1 if Action.CLICK in actions else 0)
    else:
        assert ledger.searches == []


@pytest.mark.parametrize("state", State)
def test_a_row_has_a_step_for_every_type(state: State) -> None:
    """A row answers for any type; `get` knows only those unlike events of another type."""
    row = ROWS[state]
    assert row.state is state
    assert set(row.boundaries) == set(BOUNDARIES)
    for spelling, kind in SPELLINGS.items():
        if row.get(spelling) is None:
            assert TABLE[state][kind] == TABLE[state][Kind.OTHER]
            assert row[spelling] is row.other
    assert row.get("anything else") is None
    assert row["anything else"] is row.other


def test_a_session_is_new_until_its_first_event() -> None:
    """Before its first event a user has no session, and none can be ended."""
    session, ledger = Session("bob", NO_SESSION), Ledger()
    assert session.steps is NO_SESSION
    for boundary in BOUNDARIES:
        session.end(boundary, ledger)
    assert ledger == Ledger()


# What the record of a search says.


def recorded(*events: TrustedEvent) -> list[SearchRecord]:
    """Return the searches of a session that has these events and then ends."""
    session, ledger = Session(events[0].user, NO_SESSION), Ledger()
    for each in events:
        session.feed(each, ledger)
    session.end(ClosedBy.END, ledger)
    return ledger.searches


def test_a_record_says_everything_of_its_search() -> None:
    """A search's record has its query, what was shown, its clicks and its times."""
    (search,) = recorded(
        event("AppOpen", at(1)),
        event("Search", at(2), query="dogs"),
        event("Results", at(3), items=["x", "y"]),
        event("ClickResult", at(4.25), item="y"),
        event("ClickResult", at(5), item="x"),
    )
    assert search == SearchRecord("1", "dogs", 2, 2, 2, 2.25, at(2), at(1), "end")


def first_rank(*events: TrustedEvent) -> int | None:
    """Return the first rank of a search that these events belong to."""
    (search,) = recorded(event("Search"), *events)
    return search.first_rank


@pytest.mark.parametrize(
    ("own", "rank"), [(1, 1), (7, 7), (10**30, 10**30), (0, 2), (-1, 2), (None, 2)]
)
def test_a_clicks_own_rank_comes_first(own: int | None, rank: int) -> None:
    """A click's rank is its own if that is at least 1, else the place of its item (R6)."""
    shown = event("Results", items=["a", "b"])
    assert first_rank(shown, event("click", item="b", rank=own)) == rank


@pytest.mark.parametrize("shown", [5, "5"])
@pytest.mark.parametrize("clicked", [5, "5"])
def test_items_are_compared_as_text(shown: str | int, clicked: str | int) -> None:
    """An item is found whether it is written as a string or an integer."""
    page = event("Results", items=["x", shown, 7])
    assert first_rank(page, event("click", item=clicked)) == 2


def test_of_an_item_shown_twice_the_first_place_counts() -> None:
    """The rank of a repeated item is that of its first place."""
    assert first_rank(event("Results", items=["x", "b", "b"]), event("click", item="b")) == 2


@pytest.mark.parametrize("other", ["z", "05", 50, "", "B"])
def test_the_rank_of_an_item_not_shown_is_unknown(other: str | int) -> None:
    """A click on what was not shown has no rank."""
    assert first_rank(event("Results", items=["b", 5]), event("click", item=other)) is None


def test_without_results_the_rank_is_unknown() -> None:
    """A click in a search whose results were not logged has no rank but its own."""
    assert first_rank(event("click", item="b")) is None
    assert first_rank(event("click", item="b", rank=4)) == 4


def test_results_shown_after_the_click_do_not_rank_it() -> None:
    """Only what was shown so far ranks a click."""
    assert first_rank(event("click", item="b"), event("Results", items=["b"])) is None


def test_ranks_of_a_further_page_go_on_from_the_first() -> None:
    """A second Results is a further page of the same search (R5)."""
    pages = event("Results", items=["a", 2]), event("Results", items=[3, "d"])
    assert first_rank(*pages, event("click", item="d")) == 4
    assert first_rank(*pages, event("click", item=3)) == 3
    (search,) = recorded(event("Search"), *pages)
    assert search.results == 4


@pytest.mark.parametrize(
    ("page", "results"),
    [
        (["a", "b", "c"], 3),  # "load more" sends the whole list again
        (["a", "b"], 2),  # a reload
        (["b"], 2),  # the way back to a part of it
        (["b", "c"], 4),  # a page of its own that shares an item
        ([], 2),
    ],
)
def test_a_further_page_adds_only_what_is_new(page: list[str], results: int) -> None:
    """What begins with or repeats all that is shown adds no place twice (R5)."""
    pages = event("Results", items=["a", "b"]), event("Results", items=page)
    (search,) = recorded(event("Search"), *pages)
    assert search.results == results
    assert first_rank(*pages, event("click", item="b")) == 2


def test_a_page_costs_no_more_however_many_came_before_it() -> None:
    """A robot that turns pages without end does not slow down: this takes a second, not hours."""
    pages = [event("Results", items=[str(10 * n + place) for place in range(10)])
             for n in range(20_000)]  # fmt: skip
    (search,) = recorded(event("Search"), *pages, event("click", item="199999"))
    assert (search.results, search.first_rank) == (200_000, 200_000)


def test_the_results_of_another_search_do_not_rank_a_click() -> None:
    """A search begins with nothing shown."""
    searches = recorded(
        event("Search"), event("Results", items=["b"]), event("Search"), event("click", item="b")
    )
    assert [(each.results, each.clicks, each.first_rank) for each in searches] == [
        (1, 0, None),
        (None, 1, None),
    ]


@pytest.mark.parametrize(
    ("pages", "results"), [([], None), ([[]], 0), ([[], []], 0), ([[], [1]], 1)]
)
def test_no_results_logged_is_null_and_empty_results_are_none(
    pages: list[list[int]], results: int | None
) -> None:
    """`results` is null only if no Results was logged; an empty one is 0."""
    (search,) = recorded(event("Search"), *[event("Results", items=page) for page in pages])
    assert search.results == results


def test_only_the_first_click_has_a_rank_and_a_time() -> None:
    """The first click to arrive decides, though later ones may know more or be earlier."""
    (search,) = recorded(
        event("Search", at(0)),
        event("Results", at(0), items=["a", "b"]),
        event("click", at(9), item="z"),
        event("click", at(3), item="a"),
    )
    assert (search.clicks, search.first_rank, search.first_click_s) == (2, None, 9.0)


@pytest.mark.parametrize(
    ("searched", "clicked", "seconds"),
    [
        (at(0), at(0), 0.0),
        (at(0), at(0) + US, 1e-06),
        (at(5), at(2.5), -2.5),
        (None, at(1), None),
        (at(1), None, None),
        (None, None, None),
        (at(0.1), at(0.3), 0.2),
    ],
)
def test_seconds_to_the_first_click(
    searched: datetime | None, clicked: datetime | None, seconds: float | None
) -> None:
    """`first_click_s` is the difference without float noise, null if either time is missing."""
    (search,) = recorded(event("Search", searched), event("click", clicked))
    assert search.first_click_s == seconds


def test_a_session_sums_its_searches_up() -> None:
    """The record of a session counts searches, clicked ones and clicks, and divides by searches."""
    session, ledger = Session(1, NO_SESSION), Ledger()
    types = ["AppOpen", "Search", "click", "click", "click", "Search", "Search", "click", "Timeout"]
    for second, type_ in enumerate(types):
        session.latest = at(second)  # as the shard does
        session.feed(event(type_, at(second)), ledger)
    (ended,) = ledger.sessions
    assert (ended.searches, ended.clicked_searches, ended.clicks) == (3, 2, 4)
    assert (ended.ctr, ended.clicks_per_search) == (2 / 3, 4 / 3)
    assert (ended.session_start, ended.session_end) == (at(0), at(8))
    assert ended.closed_by == "timeout"


def test_a_search_that_is_not_selected_counts_for_nothing() -> None:
    """A search that the ledger does not select has no record and no part in its session's."""
    ledger = Ledger(select=lambda search: search.query == "cats")
    session = Session(1, NO_SESSION)
    for query in ("dogs", "cats", "birds"):
        session.feed(event("Search", query=query), ledger)
        session.feed(event("click"), ledger)
    session.feed(event("AppClose"), ledger)
    assert [search.query for search in ledger.searches] == ["cats"]
    assert [(ended.searches, ended.clicks) for ended in ledger.sessions] == [(1, 1)]


def test_a_session_of_unselected_searches_is_one_without_search() -> None:
    """A session none of whose searches is selected has no record (R11)."""
    ledger = Ledger(select=lambda _: False)
    session = Session(1, NO_SESSION)
    session.feed(event("Search"), ledger)
    session.feed(event("AppClose"), ledger)
    assert (ledger.searches, ledger.sessions) == ([], [])
    assert ledger.counts == Counts(sessions_without_search=1)
    assert ledger.opened == 1


# Saving and restoring.


@given(
    st.lists(st.sampled_from(ALL_SPELLINGS), max_size=12),
    st.integers(0, 12),
    st.lists(st.sampled_from([*ALL_SPELLINGS, "click", "Results"]), max_size=6),
    st.integers(0, 3),
)
def test_a_saved_session_goes_on_as_the_one_that_was_not(
    before: list[str], step: int, after: list[str], timed_thirds: int
) -> None:
    """Saved through JSON and restored in any state, a session ends with the same records."""
    session, ledger = Session("é", NO_SESSION), Ledger()

    def take(taker: Session, place: int, type_: str) -> None:
        time = at(place * 0.1) if (place + step) % 3 < timed_thirds else None
        taker.feed(event(type_, time, items=["a", 1, "é\u2028"], item=1), ledger)

    for place, type_ in enumerate(["AppOpen", *before]):
        take(session, place, type_)
    if session.state is State.NONE:
        return
    started, opened = ledger.started, ledger.opened
    restored = Session.restore(json.loads(json.dumps(session.save())), ROWS)
    assert restored.state is session.state
    assert restored.save() == session.save()
    outcomes = []
    for each in (session, restored):
        ledger.started, ledger.opened, ledger.counts = started, opened, Counts()
        ledger.collect()
        for place, type_ in enumerate(after, len(before) + 1):
            take(each, place, type_)
        each.end(ClosedBy.END, ledger)
        outcomes.append((ledger.collect(), ledger.counts))
    assert outcomes[0] == outcomes[1]
