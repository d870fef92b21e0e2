"""Many users: borders to the microsecond, order, and the laws of a shard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from logs import USERS
from making import US, at, decoded, event, fed, rules_of, s
from pipelines import as_dicts

from ctrlog.errors import UsageError
from ctrlog.outputs.records import Per
from ctrlog.sessions.events import Attribution, SearchRecord, TrustedEvent
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

GAP, LATENESS = s(10), s(5)
RULES = Rules(GAP, LATENESS)


def closed(searches: Iterable[SearchRecord]) -> list[tuple[str, str]]:
    """Return which searches were closed and by what."""
    return [(search.query, search.closed_by) for search in searches]


def search(query: str, time: datetime | None = None, user: str | int = 1) -> TrustedEvent:
    """Make a Search event."""
    return event("Search", time, user, query=query)


# R2: the gap.


@pytest.mark.parametrize("lateness", [s(5), s(0)])
@pytest.mark.parametrize("type_", ["click", "AppClose", "scroll", "Search"])
def test_exactly_the_gap_is_inside(type_: str, lateness: timedelta) -> None:
    """An event that comes the gap after the latest event belongs to the session (R2)."""
    shard = Shard(Rules(GAP, lateness))
    shard.feed([search("a", at(0))])
    ended = fed(shard, [event(type_, at(0) + GAP)])
    assert {record.session_start for record in ended.searches} == {at(0)}
    assert [record.session_end for record in ended.sessions] == [at(10)]
    assert shard.counts.sessions == 1


@pytest.mark.parametrize("lateness", [s(5), s(0)])
@pytest.mark.parametrize("type_", ["click", "AppClose", "scroll", "Search"])
def test_a_microsecond_more_than_the_gap_is_outside(type_: str, lateness: timedelta) -> None:
    """After a longer pause than the gap the session had ended before the event (R2)."""
    shard = Shard(Rules(GAP, lateness))
    shard.feed([search("a", at(0))])
    ended = shard.feed([event(type_, at(0) + GAP + US)])
    assert closed(ended.searches) == [("a", "gap")]
    assert [(end.session_end, end.closed_by) for end in ended.sessions] == [(at(0), "gap")]
    assert shard.counts.orphan_clicks == (type_ == "click")


def test_the_gap_is_measured_from_the_latest_event() -> None:
    """The pause is that since the greatest time of the session, not since its last event."""
    events = [
        search("a", at(0)),
        event("scroll", at(8)),
        event("scroll", at(1)),
        search("b", at(18)),
    ]
    assert closed(fed(Shard(RULES), events).searches) == [("a", "search"), ("b", "end")]


def test_an_event_of_the_past_is_in_the_open_session() -> None:
    """However old an event is, it belongs to the user's open session (R2, R8)."""
    shard = Shard(RULES)
    ended = fed(shard, [search("a", at(1000)), event("click", at(0))])
    assert [(each.clicks, each.first_click_s) for each in ended.searches] == [(1, -1000.0)]
    assert (ended.sessions[0].session_start, ended.sessions[0].session_end) == (at(1000), at(1000))


@pytest.mark.parametrize("type_", ["AppClose", "Timeout"])
def test_what_ends_sessions_starts_none(type_: str) -> None:
    """AppClose and Timeout with no session open change nothing but the clock (R2, R4)."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0), user=2)])
    ended = shard.feed([event(type_, at(16))])
    assert closed(ended.searches) == [("a", "gap")]
    shard.flush()
    assert shard.counts == Counts(events=2, sessions=1, first_time=at(0), last_time=at(16))


# R7: the clock.


@pytest.mark.parametrize("mover", ["AppClose", "scroll", "click", "Search"])
def test_a_session_is_not_over_when_it_is_just_due(mover: str) -> None:
    """At exactly latest event + gap + lateness the clock has not passed it (R7)."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0))])
    assert shard.feed([event(mover, at(15), user=2)]).searches == []
    shard.feed([event("click", at(10))])
    assert [each.clicks for each in shard.flush().searches if each.query == "a"] == [1]


