"""Who makes more searches than a person would."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ctrlog.sessions.volume import Volume, most_first

USERS = st.lists(st.sampled_from("abcdef"), max_size=40)


@given(USERS, st.integers(1, 5))
def test_the_first_searches_of_each_user_are_admitted(users: list[str], limit: int) -> None:
    """Up to the limit all are, beyond it none; those beyond it are named with all they made."""
    volume = Volume(limit)
    made: Counter[str] = Counter()
    for user in users:
        made[user] += 1
        assert volume.admits(user) == (made[user] <= limit)
    assert volume.beyond == {user: number for user, number in made.items() if number > limit}


def test_the_most_come_first() -> None:
    """Users are sorted by their searches, of equal ones by name."""
    found = most_first({"b": 1, "c": 3, "a": 1, "d": 2})
    assert list(found.items()) == [("c", 3), ("d", 2), ("a", 1), ("b", 1)]


def test_beyond_the_bound_those_with_the_fewest_are_forgotten() -> None:
    """The half with the most searches stays; who was forgotten starts anew."""
    volume = Volume(2, most_users=4)
    for user in "aaabbcd":
        volume.admits(user)
    assert volume.save() == {"a": 3, "b": 2, "c": 1, "d": 1}
    volume.admits("e")
    assert volume.save() == {"a": 3, "b": 2}
    assert not volume.admits("a")
    assert [volume.admits("c") for _ in range(3)] == [True, True, False]
    assert volume.beyond == {"a": 4, "c": 3}


@given(USERS, USERS, st.integers(2, 4))
def test_a_restored_volume_goes_on_as_the_one_that_was_saved(
    before: list[str], after: list[str], most_users: int
) -> None:
    """Saved as JSON and restored, it admits the same."""
    volume, restored = Volume(2, most_users), Volume(2, most_users)
    for user in before:
        volume.admits(user)
    restored.restore(json.loads(json.dumps(volume.save())))
    assert [restored.admits(user) for user in after] == [volume.admits(user) for user in after]
    assert restored.save() == volume.save()
