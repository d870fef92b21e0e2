"""The table of the state machine, compiled for what was chosen of its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from ctrlog.sessions import actions as steps
from ctrlog.sessions.events import SPELLINGS, Attribution, ClosedBy, Kind, TrustedEvent
from ctrlog.sessions.ledger import Ledger
from ctrlog.sessions.session import Row, Session, Step, Teller
from ctrlog.sessions.table import (
    BOUNDARIES,
    CLOSING_EVENTS,
    MOST_OPEN,
    TABLE,
    Action,
    State,
    TableInput,
    Variant,
)

if TYPE_CHECKING:
    from ctrlog.sessions.refinement import Typing


class Machine:
    """What sessions run from.

    Attributes:
        session: The class of sessions.
        rows: The compiled row of each state.
        tellers: What tells which entry of the table an event means, for the kinds of which
            the kind alone does not.
    """

    __slots__ = ("rows", "session", "tellers")

    def __init__(
        self, session: type[Session], rows: Mapping[State, Row], tellers: Mapping[Kind, Teller]
    ) -> None:
        """Put the parts together."""
        self.session = session
        self.rows = rows
        self.tellers = tellers

    def tell(self, session: Session, event: TrustedEvent) -> TableInput:
        """Tell which entry of the table an event of a session means."""
        kind = SPELLINGS.get(event.type, Kind.OTHER)
        teller = self.tellers.get(kind)
        return kind if teller is None else teller(session, event)


@cache
def machine_for(
    attribution: Attribution = Attribution.ORDER,
    merge_typing: timedelta | None = None,
    *,
    dedupe_clicks: bool = False,
    most_open: int = MOST_OPEN,
    is_limited: bool = False,
) -> Machine:
    """Compile the table.

    Args:
        attribution: How results and clicks find their search.
        merge_typing: How far apart two searches of one typing may be (R14); None to merge
            none.
        dedupe_clicks: Whether repeated clicks on an item count once (R15).
        most_open: So many searches of a session may be open at once (R13).
        is_limited: Whether users may make only so many searches.
    """
    actions = dict(steps.STEPS)
    tellers: dict[Kind, Teller] = {}
    typing = None
    if merge_typing is not None:
        from ctrlog.sessions.refinement import Typing  # noqa: PLC0415  # few need it

        typing = Typing(merge_typing)
        tellers[Kind.SEARCH] = partial(_tell_search, typing=typing)
    if has_tabs := attribution is Attribution.ID:
        from ctrlog.sessions import by_id  # noqa: PLC0415  # as few

        actions |= by_id.TABBED_STEPS
        tellers |= by_id.tellers(typing)
    if dedupe_clicks:
        actions[Action.CLICK] = steps.click_once
        tellers[Kind.CLICK_RESULT] = _telling_repeats(tellers.get(Kind.CLICK_RESULT))
    rows = _compile_table(actions, steps.closings(has_several=has_tabs, is_limited=is_limited))
    taken = {kind: _telling(teller) for kind, teller in tellers.items()}
    if has_tabs:
        taken |= by_id.steps_of_several(tellers[Kind.SEARCH], most_open)
    for row in (rows[State.BROWSING], rows[State.SEARCHING]):
        row |= {spelling: taken[kind] for spelling, kind in SPELLINGS.items() if kind in taken}
        if has_tabs:
            row.boundaries = {boundary: by_id.ending(boundary, boundary) for boundary in BOUNDARIES}
    return Machine(by_id.TabbedSession if has_tabs else Session, rows, tellers)


# Which entry of the table an event means.


def _tell_search(session: Session, search: TrustedEvent, typing: Typing) -> TableInput:
    is_typed = session.state is State.SEARCHING and typing.refines(session, search)
    return Variant.TYPED if is_typed else Kind.SEARCH


def _telling_repeats(tell: Teller | None) -> Teller:
    def tell_click(session: Session, click: TrustedEvent) -> TableInput:
        taken = Kind.CLICK_RESULT if tell is None else tell(session, click)
        is_known = session.state is State.SEARCHING and str(click.item) in (session.clicked or ())
        return Variant.REPEATED if is_known else taken

    return tell_click


def _telling(tell: Teller) -> Step:
    def take(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        taken = tell(session, event)
        session.steps.entries[taken](session, event, ledger)

    return take


# The table, compiled.


def _compile_table(
    actions: Mapping[Action, Step], closings: dict[ClosedBy, Step]
) -> dict[State, Row]:
    rows = {state: Row() for state in State}

    def step_of(action: Action, taken: TableInput) -> Step:
        if action in actions:
            return actions[action]
        closed_by = taken if isinstance(taken, ClosedBy) else CLOSING_EVENTS[taken]
        return closings[closed_by] if action is Action.CLOSE else steps.finishing(closed_by)

    for state, row in rows.items():
        row.state = state
        row.browsing, row.searching = rows[State.BROWSING], rows[State.SEARCHING]
        row.closings = closings
        row.entries = {
            taken: _compile_entry([step_of(action, taken) for action in did], rows, state, after)
            for taken, (did, after) in TABLE[state].items()
        }
        row.other = row.entries[Kind.OTHER]
        for spelling, kind in SPELLINGS.items():
            if row.entries[kind] is not row.other:
                row[spelling] = row.entries[kind]
        row.boundaries = {boundary: row.entries[boundary] for boundary in BOUNDARIES}
    return rows


def _compile_entry(
    actions: Sequence[Step], rows: Mapping[State, Row], before: State, after: State
) -> Step:
    """Compile one entry of the table; none has more than two actions."""
    first, second = [*actions, steps.do_nothing, steps.do_nothing][:2]
    after_row = rows[after]
    if before is after and len(actions) < _BOTH:
        return first

    def one_step(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        first(session, event, ledger)
        session.steps = after_row

    def two_steps(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        first(session, event, ledger)
        second(session, event, ledger)
        session.steps = after_row

    return two_steps if len(actions) == _BOTH else one_step


_BOTH = 2
