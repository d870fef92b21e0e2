"""What a made-up shop is asked for and what it shows: queries, how good they are, and items."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from ctrlog.simulate.click_model import PAGE_ITEMS, Scan, attraction, satisfaction

PAGES = 2
#: So many of the most frequent queries always find something.
FAMOUS_QUERIES = 10
#: Share of the other queries that find nothing.
FINDS_NOTHING = 0.05
#: So many relevances are told apart, evenly from 0 to 1.
RELEVANCES = 64

# The lengths of two lists that are counted through at once (`n % 13` with `n % 12`) have no
# common factor, so every combination comes once.
KINDS = (
    *("", "black", "white", "blue", "small", "large", "cheap", "light", "waterproof"),
    *("vintage", "kids", "travel", "outdoor"),
)
NOUNS = (
    *("running shoes", "usb c cable", "backpack", "desk lamp", "coffee mug", "rain jacket"),
    *("water bottle", "phone case", "café table", "headphones", "bike helmet", '9" cake tin'),
)
BRANDS = (
    *("kestrel", "norrland", "bluefin", "oakham", "tessel", "varga", "lumo", "pinewood"),
    *("hartley", "solano", "mirabel", "quill", "brandt", "ostara", "fjell", "corvo", "zephyr"),
)
EXTRAS = (
    *("", "sale", "new", "2024", "xs", "s", "m", "l", "xl", "for two", "set of 2", "gift"),
    *("with bag", "spare part", "refill", "pro", "mini", "second hand", "eco"),
)
_PLAIN = len(KINDS) * len(NOUNS)
_VARIANTS = len(BRANDS) * len(EXTRAS)

_QUERIES_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Query:
    """A query that users may make.

    Attributes:
        text: What it says, as JSON.
        pages: The ids of the items on each page as JSON, with commas; a single empty page if
            it finds nothing.
        scans: How users look at each page.
        satisfaction: The chance that a click satisfies.
    """

    text: str
    pages: tuple[str, ...]
    scans: tuple[Scan, ...]
    satisfaction: float


class Catalogue:
    """The queries that users make, by Zipf's law, and what each finds."""

    def __init__(self, queries: int) -> None:
        """Make it; the first queries of a larger one are those of a smaller one.

        Args:
            queries: How many queries there are, at least 1.
        """
        self._queries = queries
        self._up_to = [*accumulate(1 / place for place in range(1, queries + 1))]
        relevances = [level / (RELEVANCES - 1) for level in range(RELEVANCES)]
        self._scans = [
            tuple(_scan(relevance, page) for page in range(PAGES)) for relevance in relevances
        ]
        self._satisfactions = [*map(satisfaction, relevances)]
        #: Returns the query of a number, from 0; it is always the same.
        self.query = lru_cache(_QUERIES_KEPT)(self._make_query)

    def choose(self, chance: float) -> int:
        """Choose a query by Zipf's law: the n-th, from 1, with a chance in proportion to 1/n.

        Source: G. K. Zipf, Human Behavior and the Principle of Least Effort (1949).

        Args:
            chance: 0 <= chance < 1, all equally likely.

        Returns:
            Its number, from 0.
        """
        return bisect_left(self._up_to, chance * self._up_to[-1])

    def rephrase(self, number: int) -> int:
        """Return another query for the same kind of thing: "backpack" for "black backpack"."""
        return (number + len(NOUNS)) % self._queries

    def _make_query(self, number: int) -> Query:
        text = json.dumps(text_of(number), ensure_ascii=False)
        level = int(RELEVANCES * scattered(RELEVANCES * number))
        finds = number < FAMOUS_QUERIES or scattered(number) >= FINDS_NOTHING
        pages = tuple(items_of(number, page) for page in range(PAGES)) if finds else ("",)
        return Query(text, pages, self._scans[level], self._satisfactions[level])


def _scan(relevance: float, page: int) -> Scan:
    first = page * PAGE_ITEMS + 1
    return Scan([attraction(relevance, rank) for rank in range(first, first + PAGE_ITEMS)])


def scattered(number: int) -> float:
    """Return a number from 0 to below 1 that looks random and depends on `number` alone.

    It is `number` times 2^32 over the golden ratio, so neighbours lie far apart. Source:
    D. E. Knuth, The Art of Computer Programming 3, section 6.4.
    """
    return _scattered_bits(number) / 2**32


def _scattered_bits(number: int) -> int:
    return (number + 1) * 2_654_435_761 % 2**32


def items_of(number: int, page: int) -> str:
    """Return the ids of the items that a query shows on a page (from 0), all different, as JSON."""
    first = (number * PAGES + page) * PAGE_ITEMS
    places = range(first, first + PAGE_ITEMS)
    return ",".join([item_id(_scattered_bits(place) / 2**32) for place in places])


def item_id(chance: float) -> str:
    """Return the id of an item as JSON, given a number from 0 to below 1."""
    return f'"item-{int(chance * 1_000_000):06d}"'


def text_of(number: int) -> str:
    """Return the words of a query, which are no other's.

    The plain queries come first, then those with a brand and an extra, then those with a number.
    """
    words = [KINDS[number % len(KINDS)], NOUNS[number % len(NOUNS)]]
    variant = number // _PLAIN - 1
    if variant >= 0:
        words += BRANDS[variant % len(BRANDS)], EXTRAS[variant % len(EXTRAS)]
    if variant >= _VARIANTS:
        words.append(f"no. {variant // _VARIANTS + 1}")
    return " ".join(word for word in words if word)
