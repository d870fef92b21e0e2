"""`ctrlog check`: reads a log by the schema that fits, and looks at all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ctrlog.check.by_id import ByIds
from ctrlog.check.match import Fit, best_of, try_schema
from ctrlog.check.model import Example, Facts
from ctrlog.check.tally import Checkup
from ctrlog.inputs.preview import PreviewedInput, previewed
from ctrlog.metrics.totals import Metrics
from ctrlog.outputs.console import Console
from ctrlog.schemas.bad_lines import BadLines
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.loader import PRESETS, load_schema
from ctrlog.schemas.mapping import ForeignSchema
from ctrlog.schemas.native import Schema
from ctrlog.schemas.paths import format_place
from ctrlog.sessions.events import Attribution, TrustedEvent
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

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


def _as_summed_up(schema: Schema | ForeignSchema, by: Attribution) -> Schema | ForeignSchema:
    """Return a schema without what only a check looks at."""
    if isinstance(schema, ForeignSchema):
        schema = schema.without_watched()
    return schema if by is Attribution.ID else schema.without_ids()


def _time_keys(schema: Schema | ForeignSchema) -> list[str]:
    """Return the keys under which the log has times."""
    if isinstance(schema, Schema):
        return [schema.paths["time"][-1]]
    places = [schema.places, *(rule.places for rule in schema.rules)]
    found = [place for each in places for place in each.get("time", ()) if place]
    return [key for *_, key in found if isinstance(key, str)]


class _Counting:
    """Counts searches, sessions and clicks, as `ctrlog summary` does and by the same code.

    Attributes:
        shard: Makes searches of events. It tells repeated clicks apart, so that they are counted;
            each search is the same either way.
        metrics: What the searches and sessions add up to.
        orphan: The first click that belongs to no search; None if there was none yet.
    """

    def __init__(self, rules: Rules, checkup: Checkup) -> None:
        self.shard = Shard(
            replace(
                rules,
                dedupe_clicks=True,
                on_click=checkup.clicks.see_click,
                on_orphan=self._see_orphan,
            )
        )
        self.metrics = Metrics()
        self.orphan: TrustedEvent | None = None
        self._with_gap_doubled = Shard(replace(rules, gap=2 * rules.gap))
        self._checkup = checkup

    def begin_file(self) -> None:
        """Begin another file, with a clock of its own."""
        self.shard.new_clock()
        self._with_gap_doubled.new_clock()

    def take(self, events: list[TrustedEvent]) -> None:
        """Take the next events."""
        self._add(self.shard.feed(events))
        self._with_gap_doubled.feed(events)

    def finish(self) -> None:
        """End what is open."""
        self._add(self.shard.flush())

    @property
    def orphans_with_gap_doubled(self) -> int:
        """How many clicks would belong to no search if the gap were twice as long."""
        return self._with_gap_doubled.counts.orphan_clicks

    def _add(self, ended: Ended) -> None:
        self.metrics.update(ended)
        for search in ended.searches:
            self._checkup.searchers.add(search.user)

    def _see_orphan(self, click: TrustedEvent) -> None:
        if self.orphan is None:
            self.orphan = click


class _Looking:
    """Reads inputs and looks at what is in them."""

    def __init__(self, name: str, choices: Choices, console: Console) -> None:
        schema = _schema(name, choices)
        self._name = name
        self._attribute = Attribution.ORDER
        is_bulk = False
        self._filter = Filter(where=choices.where, carried=(_named_at(schema),))
        if isinstance(schema, ForeignSchema):
            self._attribute, is_bulk = schema.attribute, schema.is_bulk
            schema = schema.carrying(self._filter.extra_fields)
        else:
            schema = Schema.native(choices.fields, self._filter.extra_fields)
        self._select = self._filter.selector()
        self._decoder = Decoder(schema, choices.max_line_bytes)
        self._counted_decoder = Decoder(
            _as_summed_up(schema, self._attribute), choices.max_line_bytes
        )
        self._console = console
        self._bad_lines = BadLines(console.show)
        self._checkup = Checkup(
            choices.rules.lateness, is_bulk=is_bulk, time_keys=_time_keys(schema)
        )
        rules = replace(choices.rules, attribution=self._attribute)
        self._counting = _Counting(rules, self._checkup)
        self._example: Example | None = None

    def read(self, each: PreviewedInput) -> None:
        """Read an input to its end."""
        self._checkup.order.begin_file(each.name)
        self._counting.begin_file()
        line = 1
        for block in each.blocks():
            decoded = counted = self._decoder.decode(block, line)
            if decoded.bad:  # maybe in a field at which only a check looks
                counted = self._counted_decoder.decode(block, line)
            for bad in counted.bad:
                self._bad_lines.add(each.name, bad)
            self._checkup.look_at_lines(block, self._is_wanted)
            self._checkup.look(self._selected(decoded.events))
            self._counting.take(self._selected(counted.events))
            if self._example is None and self._counting.orphan is not None:
                self._example = self._where_is(self._counting.orphan, each.name, block, line)
            line += decoded.lines
            self._console.advance(len(block))

    def _selected(self, events: list[TrustedEvent]) -> list[TrustedEvent]:
        select = self._select
        return events if select is None else [event for event in events if select(event)]

    def _is_wanted(self, line: bytes) -> bool:
        return self._select is None or bool(self._selected(self._decoder.decode(line).events))

    def _where_is(self, event: TrustedEvent, name: str, block: bytes, first: int) -> Example:
        """Find the line of an event: the first in the block that says the same."""
        for number, line in enumerate(block.split(b"\n"), first):
            if event in self._counted_decoder.decode(line).events:
                return Example(str(event.user), name, number)
        return Example(str(event.user), name, first)

    def facts(self, fit: Fit, better: Fit | None) -> Facts:
        """Say what was found."""
        self._counting.finish()
        traces = self._checkup.searches
        return Facts(
            checkup=self._checkup,
            by_ids=ByIds.of(traces.values(), traces.scale),
            schema=self._name,
            attribute=self._attribute,
            fit=fit,
            better=better,
            bad_lines={reason.value: n for reason, n in self._bad_lines.counts.items()},
            metrics=self._counting.metrics,
            counts=self._counting.shard.counts,
            gap=self._counting.shard.rules.gap,
            orphans_with_gap_doubled=self._counting.orphans_with_gap_doubled,
            orphan=self._example,
            chosen=self._filter.description,
        )
