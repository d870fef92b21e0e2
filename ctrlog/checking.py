"""`ctrlog check`: reads a log by the schema that fits, and looks at all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ctrlog.badlines import BadLines
from ctrlog.byids import ByIds
from ctrlog.checkup import Checkup
from ctrlog.decoding import Decoder
from ctrlog.events import Attribution, TrustedEvent
from ctrlog.facts import Facts
from ctrlog.filters import Filter
from ctrlog.fitting import Fit, best_of, try_schema
from ctrlog.foreign import ForeignSchema
from ctrlog.metrics import Metrics, SearchMetrics
from ctrlog.places import format_place
from ctrlog.preview import Input, previewed
from ctrlog.rules import Rules
from ctrlog.schema import Schema
from ctrlog.schemafile import PRESETS, load_schema
from ctrlog.shard import Shard
from ctrlog.terminal import Console

_NATIVE = PRESETS[0]


@dataclass(frozen=True, slots=True)
class Choices:
    """What was asked for of a check.

    Attributes:
        schema: The name or file of the schema; None to find one.
        fields: Pairs of a field and its place, which goes before the schema's.
        where: Pairs of a field and the value that events must have to be looked at.
        rules: The rules of sessions.
        max_line_bytes: A longer line is bad.
    """

    schema: str | None = None
    fields: Sequence[tuple[str, str]] = ()
    where: tuple[tuple[str, str], ...] = ()
    rules: Rules = field(default_factory=Rules)
    max_line_bytes: int = 16 * 1024 * 1024


def check(names: Sequence[str], choices: Choices, console: Console) -> Facts:
    """Look at a log.

    Args:
        names: Paths, or `-` for standard input.
        choices: What was asked for.
        console: Where to report to.

    Raises:
        UsageError: If something is wrong with the schema or a place.
    """
    with previewed(names, choices.max_line_bytes, console.fail) as inputs:
        sample = [line for each in inputs for line in each.sample]
        fits = [try_schema(name, _schema(name, choices), sample) for name in PRESETS]
        best = best_of(fits)
        name = choices.schema or (_NATIVE if best is None else best.name)
        looking = _Looking(name, choices, console)
        for each in inputs:
            looking.read(each)
        fit = try_schema(name, _schema(name, choices), sample)
    return looking.facts(fit, _better(fit, best))


def _better(fit: Fit, best: Fit | None) -> Fit | None:
    """Return the best schema if it is clearly better than the one that was taken."""
    if best is None or best.told <= fit.told or best.name == fit.name:
        return None
    return best


def _schema(name: str, choices: Choices) -> Schema | ForeignSchema:
    """Load a schema, with the fields that were placed elsewhere."""
    if name == _NATIVE:
        return Schema.native(choices.fields)
    return load_schema(name).with_fields(choices.fields)


def _named_at(schema: Schema | ForeignSchema) -> str:
    """Return where the log names its events."""
    if isinstance(schema, Schema):
        return ".".join(key.replace(".", r"\.") for key in schema.paths["type"])
    return format_place(schema.type_place or ("type",))


class _Looking:
    """Reads inputs and looks at what is in them."""

    def __init__(self, name: str, choices: Choices, console: Console) -> None:
        schema = _schema(name, choices)
        self._name = name
        self._attribute = Attribution.ORDER
        is_bulk = False
        filter_ = Filter(where=choices.where, carried=(_named_at(schema),))
        if isinstance(schema, ForeignSchema):
            self._attribute, is_bulk = schema.attribute, schema.is_bulk
            schema = schema.carrying(filter_.extra_fields)
        else:
            schema = Schema.native(choices.fields, filter_.extra_fields)
        self._select = filter_.selector()
        self._decoder = Decoder(schema, choices.max_line_bytes)
        self._console = console
        self._bad_lines = BadLines(console.show)
        self._checkup = Checkup(choices.rules.lateness, is_bulk=is_bulk)
        # Repeated clicks are told apart, to be counted; each search is the same either way.
        by_order = self._checkup.by_order
        rules = replace(
            choices.rules,
            attribution=self._attribute,
            dedupe_clicks=True,
            on_click=by_order.see_click,
        )
        self._shard = Shard(rules)
        self._metrics = Metrics()

    def read(self, each: Input) -> None:
        """Read an input to its end."""
        self._checkup.order.begin_file(each.name)
        self._shard.new_clock()
        line = 1
        for block in each.blocks():
            decoded = self._decoder.decode(block, line)
            line += decoded.lines
            for bad in decoded.bad:
                self._bad_lines.add(each.name, bad)
            self._checkup.look_at_lines(block, self._is_wanted)
            self._look(self._selected(decoded.events))
            self._console.advance(len(block))

    def _selected(self, events: list[TrustedEvent]) -> list[TrustedEvent]:
        select = self._select
        return events if select is None else [event for event in events if select(event)]

    def _is_wanted(self, line: bytes) -> bool:
        return self._select is None or bool(self._selected(self._decoder.decode(line).events))

    def _look(self, events: list[TrustedEvent]) -> None:
        self._checkup.look(events)
        self._metrics.update(self._shard.feed(events))

    def facts(self, fit: Fit, better: Fit | None) -> Facts:
        """Say what was found."""
        self._metrics.update(self._shard.flush())
        traces = self._checkup.searches
        return Facts(
            checkup=self._checkup,
            by_ids=ByIds.of(traces.values(), traces.scale),
            schema=self._name,
            attribute=self._attribute,
            fit=fit,
            better=better,
            bad_lines={reason.value: n for reason, n in self._bad_lines.counts.items()},
            metrics=SearchMetrics.of(self._metrics.outcomes),
            counts=self._shard.counts,
        )
