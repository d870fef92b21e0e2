"""What each action of the table does to a session."""

from __future__ import annotations

from ctrlog.sessions.events import ClosedBy, SearchRecord, SessionRecord, TrustedEvent
from ctrlog.sessions.ledger import Ledger
from ctrlog.sessions.pages import Shown, number_shown, rank_in, with_page
from ctrlog.sessions.session import Session, Step
from ctrlog.sessions.table import Action


def start(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Start the session with its first event (R2)."""
    ledger.started += 1
    session.started = ledger.started
    session.start = session.latest = event.time
    session.searches = session.clicked_searches = session.clicks = session.opened = 0


def open_search(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Open the search of a Search event (R3)."""
    ledger.opened += 1
    session.opened = ledger.opened
    session.selected = ledger.select is None or ledger.select(event)
    session.query = event.query  # type: ignore[assignment]  # a Search has one
    session.search_time = event.time
    session.extra = event.extra
    session.search_clicks = session.refinements = 0
    session.shown = event.items  # a search may come with its results
    session.first_click_s = session.first_rank = session.clicked = None


def refine(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Put the search of a Search event in the place of the open one (R14)."""
    refinements = session.refinements + 1
    open_search(session, event, ledger)
    session.refinements = refinements


def show(session: Session, event: TrustedEvent, _ledger: Ledger) -> None:
    """Add results to the open search (R5)."""
    session.shown = with_page(session.shown, event.items)  # type: ignore[arg-type]  # it has them


def click(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Count a click for the open search (R5)."""
    ledger.counts.clicks += 1
    if ledger.on_click is not None:
        ledger.on_click(event, session.shown)
    session.search_clicks += 1
    if session.search_clicks > 1:
        return
    if event.time is not None and session.search_time is not None:
        session.first_click_s = (event.time - session.search_time).total_seconds()
    session.first_rank = _rank_of(event, session.shown)


def click_once(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Count a click for the open search, and remember its item (R15)."""
    if session.clicked is None:
        session.clicked = {}
    session.clicked[str(event.item)] = None
    click(session, event, ledger)


def _rank_of(click: TrustedEvent, shown: Shown | None) -> int | None:
    """Return the rank of a click by R6; a rank below 1 is none."""
    if click.rank is not None and click.rank >= 1:
        return click.rank
    return rank_in(shown, str(click.item))


def count_orphan_click(_session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Count a click that belongs to no search (R5)."""
    ledger.counts.clicks += 1
    if ledger.on_orphan is not None:
        ledger.on_orphan(event)
    ledger.counts.orphan_clicks += 1


def count_orphan_results(_session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
    """Count results that belong to no search (R5)."""
    ledger.counts.orphan_results += 1


def count_repeated_click(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
    """Count a click that the open search has had already (R15)."""
    ledger.counts.clicks += 1
    if ledger.on_click is not None:
        ledger.on_click(event, session.shown)
    ledger.counts.repeated_clicks += 1


def do_nothing(_session: Session, _event: TrustedEvent, _ledger: Ledger) -> None:
    """Leave everything as it is."""


def closing(closed_by: ClosedBy, *, has_several: bool, is_limited: bool) -> Step:
    """Return the step that closes the open search.

    Args:
        closed_by: What closes it.
        has_several: Whether several searches of a session may be open at once (R13).
        is_limited: Whether users may make only so many searches.
    """
    name = closed_by.value
    by_search = closed_by is ClosedBy.SEARCH

    def close(
        session: Session, _event: TrustedEvent, ledger: Ledger, *, followed: bool = by_search
    ) -> None:
        if not session.selected:
            return
        clicks = session.search_clicks
        session.searches += 1
        if clicks:
            session.clicked_searches += 1
            session.clicks += clicks
        ledger.searches.append(
            SearchRecord(
                session.name,
                session.query,
                number_shown(session.shown),
                clicks,
                session.first_rank,
                session.first_click_s,
                session.search_time,
                session.start,
                name,
                session.extra,
                session.refinements,
                followed,
            )
        )

    def close_seldom(session: Session, event: TrustedEvent, ledger: Ledger) -> None:
        if ledger.volume is not None and session.selected:
            session.selected = ledger.volume.admits(session.name)
        close(session, event, ledger, followed=by_search or session.is_followed)

    return close_seldom if has_several or is_limited else close


def closings(*, has_several: bool, is_limited: bool) -> dict[ClosedBy, Step]:
    """Return the steps that close the open search, as `closing` does, by what closes it."""
    return {
        cause: closing(cause, has_several=has_several, is_limited=is_limited) for cause in ClosedBy
    }


def finishing(closed_by: ClosedBy) -> Step:
    """Return the step that ends the session.

    Args:
        closed_by: What ends it.
    """
    name = closed_by.value

    def finish(session: Session, _event: TrustedEvent, ledger: Ledger) -> None:
        if not session.searches:
            ledger.counts.sessions_without_search += 1
            return
        ledger.counts.sessions += 1
        ledger.sessions.append(
            SessionRecord(
                session.name,
                session.searches,
                session.clicked_searches,
                session.clicks,
                session.start,
                session.latest,
                name,
            )
        )

    return finish


#: What does each action, but for those that close something, which say what by.
STEPS: dict[Action, Step] = {
    Action.START: start,
    Action.OPEN: open_search,
    Action.GO_ON: do_nothing,
    Action.REFINE: refine,
    Action.SHOW: show,
    Action.CLICK: click,
    Action.REPEATED_CLICK: count_repeated_click,
    Action.ORPHAN_CLICK: count_orphan_click,
    Action.ORPHAN_RESULTS: count_orphan_results,
}
