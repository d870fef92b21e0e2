"""What a foreign schema takes from a line: the decoder, and what gets each field from it.

Values that stand in lists are kept as JSON, and looked into only when a field needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from ctrlog.schemas.extract import Path, Tree
from ctrlog.schemas.mapping import Candidates, ForeignSchema, as_text, fill_ids
from ctrlog.schemas.native import FIELD_TYPES
from ctrlog.schemas.paths import Pick, Place, find, has_each

Get: TypeAlias = Callable[[Any], Any]


class Fill(NamedTuple):
    """What brings a field under its name.

    Attributes:
        name: The field.
        get: What gets it from a line, from where it mostly is; raises AttributeError if an
            object on the way is not there.
        spare: What gets it where that gives nothing; None if there is nowhere else.
    """

    name: str
    get: Get
    spare: Get | None


class Fields(NamedTuple):
    """What brings the fields of an event under their names.

    Attributes:
        fills: For fields that are not decoded under their name.
        spares: What gets those that are, for where that gives nothing.
    """

    fills: tuple[Fill, ...]
    spares: Mapping[str, Get]


#: What the JSON of a field may decode to; a query that is a number is made text.
_TYPES: dict[str, Any] = {**FIELD_TYPES, "type": str | None, "query": str | int | None}
_QUOTED: dict[str, Any] = {"time": str | int | float | None, "rank": str | int | None}
_TEXT = str | None
_SCALAR = str | int | bool | None
#: Begins a key that no log has, for a field that is only filled in.
_NOWHERE = "\ue000"


class Refused(ValueError):  # noqa: N818  # nothing is wrong yet: it is to be read slowly
    """A line is not of the usual form."""


class Leaves:
    """The values that a schema needs, each decoded once, and what gets them from a line.

    A decoded line has all fields of an event as attributes. Those that stand in one place of
    the outermost object, whatever the event, are decoded right there; others are to be filled
    in.
    """

    def __init__(self, schema: ForeignSchema) -> None:
        """Compile what a schema needs.

        Raises:
            UsageError: If a place cannot be read, or only as a part of another.
        """
        self._types = {**_TYPES, **(_QUOTED if schema.quotes_numbers else {})}
        self._type_place = schema.type_place
        wanted = self._wanted(schema)
        self._types_of = {path: _common_type(types) for path, types in wanted.items()}
        self._own = self._own_names(schema)
        self._names = {
            path: self._own.get(path, f"leaf_{number}") for number, path in enumerate(wanted)
        }
        self._tree = Tree()
        for path, name in self._names.items():
            self._tree.add(path, name, self._types_of[path])
        for name in (*FIELD_TYPES, *(["extra"] if schema.extra else [])):
            if name not in self._own.values():
                self._tree.add((f"{_NOWHERE}{name}",), name, Any)

    def decoder(self) -> Callable[[bytes], Any]:
        """Return what decodes a line; it raises msgspec's errors or RecursionError."""
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._tree.struct()).decode
        return decode

    def _wanted(self, schema: ForeignSchema) -> dict[Path, list[Any]]:
        """Return the leaves, with the type that each use asks for; None asks for none."""
        uses: list[tuple[Place, Any]] = []
        for places in _all_places(schema):
            uses += [(at, self._types[name]) for name, found in places.items() for at in found]
        for rule in schema.rules:
            for place, texts in rule.when:
                uses.append((place, _SCALAR if any(map(_looks_scalar, texts)) else _TEXT))
            uses += [(place, None) for place in (*rule.has, *rule.lacks)]
        uses += [(place, Any) for place in schema.extra]
        wanted: dict[Path, list[Any]] = {}
        for place, type_ in uses:
            path, rest = _split(place)
            wanted.setdefault(path, []).append(Raw if rest else type_)
        return wanted

    def _own_names(self, schema: ForeignSchema) -> dict[Path, str]:
        """The leaves that can be decoded right under the name of a field."""
        own: dict[Path, str] = {}
        for name in FIELD_TYPES:
            first = {places[name][0] for places in _all_places(schema) if places.get(name)}
            if name == "type" and self._type_place is not None:
                first = {self._type_place}
            if len(first) != 1:
                continue
            path, rest = _split(first.pop())
            is_plain = len(path) == 1 and not rest
            if is_plain and path not in own and self._types_of[path] == self._types[name]:
                own[path] = name
        return own

    # What gets a value from a decoded line.

    def type_getter(self) -> Get | None:
        """Return what gets the name of a line's event; None if it is decoded as its type."""
        if self._type_place is None:
            return lambda _: None
        path, _ = _split(self._type_place)
        return None if self._own.get(path) == "type" else self.text(self._type_place)

    def value(self, place: Place) -> Get:
        """Return what gets the value in a place, None if it is null or not there."""
        path, rest = _split(place)
        get = self._tree.getter(self._names[path])
        if rest:
            return _picking(get, rest, Any)
        if self._types_of[path] is Raw:  # of a list that others look into
            return lambda line: _decoded(get(line))
        return get

    def text(self, place: Place) -> Get:
        """Return what gets the value in a place as text, None if it is null or not there."""
        path, rest = _split(place)
        get = self.value(place)
        if not rest and self._types_of[path] == _TEXT:
            return get

        def get_text(line: Any) -> str | None:
            found = get(line)
            if found is None:
                return None
            if not isinstance(found, str | int):
                raise Refused("it is no text")
            return as_text(found)

        return get_text

    def fields(self, places: Mapping[str, Candidates]) -> Fields:
        """Return what brings each field of an event under its name.

        Args:
            places: Where to look for each field.
        """
        fills: list[Fill] = []
        spares: dict[str, Get] = {}
        for name, candidates in places.items():
            if not candidates:
                continue
            first, *others = candidates
            spare = _first_of([self._field(name, at) for at in candidates]) if others else None
            is_own = self._own.get(_split(first)[0]) == name
            if not is_own or (name == "time" and others):
                fills.append(Fill(name, self._field(name, first, is_quick=True), spare))
            elif spare is not None:
                spares[name] = spare
        return Fields(tuple(fills), spares)

    def _field(self, name: str, place: Place, *, is_quick: bool = False) -> Get:
        """What gets a field of an event, checked."""
        if name == "items":
            return self._items(place)
        path, rest = _split(place)
        type_ = self._types[name]
        get = self._tree.getter(self._names[path])
        if rest:
            get = _picking(get, rest, type_)
        elif self._types_of[path] == type_:
            return self._tree.quick_getter(self._names[path]) if is_quick else get
        return lambda line: msgspec.convert(get(line), type_)

    def _items(self, place: Place) -> Get:
        """What gets the ids of results as a JSON list, None if there is none."""
        path, rest = _split(place)
        get = self._tree.getter(self._names[path])
        if has_each(place):
            get_ids = _picking(get, rest, str | int | None)
            return lambda line: _as_list(get_ids(line))
        get_list = _picking(get, rest, Raw) if rest else get
        return lambda line: _unless_null(get_list(line))


