"""The sketches: their errors, their memory, and that they are the same in every process."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.metrics.sketches import DistinctCounter, HeavyHitters, KeyedSample, QuantileSketch

# --- Quantiles.


def sketched(values: list[float]) -> QuantileSketch:
    """Make a sketch of values."""
    sketch = QuantileSketch()
    sketch.update(values)
    return sketch


#: Seconds to the microsecond, as times in a log give them, from 2 µs to 300 years.
SECONDS = st.one_of(
    st.integers(2, 10**16).map(lambda us: us / 10**6),
    st.floats(-5.6, 10).map(lambda digits: 10.0**digits),
)
FOURTHS = st.integers(0, 4).map(lambda fourths: fourths / 4)


@given(st.lists(SECONDS, min_size=1), FOURTHS)
def test_a_quantile_is_within_its_relative_error(values: list[float], share: float) -> None:
    """A quantile differs from the value at its rank by at most 0.1%."""
    exact = sorted(values)[int(share * (len(values) - 1))]
    assert sketched(values).quantile(share) == pytest.approx(exact, rel=0.001 + 1e-9)


@pytest.mark.parametrize("value", [0.001, 0.25, 2.0, 3.0, 17.0, 99.0, 1800.0, 86400.0])
def test_a_round_number_stays_one(value: float) -> None:
    """A quantile has no more digits than are known: 2 seconds are not 1.9997."""
    assert sketched([value]).quantile(0.5) == value


@given(st.floats(1.1e-6, 1e12))
def test_a_quantile_has_few_digits(value: float) -> None:
    """Five significant digits are always enough to be within 0.1%."""
    quantile = sketched([value]).quantile(0.5)
    assert quantile == float(f"{quantile:.4e}")


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 12, 100, 101, 1000, 1001])
def test_the_rank_is_rounded_down(share: float, count: int) -> None:
    """The quantile of n ascending values is the one at ⌊share · (n - 1)⌋, from 0."""
    place = {0.5: (count - 1) // 2, 0.9: 9 * (count - 1) // 10}[share]
    values = [1.05**number for number in range(count)]  # far enough apart to distinguish
    assert sketched(values[::-1]).quantile(share) == pytest.approx(values[place], rel=0.0011)


@given(st.floats(0, 1), st.lists(st.sampled_from([0.0, 1e-6, -3.5, -1e9]), min_size=1))
def test_a_value_up_to_a_microsecond_is_0(share: float, values: list[float]) -> None:
    """Negative values, 0 and values up to a microsecond count as exactly 0."""
    assert sketched(values).quantile(share) == 0.0


def test_zeros_come_before_all_else() -> None:
    """Values of 0 have their rank among the others."""
    sketch = sketched([5.0, -1.0, 0.0, 2.0])
    quantiles = [sketch.quantile(place / 3) for place in range(4)]
    assert quantiles == [0.0, 0.0, pytest.approx(2, rel=0.001), pytest.approx(5, rel=0.001)]


def test_a_quantile_of_nothing_is_none() -> None:
    """An empty sketch has no median."""
    assert QuantileSketch().quantile(0.5) is None
    assert QuantileSketch().count == 0


@given(st.lists(SECONDS), FOURTHS)
def test_quantiles_do_not_depend_on_order(values: list[float], share: float) -> None:
    """The order of values does not matter, and quantiles never fall with the share."""
    sketch = sketched(values)
    assert sketch.quantile(share) == sketched(sorted(values)).quantile(share)
    low, high = sketch.quantile(share / 2), sketch.quantile(share)
    assert low is None or high is None or low <= high


def test_memory_does_not_grow_with_the_values() -> None:
    """Values from a microsecond to a thousand years need no more than 40,000 counts."""
    sketch = sketched([10 ** (digits / 10_000) for digits in range(-60_000, 105_000)])
    assert sketch.count == 165_000
    assert len(sketch._buckets) < 40_000


# --- The number of different strings.


@cache
def counted(number: int) -> int:
    """Return the estimate for a number of different users."""
    counter = DistinctCounter()
    for user in range(number):
        counter.add(f"user-{user}")
    return counter.estimate()


@pytest.mark.parametrize("number", [0, 1, 2, 10])
def test_a_few_are_counted_exactly(number: int) -> None:
    """Small numbers are exact, unless two strings share a register."""
    assert counted(number) == number


@pytest.mark.parametrize("number", [1_000, 10_000, 30_000, 40_000, 50_000, 100_000, 1_000_000])
def test_an_estimate_is_within_four_standard_errors(number: int) -> None:
    """The error is as small as the theory says, also where the two formulas meet."""
    assert counted(number) == pytest.approx(number, rel=4 * DistinctCounter.RELATIVE_ERROR)


def test_errors_of_many_estimates_have_the_stated_size() -> None:
    """The root mean square error is about the standard error, and there is no bias."""
    errors = []
    for group in range(20):
        counter = DistinctCounter()
        for user in range(10_000):
            counter.add(f"{group}-{user}")
        errors.append(counter.estimate() / 10_000 - 1)
    assert abs(sum(errors) / 20) < 3 * DistinctCounter.RELATIVE_ERROR / 20**0.5
    assert (sum(error**2 for error in errors) / 20) ** 0.5 < 1.5 * DistinctCounter.RELATIVE_ERROR


@given(st.lists(st.text(max_size=5)))
def test_repetition_and_order_do_not_matter(texts: list[str]) -> None:
    """Repeated strings, and their order, do not change the estimate."""
    once, twice = DistinctCounter(), DistinctCounter()
    for text in texts:
        once.add(text)
    for text in [*sorted(texts), *texts]:
        twice.add(text)
    assert once.estimate() == twice.estimate()
    assert once.estimate() == pytest.approx(len(set(texts)), abs=1)


def test_an_estimate_is_the_same_in_every_process() -> None:
    """Python's own hash, which differs between processes, is not used."""
    assert counted(100_000) == 99_035


