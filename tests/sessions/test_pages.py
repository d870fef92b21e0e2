"""The pages of results that one search showed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from ctrlog.sessions.events import pack_items, unpack_items
from ctrlog.sessions.pages import Pages, number_shown, packed, rank_in, with_page

PAGES = st.lists(st.lists(st.sampled_from("abcde"), max_size=4), max_size=8)


def joined(pages: list[list[str]]) -> list[str]:
    """Join pages as the rule says it (R5), each time from the beginning."""
    together: list[str] = []
    for page in pages:
        if page[: len(together)] == together:
            together = page
        elif any(item not in together for item in page):
            together = [*together, *page]
    return together


@given(PAGES)
def test_pages_are_joined_by_the_rule(pages: list[list[str]]) -> None:
    """Number and ranks are those of the list that the rule gives, through any saving between."""
    shown = None
    for page in pages:
        shown = with_page(shown, pack_items(Raw(json.dumps(page).encode())))
        if isinstance(shown, Pages) and len(page) % 2:
            shown = packed(shown)  # as a checkpoint has it
    expected = joined(pages)
    assert number_shown(shown) == (len(expected) if pages else None)
    for item in "abcdef":
        place = expected.index(item) + 1 if item in expected else None
        assert rank_in(shown, item) == place


@given(PAGES.filter(len))
def test_pages_are_packed_as_one(pages: list[list[str]]) -> None:
    """What is saved of several pages is their list."""
    whole = Pages(pages[0])
    for page in pages[1:]:
        whole.add(page)
    assert unpack_items(packed(whole)) == whole.items == joined(pages)
