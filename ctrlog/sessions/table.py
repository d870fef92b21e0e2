"""The state machine as a table: a state and an input give actions and the next state.

Nothing but this table decides what happens to a user's session; `machine` compiles its
rows to functions. `docs/rules.md` shows the drawing made from it.

Under R13 a session has several searches open. An event then finds the session in the state
of the search that it means, and what closes the search at the end of the session closes
every one that is open.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from ctrlog.sessions.events import ClosedBy, Kind


class State(Enum):
    """Where a user stands."""

    NONE = "no session"
    BROWSING = "session, no search open"
    SEARCHING = "session, search open"


class Variant(Enum):
    """What an event is told from others of its kind to be, by ids (R13) or by typing (R14)."""

    NAMED = "Search with an id (R13)"
    TYPED = "Search that is typed on from the last (R14)"
    OUTDATED = "Results of what was typed on from (R14)"
    REPEATED = "ClickResult on an item once more (R15)"
    ONE_TOO_MANY = "one more open search than are kept (R13)"

    __hash__ = object.__hash__  # which is faster than that of Enum


class Action(Enum):
    """What the machine does on a transition, in words for the drawing."""

    START = "start a session"
    OPEN = "open a search"
    GO_ON = "go on with the search"
    REFINE = "put a search in its place"
    CLOSE = "close the search"
    SHOW = "add the results"
    CLICK = "count the click"
    REPEATED_CLICK = "count a repeated click"
    ORPHAN_CLICK = "count an orphan click"
    ORPHAN_RESULTS = "count orphan results"
    FINISH = "end the session"


#: An event of some kind, or a boundary that time or the end of the input draws.
TableInput: TypeAlias = Kind | Variant | ClosedBy
Transition: TypeAlias = tuple[tuple[Action, ...], State]

#: The boundaries, with the rules that draw them: R2 and R7, R10, R9.
BOUNDARIES = (ClosedBy.GAP, ClosedBy.MAX, ClosedBy.END)

#: So many searches of a session may be open at once (R13), since a robot's may never end.
MOST_OPEN = 1000

#: What `closed_by` says when an event ends a search; a boundary says itself.
CLOSING_EVENTS: dict[TableInput, ClosedBy] = {
    Kind.SEARCH: ClosedBy.SEARCH,
    Variant.ONE_TOO_MANY: ClosedBy.SEARCH,
    Kind.APP_CLOSE: ClosedBy.CLOSE,
    Kind.TIMEOUT: ClosedBy.TIMEOUT,
}

TABLE: dict[State, dict[TableInput, Transition]] = {
    State.NONE: {
        Kind.APP_OPEN: ((Action.START,), State.BROWSING),
        Kind.SEARCH: ((Action.START, Action.OPEN), State.SEARCHING),
        Variant.NAMED: ((Action.START, Action.OPEN), State.SEARCHING),
        Variant.TYPED: ((Action.START, Action.OPEN), State.SEARCHING),
        Kind.RESULTS: ((Action.START, Action.ORPHAN_RESULTS), State.BROWSING),
        Variant.OUTDATED: ((Action.START, Action.ORPHAN_RESULTS), State.BROWSING),
        Kind.CLICK_RESULT: ((Action.START, Action.ORPHAN_CLICK), State.BROWSING),
        Variant.REPEATED: ((Action.START, Action.ORPHAN_CLICK), State.BROWSING),
        Kind.APP_CLOSE: ((), State.NONE),
        Kind.TIMEOUT: ((), State.NONE),
        Kind.OTHER: ((Action.START,), State.BROWSING),
        Variant.ONE_TOO_MANY: ((), State.NONE),
        ClosedBy.GAP: ((), State.NONE),
        ClosedBy.MAX: ((), State.NONE),
        ClosedBy.END: ((), State.NONE),
    },
    State.BROWSING: {
        Kind.APP_OPEN: ((), State.BROWSING),
        Kind.SEARCH: ((Action.OPEN,), State.SEARCHING),
        Variant.NAMED: ((Action.OPEN,), State.SEARCHING),
        Variant.TYPED: ((Action.OPEN,), State.SEARCHING),
        Kind.RESULTS: ((Action.ORPHAN_RESULTS,), State.BROWSING),
        Variant.OUTDATED: ((Action.ORPHAN_RESULTS,), State.BROWSING),
        Kind.CLICK_RESULT: ((Action.ORPHAN_CLICK,), State.BROWSING),
        Variant.REPEATED: ((Action.ORPHAN_CLICK,), State.BROWSING),
        Kind.APP_CLOSE: ((Action.FINISH,), State.NONE),
        Kind.TIMEOUT: ((Action.FINISH,), State.NONE),
        Kind.OTHER: ((), State.BROWSING),
        Variant.ONE_TOO_MANY: ((), State.BROWSING),
        ClosedBy.GAP: ((Action.FINISH,), State.NONE),
        ClosedBy.MAX: ((Action.FINISH,), State.NONE),
        ClosedBy.END: ((Action.FINISH,), State.NONE),
    },
    State.SEARCHING: {
        Kind.APP_OPEN: ((), State.SEARCHING),
        Kind.SEARCH: ((Action.CLOSE, Action.OPEN), State.SEARCHING),
        Variant.NAMED: ((Action.GO_ON,), State.SEARCHING),
        Variant.TYPED: ((Action.REFINE,), State.SEARCHING),
        Kind.RESULTS: ((Action.SHOW,), State.SEARCHING),
        Variant.OUTDATED: ((), State.SEARCHING),
        Kind.CLICK_RESULT: ((Action.CLICK,), State.SEARCHING),
        Variant.REPEATED: ((Action.REPEATED_CLICK,), State.SEARCHING),
        Kind.APP_CLOSE: ((Action.CLOSE, Action.FINISH), State.NONE),
        Kind.TIMEOUT: ((Action.CLOSE, Action.FINISH), State.NONE),
        Kind.OTHER: ((), State.SEARCHING),
        Variant.ONE_TOO_MANY: ((Action.CLOSE,), State.BROWSING),
        ClosedBy.GAP: ((Action.CLOSE, Action.FINISH), State.NONE),
        ClosedBy.MAX: ((Action.CLOSE, Action.FINISH), State.NONE),
        ClosedBy.END: ((Action.CLOSE, Action.FINISH), State.NONE),
    },
}
