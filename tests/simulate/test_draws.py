"""Random numbers: the same on any machine, with the stated distributions."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from random import Random

import pytest

from ctrlog.simulate.draws import EXPONENTIAL, TABLE_SIZE, draws, dwells_ms, pauses_ms, waits_ms


def test_a_stream_depends_on_seed_and_concern_only() -> None:
    """The same seed and concern give the same stream, and any others give another."""
    streams = [
        [draw() for _ in range(100)]
        for draw in (draws(1, "visits"), draws(1, "visits"), draws(2, "visits"), draws(1, "users"))
    ]
    assert streams[0] == streams[1]
    assert len({*map(tuple, streams)}) == 3


def test_a_stream_is_the_one_method_that_python_keeps() -> None:
    """Only `random.Random.random` is called, whose sequence Python promises to keep."""
    draw = draws(1, "visits")
    assert isinstance(draw.__self__, Random)  # type: ignore[attr-defined]
    assert draw.__name__ == "random"


def test_the_exponential_distribution_has_mean_1() -> None:
    """The mean of all order statistics is the mean of the distribution."""
    assert sum(EXPONENTIAL) / TABLE_SIZE == pytest.approx(1, abs=1e-12)


def test_the_exponential_distribution_has_its_quantiles() -> None:
    """The table is close to -ln(1 - p), the exact quantiles."""
    assert len(EXPONENTIAL) == TABLE_SIZE
    for place, value in enumerate(EXPONENTIAL):
        assert 1 - exp(-value) == pytest.approx((place + 0.5) / TABLE_SIZE, abs=0.5 / TABLE_SIZE)


def test_waits_begin_with_the_least_and_have_their_mean() -> None:
    """All waits exceed the least one, and the mean is the sum of both parameters."""
    waits = waits_ms(1.5, 6)
    assert list(waits) == sorted(waits)
    assert waits[0] == pytest.approx(1500, abs=10)
    assert sum(waits) / TABLE_SIZE == pytest.approx(7500, abs=1)
    assert waits[-1] <= 1500 + 7.52 * 6000


def test_dwells_have_the_quantiles_of_a_weibull_distribution() -> None:
    """Quantile p is scale * (-ln(1 - p)) ** (1 / shape), with shape 2/3."""
    dwells = dwells_ms(20)
    for tenth in range(1, 10):
        expected = 20_000 * (-log(1 - tenth / 10)) ** (1 / (2 / 3))
        assert dwells[TABLE_SIZE * tenth // 10] == pytest.approx(expected, rel=0.01)


def test_pauses_go_evenly_from_the_least_to_the_most() -> None:
    """Both ends are possible, and steps differ by at most 1 ms."""
    pauses = pauses_ms(240_000, 1_800_000)
    assert (len(pauses), pauses[0], pauses[-1]) == (TABLE_SIZE, 240_000, 1_800_000)
    steps = {after - before for before, after in pairwise(pauses)}
    assert max(steps) - min(steps) <= 1
