"""ctrlog on Bytewax: the shards of many logs, spread over processes.

    python -m bytewax.run "ctrlog.dataflow:flow('events.jsonl', 'searches.jsonl', gap='10m')"

Every record is what `ctrlog run` would have printed for its log. `docs/cluster.md` tells
the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream, StatefulBatchLogic

from ctrlog.adapters.bytewax_readers import Reading
from ctrlog.adapters.bytewax_sinks import FilesSink, StdoutSink
from ctrlog.adapters.bytewax_sources import BAD_LINES, FilesSource, Item, TopicSource
from ctrlog.adapters.partitioning import SHARDS, Portion
from ctrlog.errors import CtrlogError, UsageError
from ctrlog.outputs.records import Format, Per, Record, make_sink
from ctrlog.run.settings import LogOptions
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

#: What a topic is written as: `kafka://HOST:PORT,HOST:PORT/TOPIC`.
KAFKA = "kafka://"


def flow(
    log: str,
    out: str = "-",
    *,
    per: str = "search",
    shards: int = SHARDS,
    follow: bool | None = None,
    keep_open: bool = False,
    kafka: Mapping[str, str] | None = None,
    **options: Any,
) -> Dataflow:
    """Build the flow from logs to records.

    Args:
        log: A file; a folder, each file of which is a log of its own; or a topic as
            `kafka://HOST:PORT,HOST:PORT/TOPIC`, each partition of which is one.
        out: A file; a folder (written with a / at its end), in which processes share the
            writing of 16; a topic; or `-` for standard output. Records are JSON.
        per: Whether records are of each `search` or of each `session`.
        shards: Into how many shards each log is dealt. A resumed flow stays with its number.
        follow: Whether to wait for more at the end of a log; None to follow topics and to
            read files to their end.
        keep_open: Whether sessions stay open at the end of a log, to go on in a later
            run that has the same recovery directory.
        kafka: Further settings of librdkafka, such as `security.protocol`.
        **options: As of `ctrlog run`, as text: `gap="10m"`, `field={"user": "client_id"}`,
            `strict=True`, `bad_lines="bad.txt"`.

    Raises:
        SystemExit: With a message, if something of that makes no sense.
    """
    try:
        if shards < 1:
            raise UsageError(f"shards must be at least 1, not {shards}")
        is_topic = log.startswith(KAFKA)
        reading = Reading(
            LogOptions.parse(options), shards, is_topic if follow is None else follow, keep_open
        )
        if keep_open and reading.follows:
            raise UsageError("what is followed has no end: follow and keep_open exclude each other")
        return build(log, out, _per(per), reading, kafka or {})
    except CtrlogError as error:
        raise SystemExit(f"ctrlog: {error}") from None


def build(
    log: str, out: str, per: Per, reading: Reading, kafka: Mapping[str, str] | None = None
) -> Dataflow:
    """Build the flow from its parts.

    Args:
        log: As of `flow`.
        out: As of `flow`.
        per: What records are of.
        reading: How to read.
        kafka: As of `flow`.

    Raises:
        CtrlogError: If something of that makes no sense or cannot be opened.
    """
    options, config = reading.options, kafka or {}
    _refuse_overwriting(log, out, options.bad_lines)
    rules = options.rules()
    # In a partition it would be too late to complain.
    options.decoder(), options.limit(), options.exclusion()
    source = (
        TopicSource(*_topic(log), reading, config)
        if log.startswith(KAFKA)
        else FilesSource(Path(log), reading)
    )
    render = _messages(per) if out.startswith(KAFKA) else _lines(per)

    def shard(saved: SavedShard | None) -> ShardLogic:
        return ShardLogic(rules, per, render, saved, keeps_open=reading.keeps_open)

    dataflow = Dataflow("ctrlog")
    items = op.branch("portions", op.input("read", dataflow, source), _is_portion)
    records = op.stateful_batch("shard", items.trues, shard)
    lines = op.branch("bad_lines", cast("KeyedStream[bytes]", items.falses), _is_of_bad_lines)
    if options.bad_lines is not None:
        op.output("write_bad_lines", lines.trues, FilesSink(options.bad_lines))
    _write(out, records, lines.falses, config)
    return dataflow


def _write(
    out: str,
    records: KeyedStream[Any],
    openings: KeyedStream[bytes],
    config: Mapping[str, str],
) -> None:
    """Write records where they are to go, to files after what opens these."""
    if out.startswith(KAFKA):
        _write_topic(records, *_topic(out), config)
    elif out == "-":
        op.output("write", op.key_rm("unkey", records), StdoutSink())
    else:
        is_folder = out.endswith("/") or Path(out).is_dir()
        every = op.merge("with_openings", records, openings)
        op.output("write", every, FilesSink(Path(out), is_folder=is_folder))


SavedShard: TypeAlias = dict[str, Any]
#: Makes what to write of records, given how many the shard had found before.
Render: TypeAlias = Callable[[Sequence[Record], int], list[Any]]


class ShardLogic(StatefulBatchLogic[Portion, Any, SavedShard]):
    """A shard in the flow."""

    def __init__(
        self, rules: Rules, per: Per, render: Render, saved: SavedShard | None, *, keeps_open: bool
    ) -> None:
        """Make a shard, or go on with one.

        Args:
            rules: The rules of sessions.
            per: What records are of.
            render: Makes what to write of records.
            saved: What `snapshot` returned; None to begin.
            keeps_open: Whether sessions stay open at the end of the log.
        """
        self._per = per
        self._render = render
        self._keeps_open = keeps_open
        self._shard = Shard(rules) if saved is None else Shard.restore(saved["shard"], rules)
        self._found = 0 if saved is None else saved["found"]

    def on_batch(self, values: list[Portion]) -> tuple[list[Any], bool]:
        """Take portions of the log."""
        records: list[Record] = []
        for portion in values:
            ended = portion.feed(self._shard)
            records += ended.searches if self._per is Per.SEARCH else ended.sessions
        return self._written(records), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Any], bool]:
        """End what is open at the end of the log (R9), unless it is to stay open."""
        if self._keeps_open:
            return [], StatefulBatchLogic.RETAIN  # to discard would be to forget
        ended = self._shard.flush()
        records = ended.searches if self._per is Per.SEARCH else ended.sessions
        return self._written(records), StatefulBatchLogic.RETAIN

    def snapshot(self) -> SavedShard:
        """Return a copy of all there is."""
        return {"shard": self._shard.save(), "found": self._found}

    def _written(self, records: Sequence[Record]) -> list[Any]:
        if not records:
            return []
        written = self._render(records, self._found)
        self._found += len(records)
        return written


def _refuse_overwriting(log: str, out: str, bad_lines: Path | None) -> None:
    """Refuse to write to a log, among logs, or to one place for two purposes."""
    is_file = out != "-" and not out.startswith(KAFKA)
    written = [path.resolve() for path in (Path(out) if is_file else None, bad_lines) if path]
    logs = Path(log).resolve()
    for path in written:
        if not log.startswith(KAFKA) and logs in {path, path.parent}:
            raise UsageError(f"{path} is one of the logs, or would be; write somewhere else")
    if len({*written}) < len(written):
        raise UsageError("the records and the bad lines cannot go to one file")


def _is_portion(item: Item) -> TypeGuard[tuple[str, Portion]]:
    return isinstance(item[1], Portion)


def _is_of_bad_lines(item: tuple[str, bytes]) -> bool:
    return item[0] == BAD_LINES


def _per(per: str) -> Per:
    try:
        return Per(per)
    except ValueError:
        raise UsageError(f"per must be search or session, not {per!r}") from None


def _lines(per: Per) -> Render:
    sink = make_sink(Format.JSONL, per)
    return lambda records, _found: [sink.lines(records)]


# Topics.


def _topic(place: str) -> tuple[list[str], str]:
    brokers, _, topic = place.removeprefix(KAFKA).partition("/")
    if not (brokers and topic):
        raise UsageError(f"{place!r} is not a topic: write kafka://HOST:PORT,HOST:PORT/TOPIC")
    return brokers.split(","), topic


def _messages(per: Per) -> Render:
    sink = make_sink(Format.JSONL, per)

    def render(records: Sequence[Record], found: int) -> list[tuple[str, bytes, int]]:
        return [
            (record.user, sink.lines([record]).removesuffix(b"\n"), number)
            for number, record in enumerate(records, found)
        ]

    return render


def _write_topic(
    records: KeyedStream[tuple[str, bytes, int]],
    brokers: Sequence[str],
    topic: str,
    config: Mapping[str, str],
) -> None:
    """Write a message for each record: a resumed flow may write some twice, by the same id."""
    from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage  # noqa: PLC0415  # an extra

    def message(found: tuple[str, tuple[str, bytes, int]]) -> KafkaSinkMessage[bytes, bytes]:
        key, (user, line, number) = found
        headers = [("ctrlog-id", f"{key}/{number}".encode())]
        return KafkaSinkMessage(user.encode(), line, headers=headers)

    messages = op.map("message", records, message)
    op.output("write", messages, KafkaSink(brokers, topic, dict(config)))
