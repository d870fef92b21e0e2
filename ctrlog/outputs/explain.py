"""Why ctrlog counts as it does: one user's events, and the rule that drew each border."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len, chop_cells

from ctrlog.outputs.phrases import counted
from ctrlog.outputs.words import visible
from ctrlog.sessions.events import (
    SPELLINGS,
    Attribution,
    ClosedBy,
    Kind,
    SearchRecord,
    SessionRecord,
    TrustedEvent,
)
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.session import Session
from ctrlog.sessions.shard import Shard
from ctrlog.sessions.table import CLOSING_EVENTS, TABLE, Action, State, TableInput, Variant
from ctrlog.times import format_duration, format_times

_WIDEST = 120  # longer lines are hard to read
_LEAST_TEXT = 20  # columns that are taken in any case
_MOST_SHOWN = 36  # columns of a text of the log, so that a line fits with its time

_PAUSE = "R2: a pause longer than the gap"
_DUE = "R7: the log's clock has passed the gap and the lateness"
_RULES: dict[str, str] = {
    ClosedBy.SEARCH: "R3",
    ClosedBy.CLOSE: "R4",
    ClosedBy.TIMEOUT: "R4",
    ClosedBy.MAX: "R10: it has lasted as long as a session may",
    ClosedBy.END: "R9: the input has ended",
}


class ExplainingShard(Shard):
    """A shard that goes on as any other, and writes down what happens to one user.

    Attributes:
        events_explained: How many events of the user there were.
    """

    def __init__(self, user: str, rules: Rules | None = None, *, width: int = 80) -> None:
        """Make a shard with no session open.

        Args:
            user: The user, as text.
            rules: The rules to follow; the default ones if None.
            width: The columns that a line may take, where its words allow it.
        """
        super().__init__(rules)
        self.events_explained = 0
        self._user = user
        self._width = min(width, _WIDEST)
        self._lines: list[str] = []
        self._is_due = False
        self._ended_at_border = 0  # searches of the user, while an event is fed

    def take_lines(self) -> list[str]:
        """Return what was written down since the last time."""
        lines, self._lines = self._lines, []
        return lines

    def feed(self, events: Sequence[TrustedEvent]) -> Ended:
        """Take events in order, those of the user one by one."""
        ended = Ended([], [])
        taken = 0
        for place, event in enumerate(events):
            if str(event.user) == self._user:
                _extend(ended, super().feed(events[taken:place]))
                _extend(ended, self._feed_one(event))
                taken = place + 1
        _extend(ended, super().feed(events[taken:]))
        return ended

    def _feed_one(self, event: TrustedEvent) -> Ended:
        self.events_explained += 1
        clock = self.clock
        session = self.find(self._user)
        kind = SPELLINGS.get(event.type, Kind.OTHER)
        taken: TableInput = kind if session is None else self.rules.machine.tell(session, event)
        state = State.NONE if session is None else session.state
        # A border before the event ends the session by `_end`, which writes that down.
        written, self._ended_at_border = len(self._lines), 0
        ended = super().feed([event])
        if len(self._lines) > written:
            state, taken = State.NONE, kind
        self._lines.append(f"{_written(event.time)}  {_in_words(event, kind)}")
        if clock is not None and event.time is not None:
            behind = clock - event.time
            if behind > self.rules.lateness:
                self._say(f"late: {format_duration(behind)} behind the log's clock (R8)")
        is_by_id = self.rules.attribution is Attribution.ID and event.search_id is not None
        self._explain(taken, state, ended, _BY_ID if is_by_id else _BY_ORDER)
        return ended

    def _explain(
        self, taken: TableInput, state: State, ended: Ended, words: dict[Action, str]
    ) -> None:
        actions, _ = TABLE[state][taken]
        rule = _RULES.get(CLOSING_EVENTS.get(taken, ""), _TOO_MANY)
        if taken is Kind.SEARCH and Action.CLOSE not in actions:
            rule = _TOO_MANY
        searches = [search for search in ended.searches if search.user == self._user]
        for search in searches[self._ended_at_border :]:
            self._say_search_ends(search, rule)
        for action in actions:
            match action:
                case Action.CLOSE:
                    pass  # is said above, of each search that was open
                case Action.FINISH:
                    sessions = [each for each in ended.sessions if each.user == self._user]
                    self._say_session_ends(sessions[-1] if sessions else None, rule)
                case Action.CLICK:
                    self._say_click(words[action])
                case _:
                    self._say(words[action])
        if not actions:
            self._say(_nothing(taken, state))

    # What the clock, a pause and the end of the input do.

    def _end_due(self, clock: datetime) -> None:
        self._is_due = True
        super()._end_due(clock)
        self._is_due = False

    def _end(self, session: Session, boundary: ClosedBy) -> None:
        searches, sessions = len(self._ledger.searches), len(self._ledger.sessions)
        super()._end(session, boundary)
        self._say_what_ended(session, boundary, searches, sessions)

    def _close_first(self, session: Session) -> None:
        searches, sessions = len(self._ledger.searches), len(self._ledger.sessions)
        super()._close_first(session)
        self._say_what_ended(session, ClosedBy.END, searches, sessions)

    def _say_what_ended(
        self, session: Session, boundary: ClosedBy, searches: int, sessions: int
    ) -> None:
        """Say what ended since there were so many searches and sessions."""
        if session.name != self._user:
            return
        rule = _RULES.get(boundary) or (_DUE if self._is_due else _PAUSE)
        for search in self._ledger.searches[searches:]:
            self._say_search_ends(search, rule)
            self._ended_at_border += 1
        if session.state is State.NONE:
            ended = self._ledger.sessions[sessions:]
            self._say_session_ends(ended[0] if ended else None, rule)

    # Words.

    def _say(self, what: str) -> None:
        indent = "    "
        width = max(self._width, len(indent) + _LEAST_TEXT)
        self._lines += textwrap.wrap(
            what, width, initial_indent=indent, subsequent_indent=indent + "  "
        )

    def _say_search_ends(self, search: SearchRecord, rule: str) -> None:
        results = "" if search.results is None else f", {counted(search.results, 'result')}"
        has_tabs = self.rules.attribution is Attribution.ID  # which of them is it?
        query = f' ("{_shown(search.query)}")' if has_tabs else ""
        self._say(
            f"search ends{query}, CTR {search.ctr}: {counted(search.clicks, 'click')}{results};"
            f" closed by {search.closed_by} ({rule})"
        )

    def _say_session_ends(self, record: SessionRecord | None, rule: str) -> None:
        if record is None:
            self._say(f"session ends without a search: it counts nowhere (R11; {rule})")
        else:
            self._say(
                f"session ends, {record.clicked_searches} of"
                f" {counted(record.searches, 'search')} clicked;"
                f" closed by {record.closed_by} ({rule})"
            )

    def _say_click(self, search: str) -> None:
        session = self.find(self._user)
        if session is None or session.search_clicks > 1:
            self._say(f"counts for {search}")
            return
        rank = "unknown" if session.first_rank is None else session.first_rank
        after = "" if session.first_click_s is None else f", {session.first_click_s} s after it"
        self._say(f"first click of {search}{after}; rank {rank} (R6)")


def _nothing(taken: TableInput, state: State) -> str:
    """Say what an event is that has no effect."""
    if taken is Variant.OUTDATED:
        return "shown for what was typed on from: dropped with it (R14)"
    return "no session to end (R4)" if state is State.NONE else "activity (R2)"


_BY_ORDER = {
    Action.START: "session starts (R2)",
    Action.OPEN: "search opens (R3)",
    Action.REFINE: "typed on: takes the place of the open search and its results (R14)",
    Action.SHOW: "shown for the open search (R5)",
    Action.CLICK: "the open search (R5)",
    Action.REPEATED_CLICK: "clicked before in this search, it counts nowhere (R15)",
    Action.ORPHAN_CLICK: "orphan: no search is open, it counts nowhere (R5)",
    Action.ORPHAN_RESULTS: "orphan: no search is open (R5)",
}
_BY_ID = _BY_ORDER | {
    Action.OPEN: "search opens (R13)",
    Action.GO_ON: "goes on with the search of its id (R13)",
    Action.SHOW: "shown for the search of its id (R13)",
    Action.CLICK: "the search of its id (R13)",
    Action.ORPHAN_CLICK: "orphan: no search of its id is open, it counts nowhere (R13)",
    Action.ORPHAN_RESULTS: "orphan: no search of its id is open (R13)",
}
_TOO_MANY = "R13: too many are open"


def _extend(ended: Ended, more: Ended) -> None:
    ended.searches.extend(more.searches)
    ended.sessions.extend(more.sessions)


def _written(time: datetime | None) -> str:
    return format_times([time], "–")[0].ljust(24)


def _in_words(event: TrustedEvent, kind: Kind) -> str:
    match kind:
        case Kind.SEARCH:
            results = "" if event.items is None else f", {counted(event.items[0], 'result')}"
            return f'Search "{_shown(event.query or "")}"{results}'
        case Kind.RESULTS if event.items is not None:
            return f"Results: {counted(event.items[0], 'item')}"
        case Kind.CLICK_RESULT:
            return f'ClickResult "{_shown(str(event.item))}"'
        case Kind.OTHER:
            return f'"{_shown(event.type)}"'
        case _:
            return kind.value


def _shown(text: str) -> str:
    escaped = visible(text)
    if cell_len(escaped) <= _MOST_SHOWN:
        return escaped
    return chop_cells(escaped, _MOST_SHOWN - 1)[0] + "…"