@pytest.mark.parametrize("mover", ["AppClose", "scroll", "click", "Search"])
def test_a_session_is_over_when_the_clock_passes_its_due_time(mover: str) -> None:
    """A microsecond after latest event + gap + lateness the session is over (R7)."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0))])
    ended = shard.feed([event(mover, at(15) + US, user=2)])
    assert closed(ended.searches) == [("a", "gap")]
    assert [each.closed_by for each in ended.sessions] == ["gap"]
    shard.feed([event("click", at(10))])
    assert shard.counts.orphan_clicks == 1 + (mover == "click")


def test_activity_puts_the_due_time_off() -> None:
    """A session falls due by its latest event, however often it was active."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0))])
    for second in range(5, 100, 5):
        ended = shard.feed([event("scroll", at(second)), event("scroll", at(second), user=2)])
        assert ended.searches == []
    assert closed(shard.feed([event("x", at(110), user=3)]).searches) == []
    assert closed(shard.feed([event("x", at(110) + US, user=3)]).searches) == [("a", "gap")]


def test_what_is_due_ends_before_the_event_that_moved_the_clock_is_taken() -> None:
    """The records of due sessions come before those of the event that moved the clock (R7)."""
    shard = Shard(RULES)
    shard.feed([search("due", at(0)), search("open", at(10), user=2)])
    ended = shard.feed([search("next", at(16), user=2)])
    assert closed(ended.searches) == [("due", "gap"), ("open", "search")]


def test_several_due_at_once_go_in_order_of_their_due_time() -> None:
    """Sessions that fall due at once end in order of their latest events (R7)."""
    shard = Shard(RULES)
    shard.feed([search(str(user), at(user), user) for user in (3, 1, 4, 2, 5)])
    shard.feed([event("scroll", at(6), user=1)])
    ended = shard.feed([event("x", at(100), user=9)])
    assert [each.query for each in ended.searches] == ["2", "3", "4", "5", "1"]
    assert [each.user for each in ended.sessions] == ["2", "3", "4", "5", "1"]


def test_of_equal_due_times_the_first_session_goes_first() -> None:
    """Sessions due at the same time end in order of their first events, not of their searches."""
    shard = Shard(RULES)
    shard.feed([event("AppOpen", at(0), user) for user in (3, 1, 2)])
    shard.feed([search(str(user), at(5), user) for user in (1, 2, 3)])
    ended = shard.feed([event("x", at(100), user=9)])
    assert [each.query for each in ended.searches] == ["3", "1", "2"]


def test_the_first_event_orders_though_it_has_no_time() -> None:
    """A session that began with an untimed event is as old as that event, when due times tie."""
    shard = Shard(RULES)
    shard.feed([event("AppOpen", None, 1), search("b", at(5), 2), search("a", at(5), 1)])
    ended = shard.feed([event("x", at(100), user=9)])
    assert [each.query for each in ended.searches] == ["a", "b"]


def test_a_late_event_may_start_a_session_that_is_past_due() -> None:
    """A session whose due time the clock has passed ends when the clock moves on, no sooner."""
    shard = Shard(RULES)
    shard.feed([event("x", at(1000), user=9), search("late", at(0))])
    assert shard.feed([event("x", at(1000), user=9), event("click", at(10))]).searches == []
    ended = shard.feed([event("x", at(1000) + US, user=9)])
    assert [(each.query, each.clicks, each.closed_by) for each in ended.searches] == [
        ("late", 1, "gap")
    ]
    assert shard.counts.late == 2


