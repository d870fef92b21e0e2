"""A user's visit: its acts, its events in the log, and its truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest

from ctrlog.sessions.events import ClosedBy
from ctrlog.simulate import user_model
from ctrlog.simulate.catalogue import Catalogue
from ctrlog.simulate.draws import draws
from ctrlog.simulate.truth import Truth
from ctrlog.simulate.user_model import GAP_MS, OVERDUE_MS, Habits, Shop, Visit

#: Users who search once and close the app.
PLAIN = Habits(
    searches=1,
    gives_up=0,
    loses_results=0,
    scrolls=0,
    turns_page=0,
    clicks_advert=0,
    leaves_satisfied=1,
    rephrases=0,
    starts_anew=0,
    puts_aside=0,
    stays_away=0,
    reopens=0,
    closes=1,
    times_out=0,
    logs_ranks=0,
    orphan_clicks=1,
)


@dataclass
class FinishedVisit:
    """A finished visit: its events, the waits before them, and its truth."""

    events: list[dict[str, Any]] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    truth: Truth = field(default_factory=lambda: Truth(users=10))

    @property
    def types(self) -> str:
        """The types of the events, in order."""
        return " ".join(event["type"] for event in self.events)


@cache
def catalogue(queries: int) -> Catalogue:
    """Return a catalogue, cached because it takes a while to make."""
    return Catalogue(queries)


def run_visit(
    habits: Habits, seed: int = 1, *, queries: int = 10, orphan_after: str = ""
) -> FinishedVisit:
    """Run a visit of user 7, with an orphan due after each event of a type."""
    visit = FinishedVisit()
    lines: list[str] = []

    def is_orphan_due() -> bool:
        return bool(orphan_after) and orphan_after in lines[-1]

    draw = draws(seed, "test")
    shop = Shop(catalogue(queries), habits, draw, lines.append, is_orphan_due, visit.truth)
    acts = Visit(shop, 7).acts()
    wait_ms: int | None = next(acts)
    while wait_ms is not None:
        visit.waits_ms.append(wait_ms)
        try:
            wait_ms = acts.send(f"at {len(visit.waits_ms)}")
        except StopIteration:
            wait_ms = None
    visit.events = [json.loads(line) for line in lines]
    return visit


def some(
    habits: Habits, is_wanted: Callable[[FinishedVisit], bool], *, queries: int = 10
) -> FinishedVisit:
    """Return the first of many visits that meets a condition."""
    visits = (run_visit(habits, seed, queries=queries) for seed in range(100_000))
    return next(filter(is_wanted, visits))


def test_a_visit_is_a_search_between_opening_and_closing() -> None:
    """Each line has the user, and the time that was sent to the visit."""
    visit = some(PLAIN, lambda visit: visit.types == "AppOpen Search Results AppClose")
    assert [(event["user"], event["time"]) for event in visit.events] == [
        (7, f"at {number}") for number in range(1, 5)
    ]
    assert visit.waits_ms[0] == 0
    assert visit.truth.searches == {(True, 0, None, ClosedBy.CLOSE): 1}
    assert (visit.truth.sessions, visit.truth.users) == (1, 1)


def test_a_user_who_does_not_search_scrolls() -> None:
    """A visit without a search has a session without a search."""
    visit = run_visit(replace(PLAIN, searches=0))
    assert visit.types == "AppOpen scroll AppClose"
    assert (visit.truth.sessions, visit.truth.sessions_without_search) == (0, 1)


def test_a_click_is_on_an_item_that_was_shown() -> None:
    """The rank is the item's place, whether logged or not, and a satisfied user stops."""
    for logs_ranks in (0, 1):
        habits = replace(PLAIN, logs_ranks=logs_ranks)
        visit = some(habits, lambda visit: visit.types.count("ClickResult") == 1)
        assert visit.types == "AppOpen Search Results ClickResult AppClose"
        results, click = visit.events[2], visit.events[3]
        rank = 1 + results["items"].index(click["item"])
        assert click.get("rank") == (rank if logs_ranks else None)
        assert visit.truth.searches == {(True, 1, rank, ClosedBy.CLOSE): 1}


def test_the_next_page_has_the_next_ranks() -> None:
    """The second page is logged separately, and clicks on it have ranks 11 to 20."""
    habits = replace(PLAIN, turns_page=1, logs_ranks=1)
    visit = some(habits, lambda visit: visit.types.endswith("Results Results ClickResult AppClose"))
    click = visit.events[-2]
    assert click["rank"] == 11 + visit.events[-3]["items"].index(click["item"])
    assert visit.truth.searches == {(True, 1, click["rank"], ClosedBy.CLOSE): 1}


def test_the_rank_is_unknown_if_the_log_does_not_reveal_it() -> None:
    """An advert has no rank; without logged results only the click can name its rank."""

    def has_a_click(visit: FinishedVisit) -> bool:
        return visit.types.count("ClickResult") == 1

    visit = some(replace(PLAIN, clicks_advert=1, logs_ranks=1), has_a_click)
    assert visit.events[3].keys() == {"type", "user", "time", "item"}
    assert visit.events[3]["item"] not in visit.events[2]["items"]
    assert visit.truth.searches == {(True, 1, None, ClosedBy.CLOSE): 1}
    visit = some(replace(PLAIN, loses_results=1), has_a_click)
    assert visit.types == "AppOpen Search ClickResult AppClose"
    assert visit.truth.searches == {(None, 1, None, ClosedBy.CLOSE): 1}
    visit = some(replace(PLAIN, loses_results=1, logs_ranks=1), has_a_click)
    rank = visit.events[2]["rank"]
    assert visit.truth.searches == {(None, 1, rank, ClosedBy.CLOSE): 1}


