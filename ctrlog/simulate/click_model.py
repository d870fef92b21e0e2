"""How people click in a list of results: the dynamic Bayesian network click model.

A user looks at the results from the first down. Who looks at one clicks it with a chance that is
its attraction. A click satisfies with a chance, and then the user is done. Else, and without a
click, the user goes on to the next result with a chance that is the perseverance. So the lower
the rank, the fewer look there; and the better what comes before, the fewer need to.

Source: O. Chapelle, Y. Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking",
WWW 2009, 1-10.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

PAGE_ITEMS = 10
#: What comes of looking at a page, beside the place of a click on it, 1 to `PAGE_ITEMS`.
END_OF_PAGE = PAGE_ITEMS + 1
GAVE_UP = PAGE_ITEMS + 2

PERSEVERANCE = 0.88
#: The attraction of the first result of queries, by their relevance from least to greatest.
LEAST_ATTRACTION = 0.05
GREATEST_ATTRACTION = 0.5
#: The chance that a click satisfies, by the same.
LEAST_SATISFACTION = 0.35
GREATEST_SATISFACTION = 0.75


def attraction(relevance: float, rank: int) -> float:
    """Return the chance that who looks at a result clicks it.

    The shop puts what attracts most first: at rank r it is 4 / (3 + r) of that at rank 1.

    Args:
        relevance: How good the results of the query are, from 0 to 1.
        rank: The result's rank, from 1.
    """
    first = LEAST_ATTRACTION + relevance * (GREATEST_ATTRACTION - LEAST_ATTRACTION)
    return first * 4 / (3 + rank)


def satisfaction(relevance: float) -> float:
    """Return the chance that a click satisfies, given the relevance of the query, 0 to 1."""
    return LEAST_SATISFACTION + relevance * (GREATEST_SATISFACTION - LEAST_SATISFACTION)


class Scan:
    """How a user's look goes down a page, from one click to the next.

    Where the next click falls is one draw: each place has its chance, and what is left falls to
    the end of the page and to giving up.
    """

    def __init__(self, attractions: Sequence[float], perseverance: float = PERSEVERANCE) -> None:
        """Compute all chances.

        Args:
            attractions: The attraction of each of the `PAGE_ITEMS` results, first to last.
            perseverance: The chance to go on.
        """
        self._up_to = [
            _cumulated(attractions[after:], perseverance if after else 1.0, perseverance)
            for after in range(PAGE_ITEMS + 1)
        ]

    def next_click(self, after: int, chance: float) -> int:
        """Tell where the next click falls.

        Args:
            after: The place of the click before, from 1, which did not satisfy; 0 if there
                was none on the page.
            chance: 0 <= chance < 1, all equally likely.

        Returns:
            Its place, from 1; or `END_OF_PAGE` if the user looked at all that is left, or
            `GAVE_UP`.
        """
        return after + 1 + bisect_right(self._up_to[after], chance)


def _cumulated(
    attractions: Sequence[float], reaches: float, perseverance: float
) -> tuple[float, ...]:
    """The chances that the click falls at the first place, up to the second, …, or nowhere.

    The user looks at the first place with the chance `reaches`, and at the next one, if not for
    a click, with (1 - attraction) times perseverance of that.
    """
    up_to, total = [], 0.0
    for chance in attractions:
        total += reaches * chance
        up_to.append(total)
        reaches *= (1 - chance) * perseverance
    return (*up_to, total + reaches)
