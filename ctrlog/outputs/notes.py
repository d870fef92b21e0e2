"""What a user should know of what was left out of a run, and of the ids of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctrlog.outputs.phrases import counted, listed
from ctrlog.sessions.events import Attribution

if TYPE_CHECKING:
    from ctrlog.sessions.exclusion import Exclusion
    from ctrlog.sessions.ledger import Counts
    from ctrlog.sessions.rules import Rules
    from ctrlog.sessions.shard import Shard

_MOST_NAMED = 3


def notes_on_options(shard: Shard, exclusion: Exclusion | None) -> list[str]:
    """Return what is worth a note after a run, given the options; mostly nothing."""
    told = [
        _beyond(shard),
        no_ids(shard.rules, shard.counts) if shard.has_searched else None,
        exclusion and excluded(exclusion.events, exclusion.unseen),
    ]
    return [note for note in told if note]


def excluded(events: int, unseen: Sequence[str]) -> str:
    """Say what was left out of the users who are to be.

    Args:
        events: How many events of theirs were left out.
        unseen: Those of them of whom there was none.
    """
    note = f"left out {counted(events, 'event')} of excluded users"
    if unseen:
        has = "has" if len(unseen) == 1 else "have"
        named = listed([repr(user) for user in unseen], _MOST_NAMED)
        note += f"; {counted(len(unseen), 'user')} of the list {has} none: {named}"
    return note


def no_ids(rules: Rules, counts: Counts) -> str | None:
    """Say that no search has an id, if clicks are to go by these; None if it does not matter."""
    if rules.attribution is not Attribution.ID or counts.named_searches:
        return None
    return (
        "no Search has a search_id, so clicks go by the order of events; if the log calls it NAME,"
        " use --field search_id=NAME"
    )


def _beyond(shard: Shard) -> str | None:
    beyond = shard.users_beyond
    if not beyond:
        return None
    made = [f"{user!r} ({number:,})" for user, number in beyond.items()]
    return (
        f"{counted(len(beyond), 'user')} made more searches than the limit of"
        f" {shard.rules.max_user_searches:,}, and the later ones are left out:"
        f" {listed(made, _MOST_NAMED)}; --exclude-users FILE leaves out all of a user"
    )
