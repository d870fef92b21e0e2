"""Decoders that take from a line just what stands in certain places.

The places make a tree of keys, which is compiled to nested msgspec Structs: a Struct for
each object, an attribute for each key that is wanted. All else is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from ctrlog.errors import UsageError

#: Keys from the outermost object of a line inwards.
Path: TypeAlias = tuple[str, ...]


#: What an event has of a field that is in none of a line's places.
_ABSENT: dict[str, Any] = {"extra": (), "search_id": None}


class Tree:
    """The part of a line's JSON that is wanted, as nested objects."""

    def __init__(self) -> None:
        """Want nothing yet."""
        self.children: dict[str, Tree] = {}
        self.leaves: dict[str, tuple[str, Any, bool]] = {}  # key: name, type, required

    @property
    def is_flat(self) -> bool:
        """Whether all that is wanted is in the outermost object."""
        return not self.children

    def add(self, path: Path, name: str, type_: Any, *, required: bool = False) -> None:
        """Want a value.

        Args:
            path: Where it is.
            name: What it is to be called.
            type_: What its JSON may decode to.
            required: Whether a line without it is refused; only in the outermost object.

        Raises:
            UsageError: If something is read from there already, or inside, or around it.
        """
        tree = self
        *outer_keys, last = path
        for key in outer_keys:
            if key in tree.leaves:
                raise _clash(path)
            tree = tree.children.setdefault(key, Tree())
        if last in tree.leaves or last in tree.children:
            raise _clash(path)
        tree.leaves[last] = (name, type_, required and not outer_keys)

    def struct(self) -> type[msgspec.Struct]:
        """Return the type to decode to: an attribute for each leaf and each inner object.

        Raises:
            UsageError: If a key cannot be read.
        """
        fields: list[Any] = []
        keys: dict[str, str] = {}
        for key, (name, type_, required) in self.leaves.items():
            keys[name] = key
            fields.append((name, type_) if required else (name, type_, None))
        for number, (key, child) in enumerate(self.children.items()):
            keys[f"inner_{number}"] = key
            fields.append((f"inner_{number}", child.struct() | None, None))
        constants = {name: value for name, value in _ABSENT.items() if name not in keys}
        try:
            return msgspec.defstruct(
                "Line", fields, rename=keys, namespace=constants, gc=False, kw_only=True
            )
        except ValueError:  # of the keys
            raise UsageError(
                "a key with a quote, a backslash or a control character cannot be read"
            ) from None

    def quick_getter(self, name: str) -> Callable[[Any], Any]:
        """Return what gets a leaf from a decoded line.

        It raises AttributeError if an object on the way is not there.
        """
        return attrgetter(".".join(self.path_to(name)))

    def getter(self, name: str) -> Callable[[Any], Any]:
        """Return what gets a leaf from a decoded line.

        It gives None if an object on the way is not there.
        """
        get = self.quick_getter(name)

        def get_or_none(found: Any) -> Any:
            try:
                return get(found)
            except AttributeError:
                return None

        return get if len(self.path_to(name)) == 1 else get_or_none

    def path_to(self, name: str) -> list[str]:
        """Return the attributes that lead to a leaf; none if it is not there."""
        if any(leaf == name for leaf, _, _ in self.leaves.values()):
            return [name]
        for number, child in enumerate(self.children.values()):
            if path := child.path_to(name):
                return [f"inner_{number}", *path]
        return []


def _clash(path: Path) -> UsageError:
    return UsageError(f"two fields cannot both be read from {'.'.join(path)!r}")
