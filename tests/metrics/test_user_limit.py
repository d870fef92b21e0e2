"""Users with too many searches are left out of a summary whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import reference
import strategies
from expected_metrics import OF_THE_LOG, computed, of_records
from hypothesis import given
from hypothesis import strategies as st
from making import at, decoded, event, fed, rules_of, s, summed_up
from pipelines import run

from ctrlog.errors import UsageError
from ctrlog.inputs.reader import InTurn, Limits
from ctrlog.metrics.groups import Grouping, Groups
from ctrlog.metrics.summary import Summary
from ctrlog.metrics.totals import Metrics, SearchMetrics
from ctrlog.metrics.user_limit import PerUser
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard


def summary_of(
    logs: Sequence[bytes],
    options: reference.Options,
    limit: int | None,
    block_bytes: int = 64 * 1024,
    grouping: Grouping | None = None,
) -> Summary:
    """Sum logs up, leaving out users with more searches than a limit."""
    filter_ = Filter(options.since, options.until, options.where)
    rules = replace(rules_of(options, filter_.selector()), max_user_searches=None)
    schema = Schema.native(extra=filter_.extra_fields)
    decoder = Decoder(schema if options.has_ids else schema.without_ids(), 2**24)
    pipeline = Pipeline(Shard(rules), decoder, reader=InTurn(Limits(block_bytes=block_bytes)))
    with TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(len(logs))]
        for path, log in zip(paths, logs, strict=True):
            path.write_bytes(log)
        return summed_up(pipeline, map(str, paths), grouping, max_user_searches=limit)


def values_of(summary: Summary) -> dict[str, Any]:
    """Return what is computed from searches and sessions."""
    raw = {"searches_raw", "ctr_raw"}
    return {k: v for k, v in summary.to_dict().items() if k not in OF_THE_LOG | raw}


def plain(options: reference.Options) -> reference.Options:
    """Return options that leave nobody out and take events as they come."""
    return replace(options, reorder=None, max_user_searches=None)


@given(strategies.several_logs(), strategies.options(), st.integers(1, 4))
def test_a_summary_is_that_of_the_records_of_all_others(
    logs: list[bytes], options: reference.Options, limit: int
) -> None:
    """Users are left out with all their searches and sessions, and are named with their number."""
    options = plain(options)
    outcome = run(logs, options)
    made = Counter(search.user for search in outcome.searches)
    beyond = {user: number for user, number in made.items() if number > limit}
    expected = of_records(
        [search for search in outcome.searches if search.user not in beyond],
        [session for session in outcome.sessions if session.user not in beyond],
    )
    summary = summary_of(logs, options, limit)
    assert values_of(summary) == expected
    assert summary.left_out == beyond
    told = summary.diagnostics()
    assert told["users_left_out"] == len(beyond)
    assert told["searches_of_users_left_out"] == sum(beyond.values())
    assert told["most_searching_users_left_out"] == beyond


@given(strategies.several_logs(), strategies.options(), st.integers(1, 4), st.integers(1, 200))
def test_any_block_size_leaves_out_the_same(
    logs: list[bytes], options: reference.Options, limit: int, block_bytes: int
) -> None:
    """However much is read at a time, the same users are left out, and all numbers are the same."""
    options, grouping = plain(options), Grouping(("query",))
    whole = summary_of(logs, options, limit, grouping=grouping)
    cut = summary_of(logs, options, limit, block_bytes, grouping)
    assert cut.to_dict() == whole.to_dict()


@given(strategies.several_logs(), strategies.options())
def test_a_limit_that_nobody_reaches_changes_nothing(
    logs: list[bytes], options: reference.Options
) -> None:
    """Held or not, all numbers and groups are the same."""
    options, grouping = plain(options), Grouping(("user", "query"))
    held, direct = (summary_of(logs, options, n, grouping=grouping) for n in (1000, None))
    assert held.to_dict() | {"diagnostics": {}} == direct.to_dict() | {"diagnostics": {}}
    nobody = {"users_left_out": 0, "searches_of_users_left_out": 0}
    nobody_named: dict[str, object] = {"most_searching_users_left_out": {}}
    assert held.diagnostics() == direct.diagnostics() | nobody | nobody_named


@given(strategies.several_logs(), strategies.options())
def test_raw_numbers_are_those_of_a_summary_without_merging(
    logs: list[bytes], options: reference.Options
) -> None:
    """By order and with nothing filtered, they are what the summary says without the option."""
    options = replace(plain(options), since=None, until=None, where=(), attribution="order")
    merge = replace(options, merge_typing=options.merge_typing or timedelta(seconds=5))
    merged = summary_of(logs, merge, None).to_dict()
    raw = summary_of(logs, replace(options, merge_typing=None), None).to_dict()
    assert (merged["searches_raw"], merged["ctr_raw"]) == (raw["searches"], raw["ctr"])
    assert merged["clicked_searches"] == raw["clicked_searches"]
    assert "searches_raw" not in raw


def test_raw_searches_of_users_left_out_are_no_part_of_it() -> None:
    """What was merged into the searches of a robot goes with them."""
    rules = Rules(merge_typing=s(5))
    typed = [event("Search", at(n), query="dogs"[: n + 1]) for n in range(4)]
    robot = [event("Search", at(4), 2, query=query) for query in ("cat", "robot", "robots")]
    held, metrics = PerUser(1), Metrics()
    held.update(fed(Shard(rules), [*typed, *robot]))
    held.release(metrics, None)
    searches = SearchMetrics.of(metrics.outcomes)
    assert held.left_out == {"2": 2}
    assert Summary(metrics, searches, Shard().counts, 0, {}, rules=rules).searches_raw == 4


@given(strategies.log_bytes(), strategies.options(), st.integers(0, 40), st.integers(1, 4))
def test_stopping_and_going_on_changes_nothing(
    log: bytes, options: reference.Options, place: int, limit: int
) -> None:
    """Saved as JSON and restored at any point, what is held gives the same (R12)."""
    ended = fed(Shard(rules_of(plain(options))), decoded(log))
    parts = [
        Ended(ended.searches[:place], ended.sessions[: place // 2]),
        Ended(ended.searches[place:], ended.sessions[place // 2 :]),
    ]
    key_of = Grouping(("query",)).key_of(())
    whole, stopped, resumed = (PerUser(limit, key_of) for _ in range(3))
    whole.update(ended)
    stopped.update(parts[0])
    resumed.restore(json.loads(json.dumps(stopped.save())))
    assert resumed.save() == stopped.save()
    resumed.update(parts[1])
    assert answers(resumed) == answers(whole)


def answers(held: PerUser) -> object:
    """Return everything that is held, and who is left out."""
    metrics, groups = Metrics(), Groups(lambda _: (), 100)
    held.release(metrics, groups)
    return computed(metrics), metrics.refinements, sorted(groups.groups()), held.left_out


def test_too_many_users_are_refused() -> None:
    """Rather than to run out of memory, or to be wrong, it says what to do instead."""
    held = PerUser(3, most_users=2)
    held.update(fed(Shard(), [event("Search", user=user) for user in (1, 2, 1)]))
    with pytest.raises(UsageError, match="more than 2 users are too many to leave some out"):
        held.update(fed(Shard(), [event("Search", user=3)]))
    other = PerUser(3, most_users=2)
    other.update(fed(Shard(), [event("Search", user=4)]))
    with pytest.raises(UsageError, match="--exclude-users FILE"):
        held.merge(other)
