"""Schemas as TOML: those that come with ctrlog, and a user's own.

`docs/schemas.md` says how one is written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ctrlog.errors import UsageError
from ctrlog.schemas.mapping import COMMON, USES, Candidates, ForeignSchema, Rule, as_text
from ctrlog.schemas.paths import Pick, Place, has_each, parse_place
from ctrlog.sessions.events import Attribution

#: The schemas that come with ctrlog.
PRESETS = ("native", "ubi", "ubi-events", "elastic", "ga4")
_SETTINGS = {"description": str, "attribute": str, "bulk": bool, "quoted_numbers": bool}
_SIGNS = ("when", "has", "lacks")
_SHARED = (*COMMON, "search_id")  # fields whose place may be told once for all events


def preset_text(name: str) -> str:
    """Return a schema that comes with ctrlog as TOML.

    Raises:
        UsageError: If there is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(f"there is no schema {name!r}; there are {', '.join(PRESETS)}")
    return Path(__file__).with_name("presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load_schema(name: str) -> ForeignSchema:
    """Load a schema.

    Args:
        name: One of `PRESETS`, or the path of a TOML file.

    Raises:
        UsageError: If there is no such schema, or something is wrong with it.
    """
    if name in PRESETS:
        return parse_schema(preset_text(name), name)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            f"{name}: {why}; --schema takes a file or one of {', '.join(PRESETS)}"
        ) from None
    return parse_schema(text, name)


def parse_schema(text: str, name: str) -> ForeignSchema:
    """Read a schema.

    Args:
        text: TOML.
        name: What to call it in messages.

    Raises:
        UsageError: What is wrong with it, and where.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not TOML: {error}") from None
    return _SchemaReader(name).read(found)


class _SchemaReader:
    """Makes a schema of what its TOML says, and tells what is wrong with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._table = ""

    def read(self, found: Mapping[str, Any]) -> ForeignSchema:
        self._check_names(found, [*_SETTINGS, *_SHARED, *USES])
        for name, type_ in _SETTINGS.items():
            if not isinstance(found.get(name, type_()), type_):
                self._refuse(f"{name} must be {'text' if type_ is str else 'true or false'}")
        attribute = found.get("attribute", Attribution.ORDER.value)
        if attribute not in {each.value for each in Attribution}:
            self._refuse(f"attribute must be {' or '.join(Attribution)}")
        shared = self._fields(found, _SHARED)
        rules = tuple(self._rules(found, shared))
        if not rules:
            self._refuse("no event is described: write [[Search]] and [[ClickResult]]")
        return ForeignSchema(
            name=self._name,
            rules=rules,
            places={field: shared.get(field, ()) for field in COMMON},
            description=found.get("description", ""),
            attribute=Attribution(attribute),
            is_bulk=found.get("bulk", False),
            quotes_numbers=found.get("quoted_numbers", False),
        )

    def _rules(self, found: Mapping[str, Any], shared: Mapping[str, Candidates]) -> Iterator[Rule]:
        """Make the rules, in the order in which their kinds come first."""
        for kind in found:
            if kind not in USES:
                continue
            tables = found[kind] if isinstance(found[kind], list) else [found[kind]]
            for table in tables:
                self._table = f"[[{kind}]]: "
                if not isinstance(table, dict):
                    self._refuse("must be a table")
                yield self._rule(kind, table, shared)
        self._table = ""

    def _rule(self, kind: str, table: Mapping[str, Any], shared: Mapping[str, Candidates]) -> Rule:
        uses = USES[kind]
        fields = (*COMMON, *uses.all)
        with_rank = ["rank_from"] if "rank" in fields else []
        self._check_names(table, [*_SIGNS, *fields, *with_rank])
        if not any(sign in table for sign in _SIGNS):
            self._refuse(f"say how to tell it: {', '.join(_SIGNS[:-1])} or {_SIGNS[-1]}")
        places = {name: places for name, places in shared.items() if name in fields}
        places |= self._fields(table, fields)
        for name in ("user", *uses.required):
            if not places.get(name):
                self._refuse(f"say where its {name} is")
        rank_from = table.get("rank_from", 1)
        if isinstance(rank_from, bool) or not isinstance(rank_from, int):
            self._refuse("rank_from must be the rank of the first result, such as 0 or 1")
        return Rule(
            kind=kind,
            when=tuple(self._conditions(table["when"])) if "when" in table else (),
            has=self._places(table.get("has", []), "has"),
            lacks=self._places(table.get("lacks", []), "lacks"),
            places=places,
            rank_from=rank_from,
        )

    def _conditions(
        self, found: object, outer: Place = ()
    ) -> Iterator[tuple[Place, frozenset[str]]]:
        """Read `when`: a table of places, those inside an object perhaps as an inner table."""
        if not isinstance(found, dict) or not found:
            self._refuse('when must be a table such as { event_name = "search" }')
        for key, value in found.items():
            place = outer + self._place(key)
            if isinstance(value, dict):
                yield from self._conditions(value, place)
                continue
            values = value if isinstance(value, list) else [value]
            if not values or not all(isinstance(each, str | int) for each in values):
                self._refuse(f"when {key} has a value: text, a whole number, true or false")
            yield place, frozenset(map(as_text, values))

    def _fields(self, table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Candidates]:
        found = {name: self._places(table[name], name) for name in names if name in table}
        for name, places in found.items():
            for place in places:
                if has_each(place) and name != "items":
                    self._refuse(f"{name} is one value: take [0] of the list instead of []")
                if sum(isinstance(step, Pick) and step.is_each for step in place) > 1:
                    self._refuse("results are one list: there can be only one []")
        return found

    def _places(self, found: object, name: str) -> Candidates:
        texts = found if isinstance(found, list) else [found]
        if not all(isinstance(text, str) for text in texts):
            self._refuse(f"{name} must be a place, or a list of places to look in")
        return tuple(map(self._place, texts))

    def _place(self, text: str) -> Place:
        try:
            return parse_place(text)
        except UsageError as error:
            self._refuse(str(error))

    def _check_names(self, table: Mapping[str, Any], known: list[str]) -> None:
        for name in table:
            if name not in known:
                self._refuse(f"there is no {name!r}; there are {', '.join(known)}")

    def _refuse(self, why: str) -> NoReturn:
        raise UsageError(f"{self._name}: {self._table}{why}")
