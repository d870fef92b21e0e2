"""A user's visit: what is done, what is logged of it, and what is true of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest

from ctrlog import user_model
from ctrlog.catalogue import Catalogue
from ctrlog.chance import draws
from ctrlog.events import ClosedBy
from ctrlog.truth import Truth
from ctrlog.user_model import GAP_MS, OVERDUE_MS, Habits, Shop, Visit

#: Users who do nothing but search once and close the app.
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
class Lived:
    """A visit from its start to its end: its events, the waits before them, and the truth."""

    events: list[dict[str, Any]] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    truth: Truth = field(default_factory=lambda: Truth(users=10))

    @property
    def types(self) -> str:
        """The types of the events."""
        return " ".join(event["type"] for event in self.events)


@cache
def catalogue(queries: int) -> Catalogue:
    """Return a catalogue, which takes a while to make."""
    return Catalogue(queries)


def live(habits: Habits, seed: int = 1, *, queries: int = 10, orphan_after: str = "") -> Lived:
    """Let user 7 live through a visit, with an orphan due after each event of some type."""
    lived = Lived()
    lines: list[str] = []

    def is_orphan_due() -> bool:
        return bool(orphan_after) and orphan_after in lines[-1]

    draw = draws(seed, "test")
    shop = Shop(catalogue(queries), habits, draw, lines.append, is_orphan_due, lived.truth)
    acts = Visit(shop, 7).acts()
    wait_ms: int | None = next(acts)
    while wait_ms is not None:
        lived.waits_ms.append(wait_ms)
        try:
            wait_ms = acts.send(f"at {len(lived.waits_ms)}")
        except StopIteration:
            wait_ms = None
    lived.events = [json.loads(line) for line in lines]
    return lived


def some(habits: Habits, is_wanted: Callable[[Lived], bool], *, queries: int = 10) -> Lived:
    """Return the first of many visits that is wanted."""
    visits = (live(habits, seed, queries=queries) for seed in range(100_000))
    return next(filter(is_wanted, visits))


def test_a_visit_is_a_search_between_opening_and_closing() -> None:
    """Each line has the user, and the time that was told to it."""
    lived = some(PLAIN, lambda lived: lived.types == "AppOpen Search Results AppClose")
    assert [(event["user"], event["time"]) for event in lived.events] == [
        (7, f"at {number}") for number in range(1, 5)
    ]
    assert lived.waits_ms[0] == 0
    assert lived.truth.searches == {(True, 0, None, ClosedBy.CLOSE): 1}
    assert (lived.truth.sessions, lived.truth.users) == (1, 1)


def test_who_only_looks_around_scrolls() -> None:
    """Then the session has no search."""
    lived = live(replace(PLAIN, searches=0))
    assert lived.types == "AppOpen scroll AppClose"
    assert (lived.truth.sessions, lived.truth.sessions_without_search) == (0, 1)


def test_a_click_is_on_an_item_that_was_shown() -> None:
    """Its rank is the item's place, told by the log or not; who is satisfied is done."""
    for logs_ranks in (0, 1):
        habits = replace(PLAIN, logs_ranks=logs_ranks)
        lived = some(habits, lambda lived: lived.types.count("ClickResult") == 1)
        assert lived.types == "AppOpen Search Results ClickResult AppClose"
        results, click = lived.events[2], lived.events[3]
        rank = 1 + results["items"].index(click["item"])
        assert click.get("rank") == (rank if logs_ranks else None)
        assert lived.truth.searches == {(True, 1, rank, ClosedBy.CLOSE): 1}


def test_the_next_page_has_the_next_ranks() -> None:
    """Its results are logged apart, and a click there has a rank of 11 to 20."""
    habits = replace(PLAIN, turns_page=1, logs_ranks=1)
    lived = some(habits, lambda lived: lived.types.endswith("Results Results ClickResult AppClose"))
    click = lived.events[-2]
    assert click["rank"] == 11 + lived.events[-3]["items"].index(click["item"])
    assert lived.truth.searches == {(True, 1, click["rank"], ClosedBy.CLOSE): 1}


def test_the_rank_is_unknown_where_the_log_does_not_tell_it() -> None:
    """An advert has none; if the results are not logged, only the click itself can tell."""

    def has_a_click(lived: Lived) -> bool:
        return lived.types.count("ClickResult") == 1

    lived = some(replace(PLAIN, clicks_advert=1, logs_ranks=1), has_a_click)
    assert lived.events[3].keys() == {"type", "user", "time", "item"}
    assert lived.events[3]["item"] not in lived.events[2]["items"]
    assert lived.truth.searches == {(True, 1, None, ClosedBy.CLOSE): 1}
    lived = some(replace(PLAIN, loses_results=1), has_a_click)
    assert lived.types == "AppOpen Search ClickResult AppClose"
    assert lived.truth.searches == {(None, 1, None, ClosedBy.CLOSE): 1}
    lived = some(replace(PLAIN, loses_results=1, logs_ranks=1), has_a_click)
    rank = lived.events[2]["rank"]
    assert lived.truth.searches == {(None, 1, rank, ClosedBy.CLOSE): 1}


