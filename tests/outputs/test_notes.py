"""What is said after a run of what was left out, and of ids."""

from __future__ import annotations

import pytest
from making import event, fed

from ctrlog.outputs.notes import notes_on_options
from ctrlog.sessions.events import Attribution, TrustedEvent
from ctrlog.sessions.exclusion import Exclusion
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard


def notes_after(rules: Rules, *events: TrustedEvent, excluded: str = "") -> list[str]:
    """Return what is said of events; `excluded` names users, each by a letter."""
    exclusion = Exclusion(excluded) if excluded else None
    shard = Shard(rules)
    fed(shard, exclusion.rest(events) if exclusion else events)
    return notes_on_options(shard, exclusion)


def test_mostly_there_is_nothing_to_say() -> None:
    """Without the options, and where nobody was left out, nothing is said."""
    search = event("Search", user="a", search_id=1)
    assert notes_after(Rules(), search) == []
    assert notes_after(Rules(attribution=Attribution.ID, max_user_searches=1), search) == []
    assert notes_after(Rules(attribution=Attribution.ID), event("scroll")) == []


def test_ids_that_are_nowhere_are_missed() -> None:
    """Where ids are asked for and no Search has one, it is said how to find them."""
    (note,) = notes_after(Rules(attribution=Attribution.ID), event("Search"))
    assert "use --field search_id=NAME" in note


@pytest.mark.parametrize(
    ("excluded", "said"),
    [
        ("a", "left out 2 events of excluded users"),
        ("b", "left out 1 event of excluded users"),
        ("ax", "left out 2 events of excluded users; 1 user of the list has none: 'x'"),
        ("xy", "left out 0 events of excluded users; 2 users of the list have none: 'x', 'y'"),
    ],
)
def test_excluded_users_are_counted_and_missed(excluded: str, said: str) -> None:
    """How many events were left out, and who of the list has none: a slip, perhaps."""
    events = [event("Search", user=user) for user in "aab"]
    assert notes_after(Rules(), *events, excluded=excluded) == [said]


def test_users_beyond_the_limit_are_named() -> None:
    """Those with the most searches first, with how many they made."""
    events = [event("Search", user=user) for user in "aaabbbbcdddee"]
    (note,) = notes_after(Rules(max_user_searches=1), *events)
    assert note == (
        "4 users made more searches than the limit of 1, and the later ones are left out: 'b' (4),"
        " 'a' (3), 'd' (3) and 1 more; --exclude-users FILE leaves out all of a user"
    )