def test_a_user_who_gives_up_sees_no_results() -> None:
    """A search that the user leaves early has no logged results and no click."""
    visit = run_visit(replace(PLAIN, gives_up=1))
    assert visit.types == "AppOpen Search AppClose"
    assert visit.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}


def test_a_query_that_finds_nothing_shows_an_empty_page() -> None:
    """An empty page has no clicks and no next page."""
    habits = replace(PLAIN, turns_page=1)
    visit = some(habits, lambda visit: '"items": []' in json.dumps(visit.events), queries=1_000)
    assert visit.types == "AppOpen Search Results AppClose"
    assert visit.truth.searches == {(False, 0, None, ClosedBy.CLOSE): 1}


def test_a_query_is_rephrased() -> None:
    """A rephrased query closes the search before, in the same session."""
    visit = some(replace(PLAIN, rephrases=0.5), lambda visit: visit.types.count("Search") == 2)
    assert [by for *_, by in visit.truth.searches] == [ClosedBy.SEARCH, ClosedBy.CLOSE]
    assert visit.truth.sessions == 1


def searched_twice(habits: Habits, is_wanted: Callable[[FinishedVisit], bool]) -> FinishedVisit:
    """Return a visit with two searches and no click."""
    return some(
        replace(habits, rephrases=0.5, gives_up=1),
        lambda visit: visit.types.count("Search") == 2 and is_wanted(visit),
    )


def test_the_app_is_put_aside_for_the_gap_at_most() -> None:
    """A pause of exactly the gap is inside the session."""
    habits = replace(PLAIN, puts_aside=1)
    visit = searched_twice(habits, lambda visit: visit.waits_ms[2] == GAP_MS)
    assert visit.types == "AppOpen Search Search AppClose"
    assert [by for *_, by in visit.truth.searches] == [ClosedBy.SEARCH, ClosedBy.CLOSE]
    assert visit.truth.sessions == 1


def test_a_user_who_stays_away_returns_in_another_session() -> None:
    """A pause of 1 ms more than the gap ends the session, whether the app is reopened or not."""
    habits = replace(PLAIN, stays_away=1)
    visit = searched_twice(habits, lambda visit: visit.waits_ms[2] == GAP_MS + 1)
    assert visit.types == "AppOpen Search Search AppClose"
    assert [by for *_, by in visit.truth.searches] == [ClosedBy.GAP, ClosedBy.CLOSE]
    assert visit.truth.sessions == 2
    habits = replace(habits, reopens=1)
    visit = searched_twice(habits, lambda visit: visit.waits_ms[2] == GAP_MS + 1)
    assert visit.types == "AppOpen Search AppOpen Search AppClose"
    assert [by for *_, by in visit.truth.searches] == [ClosedBy.GAP, ClosedBy.CLOSE]
    assert visit.truth.sessions == 2


def test_a_visit_times_out() -> None:
    """The app logs Timeout after a while, still inside the session."""
    visit = run_visit(replace(PLAIN, closes=0, times_out=1, gives_up=1))
    assert visit.types == "AppOpen Search Timeout"
    assert GAP_MS / 2 <= visit.waits_ms[-1] <= GAP_MS
    assert visit.truth.searches == {(None, 0, None, ClosedBy.TIMEOUT): 1}


def test_a_visit_without_a_last_event_ends_with_its_session() -> None:
    """Without AppClose or Timeout a visit lasts until the gap ends its session."""
    visit = run_visit(replace(PLAIN, closes=0, gives_up=1))
    assert visit.types == "AppOpen Search"
    assert visit.waits_ms[-1] == OVERDUE_MS
    assert visit.truth.searches == {(None, 0, None, ClosedBy.GAP): 1}


def test_orphans_come_where_no_search_is_open() -> None:
    """Orphans before the first search are in its session, those after AppClose in their own."""
    visit = run_visit(replace(PLAIN, gives_up=1), orphan_after="AppOpen")
    assert visit.types == "AppOpen ClickResult Search AppClose"
    assert (visit.truth.orphan_clicks, visit.truth.orphan_results) == (1, 0)
    assert visit.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}
    assert (visit.truth.sessions, visit.truth.sessions_without_search) == (1, 0)
    visit = run_visit(replace(PLAIN, gives_up=1, orphan_clicks=0), orphan_after="AppClose")
    assert visit.types == "AppOpen Search AppClose Results"
    assert (visit.truth.orphan_clicks, visit.truth.orphan_results) == (0, 1)
    assert visit.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}
    assert (visit.truth.sessions, visit.truth.sessions_without_search) == (1, 1)
    assert visit.waits_ms[-1] == OVERDUE_MS


@pytest.mark.parametrize("seed", range(200))
def test_no_pause_inside_a_session_exceeds_the_gap(seed: int) -> None:
    """Only pauses that are meant to end a session are longer than the gap."""
    visit = run_visit(replace(Habits(), stays_away=0), seed)
    assert max(visit.waits_ms[: len(visit.events)]) <= GAP_MS


def test_the_longest_waits_together_stay_below_the_gap() -> None:
    """The longest dwell, page turn and reading to the last result add up to less than the gap."""
    waits = (user_model.DWELLING_MS, user_model.READING_MS, user_model.TURNING_MS)
    assert sum(table[-1] for table in waits) + 20 * user_model.LOOKING_MS < GAP_MS
