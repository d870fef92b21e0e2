"""The whole way from bytes to records, against the reference and itself."""

from __future__ import annotations

from dataclasses import replace

import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from pipelines import as_dicts, run

from ctrlog.outputs.records import Per

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
