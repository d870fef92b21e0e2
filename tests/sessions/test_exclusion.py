"""Users who are left out as though the log had no line of theirs."""

from __future__ import annotations

import json

import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from logs import USERS
from making import event
from pipelines import Outcome, run

from ctrlog.errors import InputError
from ctrlog.sessions.exclusion import Exclusion, read_users


@given(st.lists(st.sampled_from(USERS), max_size=20), st.lists(st.sampled_from(USERS), max_size=4))
def test_all_events_of_excluded_users_go_and_no_others(
    users: list[str | int], excluded: list[str | int]
) -> None:
    """Users are compared as text, so 1 is "1", but "01" is another."""
    names = {str(user) for user in excluded}
    exclusion = Exclusion(names)
    events = [event("scroll", user=user) for user in users]
    assert exclusion.rest(events) == [each for each in events if str(each.user) not in names]
    assert exclusion.events == sum(str(user) in names for user in users)
    assert exclusion.unseen == sorted(names - {str(user) for user in users})


def test_what_was_seen_can_be_saved() -> None:
    """After a stop the counts go on; whom to leave out is told anew."""
    before, after = Exclusion("abc"), Exclusion("abd")
    before.rest([event("scroll", user=user) for user in "aax"])
    after.restore(json.loads(json.dumps(before.save())))
    after.rest([event("scroll", user=user) for user in "bx"])
    assert (after.events, after.unseen) == (3, [])
    same = Exclusion("abc")
    same.restore(before.save())
    assert same.save() == before.save() == {"events": 2, "unseen": ["b", "c"]}


@pytest.mark.parametrize(
    ("content", "users"),
    [
        (b"", []),
        (b"\n \n\n", [" "]),
        (b"bob\n1", ["bob", "1"]),
        (b"\xef\xbb\xbfbob\r\n\r\n2\r\n", ["bob", "2"]),
        ("é\u2028 # x\n".encode(), ["é\u2028 # x"]),
    ],
)
def test_a_list_has_a_user_a_line(content: bytes, users: list[str]) -> None:
    """A line is a user as it stands; blank lines and what Windows adds are none."""
    assert read_users("list", content) == users


def test_a_list_that_is_not_text_is_refused() -> None:
    """The place of the fault is told."""
    with pytest.raises(InputError, match="robots: byte 3 is not UTF-8"):
        read_users("robots", b"a\n\xff")


def answers(outcome: Outcome) -> tuple[object, ...]:
    """Return what a run gave."""
    return outcome.searches, outcome.sessions, outcome.shard.counts


@given(strategies.several_logs(), strategies.options())
def test_the_rest_is_as_if_the_log_had_no_line_of_theirs(
    logs: list[bytes], options: reference.Options
) -> None:
    """Records, their order and all counts are those of the log without these lines."""
    excluded = run(logs, options, exclusion=Exclusion(["1", "bob"]))
    rest = [without(log, {"1", "bob"}, has_ids=options.has_ids) for log in logs]
    assert answers(excluded) == answers(run(rest, options))


def without(log: bytes, users: set[str], *, has_ids: bool) -> bytes:
    """Return a log without the good lines of some users."""
    kept = []
    for line in log.split(b"\n"):
        events = reference.read_log(line, has_ids=has_ids).events
        if not any(each.user in users for each in events):
            kept.append(line)
    return b"\n".join(kept)