def test_each_file_has_a_clock_of_its_own() -> None:
    """After a new clock an old event is in time, and open sessions wait for the new clock (R7)."""
    shard = Shard(RULES)
    shard.feed([search("a", at(1000))])
    shard.new_clock()
    assert shard.feed([search("b", at(0), user=2), event("x", at(15), user=3)]).searches == []
    assert (shard.counts.late, shard.counts.out_of_order) == (0, 0)
    assert closed(shard.feed([event("x", at(15) + US, user=3)]).searches) == [("b", "gap")]
    assert closed(shard.feed([event("x", at(1015), user=3)]).searches) == []
    assert closed(shard.feed([event("x", at(1015) + US, user=3)]).searches) == [("a", "gap")]


def test_a_session_goes_on_in_the_next_file() -> None:
    """A session may have its events in two files (R7)."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0))])
    shard.new_clock()
    assert [each.clicks for each in fed(shard, [event("click", at(10))]).searches] == [1]


def test_advancing_the_clock_ends_what_is_due() -> None:
    """`advance` moves the clock as an event would, and never back."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0))])
    assert shard.advance(at(15)) == Ended([], [])
    assert closed(shard.advance(at(15) + US).searches) == [("a", "gap")]
    assert shard.advance(at(0)) == Ended([], [])
    shard.feed([event("x", at(15), user=2)])
    assert shard.counts.out_of_order == 1


def test_a_session_near_the_end_of_time_never_falls_due() -> None:
    """Where the due time would lie beyond the year 9999 there is none."""
    shard = Shard(RULES)
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert shard.feed([search("a", last - s(15)), search("b", last - s(14), 2)]).searches == []
    ended = shard.feed([event("x", last, user=3)])
    assert ended.searches == []
    assert closed(shard.flush().searches) == [("a", "end"), ("b", "end")]


# R8: late events.


@pytest.mark.parametrize(
    ("seconds", "behind", "late"),
    [(100, 0, 0), (100 - 1e-6, 1, 0), (95, 1, 0), (95 - 1e-6, 1, 1), (0, 1, 1)],
)
def test_late_is_more_than_the_lateness_behind_the_clock(
    seconds: float, behind: int, late: int
) -> None:
    """Equal to the clock is in order, exactly the lateness behind it is in time (R8)."""
    shard = Shard(RULES)
    shard.feed([event("x", at(100)), event("x", at(seconds), user=2)])
    assert (shard.counts.out_of_order, shard.counts.late) == (behind, late)
    assert shard.counts.largest_step_back == at(100) - at(seconds)


def test_the_largest_step_back_is_kept() -> None:
    """The largest step back is measured from the clock, not from the event before."""
    shard = Shard(RULES)
    for seconds in (0, 100, 98, 97, 99, 200):
        shard.feed([event("x", at(seconds))])
    assert shard.counts.largest_step_back == s(3)
    assert shard.counts.out_of_order == 3


# R10: the longest session.


@pytest.mark.parametrize("type_", ["click", "AppClose", "scroll", "Search"])
def test_a_session_that_has_lasted_the_longest_ends_at_its_next_event(type_: str) -> None:
    """At exactly the longest session it ends, before the event is taken (R10)."""
    shard = Shard(Rules(GAP, LATENESS, max_session=s(15)))
    shard.feed([search("a", at(0)), event("scroll", at(8))])
    ended = shard.feed([event(type_, at(15))])
    assert closed(ended.searches) == [("a", "max")]
    assert [(each.session_end, each.closed_by) for each in ended.sessions] == [(at(8), "max")]
    assert shard.counts.orphan_clicks == (type_ == "click")
    assert len(shard.save()["sessions"]) == (type_ != "AppClose")


def test_a_session_that_has_lasted_less_goes_on() -> None:
    """A microsecond before the longest session an event is inside."""
    shard = Shard(Rules(GAP, LATENESS, max_session=s(15)))
    events = [search("a", at(0)), event("scroll", at(8)), event("click", at(15) - US)]
    assert [(each.clicks, each.closed_by) for each in fed(shard, events).searches] == [(1, "end")]