# --- The most frequent strings.

TEXTS = st.lists(st.sampled_from("aaaaaabbbccdefghij"), max_size=60)


@given(TEXTS, st.integers(1, 12))
def test_no_frequent_string_is_missed_and_none_counted_too_high(
    texts: list[str], capacity: int
) -> None:
    """Strings above 1/(capacity + 1) of all are kept, and counts are exact while there is room."""
    hitters = HeavyHitters(capacity)
    for text in texts:
        hitters.add(text)
    counts, found = Counter(texts), dict(hitters.most_common())
    assert hitters.total == len(texts)
    assert len(found) <= capacity
    assert all(number <= counts[text] for text, number in found.items())
    assert all(text in found for text in counts if counts[text] > len(texts) / (capacity + 1))
    if len(counts) <= capacity:
        assert found == counts
    assert [*found.values()] == sorted(found.values(), reverse=True)


# --- A sample of keys.


@given(st.lists(st.integers(0, 200)), st.integers(1, 40))
def test_all_is_known_of_the_keys_in_a_sample(keys: list[int], capacity: int) -> None:
    """A key in the sample has been there since its first occurrence."""
    sample: KeyedSample[list[int]] = KeyedSample(list, capacity)
    for number, key in enumerate(keys):
        found = sample.get(str(key))
        if found is not None:
            found += [key, number]
    assert len(sample.values()) <= capacity
    for found in sample.values():
        key = found[0]
        places = [number for number, each in enumerate(keys) if each == key]
        assert found == [part for number in places for part in (key, number)]
    if len(set(keys)) <= capacity:
        assert sample.scale == 1
        assert len(sample.values()) == len(set(keys))


def test_a_sample_stands_for_all_keys() -> None:
    """The size of the sample times its scale is about the number of keys."""
    sample: KeyedSample[list[int]] = KeyedSample(list, 1_000)
    for number in range(50_000):
        sample.get(f"user {number}")
    assert sample.scale == 64
    assert len(sample.values()) * sample.scale == pytest.approx(50_000, rel=0.15)
