"""Who makes more searches than a person would."""

from __future__ import annotations

from collections.abc import Mapping

#: So many users are kept in mind.
MOST_COUNTED_USERS = 1_000_000


class Volume:
    """How many searches each user has made, up to a limit beyond which no more are wanted.

    At most `most_users` users are kept in mind. With one more, the half of them with the
    fewest searches is forgotten, and starts anew.

    Attributes:
        limit: How many searches of a user are wanted.
    """

    def __init__(self, limit: int, most_users: int = MOST_COUNTED_USERS) -> None:
        """Start with no users.

        Args:
            limit: How many searches of a user are wanted, at least 1.
            most_users: How many users to keep in mind, at least 2.
        """
        self.limit = limit
        self._most_users = most_users
        self._searches: dict[str, int] = {}

    def admits(self, user: str) -> bool:
        """Count a search of a user, and tell whether it is within the limit."""
        number = self._searches[user] = self._searches.get(user, 0) + 1
        if number == 1 and len(self._searches) > self._most_users:
            self._forget()
        return number <= self.limit

    @property
    def beyond(self) -> dict[str, int]:
        """The users with more searches than wanted and how many they made, the most first."""
        return most_first({u: n for u, n in self._searches.items() if n > self.limit})

    def save(self) -> dict[str, int]:
        """Return the number of searches of each user."""
        return dict(self._searches)

    def restore(self, saved: Mapping[str, int]) -> None:
        """Go on from what `save` returned."""
        self._searches = dict(saved)

    def _forget(self) -> None:
        kept = list(most_first(self._searches).items())[: self._most_users // 2]
        self._searches = dict(kept)


def most_first(searches: Mapping[str, int]) -> dict[str, int]:
    """Sort users by their searches, of equal ones by name.

    Args:
        searches: Number of searches of each user.
    """
    return dict(sorted(searches.items(), key=lambda item: (-item[1], item[0])))