def test_a_pause_over_the_gap_goes_before_the_longest_session() -> None:
    """Where both would end a session it was the gap, which ended it earlier."""
    shard = Shard(Rules(GAP, s(100), max_session=s(10)))
    events = [search("a", at(0)), search("b", at(10) + US)]
    assert closed(fed(shard, events).searches) == [("a", "gap"), ("b", "end")]


def test_the_longest_session_is_measured_from_the_first_event_with_a_time() -> None:
    """Untimed events neither start the measure nor end a session by it."""
    shard = Shard(Rules(s(60), LATENESS, max_session=s(15)))
    events = [search("a"), event("scroll", at(20)), event("scroll", at(34)), event("click")]
    shard.feed(events)
    assert shard.feed([event("click", at(35) - US)]).searches == []
    assert [each.clicks for each in shard.feed([event("click", at(35))]).searches] == [2]


def test_an_event_of_the_past_does_not_end_a_session_by_its_length() -> None:
    """An event older than the session's latest has not lasted longer."""
    shard = Shard(Rules(s(60), LATENESS, max_session=s(15)))
    events = [search("a", at(100)), event("click", at(0)), event("click", at(114))]
    assert [each.clicks for each in fed(shard, events).searches] == [2]


def test_a_longest_session_of_nothing_is_refused() -> None:
    """A session that must not last at all makes no sense, nor does no pause, or a negative one."""
    Rules(s(1), s(0), s(1))
    for gap, lateness, longest in ((-1, 0, 1), (0, 0, 1), (1, -1, 1), (1, 0, 0)):
        with pytest.raises(UsageError):
            Rules(s(gap), s(lateness), s(longest))


def test_rules_of_nothing_are_refused() -> None:
    """Nor does a negative time between keystrokes, no room for a search, or an unknown way."""
    wrong: list[dict[str, Any]] = [
        {"merge_typing": s(-1)},
        {"most_open": 0},
        {"max_user_searches": 0},
        {"attribution": "tab"},
    ]
    for rules in wrong:
        with pytest.raises(UsageError):
            Rules(**rules)
    assert Rules(attribution=cast("Attribution", "id")).attribution is Attribution.ID


# Events without times.


def test_untimed_sessions_never_fall_due() -> None:
    """Without times there is no pause: neither the gap nor the clock ends a session."""
    shard = Shard(RULES)
    shard.feed([search("untimed"), search("timed", at(0), user=2)])
    ended = shard.feed([event("x", at(10_000), user=3), event("click")])
    assert closed(ended.searches) == [("timed", "gap")]
    (left,) = shard.flush().searches
    assert (left.query, left.clicks, left.closed_by) == ("untimed", 1, "end")
    assert (left.time, left.session_start) == (None, None)


def test_an_untimed_event_belongs_to_the_open_session_and_does_not_put_it_off() -> None:
    """An untimed event is inside whatever the clock says, and does not count as activity."""
    shard = Shard(RULES)
    shard.feed([search("a", at(0)), event("x", at(15), user=2), event("click")])
    (ended,) = shard.feed([event("x", at(15) + US, user=2)]).searches
    assert (ended.clicks, ended.first_click_s, ended.closed_by) == (1, None, "gap")


def test_a_session_falls_due_from_its_first_time_on() -> None:
    """A session that began untimed has start, end and due time of its timed events."""
    shard = Shard(RULES)
    shard.feed([search("a"), event("click", at(3)), event("scroll", at(1))])
    ended = shard.feed([event("x", at(18) + US, user=2)])
    assert [each.session_start for each in ended.searches] == [at(3)]
    assert [(each.session_start, each.session_end) for each in ended.sessions] == [(at(3), at(3))]


def test_the_start_of_a_session_may_become_known_after_its_first_search() -> None:
    """A search that was over before the session had a time has no session start."""
    ended = fed(Shard(RULES), [search("a"), search("b"), event("scroll", at(1))])
    assert [each.session_start for each in ended.searches] == [None, at(1)]


# Users.