def test_who_gives_up_sees_no_results() -> None:
    """The search has none that were logged, and no click."""
    lived = live(replace(PLAIN, gives_up=1))
    assert lived.types == "AppOpen Search AppClose"
    assert lived.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}


def test_a_query_that_finds_nothing_shows_an_empty_page() -> None:
    """Nothing can be clicked there, nor is there a next page."""
    habits = replace(PLAIN, turns_page=1)
    lived = some(habits, lambda lived: '"items": []' in json.dumps(lived.events), queries=1_000)
    assert lived.types == "AppOpen Search Results AppClose"
    assert lived.truth.searches == {(False, 0, None, ClosedBy.CLOSE): 1}


def test_a_query_is_put_another_way() -> None:
    """The search before is closed by the next one, in the same session."""
    lived = some(replace(PLAIN, rephrases=0.5), lambda lived: lived.types.count("Search") == 2)
    assert [by for *_, by in lived.truth.searches] == [ClosedBy.SEARCH, ClosedBy.CLOSE]
    assert lived.truth.sessions == 1


def searched_twice(habits: Habits, is_wanted: Callable[[Lived], bool]) -> Lived:
    """Return a visit with two searches and no click."""
    return some(
        replace(habits, rephrases=0.5, gives_up=1),
        lambda lived: lived.types.count("Search") == 2 and is_wanted(lived),
    )


def test_the_app_is_put_aside_for_the_gap_at_most() -> None:
    """A pause of exactly the gap is inside the session."""
    habits = replace(PLAIN, puts_aside=1)
    lived = searched_twice(habits, lambda lived: lived.waits_ms[2] == GAP_MS)
    assert lived.types == "AppOpen Search Search AppClose"
    assert [by for *_, by in lived.truth.searches] == [ClosedBy.SEARCH, ClosedBy.CLOSE]
    assert lived.truth.sessions == 1


def test_who_stays_away_comes_back_to_another_session() -> None:
    """A pause longer by a millisecond ends the session, with the app opened anew or not."""
    habits = replace(PLAIN, stays_away=1)
    lived = searched_twice(habits, lambda lived: lived.waits_ms[2] == GAP_MS + 1)
    assert lived.types == "AppOpen Search Search AppClose"
    assert [by for *_, by in lived.truth.searches] == [ClosedBy.GAP, ClosedBy.CLOSE]
    assert lived.truth.sessions == 2
    habits = replace(habits, reopens=1)
    lived = searched_twice(habits, lambda lived: lived.waits_ms[2] == GAP_MS + 1)
    assert lived.types == "AppOpen Search AppOpen Search AppClose"
    assert [by for *_, by in lived.truth.searches] == [ClosedBy.GAP, ClosedBy.CLOSE]
    assert lived.truth.sessions == 2


def test_a_visit_times_out() -> None:
    """The app says so after a while, still inside the session."""
    lived = live(replace(PLAIN, closes=0, times_out=1, gives_up=1))
    assert lived.types == "AppOpen Search Timeout"
    assert GAP_MS / 2 <= lived.waits_ms[-1] <= GAP_MS
    assert lived.truth.searches == {(None, 0, None, ClosedBy.TIMEOUT): 1}


def test_who_just_goes_is_there_until_the_session_falls_due() -> None:
    """Nobody can come back before, so what ended the session is never in doubt."""
    lived = live(replace(PLAIN, closes=0, gives_up=1))
    assert lived.types == "AppOpen Search"
    assert lived.waits_ms[-1] == OVERDUE_MS
    assert lived.truth.searches == {(None, 0, None, ClosedBy.GAP): 1}


def test_orphans_come_where_no_search_is_open() -> None:
    """Before the first search they are in its session, after the AppClose in one of their own."""
    lived = live(replace(PLAIN, gives_up=1), orphan_after="AppOpen")
    assert lived.types == "AppOpen ClickResult Search AppClose"
    assert (lived.truth.orphan_clicks, lived.truth.orphan_results) == (1, 0)
    assert lived.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}
    assert (lived.truth.sessions, lived.truth.sessions_without_search) == (1, 0)
    lived = live(replace(PLAIN, gives_up=1, orphan_clicks=0), orphan_after="AppClose")
    assert lived.types == "AppOpen Search AppClose Results"
    assert (lived.truth.orphan_clicks, lived.truth.orphan_results) == (0, 1)
    assert lived.truth.searches == {(None, 0, None, ClosedBy.CLOSE): 1}
    assert (lived.truth.sessions, lived.truth.sessions_without_search) == (1, 1)
    assert lived.waits_ms[-1] == OVERDUE_MS


@pytest.mark.parametrize("seed", range(200))
def test_no_pause_inside_a_session_exceeds_the_gap(seed: int) -> None:
    """But for those that are meant to: whatever adds up to a wait stays below it."""
    lived = live(replace(Habits(), stays_away=0), seed)
    assert max(lived.waits_ms[: len(lived.events)]) <= GAP_MS


def test_the_longest_waits_together_stay_below_the_gap() -> None:
    """Also those that are too rare to be met: to dwell and then read on to the last result."""
    waits = (user_model.DWELLING_MS, user_model.READING_MS, user_model.TURNING_MS)
    assert sum(table[-1] for table in waits) + 20 * user_model.LOOKING_MS < GAP_MS
