"""Running logs through a pipeline inside the test process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import reference
from making import rules_of

from ctrlog.inputs.reader import InTurn, Limits
from ctrlog.outputs.records import Format, Per, make_sink
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.bad_lines import BadLines
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import SearchRecord, SessionRecord
from ctrlog.sessions.exclusion import Exclusion
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.shard import Shard


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
