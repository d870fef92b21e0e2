"""The compiled table: each machine does what the table says, entry for entry."""

from __future__ import annotations

from copy import deepcopy

import pytest
from making import ALL_SPELLINGS, at, event, s

from ctrlog.sessions.by_id import TabbedSession
from ctrlog.sessions.events import SPELLINGS, Attribution, ClosedBy, Kind, TrustedEvent
from ctrlog.sessions.ledger import Counts, Ledger
from ctrlog.sessions.machine import Machine, machine_for
from ctrlog.sessions.session import Session
from ctrlog.sessions.table import (
    BOUNDARIES,
    CLOSING_EVENTS,
    TABLE,
    Action,
    State,
    TableInput,
    Variant,
)

MACHINES: dict[str, Machine] = {
    f"{attribution}{typing and ' typing'}{dedupe and ' once'}": machine_for(
        attribution, s(5) if typing else None, dedupe_clicks=bool(dedupe), most_open=3
    )
    for attribution in Attribution
    for typing in ("", "typing")
    for dedupe in ("", "once")
}

#: Ways to bring a session to a state of its search "1", or of that without an id.
WAYS: dict[str, tuple[State, list[str]]] = {
    "new": (State.NONE, []),
    "app opened": (State.BROWSING, ["AppOpen"]),
    "orphan click": (State.BROWSING, ["click"]),
    "searched": (State.SEARCHING, ["Search"]),
    "clicked": (State.SEARCHING, ["Search", "Results", "click"]),
}


def of_id(name: str, type_: str, second: float, query: str = "dogs") -> TrustedEvent:
    """Make an event of the search of an id; where ids are passed over it makes no difference."""
    return event(
        type_, at(second), search_id=name, **({"query": query} if "earch" in type_ else {})
    )


def brought(machine: Machine, way: str, name: str) -> tuple[Session, Ledger]:
    """Return a session that was brought to a state, and its ledger."""
    session, ledger = machine.session(1, machine.rows[State.NONE]), Ledger()
    for second, type_ in enumerate(WAYS[way][1]):
        session.feed(of_id(name, type_, second), ledger)
    ledger.collect()
    return session, ledger


def did(before: Counts, after: Counts, ledger: Ledger) -> dict[Action, int]:
    """Return what is seen of the actions."""
    return {
        Action.ORPHAN_CLICK: after.orphan_clicks - before.orphan_clicks,
        Action.ORPHAN_RESULTS: after.orphan_results - before.orphan_results,
        Action.REPEATED_CLICK: after.repeated_clicks - before.repeated_clicks,
        Action.CLOSE: len(ledger.searches),
        Action.FINISH: after.sessions + after.sessions_without_search,
    }


@pytest.mark.parametrize("name", ["", "1"])
@pytest.mark.parametrize("given", [*ALL_SPELLINGS, *BOUNDARIES], ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_machine_does_what_the_table_says(
    machine: Machine, way: str, given: str | ClosedBy, name: str
) -> None:
    """What is told of an event is an entry of the table, and just its actions are done."""
    session, ledger = brought(machine, way, name)
    assert session.state is WAYS[way][0]
    before, opened = deepcopy(ledger.counts), ledger.opened
    taken: TableInput
    if isinstance(given, ClosedBy):
        taken = given
        actions, after = TABLE[session.state][taken]
        session.end(given, ledger)
    else:
        fed = of_id(name, given, 60, "cats")
        taken = machine.tell(session, fed) if session.state is not State.NONE else kind_of(given)
        assert taken is kind_of(given) or isinstance(taken, Variant)
        actions, after = TABLE[session.state][taken]
        session.feed(fed, ledger)
    assert session.state is after
    assert ledger.opened - opened == (Action.OPEN in actions) + (Action.REFINE in actions)
    assert did(before, ledger.counts, ledger) == {
        action: int(action in actions) for action in did(before, before, Ledger())
    }
    closed_by = CLOSING_EVENTS.get(taken, taken)
    assert all(each.closed_by == closed_by for each in ledger.searches)
    assert all(each.closed_by == closed_by for each in ledger.sessions)


def kind_of(type_: str) -> Kind:
    """Return what a spelling means."""
    return SPELLINGS.get(type_, Kind.OTHER)


#: What was fed, what comes, and what that is by order, by order with typing, by id, by id with
#: typing.
TELLING: dict[str, tuple[list[TrustedEvent], TrustedEvent, list[TableInput]]] = {
    "another query": (
        [of_id("1", "Search", 0)],
        of_id("1", "Search", 1, "cats"),
        [Kind.SEARCH, Kind.SEARCH, Variant.NAMED, Variant.NAMED],
    ),
    "typed on, same id": (
        [of_id("1", "Search", 0)],
        of_id("1", "Search", 5, "dogs!"),
        [Kind.SEARCH, Variant.TYPED, Variant.NAMED, Variant.TYPED],
    ),
    "typed on, new id": (
        [of_id("1", "Search", 0)],
        of_id("2", "Search", 5, "dogs!"),
        [Kind.SEARCH, Variant.TYPED, Variant.NAMED, Variant.TYPED],
    ),
    "the same once more": (
        [of_id("1", "Search", 0)],
        of_id("1", "Search", 0),
        [Kind.SEARCH, Variant.TYPED, Variant.NAMED, Variant.NAMED],
    ),
    "typed on, no id": (
        [of_id("", "Search", 0)],
        of_id("", "Search", 1, "dog"),
        [Kind.SEARCH, Variant.TYPED, Kind.SEARCH, Variant.TYPED],
    ),
    "results of what was typed on": (
        [of_id("1", "Search", 0), of_id("2", "Search", 1)],
        of_id("1", "Results", 2),
        [Kind.RESULTS, Kind.RESULTS, Kind.RESULTS, Variant.OUTDATED],
    ),
    "a click once more": (
        [of_id("1", "Search", 0), of_id("1", "click", 1)],
        of_id("1", "click", 2),
        [Kind.CLICK_RESULT] * 4,
    ),
}


@pytest.mark.parametrize(("fed", "given", "told"), TELLING.values(), ids=TELLING)
def test_what_an_event_is_told_to_be(
    fed: list[TrustedEvent], given: TrustedEvent, told: list[TableInput]
) -> None:
    """Each option tells its own entries; to ask twice changes nothing."""
    names = ["order", "order typing", "id", "id typing"]
    for name, expected in [*zip(names, told, strict=True)]:
        for once in ("", " once"):
            machine = MACHINES[name + once]
            session, ledger = machine.session(1, machine.rows[State.NONE]), Ledger()
            for each in fed:
                session.feed(each, ledger)
            is_repeated = once and expected is Kind.CLICK_RESULT
            entry = Variant.REPEATED if is_repeated else expected
            assert [machine.tell(session, given) for _ in range(2)] == [entry] * 2, name


def test_a_machine_is_compiled_once() -> None:
    """Shards of the same rules share their machine; by default it is that of plain sessions."""
    assert machine_for() is machine_for()
    assert machine_for().session is Session
    assert not machine_for().tellers
    assert MACHINES["id"].session is TabbedSession


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_rows_know_each_other(machine: Machine) -> None:
    """A row has a step for every entry of the table, and the rows of all states."""
    for state, row in machine.rows.items():
        assert row.state is state
        assert row.browsing is machine.rows[State.BROWSING]
        assert row.searching is machine.rows[State.SEARCHING]
        assert set(row.entries) == set(TABLE[state])
        assert set(row.boundaries) == set(BOUNDARIES)