@pytest.mark.parametrize("first", [1, "1"])
@pytest.mark.parametrize("second", [1, "1"])
def test_1_and_its_string_are_the_same_user(first: str | int, second: str | int) -> None:
    """A user may be written as a string or an integer from line to line."""
    (ended,) = fed(Shard(), [search("a", user=first), event("click", user=second)]).searches
    assert (ended.user, ended.clicks) == ("1", 1)


@given(st.lists(st.sampled_from(USERS), max_size=30), st.lists(st.sampled_from(USERS), max_size=8))
def test_users_are_the_same_if_they_read_the_same(
    users: list[str | int], leavers: list[str | int]
) -> None:
    """Two users are one exactly if they are written alike; "01", "-0" and "٣" are no integers."""
    shard = Shard()
    shard.feed([search(str(user), user=user) for user in users])
    shard.feed([event("AppClose", user=user) for user in leavers])
    shard.feed([event("click", user=user) for user in users])
    left = {str(user) for user in leavers}
    assert len(shard.save()["sessions"]) == len({str(user) for user in users})
    assert shard.counts.orphan_clicks == sum(str(user) in left for user in users)
    records = shard.flush().searches
    for record in records:
        assert record.user == record.query
        assert record.clicks == sum(str(user) == record.user for user in users)


def test_a_user_of_the_most_digits_is_the_same_as_its_string() -> None:
    """The longest integer that is read, negative or not, is the same user as its string."""
    for user in (10**4299, -(10**4299)):
        (ended,) = fed(Shard(), [search("a", user=user), event("click", user=str(user))]).searches
        assert ended.clicks == 1


# R9: the end.


def test_at_the_end_searches_come_in_the_order_in_which_they_were_opened() -> None:
    """What is open at the end is closed in order of the open searches, sessions alike (R9)."""
    events = [
        search("first", user=1),
        search("b", user=2),
        search("c", user=3),
        search("d", user=1),
    ]
    shard = Shard()
    shard.feed([event("AppOpen", user=4), *events])
    ended = shard.flush()
    assert closed(ended.searches) == [("b", "end"), ("c", "end"), ("d", "end")]
    assert [each.user for each in ended.sessions] == ["2", "3", "1"]
    assert shard.counts.sessions_without_search == 1


def test_nothing_is_left_after_the_end() -> None:
    """After `flush` nothing is open: another one gives nothing, and the next event starts anew."""
    shard = Shard()
    fed(shard, [search("a", at(0))])
    assert shard.flush() == Ended([], [])
    assert fed(shard, [event("click", at(1))]) == Ended([], [])
    assert shard.counts.orphan_clicks == 1


def test_a_shard_knows_whether_anything_was_searched() -> None:
    """Any Search event counts, selected or not; nothing else does."""
    shard = Shard(Rules(select=lambda _: False))
    shard.feed([event("SEARCH"), event("click"), event("AppOpen")])
    assert not shard.has_searched
    shard.feed([search("a")])
    assert shard.has_searched


# R15: repeated clicks.

ONCE = Rules(dedupe_clicks=True)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), (5, "5"), ("5", 5), (5, 5)])
def test_a_repeated_click_counts_once(first: str | int, second: str | int) -> None:
    """A click on an item that was clicked before is counted apart; items are compared as text."""
    shard = Shard(ONCE)
    clicks = [event("click", at(1), item=first), event("click", at(2), item=second)]
    (record,) = fed(shard, [search("a", at(0)), *clicks]).searches
    assert (record.clicks, record.first_click_s) == (1, 1.0)
    assert shard.counts.repeated_clicks == 1


def test_clicks_on_other_items_count() -> None:
    """Each item of a search counts once, also when others were clicked in between."""
    shard = Shard(ONCE)
    clicks = [event("click", item=item) for item in "abcabca"]
    assert [each.clicks for each in fed(shard, [search("a"), *clicks]).searches] == [3]
    assert shard.counts.repeated_clicks == 4


