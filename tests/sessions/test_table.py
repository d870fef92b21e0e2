"""The table of the state machine, checked against the rules it stands for."""

from __future__ import annotations

from itertools import product

import pytest

from ctrlog.sessions.events import ClosedBy, Kind
from ctrlog.sessions.table import (
    BOUNDARIES,
    CLOSING_EVENTS,
    TABLE,
    Action,
    State,
    TableInput,
    Variant,
)

INPUTS: tuple[TableInput, ...] = (*Kind, *Variant, *BOUNDARIES)
PAIRS = list(product(State, INPUTS))
SEARCHES: tuple[TableInput, ...] = (Kind.SEARCH, Variant.NAMED, Variant.TYPED)


def test_the_table_is_whole() -> None:
    """Every state has a transition for every kind of event and every boundary, and no other."""
    assert set(TABLE) == set(State)
    for state, row in TABLE.items():
        assert set(row) == set(INPUTS), state


def test_everything_that_closes_is_an_event_or_a_boundary() -> None:
    """Each value of `closed_by` comes from one input; only two are closed by a further search."""
    closers = [*CLOSING_EVENTS.values(), *BOUNDARIES]
    assert sorted(closers) == sorted([*ClosedBy, ClosedBy.SEARCH])
    for state, taken in PAIRS:
        actions, _ = TABLE[state][taken]
        if Action.CLOSE in actions or Action.FINISH in actions:
            assert taken in (*CLOSING_EVENTS, *BOUNDARIES)


@pytest.mark.parametrize(("state", "taken"), PAIRS)
def test_a_session_starts_and_ends_where_the_state_says_so(state: State, taken: TableInput) -> None:
    """START stands exactly where a session begins, FINISH exactly where one is over."""
    actions, after = TABLE[state][taken]
    assert (Action.START in actions) == (state is State.NONE and after is not State.NONE)
    assert (Action.FINISH in actions) == (state is not State.NONE and after is State.NONE)


@pytest.mark.parametrize(("state", "taken"), PAIRS)
def test_a_search_opens_and_closes_where_the_state_says_so(state: State, taken: TableInput) -> None:
    """OPEN stands for a further search (R3), CLOSE where an open search is left or followed."""
    actions, after = TABLE[state][taken]
    is_search = taken in SEARCHES
    is_open = state is State.SEARCHING
    assert (Action.OPEN in actions) == (is_search and not (is_open and taken is not Kind.SEARCH))
    assert (after is State.SEARCHING) == (is_search or (is_open and Action.CLOSE not in actions))
    left = is_open and after is not State.SEARCHING
    followed = is_open and taken is Kind.SEARCH
    assert (Action.CLOSE in actions) == (left or followed)


@pytest.mark.parametrize("state", [State.NONE, State.BROWSING])
def test_what_options_tell_apart_is_the_same_where_no_search_is_open(state: State) -> None:
    """Ids and typing make a difference to an open search only (R13 to R15)."""
    row = TABLE[state]
    assert all(row[taken] == row[Kind.SEARCH] for taken in SEARCHES)
    assert row[Variant.OUTDATED] == row[Kind.RESULTS]
    assert row[Variant.REPEATED] == row[Kind.CLICK_RESULT]
    assert row[Variant.ONE_TOO_MANY] == ((), state)


def test_what_options_tell_apart_where_a_search_is_open() -> None:
    """The open search goes on, makes room or is left alone; nothing but counting is done."""
    row = TABLE[State.SEARCHING]
    stay, leave = State.SEARCHING, State.BROWSING
    assert row[Variant.NAMED] == ((Action.GO_ON,), stay)
    assert row[Variant.TYPED] == ((Action.REFINE,), stay)
    assert row[Variant.OUTDATED] == ((), stay)
    assert row[Variant.REPEATED] == ((Action.REPEATED_CLICK,), stay)
    assert row[Variant.ONE_TOO_MANY] == ((Action.CLOSE,), leave)


@pytest.mark.parametrize("state", State)
def test_clicks_and_results_belong_to_the_open_search_or_are_orphans(state: State) -> None:
    """With a search open a click or results count for it, else they are orphans (R5)."""
    if state is State.SEARCHING:
        expected = (Action.CLICK,), (Action.SHOW,)
    else:
        started = () if state is State.BROWSING else (Action.START,)
        expected = (*started, Action.ORPHAN_CLICK), (*started, Action.ORPHAN_RESULTS)
    clicked, _ = TABLE[state][Kind.CLICK_RESULT]
    shown, _ = TABLE[state][Kind.RESULTS]
    assert (clicked, shown) == expected


def test_nothing_counts_twice_and_only_where_it_belongs() -> None:
    """No action stands twice in a transition; counting is for clicks and results alone."""
    clicks: set[TableInput] = {Kind.CLICK_RESULT, Variant.REPEATED}
    results: set[TableInput] = {Kind.RESULTS, Variant.OUTDATED}
    counting: dict[Action, set[TableInput]] = {
        Action.CLICK: {Kind.CLICK_RESULT},
        Action.REPEATED_CLICK: {Variant.REPEATED},
        Action.ORPHAN_CLICK: clicks,
        Action.SHOW: {Kind.RESULTS},
        Action.ORPHAN_RESULTS: results,
    }
    for state, taken in PAIRS:
        actions, _ = TABLE[state][taken]
        assert len(set(actions)) == len(actions), (state, taken)
        counted = [action for action in actions if action in counting]
        assert len(counted) <= 1
        assert all(taken in counting[action] for action in counted)


@pytest.mark.parametrize("state", State)
def test_every_way_to_end_a_session_does_the_same(state: State) -> None:
    """AppClose, Timeout and the boundaries differ in what `closed_by` says only (R4, R9, R10)."""
    transitions = {TABLE[state][taken] for taken in (Kind.APP_CLOSE, Kind.TIMEOUT, *BOUNDARIES)}
    assert len(transitions) == 1
    ((_, after),) = transitions
    assert after is State.NONE


@pytest.mark.parametrize("state", State)
def test_app_open_is_as_any_other_activity(state: State) -> None:
    """AppOpen starts a session as any activity does, and inside one is nothing more (R4)."""
    assert TABLE[state][Kind.APP_OPEN] == TABLE[state][Kind.OTHER]


def test_an_order_of_actions_is_that_of_the_records() -> None:
    """A session starts before its search opens; a search closes before what ends or follows it."""
    order = [Action.START, Action.CLOSE, Action.OPEN, Action.FINISH]
    for state, taken in PAIRS:
        actions = [action for action in TABLE[state][taken][0] if action in order]
        assert actions == sorted(actions, key=order.index), (state, taken)
