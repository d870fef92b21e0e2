"""The intervals, compared with other formulas, published figures and simulations."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from random import Random

import pytest
from expected_metrics import Cluster, Z, delta_ends, wilson_ends
from hypothesis import assume, given
from hypothesis import strategies as st

from ctrlog.metrics.intervals import ClusterSums, Interval, wilson


def delta(clusters: Sequence[Cluster]) -> Interval | None:
    """Return ctrlog's interval over clusters."""
    sums = ClusterSums()
    for successes, trials in clusters:
        sums.add(successes, trials)
    return sums.interval()


# --- Independent searches.


def parts(most: int) -> st.SearchStrategy[Cluster]:
    """Return a strategy for a number of trials and how many succeeded."""
    return st.integers(1, most).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion",
        # Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # z² / (n + z²), what remains of the formula without a success.
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_gives_published_figures(
    successes: int, trials: int, low: float, high: float
) -> None:
    """The interval equals the published one to all printed digits."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(parts(10**9))
def test_wilson_is_the_solution_of_its_equation(part: Cluster) -> None:
    """The ends are the roots of the quadratic equation that defines them."""
    assert wilson(*part) == pytest.approx(wilson_ends(*part), rel=1e-9, abs=1e-12)


@given(parts(10**12))
def test_wilson_lies_within_0_and_1_and_holds_the_share(part: Cluster) -> None:
    """The ends are within 0 and 1, and the observed share is inside."""
    interval = wilson(*part)
    assert interval is not None
    assert 0 <= interval.low <= part[0] / part[1] <= interval.high <= 1
    assert interval.low < interval.high


@given(parts(10**6))
def test_wilson_of_failures_is_that_of_successes_mirrored(part: Cluster) -> None:
    """Swapping successes and failures mirrors the interval."""
    successes, trials = part
    interval, mirrored = wilson(successes, trials), wilson(trials - successes, trials)
    assert interval is not None
    assert mirrored == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-12)


@given(parts(10**6))
def test_wilson_is_narrower_with_more_of_the_same(part: Cluster) -> None:
    """Ten times as many trials with the same share give a narrower interval."""
    few, many = wilson(*part), wilson(10 * part[0], 10 * part[1])
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low


def test_wilson_of_nothing_is_none() -> None:
    """Without trials there is no interval."""
    assert wilson(0, 0) is None


# --- Searches in clusters.


@given(st.lists(parts(1000), max_size=50))
def test_delta_method_is_its_formula_written_out(clusters: list[Cluster]) -> None:
    """The sums give the same as the formula over a list of all clusters."""
    expected = delta_ends(clusters)
    assert delta(clusters) == (None if expected is None else pytest.approx(expected, abs=1e-12))


@given(st.lists(parts(10**6), min_size=2, max_size=10))
def test_delta_method_lies_within_0_and_1_and_holds_the_share(clusters: list[Cluster]) -> None:
    """The ends are within 0 and 1, and the observed share is inside."""
    interval = delta(clusters)
    assume(interval is not None)
    assert interval is not None
    share = sum(x for x, _ in clusters) / sum(n for _, n in clusters)
    assert 0 <= interval.low <= share <= interval.high <= 1


@pytest.mark.parametrize("clusters", [[], [(1, 1)], [(3, 7)]], ids=str)
def test_fewer_than_two_clusters_have_no_interval(clusters: list[Cluster]) -> None:
    """One user does not show how much users differ."""
    assert delta(clusters) is None


@given(st.lists(st.integers(0, 1), max_size=48).map(lambda outcomes: [0, 1, *outcomes]))
def test_clusters_of_one_give_the_textbook_interval(outcomes: list[int]) -> None:
    """With one search per user the variance is that of independent searches, p(1-p)/(n-1)."""
    n, share = len(outcomes), sum(outcomes) / len(outcomes)
    spread = Z * sqrt(share * (1 - share) / (n - 1))
    expected = max(0.0, share - spread), min(1.0, share + spread)
    assert delta([(outcome, 1) for outcome in outcomes]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "clusters", [[(1, 3), (2, 6), (10, 30)], [(0, 2), (0, 5)], [(4, 4), (1, 1)]], ids=str
)
def test_clusters_that_are_all_alike_have_no_interval(clusters: list[Cluster]) -> None:
    """Users with exactly the same share do not show how much users differ."""
    assert delta(clusters) is None


def test_sums_of_a_billion_searches_lose_nothing() -> None:
    """Large sums are exact, so the interval is that of the formula."""
    clusters = [(10**9, 2 * 10**9), (10**9 + 1, 2 * 10**9)]
    assert delta(clusters) == pytest.approx(delta_ends(clusters), rel=0, abs=1e-15)
    interval = delta(clusters)
    assert interval is not None
    assert interval.high > interval.low


# --- Coverage.


def population(users: int, chance: Random) -> list[Cluster]:
    """Return users with different numbers of searches and different CTRs, 0.4 on average."""
    clusters = []
    for _ in range(users):
        own_share = chance.random() * 0.8
        searches = 1 + int(12 * chance.random() ** 3)
        clusters.append((sum(chance.random() < own_share for _ in range(searches)), searches))
    return clusters


def test_delta_method_agrees_with_the_bootstrap() -> None:
    """The shares of users resampled with replacement scatter as the interval says."""
    chance = Random("bootstrap")  # noqa: S311
    clusters = population(400, chance)
    shares = sorted(
        sum(x for x, _ in drawn) / sum(n for _, n in drawn)
        for drawn in (chance.choices(clusters, k=len(clusters)) for _ in range(1000))
    )
    interval = delta(clusters)
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(shares[974] - shares[24], rel=0.12)
    assert interval == pytest.approx((shares[24], shares[974]), abs=0.01)


def test_95_of_100_intervals_hold_the_true_share() -> None:
    """Over many logs the clustered interval has 95% coverage, and the Wilson interval less."""
    chance = Random("coverage")  # noqa: S311
    held = wilson_held = 0
    for _ in range(400):
        clusters = population(150, chance)
        interval = delta(clusters)
        independent = wilson(sum(x for x, _ in clusters), sum(n for _, n in clusters))
        assert interval is not None
        assert independent is not None
        held += interval.low <= 0.4 <= interval.high
        wilson_held += independent.low <= 0.4 <= independent.high
    assert held / 400 == pytest.approx(0.95, abs=0.03)
    assert wilson_held / 400 < 0.92