def test_an_item_may_be_clicked_again_in_the_next_search() -> None:
    """What was clicked is remembered for the search only, and orphans are not remembered."""
    shard = Shard(ONCE)
    click = event("click", item="a")
    events = [click, click, search("a"), click, search("b"), click, event("AppClose"), click]
    ended = fed(shard, [*events, search("c"), click])
    assert [each.clicks for each in ended.searches] == [1, 1, 1]
    assert (shard.counts.orphan_clicks, shard.counts.repeated_clicks) == (3, 0)


def test_what_was_clicked_is_restored() -> None:
    """After a stop, items that were clicked before are still known."""
    shard = Shard(ONCE)
    clicks = [event("click", item=item) for item in ("a", 5, "b")]
    shard.feed([search("a"), *clicks])
    restored = Shard.restore(json.loads(json.dumps(shard.save())), ONCE)
    assert [each.clicks for each in fed(restored, [*clicks, event("click")]).searches] == [3]
    assert restored.counts.repeated_clicks == 4


def test_repeated_clicks_count_unless_they_are_not_to() -> None:
    """By default every click counts, and nothing is remembered."""
    shard = Shard()
    shard.feed([search("a"), event("click", item="a"), event("click", item="a")])
    (saved,) = shard.save()["sessions"]
    assert saved[-1] is None
    assert [each.clicks for each in shard.flush().searches] == [2]


# `--max-user-searches`: who makes too many.


def test_no_more_searches_of_a_user_are_recorded() -> None:
    """From the next one on they are left out, of records and of sessions; others are not."""
    shard = Shard(Rules(max_user_searches=2))
    events = [search(query, user=1) for query in "abc"] + [event("AppClose"), search("d")]
    ended = fed(shard, [*events, search("x", user=2), event("click", user=1)])
    assert [each.query for each in ended.searches] == ["a", "b", "x"]
    assert [(each.user, each.searches, each.clicks) for each in ended.sessions] == [
        *[("1", 2, 0), ("2", 1, 0)]
    ]
    assert shard.counts.sessions_without_search == 1
    assert shard.users_beyond == {"1": 4}
    assert Shard().users_beyond == {}


def test_only_selected_searches_use_the_limit_up() -> None:
    """What is not reported anyway is no search too many."""
    rules = Rules(max_user_searches=1, select=lambda event: event.query != "a")
    ended = fed(Shard(rules), [search(query) for query in "aaabb"])
    assert [each.query for each in ended.searches] == ["b"]


def test_the_limit_is_kept_in_what_is_saved() -> None:
    """A restored shard knows how many searches each user made."""
    rules = Rules(max_user_searches=2)
    shard = Shard(rules)
    shard.feed([search(query) for query in "abcd"])
    restored = Shard.restore(json.loads(json.dumps(shard.save())), rules)
    assert restored.feed([search("e")]).searches == []
    assert restored.users_beyond == {"1": 4}
    assert "volume" not in Shard().save()


# Laws.

#: What is fed at once, and whether a new file begins with it.
Step = tuple[list[TrustedEvent], bool]


def all_ended(parts: Iterable[Ended]) -> Ended:
    """Put what ended at several times together."""
    ended = Ended([], [])
    for part in parts:
        ended.searches.extend(part.searches)
        ended.sessions.extend(part.sessions)
    return ended


@st.composite
def cut_logs(draw: st.DrawFn) -> tuple[list[list[TrustedEvent]], list[Step]]:
    """Draw the events of several files, and the same cut into pieces anywhere."""
    files = [decoded(log) for log in draw(strategies.several_logs())]
    steps: list[Step] = []
    for events in files:
        places = draw(st.lists(st.integers(0, len(events)), max_size=6).map(sorted))
        pieces = [events[start:end] for start, end in pairwise([0, *places, len(events)])]
        steps += [(piece, number == 0) for number, piece in enumerate(pieces)]
    return files, steps


