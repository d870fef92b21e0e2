"""The click model, compared with its definition followed result by result."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.simulate.click_model import (
    END_OF_PAGE,
    GAVE_UP,
    PAGE_ITEMS,
    Scan,
    attraction,
    satisfaction,
)

DRAWS = 5_000

chances = st.floats(0, 1)
pages = st.lists(chances, min_size=PAGE_ITEMS, max_size=PAGE_ITEMS)


def walked(attractions: list[float], perseverance: float, after: int) -> dict[int, float]:
    """Return the probability of each outcome, computed result by result."""
    outcomes = dict.fromkeys(range(1, GAVE_UP + 1), 0.0)
    looks = 1.0
    if after:  # the click did not satisfy: continue or give up
        outcomes[GAVE_UP] += looks * (1 - perseverance)
        looks *= perseverance
    for place in range(after + 1, PAGE_ITEMS + 1):
        outcomes[place] += looks * attractions[place - 1]
        looks *= 1 - attractions[place - 1]
        outcomes[GAVE_UP] += looks * (1 - perseverance)
        looks *= perseverance
    outcomes[END_OF_PAGE] += looks
    return outcomes


@given(pages, chances, st.integers(0, PAGE_ITEMS))
def test_the_next_click_falls_as_the_model_says(
    attractions: list[float], perseverance: float, after: int
) -> None:
    """Over all random numbers, each outcome has the probability that the definition gives."""
    scan = Scan(attractions, perseverance)
    found = Counter(scan.next_click(after, (draw + 0.5) / DRAWS) for draw in range(DRAWS))
    for outcome, chance in walked(attractions, perseverance, after).items():
        assert found[outcome] / DRAWS == pytest.approx(chance, abs=1.01 / DRAWS)
    assert found.total() == DRAWS


def test_results_with_attraction_1_are_all_clicked() -> None:
    """With an attraction of 1, each result is clicked in turn."""
    scan = Scan([1.0] * PAGE_ITEMS, 1.0)
    assert [scan.next_click(after, 0.999) for after in range(PAGE_ITEMS)] == [*range(1, 11)]
    assert scan.next_click(PAGE_ITEMS, 0.999) == END_OF_PAGE


def test_without_perseverance_only_the_first_result_is_looked_at() -> None:
    """With perseverance 0 the user looks at one result at most."""
    scan = Scan([0.5] * PAGE_ITEMS, 0.0)
    assert {scan.next_click(0, draw / 100) for draw in range(100)} == {1, GAVE_UP}
    assert scan.next_click(3, 0.0) == GAVE_UP


def test_better_results_attract_and_satisfy_more() -> None:
    """Relevance increases both probabilities, and rank decreases attraction."""
    for relevance in (0.0, 0.5, 1.0):
        by_rank = [attraction(relevance, rank) for rank in range(1, 21)]
        assert by_rank == sorted(by_rank, reverse=True)
        assert 0 < by_rank[-1] < by_rank[0] < 1
        assert by_rank[4] == by_rank[0] / 2  # 4 / (3 + 5)
    assert attraction(0, 1) < attraction(0.5, 1) < attraction(1, 1)
    assert 0 < satisfaction(0) < satisfaction(0.5) < satisfaction(1) < 1
