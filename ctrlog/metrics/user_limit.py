"""What each user adds to a summary, held until it is known whose searches are too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import astuple

from ctrlog.errors import UsageError
from ctrlog.metrics.groups import Groups, Key
from ctrlog.metrics.totals import Metrics, Outcome, outcomes_of
from ctrlog.sessions.events import SearchRecord, SessionRecord
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.volume import MOST_COUNTED_USERS, most_first
from ctrlog.times import from_micros, to_micros


class _Search(NamedTuple):
    """What a search adds."""

    outcome: Outcome
    first_click_s: float | None
    refinements: int
    key: Key | None


class _User:
    """What a user adds: nothing if there are too many searches, however many."""

    __slots__ = ("made", "searches", "sessions")

    def __init__(self) -> None:
        self.made = 0
        self.searches: list[_Search] = []
        self.sessions: list[SessionRecord] = []

    def add(self, made: int, searches: list[_Search], limit: int) -> None:
        self.made += made
        if self.made <= limit:
            self.searches += searches
        else:
            self.searches, self.sessions = [], []


class PerUser:
    """Searches and sessions by user, of those who make no more searches than a limit.

    Of a user, no more searches than the limit are held, and of the others only their
    number is known. Parts of a log can be merged in any order and give exactly the same.
    """

    def __init__(
        self,
        limit: int,
        key_of: Callable[[SearchRecord], Key] | None = None,
        most_users: int = MOST_COUNTED_USERS,
    ) -> None:
        """Start with none.

        Args:
            limit: A user who makes more searches is left out.
            key_of: The function from a search to the key of its group; None for no groups.
            most_users: How many users to hold.
        """
        self._limit = limit
        self._key_of = key_of
        self._most_users = most_users
        self._users: dict[str, _User] = {}
        # What many searches have in common is kept once.
        self._outcomes: dict[Outcome, Outcome] = {}
        self._keys: dict[Key | None, Key | None] = {}

    def update(self, ended: Ended) -> None:
        """Add what is over.

        Raises:
            UsageError: If there are too many users.
        """
        key_of, limit = self._key_of, self._limit
        for search, outcome in zip(ended.searches, outcomes_of(ended.searches), strict=True):
            key = None if key_of is None else key_of(search)
            held = self._held(outcome, search.first_click_s, search.refinements, key)
            self._user(search.user).add(1, [held], limit)
        for session in ended.sessions:
            user = self._user(session.user)
            if user.made <= limit:
                user.sessions.append(session)

    def merge(self, other: PerUser) -> None:
        """Add the users of another part of the log.

        Raises:
            UsageError: If there are too many users.
        """
        for name, theirs in other._users.items():
            user = self._user(name)
            user.add(theirs.made, theirs.searches, self._limit)
            if user.made <= self._limit:
                user.sessions += theirs.sessions

    def save(self) -> dict[str, Any]:
        """Return all that is held as plain values.

        Returns:
            By user the number of searches, what is held of each, and the sessions without
            their user. Times are microseconds since 1970.
        """
        return {
            name: [user.made, user.searches, [_session_values(each) for each in user.sessions]]
            for name, user in self._users.items()
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` returned."""
        for name, (made, searches, sessions) in saved.items():
            user = self._user(name)
            held = [
                self._held(tuple(outcome), first_click_s, refinements, key and tuple(key))
                for outcome, first_click_s, refinements, key in searches
            ]
            user.add(made, held, self._limit)
            user.sessions += [_session_of(name, values) for values in sessions]

    def release(self, metrics: Metrics, groups: Groups | None) -> None:
        """Give what is held to the metrics, and to the groups if there are any.

        Args:
            metrics: Metrics of all.
            groups: Groups with keys of the same making.
        """
        held = [search for user in self._users.values() for search in user.searches]
        metrics.add_searches(
            [search.outcome for search in held],
            [search.first_click_s for search in held if search.first_click_s is not None],
            sum(search.refinements for search in held),
        )
        metrics.add_sessions([s for user in self._users.values() for s in user.sessions])
        if groups is not None:
            groups.add([(search.key or (), search.outcome) for search in held])

    @property
    def left_out(self) -> dict[str, int]:
        """The users who are left out and how many searches they made, the most first."""
        return most_first(
            {name: user.made for name, user in self._users.items() if user.made > self._limit}
        )

    def _held(
        self, outcome: Outcome, first_click_s: float | None, refinements: int, key: Key | None
    ) -> _Search:
        outcome = self._outcomes.setdefault(outcome, outcome)
        return _Search(outcome, first_click_s, refinements, self._keys.setdefault(key, key))

    def _user(self, name: str) -> _User:
        user = self._users.get(name)
        if user is None:
            user = self._users[name] = _User()
            if len(self._users) > self._most_users:
                raise UsageError(
                    f"more than {self._most_users:,} users are too many to leave some out; `ctrlog"
                    " summary --by user` finds robots, and --exclude-users FILE leaves them out"
                )
        return user


def _session_values(session: SessionRecord) -> list[Any]:
    _, *counts, start, end, closed_by = astuple(session)
    return [*counts, *(time and to_micros(time) for time in (start, end)), closed_by]


def _session_of(user: str, values: Sequence[Any]) -> SessionRecord:
    searches, clicked_searches, clicks, start, end, closed_by = values
    start, end = (None if micros is None else from_micros(micros) for micros in (start, end))
    return SessionRecord(user, searches, clicked_searches, clicks, start, end, closed_by)