def _all_places(schema: ForeignSchema) -> list[Mapping[str, Candidates]]:
    return [schema.places, *(rule.places for rule in schema.rules)]


def _split(place: Place) -> tuple[Path, Place]:
    """Split a place into keys and, from the first step into a list on, the rest."""
    keys: list[str] = []
    for step in place:
        if isinstance(step, Pick):
            break
        keys.append(step)
    return tuple(keys), place[len(keys) :]


def _looks_scalar(text: str) -> bool:
    return text in {"true", "false"} or text.removeprefix("-").isdecimal()


def _common_type(types: Iterable[Any]) -> Any:
    """The type that does for all uses of a leaf; a use without one asks only if it is there."""
    asked = [type_ for type_ in types if type_ is not None]
    return asked[0] if asked and all(type_ == asked[0] for type_ in asked) else Any


def _first_of(gets: Sequence[Get]) -> Get:
    """Get the first value that is neither null nor empty text, else the last."""
    *most, last = gets

    def get_first(line: Any) -> Any:
        for get in most:
            found = get(line)
            if found is not None and found != "":
                return found
        return last(line)

    return get_first


def _unless_null(raw: Raw | None) -> Raw | None:
    return None if raw is None or bytes(raw) == b"null" else raw


def _as_list(ids: Sequence[str | int | None] | None) -> Raw | None:
    filled = None if ids is None else fill_ids(ids)
    return None if filled is None else Raw(msgspec.json.encode(filled))


def _decoded(raw: Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


# Steps into lists.


def _picking(get: Get, rest: Place, type_: Any) -> Get:
    """Get what stands in the rest of a place, from the JSON of the list that it leads into."""
    decode = msgspec.json.Decoder(_type_of(rest, type_)).decode
    pick = _picker(rest)

    def get_picked(line: Any) -> Any:
        raw = get(line)
        return None if raw is None else pick(decode(raw))

    return get_picked


def _type_of(rest: Place, type_: Any) -> Any:
    """The type that the JSON of a list, or of what is in it, is decoded to."""
    if not rest:
        return type_ if type_ is Raw else type_ | None
    step, *others = rest
    if isinstance(step, Pick) and step.key is not None:
        return list[dict[str, Any]] | None
    inner: Any = _type_of(tuple(others), type_)
    if isinstance(step, Pick):
        return list[inner] | None
    return (
        msgspec.defstruct("Inner", [("inner", inner, None)], rename={"inner": step}, gc=False)
        | None
    )


def _picker(rest: Place) -> Get:
    """What goes the steps of a place in what `_type_of` made the decoder for."""
    if not rest:
        return lambda found: found
    step, *others = rest
    place = tuple(others)
    inner = _picker(place)
    if isinstance(step, str):
        return lambda found: None if found is None else inner(found.inner)
    if step.is_each:
        return lambda found: None if found is None else [inner(each) for each in found]
    if step.key is None:
        return lambda found: None if found is None else inner(step.of(found))
    return lambda found: None if found is None else find(step.of(found), place)
