"""The whole way from bytes to records, against the reference and itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import rules_of

from ctrlog.badlines import BadLines
from ctrlog.decoding import Decoder
from ctrlog.events import SearchRecord, SessionRecord
from ctrlog.exclusion import Exclusion
from ctrlog.filters import Filter
from ctrlog.pipeline import Pipeline
from ctrlog.reading import InTurn, Limits
from ctrlog.schema import Schema
from ctrlog.shard import Shard
from ctrlog.sinks import Format, Per, make_sink


@dataclass
class Outcome:
    """What a run gave."""

    shard: Shard
    bad_lines: BadLines
    searches: list[SearchRecord] = field(default_factory=list)
    sessions: list[SessionRecord] = field(default_factory=list)


def run(
    logs: Sequence[bytes],
    options: reference.Options | None = None,
    block_bytes: int = 64 * 1024,
    exclusion: Exclusion | None = None,
) -> Outcome:
    """Run logs, each as a file of its own."""
    options = options or reference.Options()
    filter_ = Filter(options.since, options.until, options.where)
    outcome = Outcome(Shard(rules_of(options, filter_.selector())), BadLines())
    schema = Schema.native(extra=filter_.extra_fields)
    pipeline = Pipeline(
        outcome.shard,
        Decoder(schema if options.has_ids else schema.without_ids(), 2**24),
        outcome.bad_lines,
        InTurn(Limits(block_bytes=block_bytes)),
        options.reorder,
        exclusion=exclusion or (Exclusion(options.excluded) if options.excluded else None),
        interleaves=options.interleaves,
    )
    with TemporaryDirectory() as folder:
        names = []
        for number, log in enumerate(logs):
            path = Path(folder, f"{number}.jsonl")
            path.write_bytes(log)
            names.append(str(path))
        for ended in pipeline.run(names):
            outcome.searches += ended.searches
            outcome.sessions += ended.sessions
    return outcome


def as_dicts(
    records: Sequence[Any], per: Per, options: reference.Options | None = None
) -> list[dict[str, Any]]:
    """Records as the reference has them, through the JSON they are written as."""
    has_refinements = options is not None and options.merge_typing is not None
    sink = make_sink(Format.JSONL, per, has_refinements=has_refinements)
    return [json.loads(line) for line in sink.lines(records).split(b"\n") if line]


EXCLUDED = st.sampled_from([frozenset[str](), frozenset({"1"}), frozenset({"2", "bob", "x"})])


@given(strategies.several_logs(), strategies.options(), EXCLUDED, st.booleans())
def test_records_and_counts_are_those_of_the_reference(
    logs: list[bytes],
    chosen: reference.Options,
    excluded: frozenset[str],
    interleaves: bool,  # noqa: FBT001  # drawn
) -> None:
    """On any log and with any options the slow reference, made from the rules, agrees."""
    options = replace(chosen, excluded=excluded, interleaves=interleaves)
    outcome = run(logs, options)
    expected = reference.run(logs, options)
    assert as_dicts(outcome.searches, Per.SEARCH, options) == expected.searches
    assert as_dicts(outcome.sessions, Per.SESSION) == expected.sessions
    counts = outcome.shard.counts
    assert {str(reason): count for reason, count in outcome.bad_lines.counts.items()} == dict(
        expected.counts["bad"]
    )
    for name in (
        "events",
        "clicks",
        "orphan_clicks",
        "orphan_results",
        "repeated_clicks",
        "named_searches",
        "out_of_order",
        "late",
        "sessions",
        "sessions_without_search",
    ):
        assert getattr(counts, name) == expected.counts[name], name


@given(
    strategies.several_logs(), strategies.options(), EXCLUDED, st.booleans(), st.integers(1, 200)
)
def test_any_block_size_gives_the_same(
    logs: list[bytes],
    chosen: reference.Options,
    excluded: frozenset[str],
    interleaves: bool,  # noqa: FBT001  # drawn
    block_bytes: int,
) -> None:
    """However much is read at a time, records, their order and counts stay the same (R12)."""
    options = replace(chosen, excluded=excluded, interleaves=interleaves)
    whole, cut = run(logs, options), run(logs, options, block_bytes)
    assert cut.searches == whole.searches
    assert cut.sessions == whole.sessions
    assert cut.shard.counts == whole.shard.counts
    assert cut.bad_lines.counts == whole.bad_lines.counts
