"""The pages of results that one search showed, as one list (R5).

The first page stays packed, as most searches have one page and no click. From the second page on
the items are unpacked, with the position of each, so that a page costs time and memory in
proportion to its own size, however many pages came before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Raw
from msgspec.json import encode

from ctrlog.sessions.events import Items, pack_items, unpack_items


class Pages:
    """Two or more pages of results, joined.

    Example:
        >>> pages = Pages(["a", "b"])
        >>> pages.add(["a", "b", "c"])  # "load more" repeats what is there
        >>> pages.add(["b"])  # a reload
        >>> pages.add(["d", "a"])  # a further page
        >>> pages.items
        ['a', 'b', 'c', 'd', 'a']
    """

    __slots__ = ("_positions", "items")

    def __init__(self, items: Sequence[str]) -> None:
        """Start with the first page.

        Args:
            items: Ids of its results, best first.
        """
        self.items: list[str] = []
        self._positions: dict[str, int] = {}
        self._append(items)

    def add(self, page: Sequence[str]) -> None:
        """Add what is new on a further page.

        A page that begins with all items so far adds those behind them. A page whose items are
        all there adds nothing. Any other page is added whole.

        Args:
            page: Ids of its results, best first.
        """
        count = len(self.items)
        if len(page) >= count and page[:count] == self.items:
            self._append(page[count:])
        elif not all(item in self._positions for item in page):
            self._append(page)

    def rank_of(self, item: str) -> int | None:
        """Return the 1-based place at which an item came first; None if it was not shown."""
        position = self._positions.get(item)
        return None if position is None else position + 1

    def _append(self, items: Sequence[str]) -> None:
        for position, item in enumerate(items, len(self.items)):
            self._positions.setdefault(item, position)
        self.items += items


#: What a search showed: one page as it was logged, or several.
Shown: TypeAlias = Items | Pages


def with_page(shown: Shown | None, page: Items) -> Shown:
    """Return what a search has shown, with a further page."""
    if shown is None:
        return page
    if not isinstance(shown, Pages):
        shown = Pages(unpack_items(shown))
    shown.add(unpack_items(page))
    return shown


def number_shown(shown: Shown | None) -> int | None:
    """Return the number of items shown; None if the log has no Results for the search."""
    if shown is None:
        return None
    return shown[0] if isinstance(shown, tuple) else len(shown.items)


def rank_in(shown: Shown | None, item: str) -> int | None:
    """Return the 1-based place at which an item came first; None if it is not known to be shown."""
    if shown is None:
        return None
    if isinstance(shown, Pages):
        return shown.rank_of(item)
    try:
        return unpack_items(shown).index(item) + 1
    except ValueError:
        return None


def packed(pages: Pages) -> Items:
    """Return pages as one packed page, to be saved."""
    return pack_items(Raw(encode(pages.items)))
