"""What may be wrong with the searches of a log."""

from __future__ import annotations

from collections.abc import Iterator

from ctrlog.check.model import Facts, Finding, Severity, by_share
from ctrlog.check.traces import TYPING_PAUSE
from ctrlog.outputs.words import part
from ctrlog.schemas.mapping import Watched
from ctrlog.sessions.events import Attribution, Kind
from ctrlog.times import format_duration


def typed_searches(facts: Facts) -> Iterator[Finding]:
    """Tell of searches that are counted, though they were still being typed."""
    typed = facts.checkup.user_scale * facts.checkup.tally.typed_on[Kind.SEARCH]
    searches = facts.search_events
    if facts.has_ids:
        typed, searches = facts.by_ids.typed_on, facts.by_ids.searches
    if not typed:
        return
    yield Finding(
        "typed_searches",
        by_share(typed, searches),
        typed,
        searches,
        f"Searches typed on from, within {format_duration(TYPING_PAUSE)} and without a click:"
        f" {part(typed, searches)}.",
        _TYPING,
        "--merge-typing 2s takes one typing for one search",
    )


def keystrokes(facts: Facts) -> Iterator[Finding]:
    """Tell what counting the searches that clients log would give."""
    tally, ids = facts.checkup.tally, facts.by_ids
    logged = tally.of(Watched.TYPING)
    if not logged:
        return
    typed = ids.keystrokes or facts.checkup.user_scale * tally.typed_on[Watched.TYPING]
    what = (
        f"Search events of clients, which are activity only: {logged:,}, of which typed on from"
        f" within {format_duration(TYPING_PAUSE)}: {typed:,}."
    )
    if ids.ids:
        what += (
            " Counting every id of the log, one for each keystroke, clicked would be"
            f" {part(ids.clicked_ids, ids.ids)}; of executed queries, clicked are"
            f" {part(ids.clicked_searches, ids.searches)}."
        )
    yield Finding(
        "keystrokes",
        Severity.NOTE,
        logged,
        None,
        what,
        _TYPING,
        "--schema ubi-events --merge-typing 2s counts them, one typing as one search",
        {
            "typed_on": typed,
            "ids": ids.ids,
            "clicked_ids": ids.clicked_ids,
            "ctr_by_id": ids.ctr_by_id,
        },
    )


_TYPING = "Nobody clicks in a search that is still being typed: each one lowers click-through."


def unnamed(facts: Facts) -> Iterator[Finding]:
    """Tell of searches without an id in a log that has ids."""
    searches = facts.checkup.tally.unnamed_searches
    if not searches or facts.attribute is not Attribution.ID or not facts.has_ids:
        return
    of = facts.by_ids.searches + searches
    yield Finding(
        "searches_without_id",
        by_share(searches, of),
        searches,
        of,
        f"Searches without an id: {part(searches, of)}.",
        "A click names its search, so these are never clicked but by clicks that name none.",
        "log the id of every search; --attribute order goes by the order of events instead",
    )


def ids_in_several_lines(facts: Facts) -> Iterator[Finding]:
    """Tell of searches that stand in several lines."""
    ids = facts.by_ids
    if not ids.in_several_lines:
        return
    empty, lists = facts.checkup.tally.empty_lists, facts.checkup.tally.lists
    what = (
        f"Searches in several lines of one id: {part(ids.in_several_lines, ids.searches)}, in all"
        f" {ids.lines:,} lines."
    )
    if empty:
        what += (
            f" Lists of results that are empty: {part(empty, lists)}; searches without results in"
            f" any: {part(ids.without_results, ids.with_lists)}."
        )
    yield Finding(
        "ids_in_several_lines",
        Severity.NOTE if facts.attribute is Attribution.ID else Severity.WRONG,
        ids.in_several_lines,
        ids.searches,
        what,
        "Facets, further pages and repeated calls are one search; taken for several, most of"
        " them look empty and get no click.",
        "--attribute id takes the lines of one id for one search",
        {"empty_lists": empty, "lists": lists, "searches_without_results": ids.without_results},
    )


def ids_of_several(facts: Facts) -> Iterator[Finding]:
    """Tell of ids that stand for more than one search."""
    ids = facts.by_ids
    several = max(ids.of_several_texts, ids.of_several_users)
    if not several:
        return
    yield Finding(
        "repeated_ids",
        Severity.DOUBTFUL,
        several,
        ids.searches,
        f"Ids that stand for several texts: {part(ids.of_several_texts, ids.searches)}; that are"
        f" used by several users: {part(ids.of_several_users, ids.ids)}.",
        "An id that does not stand for one search gives clicks to the wrong one.",
        "--attribute order goes by the order of events instead",
    )


def no_results(facts: Facts) -> Iterator[Finding]:
    """Tell that no results are logged."""
    tally = facts.checkup.tally
    if tally.lists or not facts.search_events:
        return
    yield Finding(
        "no_results",
        Severity.DOUBTFUL,
        facts.search_events,
        facts.search_events,
        "No search has logged what was shown for it.",
        "The zero-result rate, abandonment and most ranks cannot be told.",
        "--field items=PLACE if the log has it; else log the ids of the results shown",
    )


def empty_results(facts: Facts) -> Iterator[Finding]:
    """Tell how many searches found nothing."""
    empty, lists = facts.searches.zero_results, facts.searches.logged_results
    if not empty:
        return
    yield Finding(
        "zero_results",
        Severity.NOTE,
        empty,
        lists,
        f"Searches that found nothing, of those with results logged: {part(empty, lists)}.",
        "They cannot be clicked; their share is the zero-result rate.",
        "`ctrlog summary --by query --sort zero_results` shows for what",
    )