def in_one_pass(files: Sequence[list[TrustedEvent]], rules: Rules) -> tuple[Ended, Counts]:
    """Feed each file whole."""
    shard = Shard(rules)
    parts = []
    for events in files:
        shard.new_clock()
        parts.append(shard.feed(events))
    return all_ended([*parts, shard.flush()]), shard.counts


@given(cut_logs(), strategies.options())
def test_stopping_and_going_on_changes_nothing(
    logs: tuple[list[list[TrustedEvent]], list[Step]], options: reference.Options
) -> None:
    """Saved as JSON and restored at any points, a shard gives the same records and counts (R12)."""
    files, steps = logs
    rules = rules_of(options)
    shard = Shard(rules)
    parts = []
    for events, is_new_file in steps:
        if is_new_file:
            shard.new_clock()
        parts.append(shard.feed(events))
        saved = shard.save()
        shard = Shard.restore(json.loads(json.dumps(saved)), rules)
        assert shard.save() == saved
    parts.append(shard.flush())
    assert (all_ended(parts), shard.counts) == in_one_pass(files, rules)


@given(cut_logs(), strategies.options())
def test_any_pieces_give_the_same(
    logs: tuple[list[list[TrustedEvent]], list[Step]], options: reference.Options
) -> None:
    """However many events are fed at once, records, order and counts are the same (R12)."""
    files, steps = logs
    rules = rules_of(options)
    shard = Shard(rules)
    parts = []
    for events, is_new_file in steps:
        if is_new_file:
            shard.new_clock()
        parts.append(shard.feed(events))
    parts.append(shard.flush())
    assert (all_ended(parts), shard.counts) == in_one_pass(files, rules)


@given(strategies.log_bytes(), strategies.options())
def test_a_record_is_out_as_soon_as_its_search_is_over(
    log: bytes, options: reference.Options
) -> None:
    """After each single event just those records are out that the rules have closed by then."""
    shard = Shard(rules_of(options))
    machine = reference.Machine(replace(options, since=None, until=None, where=()))
    for mine, its in zip(decoded(log), reference.read_log(log, has_ids=True).events, strict=True):
        searches, sessions = len(machine.outcome.searches), len(machine.outcome.sessions)
        machine.take(its)
        ended = shard.feed([mine])
        assert as_dicts(ended.searches, Per.SEARCH, options) == machine.outcome.searches[searches:]
        assert as_dicts(ended.sessions, Per.SESSION) == machine.outcome.sessions[sessions:]


@given(strategies.log_bytes(), strategies.options(), st.integers(0, 120))
def test_advancing_is_as_an_event_of_somebody_unknown(
    log: bytes, options: reference.Options, seconds: int
) -> None:
    """`advance` ends what an AppClose of a user without a session would end at that time."""
    advanced, moved = Shard(rules_of(options)), Shard(rules_of(options))
    events = decoded(log)
    for shard in (advanced, moved):
        shard.feed(events)
    time = at(seconds)
    assert advanced.advance(time) == moved.feed([event("AppClose", time, user="nobody")])
    assert advanced.flush() == moved.flush()


def in_order_and_timed(events: Iterable[TrustedEvent]) -> list[TrustedEvent]:
    """Return the events that have a time, sorted by it."""
    timed = [(each.time, number, each) for number, each in enumerate(events) if each.time]
    return [each for _, _, each in sorted(timed, key=lambda entry: entry[:2])]


@given(strategies.log_bytes(), strategies.options(), st.integers(1, 4))
def test_shards_share_the_users_of_a_log_in_order(
    log: bytes, options: reference.Options, number: int
) -> None:
    """Several shards, each with some of the users, give the records of one.

    That holds for events with times and in order, if the shards have a common clock at the
    end: by R2 and R7 alike a session then ends by its own user's events and the clock.
    """
    rules = rules_of(options)
    events = in_order_and_timed(decoded(log))
    whole = Shard(rules)
    expected = fed(whole, events)
    shards = [Shard(rules) for _ in range(number)]
    shard_of = {str(each.user): shards[sum(str(each.user).encode()) % number] for each in events}
    parts = [shard_of[str(each.user)].feed([each]) for each in events]
    for shard in shards:
        if events and (last := events[-1].time):
            parts.append(shard.advance(last))
        parts.append(shard.flush())
    ended = all_ended(parts)
    assert Counter(ended.searches) == Counter(expected.searches)
    assert Counter(ended.sessions) == Counter(expected.sessions)
    for count in ("events", "sessions", "sessions_without_search", "orphan_clicks"):
        assert sum(getattr(shard.counts, count) for shard in shards) == getattr(whole.counts, count)


