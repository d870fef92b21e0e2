"""Reading a foreign log fast: what each line is, told for a whole block in one loop.

The schema is compiled once. A line that is unusual in any way is refused, and
`foreignfaults` reads it slowly: what is taken here is what would be read there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from msgspec import Raw, ValidationError

from ctrlog.schemas.bulk import is_instruction
from ctrlog.schemas.mapped_fields import Fill, Get, Leaves, Refused
from ctrlog.schemas.mapping import RESERVED, USES, ForeignSchema, Rule, other_type, read_rank
from ctrlog.schemas.paths import Place
from ctrlog.sessions.events import Items, TrustedEvent, decode_ids
from ctrlog.times import from_text, to_utc

Test: TypeAlias = Callable[[Any], bool]


class _CompiledRule(NamedTuple):
    kind: str | None  # None to leave the type as the log names it
    test: Test | None  # what is to be met beside the event's name
    fills: tuple[Fill, ...]
    spare_user: Get | None
    finish: Callable[[Any], None] | None


class Recognition:
    """Decodes the lines of a foreign log, and tells what they are.

    Attributes:
        decode: From a line to what `complete` takes; raises msgspec's errors and
            RecursionError.
    """

    def __init__(self, schema: ForeignSchema) -> None:
        """Compile a schema.

        Raises:
            UsageError: If a place cannot be read, or only as a part of another.
        """
        leaves = Leaves(schema)
        self.decode = leaves.decoder()
        self._is_bulk = schema.is_bulk
        self._get_extra = tuple(leaves.value(place) for place in schema.extra)
        self._get_type = leaves.type_getter()
        fills, spares = leaves.fields(schema.places)
        self._no_rule = _CompiledRule(None, None, fills, spares.get("user"), None)
        compiled = [(rule, _compile(rule, schema, leaves)) for rule in schema.rules]
        self._rules_of, self._other_rules = _by_type(compiled, schema.type_place, self._no_rule)

    def complete(  # noqa: C901, PLR0912
        self, found: list[Any], lines: Sequence[bytes]
    ) -> list[TrustedEvent]:
        """Tell what decoded lines are, and complete them.

        Args:
            found: Lines as `decode` gave them.
            lines: The lines.

        Returns:
            Their events, without instructions of `_bulk`.

        Raises:
            ValueError: If one is to be read slowly; msgspec's ValidationError is one.
        """
        # A hot loop: what happens to every line is in it, and not much does to most.
        get_type, get_extra, no_rule = self._get_type, self._get_extra, self._no_rule
        rules_of, other_rules = self._rules_of.get, self._other_rules
        aware, utc = datetime, UTC
        nobodies = 0
        for event in found:
            if get_type is not None:
                event.type = get_type(event)
            if get_extra:
                event.extra = tuple([get(event) for get in get_extra])
            rule = no_rule
            for rule in rules_of(event.type, other_rules):
                if rule.test is None or rule.test(event):
                    break
            if rule.kind is not None:
                event.type = rule.kind
            for name, get, spare in rule.fills:
                try:
                    value = get(event)
                except AttributeError:
                    value = None
                if spare is not None and (value is None or value == ""):
                    value = spare(event)
                setattr(event, name, value)
            user = event.user
            if user is None or user == "":
                if rule.spare_user is not None:
                    user = event.user = rule.spare_user(event)
                if user is None:
                    nobodies += 1
                    continue
            time = event.time
            if (time.__class__ is not aware or time.tzinfo is not utc) and time is not None:
                event.time = from_text(time) if time.__class__ is str else to_utc(time)
            if rule.finish is not None:
                rule.finish(event)
        return self._without_instructions(found, lines) if nobodies else found

    def _without_instructions(
        self, found: Sequence[Any], lines: Sequence[bytes]
    ) -> list[TrustedEvent]:
        for event, line in zip(found, lines, strict=True):
            if event.user is None and not (self._is_bulk and is_instruction(line)):
                raise Refused("every event needs a user")
        return [event for event in found if event.user is not None]


def _compile(rule: Rule, schema: ForeignSchema, leaves: Leaves) -> _CompiledRule:
    named_at = schema.type_place
    tests = [_is_in(leaves.text(at), texts) for at, texts in rule.when if at != named_at]
    tests += [_is_there(leaves.value(at)) for at in rule.has if at != named_at]
    tests += [_is_not_there(leaves.value(at)) for at in rule.lacks if at != named_at]
    fills, spares = leaves.fields(rule.places)
    finish = _finisher(rule, spares, schema) if USES[rule.kind].all else None
    return _CompiledRule(rule.kind, _all_of(tests), fills, spares.get("user"), finish)


_Rules: TypeAlias = tuple[_CompiledRule, ...]
_ANOTHER = object()  # stands for a name that no rule asks for


def _by_type(
    rules: Sequence[tuple[Rule, _CompiledRule]], place: Place | None, no_rule: _CompiledRule
) -> tuple[dict[str | None, _Rules], _Rules]:
    """Sort rules by the name of the events that they may fit, keeping their order.

    Returns:
        Those for events of each name that matters and for those without, and those for
        events of any other name. All but the latter end with a rule that fits any event.
    """
    asked = [None if place is None else dict(rule.when).get(place) for rule, _ in rules]

    def fitting(name: object) -> _Rules:
        return tuple(
            compiled
            for (rule, compiled), texts in zip(rules, asked, strict=True)
            if (texts is None or name in texts)
            and not (name is None and place in rule.has)
            and not (name is not None and place in rule.lacks)
        )

    names = {None, *RESERVED}.union(*filter(None, asked))
    by_type = {name: (*fitting(name), no_rule._replace(kind=other_type(name))) for name in names}
    others = fitting(_ANOTHER)
    return by_type, (*others, no_rule) if others else ()


def _is_in(get: Get, texts: frozenset[str]) -> Test:
    return lambda line: get(line) in texts


def _is_there(get: Get) -> Test:
    return lambda line: get(line) is not None


def _is_not_there(get: Get) -> Test:
    return lambda line: get(line) is None


def _all_of(tests: Sequence[Test]) -> Test | None:
    if len(tests) <= 1:
        return tests[0] if tests else None
    return lambda line: all(test(line) for test in tests)


def _finisher(
    rule: Rule, spares: Mapping[str, Get], schema: ForeignSchema
) -> Callable[[Any], None]:
    """Make what checks the fields that an event of a kind uses, and brings them into form."""
    uses, rank_from = USES[rule.kind], rule.rank_from
    others = [(name, get) for name, get in spares.items() if name not in {"items", "user"}]
    has_query = "query" in uses.all
    has_other_rank = "rank" in uses.all and (rank_from != 1 or schema.quotes_numbers)
    required = attrgetter(*uses.required) if uses.required else None

    def finish(event: Any) -> None:
        for name, get in others:
            if getattr(event, name) in _NOTHING:
                setattr(event, name, get(event))
        if event.search_id is not None:
            event.search_id = str(event.search_id) or None
        if has_query and event.query.__class__ is int:
            event.query = str(event.query)
        if has_other_rank and event.rank is not None:
            event.rank = read_rank(event.rank, rank_from)
        if required is not None and required(event) is None:
            raise Refused(f"there is no {uses.required[0]}")

    return _finisher_with_items(rule, spares, finish) if "items" in uses.all else finish


_NOTHING = (None, "")


def _finisher_with_items(
    rule: Rule, spares: Mapping[str, Get], finish: Callable[[Any], None]
) -> Callable[[Any], None]:
    has_items = bool(rule.places.get("items"))
    spare = spares.get("items")

    def finish_with_items(event: Any) -> None:
        items = _packed(event.items) if has_items else None
        if items is None and spare is not None:
            items = _packed(spare(event))
        event.items = items
        finish(event)

    return finish_with_items


def _packed(items: Raw | None) -> Items | None:
    """Count the ids in a JSON list; null is none."""
    if items is None:
        return None
    try:
        return len(decode_ids(items)), items
    except ValidationError:
        if bytes(items) == b"null":
            return None
        raise
