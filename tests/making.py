"""Short ways to make what tests feed: times, events and decoded logs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import reference

from ctrlog.metrics.groups import Choice, Grouping
from ctrlog.metrics.order import MOST_GROUPS
from ctrlog.metrics.summary import Summary, SummaryCollector
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import REQUIRED, SPELLINGS, Attribution, Event, Kind, TrustedEvent
from ctrlog.sessions.ledger import Ended, Selector
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

BASE = datetime(2024, 1, 1, tzinfo=UTC)
#: The smallest step that a time can make.
US = timedelta(microseconds=1)

#: A spelling of each kind of event, and some that mean no kind.
ALL_SPELLINGS = [*SPELLINGS, "scroll", "SEARCH", "Other", "appopen", ""]

_FIELDS: dict[str, Any] = {"query": "dogs", "items": ["a", "b", "c"], "item": "b"}


def at(seconds: float) -> datetime:
    """Return the time so many seconds after the base of all tests."""
    return BASE + timedelta(seconds=seconds)


def s(seconds: float) -> timedelta:
    """Return a duration of so many seconds."""
    return timedelta(seconds=seconds)


def event(
    type_: str, time: datetime | None = None, user: str | int = 1, **fields: Any
) -> TrustedEvent:
    """Make an event; the field that its type needs is made up unless it is given."""
    needed = REQUIRED.get(SPELLINGS.get(type_, Kind.OTHER))
    made_up = {needed: _FIELDS[needed]} if needed else {}
    return Event(type_, user, time, **(made_up | fields))


def decoded(log: bytes, *, has_ids: bool = True) -> list[TrustedEvent]:
    """Return the good events of a log in ctrlog's own format.

    Args:
        log: The log.
        has_ids: Whether ids of searches are read; where they are not, an odd one is no fault.
    """
    schema = Schema() if has_ids else Schema().without_ids()
    return Decoder(schema, 2**24).decode(log.removeprefix(b"\xef\xbb\xbf")).events


def fed(shard: Shard, events: Iterable[TrustedEvent]) -> Ended:
    """Feed events and end the input; return all that ended."""
    ended, at_the_end = shard.feed([*events]), shard.flush()
    return Ended(ended.searches + at_the_end.searches, ended.sessions + at_the_end.sessions)


def rules_of(options: reference.Options, select: Selector | None = None) -> Rules:
    """Return the rules of a run with some options."""
    return Rules(
        gap=options.gap,
        lateness=options.lateness,
        max_session=options.max_session,
        select=select,
        attribution=Attribution(options.attribution),
        merge_typing=options.merge_typing,
        dedupe_clicks=options.dedupe_clicks,
        most_open=options.most_open,
        max_user_searches=options.max_user_searches,
    )


def summed_up(
    pipeline: Pipeline,
    names: Iterable[str],
    grouping: Grouping | None = None,
    choice: Choice | None = None,
    most_groups: int = MOST_GROUPS,
    *,
    max_user_searches: int | None = None,
) -> Summary:
    """Run logs through and sum them up.

    Args:
        pipeline: What they run through; its searches carry the fields that the grouping
            needs, first in `extra`.
        names: Paths, or `-` for standard input.
        grouping: As of `SummaryCollector`.
        choice: Which groups to show; all if None.
        most_groups: As of `SummaryCollector`.
        max_user_searches: As of `SummaryCollector`.

    Raises:
        InputError, DataError: As `Pipeline.run`.
        UsageError: As `SummaryCollector.update`.
    """
    summing = SummaryCollector(grouping, most_groups, max_user_searches)
    for ended in pipeline.run(names):
        summing.update(ended)
    return summing.summary(pipeline.facts(), choice)