# Memory.


def waiting(shard: Shard) -> int:
    """Count all that a shard keeps to know when sessions fall due."""
    return len(shard._fresh) + len(shard._due)


def moving(number: int) -> datetime | None:
    """A clock that moves on a second with each session."""
    return at(number)


def stuck(_number: int) -> datetime | None:
    """A clock that stands still."""
    return at(0)


def backwards(number: int) -> datetime | None:
    """Times that run backwards under a clock that stands still."""
    return at(-number)


def zigzag(number: int) -> datetime | None:
    """Times that jump forth and back."""
    return at(number % 7 * 3)


def untimed(_number: int) -> datetime | None:
    """No times at all."""
    return None


@pytest.mark.parametrize("times", [moving, stuck, backwards, zigzag, untimed])
@pytest.mark.parametrize("open_sessions", [0, 300])
def test_ended_sessions_are_forgotten(times: Any, open_sessions: int) -> None:
    """After many ended sessions a shard keeps no more than twice what is open, and 1,000."""
    shard = Shard(Rules(s(100_000), s(0)))
    shard.feed([event("AppOpen", at(0), f"open {user}") for user in range(open_sessions)])
    most = 0
    for number in range(5_000):
        time = times(number)
        shard.feed([event("AppOpen", time, number), event("AppClose", time, number)])
        most = max(most, waiting(shard))
    assert most <= 2 * open_sessions + 1000
    assert len(shard._sessions) == open_sessions
    assert shard.counts.sessions_without_search == 5_000
    ended = shard.advance(at(1_000_000))
    assert ended == Ended([], [])
    assert shard.counts.sessions_without_search == 5_000 + open_sessions
    assert waiting(shard) == 0


def test_a_user_of_many_sessions_is_kept_once() -> None:
    """What is kept grows with open sessions, not with the sessions that their users had before."""
    shard = Shard(Rules(s(100_000), s(0)))
    for number in range(5_000):
        user = number % 3
        shard.feed([event("AppClose", at(number), user), event("AppOpen", at(number), user)])
        assert waiting(shard) <= 2 * 3 + 1000
    assert len(shard._sessions) == 3


def test_what_is_left_falls_due_in_order() -> None:
    """Forgetting ended sessions leaves the others in order of their due times (R7)."""
    shard = Shard(Rules(s(100_000), s(0)))
    times = {user: user * 7919 % 5003 for user in range(5_000)}
    shard.feed([search(str(user), at(second), user) for user, second in times.items()])
    shard.feed([event("AppClose", user=user) for user in times if user % 5])
    assert waiting(shard) <= 2 * 1000 + 1000
    ended = shard.advance(at(1_000_000))
    left = sorted((user for user in times if user % 5 == 0), key=times.__getitem__)
    assert [each.query for each in ended.searches] == [str(user) for user in left]


def test_sessions_that_the_clock_ended_are_forgotten() -> None:
    """Sessions that fall due leave nothing behind."""
    shard = Shard(RULES)
    for number in range(3_000):
        shard.feed([event("AppOpen", at(number), number)])
        assert waiting(shard) <= 17
        assert len(shard._sessions) <= 16


def test_collected_records_are_forgotten() -> None:
    """What `feed` has returned is not kept."""
    shard = Shard()
    assert len(shard.feed([search("a"), search("b")]).searches) == 1
    assert shard.feed([]) == Ended([], [])
