"""The queries of a simulated shop, their relevance and the items they find.

Everything about a query is computed from its number, so a catalogue stores only the cumulative
frequencies of its queries (32 bytes each) and a bounded cache of the queries in use.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from ctrlog.simulate.click_model import PAGE_ITEMS, Scan, attraction, satisfaction

PAGES = 2
#: The number of the most frequent queries that always find something.
FAMOUS_QUERIES = 10
#: The share of the other queries that find nothing.
FINDS_NOTHING = 0.05
#: The number of levels of relevance, evenly spaced from 0 to 1.
RELEVANCES = 64

# Words are combined by `n % 13` with `n % 12`, and so on. The lengths of the two lists have no
# common factor, so each combination occurs once.
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

_CACHED_QUERIES = 8192


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """A query that users can make.

    Attributes:
        text: The query as a JSON string.
        pages: The item ids of each page as JSON strings joined by commas; a single empty page
            if the query finds nothing.
        scans: How users scan each page.
        satisfaction: The probability that a click satisfies.
    """

    text: str
    pages: tuple[str, ...]
    scans: tuple[Scan, ...]
    satisfaction: float


class Catalogue:
    """The queries that users make, with frequencies that follow Zipf's law.

    >>> catalogue = Catalogue(queries=100)
    >>> catalogue.query(catalogue.choose(chance=0.0)).text
    '"running shoes"'
    """

    def __init__(self, queries: int) -> None:
        """Make a catalogue; its first queries are those of any smaller one.

        Args:
            queries: Number of queries, at least 1.
        """
        self._queries = queries
        self._up_to = [*accumulate(1 / place for place in range(1, queries + 1))]
        relevances = [level / (RELEVANCES - 1) for level in range(RELEVANCES)]
        self._scans = [
            tuple(_scan(relevance, page) for page in range(PAGES)) for relevance in relevances
        ]
        self._satisfactions = [*map(satisfaction, relevances)]
        #: Returns the query of a number, from 0.
        self.query = lru_cache(_CACHED_QUERIES)(self._make_query)

    def choose(self, chance: float) -> int:
        """Choose a query by Zipf's law: the n-th, from 1, with a probability proportional to 1/n.

        Source: G. K. Zipf, Human Behavior and the Principle of Least Effort (1949).

        Args:
            chance: A random number, uniform in 0 <= chance < 1.

        Returns:
            The number of the query, from 0.
        """
        return bisect_left(self._up_to, chance * self._up_to[-1])

    def rephrase(self, number: int) -> int:
        """Return another query for the same kind of thing: "backpack" for "black backpack"."""
        return (number + len(NOUNS)) % self._queries

    def _make_query(self, number: int) -> CatalogueQuery:
        text = json.dumps(text_of(number), ensure_ascii=False)
        level = int(RELEVANCES * scattered(RELEVANCES * number))
        finds = number < FAMOUS_QUERIES or scattered(number) >= FINDS_NOTHING
        pages = tuple(items_of(number, page) for page in range(PAGES)) if finds else ("",)
        return CatalogueQuery(text, pages, self._scans[level], self._satisfactions[level])


def _scan(relevance: float, page: int) -> Scan:
    first = page * PAGE_ITEMS + 1
    return Scan([attraction(relevance, rank) for rank in range(first, first + PAGE_ITEMS)])


def scattered(number: int) -> float:
    """Return a number from 0 to below 1 that looks random but depends only on `number`.

    Fibonacci hashing: `number` times 2^32 over the golden ratio, modulo 2^32, so the values of
    neighbouring numbers lie far apart.
    Source: D. E. Knuth, The Art of Computer Programming 3, section 6.4.
    """
    return _scattered_bits(number) / 2**32


def _scattered_bits(number: int) -> int:
    return (number + 1) * 2_654_435_761 % 2**32


def items_of(number: int, page: int) -> str:
    """Return the ids of the items that a query shows on a page, all different.

    Args:
        number: Number of the query, from 0.
        page: Number of the page, from 0.

    Returns:
        The ids as JSON strings joined by commas.
    """
    first = (number * PAGES + page) * PAGE_ITEMS
    places = range(first, first + PAGE_ITEMS)
    return ",".join([item_id(_scattered_bits(place) / 2**32) for place in places])


def item_id(chance: float) -> str:
    """Return the id of an item as a JSON string, given a number from 0 to below 1."""
    return f'"item-{int(chance * 1_000_000):06d}"'


def text_of(number: int) -> str:
    """Return the text of a query, which no other query has.

    Plain queries come first, then those with a brand and an extra, then those with a number.

    >>> [text_of(number) for number in (0, 14, 156, 156 * 324)]
    ['running shoes', 'black backpack', 'running shoes kestrel', 'running shoes kestrel no. 2']
    """
    words = [KINDS[number % len(KINDS)], NOUNS[number % len(NOUNS)]]
    variant = number // _PLAIN - 1
    if variant >= 0:
        words += BRANDS[variant % len(BRANDS)], EXTRAS[variant % len(EXTRAS)]
    if variant >= _VARIANTS:
        words.append(f"no. {variant // _VARIANTS + 1}")
    return " ".join(word for word in words if word)
