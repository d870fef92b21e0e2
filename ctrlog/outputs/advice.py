"""What is worth knowing of a log before its numbers are believed, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

from ctrlog.metrics.sketches import DistinctCounter
from ctrlog.metrics.summary import Summary
from ctrlog.outputs.notes import excluded, no_ids
from ctrlog.outputs.phrases import counted, listed
from ctrlog.outputs.words import named, percent
from ctrlog.sessions.events import Attribution
from ctrlog.times import format_duration

#: A smaller share of orphans among the clicks is not reported.
_ORPHANS_WORTH_A_WORD = 0.01
#: A user who makes a greater share of the searches is, where there are enough users: of
#: two, one nearly always does.
_HEAVY = 0.5
_USERS_ENOUGH = 3
_MOST_NAMED = 5


def advice(summary: Summary) -> list[str]:
    """Return what is worth saying, a sentence or two for each; mostly nothing."""
    return [text for advise in _ADVISERS if (text := advise(summary)) is not None]


def _no_events(summary: Summary) -> str | None:
    if summary.counts.events or summary.bad_lines or summary.excluded_events:
        return None
    return "There are no events: the log is empty. Is it the one you meant?"


def _bad_lines(summary: Summary) -> str | None:
    bad = sum(summary.bad_lines.values())
    if not bad:
        return None
    by_number = sorted(summary.bad_lines.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in by_number)
    verb = "is" if bad == 1 else "are"
    hint = "" if summary.keeps_bad_lines else " --bad-lines FILE keeps them."
    return f"{bad:,} of {counted(summary.lines, 'line')} {verb} bad and left out: {reasons}.{hint}"


def _no_searches(summary: Summary) -> str | None:
    if summary.searches.searches or not summary.counts.events or summary.open_sessions:
        return None
    if summary.chosen:
        events = counted(summary.counts.events, "event")
        return f"No search is chosen: none of {events} in the log is a search {summary.chosen}."
    return (
        f"There is no search among {counted(summary.counts.events, 'event')}. If the log names"
        " events in another field than type, use --field type=NAME."
    )


def _no_clicks(summary: Summary) -> str | None:
    searches = summary.searches
    if not searches.searches or searches.clicks or summary.counts.clicks:
        return None
    return (
        "There is no click at all. Is the click event named differently? ClickResult,"
        " click_result and click are known; --field type=NAME reads names from another field."
    )


def _no_results(summary: Summary) -> str | None:
    searches = summary.searches
    if not searches.searches or searches.logged_results:
        return None
    none = "None of these searches" if summary.chosen else "No search"
    return (
        f"{none} has logged results, so zero-result rate, abandonment rate and MRR cannot be"
        " told. Log a Results event with the items shown for each search."
    )


def _orphans(summary: Summary) -> str | None:
    orphans, clicks = summary.counts.orphan_clicks, summary.counts.clicks
    if not orphans or orphans < _ORPHANS_WORTH_A_WORD * clicks:
        return None
    verb = "belongs" if orphans == 1 else "belong"
    is_by_id = summary.rules.attribution is Attribution.ID and summary.counts.named_searches
    why = (
        "their search_id is missing, or that of no open search; --attribute order gives a click to"
        " the search before it"
        if is_by_id
        else "most often such clicks are made elsewhere, as on a home page or on recommendations;"
        " else --gap cuts sessions too short, or events are missing"
    )
    return (
        f"{counted(orphans, 'click')} ({percent(orphans / clicks)} of all in the log) {verb} to no"
        f" search: {why}. `ctrlog check` tries a longer gap and names the first of them."
    )


def _no_ids(summary: Summary) -> str | None:
    note = no_ids(summary.rules, summary.counts) if summary.searches.searches else None
    return None if note is None else _sentence(note)


def _left_out(summary: Summary) -> str | None:
    if not summary.left_out:
        return None
    made = [f"{named(user, 40)} ({number:,})" for user, number in summary.left_out.items()]
    users = counted(len(summary.left_out), "user")
    searches = counted(sum(summary.left_out.values()), "search")
    return (
        f"{users} with more than {counted(summary.limit or 0, 'search')} each are left out,"
        f" {searches} in all: {listed(made, _MOST_NAMED)}."
    )


def _excluded(summary: Summary) -> str | None:
    if not (summary.excluded_events or summary.excluded_unseen):
        return None
    return _sentence(excluded(summary.excluded_events or 0, summary.excluded_unseen))


def _repeated(summary: Summary) -> str | None:
    repeated = summary.counts.repeated_clicks
    if not summary.rules.dedupe_clicks or not repeated:
        return None
    does = "does" if repeated == 1 else "do"
    return f"{counted(repeated, 'repeated click')} in the log {does} not count: --dedupe-clicks."


def _sentence(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."


def _late(summary: Summary) -> str | None:
    counts = summary.counts
    if not counts.late:
        return None
    return (
        f"{counted(counts.late, 'event')} came late, up to"
        f" {format_duration(counts.largest_step_back)} behind the clock, when their session may"
        " have been over. A longer --lateness waits for them, --reorder sorts them in."
    )


def _open_sessions(summary: Summary) -> str | None:
    if not summary.open_sessions:
        return None
    return (
        f"{counted(summary.open_sessions, 'session')} may still go on and will count when over:"
        " with --checkpoint the end of the log ends none."
    )


def _heavy_user(summary: Summary) -> str | None:
    users, searches = summary.metrics.users, summary.searches.searches
    heaviest = users.heaviest
    if heaviest is None or users.count < _USERS_ENOUGH or heaviest[1] <= _HEAVY * searches:
        return None
    user, number = heaviest
    return (
        f"User {named(user, 40)} makes {percent(number / searches)} of all searches. A robot"
        " or a test? `ctrlog explain USER` shows what they do; --exclude-users FILE or"
        " --max-user-searches N leaves them out."
    )


def _users_estimated(summary: Summary) -> str | None:
    if summary.metrics.users.is_exact:
        return None
    return (
        "There are too many users to tell apart: their number is an estimate with a standard"
        f" error of {percent(DistinctCounter.RELATIVE_ERROR)}, and the second interval respects"
        " sessions. --where FIELD=VALUE sums up fewer of them."
    )


_ADVISERS: tuple[Callable[[Summary], str | None], ...] = (
    _no_events,
    _no_searches,
    _bad_lines,
    _no_clicks,
    _no_results,
    _no_ids,
    _orphans,
    _late,
    _open_sessions,
    _repeated,
    _excluded,
    _left_out,
    _heavy_user,
    _users_estimated,
)
