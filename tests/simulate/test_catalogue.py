"""The queries of a simulated shop and the items they find."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import accumulate

import pytest

from ctrlog.simulate.catalogue import (
    FAMOUS_QUERIES,
    FINDS_NOTHING,
    NOUNS,
    Catalogue,
    items_of,
    scattered,
    text_of,
)
from ctrlog.simulate.scenario import MAX_QUERIES


def test_queries_are_chosen_by_zipfs_law() -> None:
    """The n-th query is chosen with a probability proportional to 1/n."""
    catalogue, n = Catalogue(7), 20_000
    shares = [
        Fraction(1, place) / sum(Fraction(1, k) for k in range(1, 8)) for place in range(1, 8)
    ]
    chosen = [catalogue.choose(draw / n) for draw in range(n)]
    assert chosen == sorted(chosen)
    for number, up_to in enumerate(accumulate(shares)):
        assert sum(query <= number for query in chosen) == pytest.approx(float(up_to * n), abs=1)


@pytest.mark.parametrize("queries", [1, 2, 10, 9_999])
def test_any_chance_chooses_a_query(queries: int) -> None:
    """The least and the greatest random number choose the first and the last query."""
    catalogue = Catalogue(queries)
    assert catalogue.choose(0.0) == 0
    assert catalogue.choose(1 - 2**-53) == queries - 1


def test_no_two_queries_have_the_same_words() -> None:
    """The texts of many queries are all different, also where the number of words changes."""
    numbers = [*range(60_000), *range(MAX_QUERIES - 1_000, MAX_QUERIES)]
    assert len({text_of(number) for number in numbers}) == len(numbers)


def test_texts_are_as_people_write_them() -> None:
    """Plain words come first, then a brand and usually an extra, then a number."""
    assert text_of(0) == "running shoes"
    assert text_of(13) == "usb c cable"
    assert text_of(156) == "running shoes kestrel"
    assert text_of(156 * 2) == "running shoes norrland sale"
    assert text_of(156 * 324) == "running shoes kestrel no. 2"


def test_the_text_is_json() -> None:
    """Quotes are escaped and accents are not."""
    catalogue = Catalogue(200)
    texts = [catalogue.query(number).text for number in range(200)]
    assert [json.loads(text) for text in texts] == [*map(text_of, range(200))]
    assert any(r"\"" in text for text in texts)
    assert any("é" in text for text in texts)


def test_a_query_shows_ten_items_a_page_and_none_twice() -> None:
    """The item of a click decides its rank, so a query shows no item twice."""
    for number in (*range(2_000), MAX_QUERIES - 1):
        pages = [json.loads(f"[{items_of(number, page)}]") for page in range(2)]
        assert [len(page) for page in pages] == [10, 10]
        assert len({*pages[0], *pages[1]}) == 20


def test_a_query_is_the_same_in_any_catalogue() -> None:
    """A query does not depend on the number of other queries."""
    small, large = Catalogue(50), Catalogue(5_000)
    for number in range(50):
        one, other = small.query(number), large.query(number)
        assert (one.text, one.pages, one.satisfaction) == (
            other.text,
            other.pages,
            other.satisfaction,
        )


def test_some_queries_find_nothing_but_no_famous_one() -> None:
    """The stated share of queries show an empty page, but none of the most frequent."""
    catalogue = Catalogue(10_000)
    empty = [number for number in range(10_000) if catalogue.query(number).pages == ("",)]
    assert min(empty) >= FAMOUS_QUERIES
    assert len(empty) / 10_000 == pytest.approx(FINDS_NOTHING, rel=0.02)


def test_queries_differ_in_relevance() -> None:
    """Satisfaction, which follows relevance, is spread over its range."""
    catalogue = Catalogue(1_000)
    satisfactions = sorted(catalogue.query(number).satisfaction for number in range(1_000))
    assert satisfactions[0] == 0.35
    assert satisfactions[500] == pytest.approx(0.55, abs=0.01)
    assert satisfactions[-1] == 0.75
    assert len({*satisfactions}) == 64


def test_a_rephrased_query_is_for_the_same_thing() -> None:
    """A rephrased query has the same noun; in a small catalogue it is still a valid query."""
    catalogue = Catalogue(10_000)
    for number in range(0, 9_000, 17):
        other, noun = catalogue.rephrase(number), NOUNS[number % len(NOUNS)]
        assert other != number
        assert noun in text_of(number)
        assert noun in text_of(other)
    assert Catalogue(1).rephrase(0) == 0


def test_scattered_numbers_are_evenly_spread() -> None:
    """Of 1,000 consecutive numbers, about 100 fall into each tenth, and all are different."""
    for first in (0, 123_456, 10**12):
        numbers = [scattered(number) for number in range(first, first + 1_000)]
        assert all(0 <= number < 1 for number in numbers)
        assert len({*numbers}) == 1_000
        tenths = [sum(int(10 * number) == tenth for number in numbers) for tenth in range(10)]
        assert all(95 <= count <= 105 for count in tenths)
