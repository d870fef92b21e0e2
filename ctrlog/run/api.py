"""Whole logs from Python: their searches, or their summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ctrlog.errors import DataError
from ctrlog.inputs.lines import MAX_LINE_BYTES
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.bad_lines import BadLines
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import Attribution, SearchRecord
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

if TYPE_CHECKING:
    from ctrlog.metrics.summary import Summary


def searches(
    *names: str,
    rules: Rules | None = None,
    on_bad_line: Callable[[str], None] | None = None,
) -> Iterator[SearchRecord]:
    """Read logs in ctrlog's own format and yield their searches.

    Args:
        names: Paths, or `-` for standard input.
        rules: The rules of sessions; the default ones if None.
        on_bad_line: Called for each line that cannot be used, with a text that has its file, its
            number and what is wrong with it. If None, a bad line raises an error.

    Yields:
        Each search when it ends.

    Raises:
        InputError: If an input cannot be read.
        DataError: If a line is bad and `on_bad_line` is None.

    Example:
        >>> [search.query for search in searches("sample_logs/tutorial_2.jsonl")]
        ['dogs', 'cats']
    """
    for ended in _pipeline(rules, on_bad_line).run(names):
        yield from ended.searches


def summarize(
    *names: str,
    rules: Rules | None = None,
    on_bad_line: Callable[[str], None] | None = None,
) -> Summary:
    """Read logs in ctrlog's own format and sum them up.

    Args:
        names: As of `searches`.
        rules: As of `searches`.
        on_bad_line: As of `searches`.

    Returns:
        The summary; its `to_dict` has what `ctrlog summary --format json` prints.

    Raises:
        InputError: If an input cannot be read.
        DataError: If a line is bad and `on_bad_line` is None.

    Example:
        >>> summary = summarize("sample_logs/tutorial_2.jsonl")
        >>> summary.searches.ctr, summary.searches.clicks
        (1.0, 3)
    """
    from ctrlog.metrics.summary import SummaryCollector  # noqa: PLC0415  # whoever reads records does not need it

    pipeline = _pipeline(rules, on_bad_line)
    summing = SummaryCollector()
    for ended in pipeline.run(names):
        summing.update(ended)
    return summing.summary(pipeline.facts())


def _pipeline(rules: Rules | None, on_bad_line: Callable[[str], None] | None) -> Pipeline:
    schema = Schema()
    if rules is None or rules.attribution is Attribution.ORDER:
        schema = schema.without_ids()
    bad_lines = BadLines(on_bad_line or _refuse, most_shown=None)
    return Pipeline(Shard(rules), Decoder(schema, MAX_LINE_BYTES), bad_lines)


def _refuse(bad_line: str) -> None:
    raise DataError(f"{bad_line}; give on_bad_line to read on after such lines")
