"""Clicks on a list of results: the dynamic Bayesian network click model.

A user looks at the results from the first one down. A result that is looked at is clicked with a
probability called its attraction. A click satisfies the user with another probability, and a
satisfied user is done. Otherwise the user continues to the next result with a probability called
perseverance, or gives up. So fewer users look at lower ranks, and the better the results at the
top, the fewer need to.

Source: O. Chapelle, Y. Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking",
WWW 2009, 1-10.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

PAGE_ITEMS = 10
#: The outcomes of looking at a page besides a click on one of the places 1 to `PAGE_ITEMS`.
END_OF_PAGE = PAGE_ITEMS + 1
GAVE_UP = PAGE_ITEMS + 2

PERSEVERANCE = 0.88
#: The attraction of the first result, for queries of relevance 0 and of relevance 1.
LEAST_ATTRACTION = 0.05
GREATEST_ATTRACTION = 0.5
#: The probability that a click satisfies, for queries of relevance 0 and of relevance 1.
LEAST_SATISFACTION = 0.35
GREATEST_SATISFACTION = 0.75


def attraction(relevance: float, rank: int) -> float:
    """Return the probability that a user who looks at a result clicks it.

    The shop shows its best results first: the attraction at rank r is 4 / (3 + r) of the one at
    rank 1.

    Args:
        relevance: Quality of the results of the query, from 0 to 1.
        rank: Rank of the result, from 1.
    """
    first = LEAST_ATTRACTION + relevance * (GREATEST_ATTRACTION - LEAST_ATTRACTION)
    return first * 4 / (3 + rank)


def satisfaction(relevance: float) -> float:
    """Return the probability that a click satisfies, for a query of a relevance from 0 to 1."""
    return LEAST_SATISFACTION + relevance * (GREATEST_SATISFACTION - LEAST_SATISFACTION)


class Scan:
    """A user's scan down a page of results, from one click to the next.

    The place of the next click takes a single random number: a table holds the cumulative
    probabilities of each place, of reaching the end of the page, and of giving up.

    >>> scan = Scan([0.5] * PAGE_ITEMS, perseverance=1.0)
    >>> scan.next_click(after=0, chance=0.4), scan.next_click(after=0, chance=0.6)
    (1, 2)
    """

    def __init__(self, attractions: Sequence[float], perseverance: float = PERSEVERANCE) -> None:
        """Compute the probabilities.

        Args:
            attractions: The attraction of each of the `PAGE_ITEMS` results, first to last.
            perseverance: The probability of continuing to the next result.
        """
        self._up_to = [
            _cumulated(attractions[after:], perseverance if after else 1.0, perseverance)
            for after in range(PAGE_ITEMS + 1)
        ]

    def next_click(self, after: int, chance: float) -> int:
        """Return the place of the next click.

        Args:
            after: Place of the previous click, from 1, which did not satisfy; 0 if there was
                no click on the page yet.
            chance: A random number, uniform in 0 <= chance < 1.

        Returns:
            The place, from 1; or `END_OF_PAGE` if the user looked at all remaining results, or
            `GAVE_UP`.
        """
        return after + 1 + bisect_right(self._up_to[after], chance)


def _cumulated(
    attractions: Sequence[float], reaches: float, perseverance: float
) -> tuple[float, ...]:
    """Return the cumulative probabilities of a click at each place, and of none on the page.

    The user looks at the first place with the probability `reaches`, and at each next one with
    (1 - attraction) * perseverance times the probability of the one before.
    """
    up_to, total = [], 0.0
    for chance in attractions:
        total += reaches * chance
        up_to.append(total)
        reaches *= (1 - chance) * perseverance
    return (*up_to, total + reaches)
