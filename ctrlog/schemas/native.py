"""What a log calls things, and the decoder made for it.

A schema says where in a line each field of an event is found. It is compiled once to a
typed decoder that takes just these fields from a line and passes over the rest. Lines
that it refuses are looked at again, slowly, by `faults`, which says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ctrlog.errors import UsageError
from ctrlog.schemas.extract import Path, Tree
from ctrlog.sessions.events import REQUIRED, SPELLINGS, Kind, TrustedEvent, decode_ids
from ctrlog.times import to_utc

#: The fields of an event, with what their JSON may decode to.
FIELD_TYPES: dict[str, Any] = {
    "type": str,
    "user": str | int,
    "time": datetime | int | float | None,
    "query": str | None,
    "items": msgspec.Raw,  # counted, and looked into only if there is a click
    "item": str | int | None,
    "rank": int | None,
    "search_id": str | int | None,
}
_ALWAYS_REQUIRED = ("type", "user")
_NOT_COMPARED = ("time", "items")


@dataclass(frozen=True, slots=True)
class Schema:
    """Where in a line the fields of an event are.

    Attributes:
        paths: The path of each field of `FIELD_TYPES`; `search_id` may be missing.
        extra: Paths of further fields, which events carry in `extra` in this order.
    """

    paths: Mapping[str, Path] = field(
        default_factory=lambda: {name: (name,) for name in FIELD_TYPES}
    )
    extra: tuple[Path, ...] = ()

    @classmethod
    def native(cls, renamed: Iterable[tuple[str, str]] = (), extra: Iterable[str] = ()) -> Schema:
        r"""Return the native schema with some fields named differently.

        Args:
            renamed: Pairs of a field and its place in the log: keys joined by dots,
                where `\.` is a dot that is part of a key.
            extra: Places of further fields that events are to carry.

        Raises:
            UsageError: If there is no such field or a place is not well formed.
        """
        paths: dict[str, Path] = {name: (name,) for name in FIELD_TYPES}
        for name, place in renamed:
            if name not in FIELD_TYPES:
                known = ", ".join(FIELD_TYPES)
                raise UsageError(f"there is no field {name!r}; the fields are {known}")
            paths[name] = parse_path(place)
        return cls(paths, tuple(parse_path(place) for place in extra))

    @property
    def has_ids(self) -> bool:
        """Whether events carry the ids of searches."""
        return "search_id" in self.paths

    def without_ids(self) -> Schema:
        """Return the schema that passes over the ids of searches, whatever a line has there."""
        paths = {name: path for name, path in self.paths.items() if name != "search_id"}
        return replace(self, paths=paths)

    def decoder(self) -> Callable[[bytes], TrustedEvent]:
        """Compile the schema.

        Returns:
            A function from a line to its event. It checks types, but neither what
            fields an event needs (`check`) nor the UTF-8 of what it passes over; it
            raises msgspec's errors or RecursionError.

        Raises:
            UsageError: If two fields are read from the same place.
        """
        tree = Tree()
        for name, path in self.paths.items():
            tree.add(path, name, FIELD_TYPES[name], required=name in _ALWAYS_REQUIRED)
        known = {path: name for name, path in self.paths.items()}
        extra_names = []
        for number, path in enumerate(self.extra):
            if known.get(path) in _NOT_COMPARED:
                place = ".".join(path)
                hint = "; use --since and --until" if known[path] == "time" else ""
                raise UsageError(f"{place!r} holds the {known[path]} of events{hint}")
            if path not in known:
                known[path] = f"extra_{number}"
                tree.add(path, known[path], Any)
            extra_names.append(known[path])
        decode: Any = msgspec.json.Decoder(tree.struct()).decode
        if tree.is_flat and not extra_names:
            return cast("Callable[[bytes], TrustedEvent]", decode)
        getters = [tree.getter(name) if name in self.paths else _nothing for name in FIELD_TYPES]
        extra_getters = [tree.getter(name) for name in extra_names]

        def decode_flattened(line: bytes) -> TrustedEvent:
            found = decode(line)
            extra = tuple([get(found) for get in extra_getters])
            fields: list[Any] = [*[get(found) for get in getters], extra]
            event = TrustedEvent(*fields)
            if event.type is None or event.user is None:  # in an object that is not there
                raise ValueError("every event needs a type and a user")
            return event

        return decode_flattened


def parse_path(place: str) -> Path:
    r"""Split a place such as `event.action` at its dots; `\.` stands for a dot in a key.

    Raises:
        UsageError: If a key is empty.
    """
    keys = tuple(key.replace(r"\.", ".") for key in re.split(r"(?<!\\)\.", place))
    if not all(keys):
        raise UsageError(f"{place!r} is not the place of a field: write key or outer.inner")
    return keys


def _nothing(_found: object) -> None:
    """Get a field that the schema passes over."""


def name_searches(events: Iterable[TrustedEvent]) -> None:
    """Make the ids of searches text, since 1 and "1" are the same, and an empty one none."""
    for event in events:
        search_id: str | int | None = event.search_id  # as decoded
        if search_id is not None:
            event.search_id = str(search_id) or None


#: The spellings of the kinds of events that need a field of their own.
_NEEDY = {spelling: kind for spelling, kind in SPELLINGS.items() if kind in REQUIRED}


def check(events: Sequence[TrustedEvent]) -> None:
    """See that decoded events have what they need, and complete them.

    Brings times to UTC, packs items and makes the ids of searches text.

    Args:
        events: Events as the decoder made them.

    Raises:
        ValueError: At the first event that is not right; msgspec's ValidationError is one.
    """
    search, results = Kind.SEARCH, Kind.RESULTS  # local names are found faster
    aware, utc = datetime, UTC
    needy, ids = _NEEDY.get, decode_ids
    for event in events:
        time = event.time
        if (time.__class__ is not aware or time.tzinfo is not utc) and time is not None:
            event.time = to_utc(time)
        kind = needy(event.type)
        if kind is None:
            continue
        if kind is search:
            if event.query is None:
                raise ValueError("a search needs a query")
            event.items = None  # ctrlog's own searches come without results
        elif kind is results:
            items: Any = event.items  # as decoded
            if items is None:
                raise ValueError("results need items")
            event.items = len(ids(items)), items  # as `pack_items` does, without the call
        elif event.item is None:
            raise ValueError("a click needs an item")
