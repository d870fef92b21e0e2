"""What a user should know of what was left out of a run, and of the ids of searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrlog.events import Attribution
from ctrlog.pipeline import Pipeline
from ctrlog.shard import Shard

if TYPE_CHECKING:
    from ctrlog.exclusion import Exclusion

_MOST_NAMED = 3


def notes_on_options(pipeline: Pipeline) -> list[str]:
    """Return what is worth a note after a run, given the options; mostly nothing."""
    shard = pipeline.shard
    told = [_beyond(shard), _unnamed(shard), pipeline.exclusion and _excluded(pipeline.exclusion)]
    return [note for note in told if note]


def _excluded(exclusion: Exclusion) -> str:
    unseen = exclusion.unseen
    note = f"left out {_counted(exclusion.events, 'event')} of excluded users"
    if unseen:
        has = "has" if len(unseen) == 1 else "have"
        note += f"; {_counted(len(unseen), 'user')} of the list {has} none: {_named(unseen)}"
    return note


def _beyond(shard: Shard) -> str | None:
    beyond = shard.users_beyond
    if not beyond:
        return None
    made = [f"{user!r} ({number:,})" for user, number in beyond.items()]
    return (
        f"{_counted(len(beyond), 'user')} made more searches than the limit of"
        f" {shard.rules.max_user_searches:,}, and the later ones are left out: {_listed(made)};"
        " --exclude-users FILE leaves out all of a user"
    )


def _unnamed(shard: Shard) -> str | None:
    is_by_id = shard.rules.attribution is Attribution.ID
    if not is_by_id or not shard.has_searched or shard.counts.named_searches:
        return None
    return (
        "no Search has a search_id, so --attribute id is as --attribute order; if the log calls it"
        " NAME, use --field search_id=NAME"
    )


def _named(users: list[str]) -> str:
    return _listed([repr(user) for user in users])


def _listed(texts: list[str]) -> str:
    more = len(texts) - _MOST_NAMED
    shown = ", ".join(texts[:_MOST_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
