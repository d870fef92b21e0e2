"""Users who are left out as though the log had no line of theirs: robots, tests, colleagues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctrlog.errors import InputError
from ctrlog.sessions.events import TrustedEvent, other_spelling


class Exclusion:
    """Leaves out the events of some users.

    Attributes:
        events: How many were left out.
    """

    def __init__(self, users: Iterable[str]) -> None:
        """Know whom to leave out.

        Args:
            users: Their names as text; 1 and "1" are the same user.
        """
        names = set(users)
        others = {other_spelling(name) for name in names} - {None}
        self._users: frozenset[str | int | None] = frozenset(names | others)
        self._unseen = names
        self.events = 0

    @property
    def users(self) -> frozenset[str]:
        """Whom to leave out, as text."""
        return frozenset(str(user) for user in self._users)

    @property
    def unseen(self) -> list[str]:
        """Those of the users of whom there was no event."""
        return sorted(self._unseen)

    def save(self) -> dict[str, Any]:
        """Return what was seen, but not whom to leave out, as plain values."""
        return {"events": self.events, "unseen": self.unseen}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` returned."""
        self.events = saved["events"]
        self._unseen &= set(saved["unseen"])

    def keeps(self, event: TrustedEvent) -> bool:
        """Return whether an event is of somebody else; count it if it is not."""
        return bool(self.rest([event]))

    def rest(self, events: Sequence[TrustedEvent]) -> list[TrustedEvent]:
        """Return the events of all others."""
        users = self._users
        left_out = [str(event.user) for event in events if event.user in users]
        if not left_out:
            return [*events]
        self.events += len(left_out)
        self._unseen.difference_update(left_out)
        return [event for event in events if event.user not in users]


def read_users(name: str, content: bytes) -> list[str]:
    r"""Read a list of users, one a line.

    Args:
        name: The name of the file, for messages.
        content: UTF-8; blank lines, a byte order mark and the \r of Windows do not count.

    Raises:
        InputError: If it is not UTF-8.
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start + 1} is not UTF-8") from None
    return [user for line in lines if (user := line.removesuffix("\r"))]
