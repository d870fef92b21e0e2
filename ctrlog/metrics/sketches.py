"""Sketches: summaries of many values in bounded memory.

- `QuantileSketch`: quantiles. Memory is one count per bucket: tens of thousands at most for times
  from a microsecond to a thousand years.
- `DistinctCounter`: the number of different strings. Memory is 16 KB.
- `HeavyHitters`: the most frequent strings. Memory is the strings that are kept.
- `KeyedSample`: a random sample of keys with a value for each. Memory is the sample.

The first two consist of sums or maxima of integers, so sketches of parts of a log can be merged in
any order and give exactly what one pass gives. The other two are for one pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b
from math import ceil, log
from typing import Generic, TypeVar
from zlib import crc32

V = TypeVar("V")


class QuantileSketch:
    """Quantiles of non-negative values, to within 0.1% of the value.

    A value falls into the bucket i with g^(i-1) < value <= g^i, where g = 1 + e and e = 0.001,
    and only the counts of buckets are kept. So each number in a bucket is within e of every value
    in it, and a quantile is the one with the fewest digits. Values up to a microsecond count as
    0, and so do negative ones, which a log in disorder can give.

    >>> sketch = QuantileSketch()
    >>> sketch.update([1.0, 2.0, 17.0])
    >>> sketch.quantile(0.5)
    2.0

    Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A Fast and Fully-Mergeable
    Quantile Sketch with Relative-Error Guarantees", PVLDB 12 (2019), 2195-2205.
    """

    RELATIVE_ERROR = 0.001
    _GAMMA = 1 + RELATIVE_ERROR
    _PER_LOG = 1 / log(_GAMMA)
    _ZERO = ceil(log(1e-6) * _PER_LOG)  # the bucket of values up to a microsecond

    def __init__(self) -> None:
        """Make an empty sketch."""
        self._buckets: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """Number of values."""
        return self._buckets.total()

    def update(self, values: Iterable[float]) -> None:
        """Add values.

        Args:
            values: Any number of values, all in the same unit.
        """
        zero, per_log = self._ZERO, self._PER_LOG
        self._buckets.update(
            [ceil(log(value) * per_log) if value > 1e-6 else zero for value in values]  # noqa: PLR2004
        )

    def merge(self, other: QuantileSketch) -> None:
        """Add the values of another sketch."""
        self._buckets.update(other._buckets)

    def save(self) -> list[list[int]]:
        """Return the state as JSON values: pairs of a bucket and its count."""
        return [[bucket, count] for bucket, count in self._buckets.items()]

    def restore(self, saved: list[list[int]]) -> None:
        """Set the state to one that `save` returned."""
        self._buckets = Counter({bucket: count for bucket, count in saved})  # noqa: C416  # lists

    def quantile(self, share: float) -> float | None:
        """Return a quantile.

        Args:
            share: Share of the values that lie below, from 0 to 1; 0.5 for the median.

        Returns:
            A value within 0.1% of the one with the rank ⌊share · (count - 1)⌋ from 0 in
            ascending order; None if there are no values.
        """
        rank = int(share * (self.count - 1))
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank < 0:
                if bucket == self._ZERO:
                    return 0.0
                return _shortest_between(self._GAMMA ** (bucket - 1), self._GAMMA**bucket)
        return None


def _shortest_between(low: float, high: float) -> float:
    """Return the number above `low` and up to `high` that has the fewest significant digits."""
    middle = (low + high) / 2
    rounded = (float(f"{middle:.{digits}e}") for digits in range(_MOST_DIGITS))
    return next((number for number in rounded if low < number <= high), middle)


_MOST_DIGITS = 16


class DistinctCounter:
    """An estimate of the number of different strings, by HyperLogLog.

    Each string is hashed. The hash chooses one of 2¹⁴ registers, and the register keeps the
    greatest position of the first one bit in the rest of the hash. The standard error is
    1.04/√2¹⁴ = 0.8%.

    >>> counter = DistinctCounter()
    >>> for user in ("ann", "bob", "ann"):
    ...     counter.add(user)
    >>> counter.estimate()
    2

    Source: P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis of a
    near-optimal cardinality estimation algorithm", AofA 2007, 137-156.
    """

    _INDEX_BITS = 14
    REGISTERS = 1 << _INDEX_BITS
    RELATIVE_ERROR = 1.04 / REGISTERS**0.5
    _REST_BITS = 64 - _INDEX_BITS

    def __init__(self) -> None:
        """Make an empty counter."""
        self._registers = bytearray(self.REGISTERS)

    def add(self, text: str) -> None:
        """Add a string."""
        digest = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        index, rest = digest >> self._REST_BITS, digest & ((1 << self._REST_BITS) - 1)
        rank = self._REST_BITS - rest.bit_length() + 1
        self._registers[index] = max(self._registers[index], rank)

    def save(self) -> str:
        """Return the registers as hexadecimal text."""
        return self._registers.hex()

    def restore(self, saved: str) -> None:
        """Set the state to one that `save` returned."""
        self._registers = bytearray.fromhex(saved)

    def merge(self, other: DistinctCounter) -> None:
        """Add the strings of another counter."""
        self._registers = bytearray(map(max, self._registers, other._registers))

    def estimate(self) -> int:
        """Return the estimated number of different strings."""
        m = self.REGISTERS
        raw = 0.7213 / (1 + 1.079 / m) * m * m / sum(2.0**-rank for rank in self._registers)
        empty = self._registers.count(0)
        if raw <= 2.5 * m and empty:  # linear counting is more accurate for small numbers
            return round(m * log(m / empty))
        return round(raw)


class HeavyHitters:
    """The most frequent strings, by the algorithm of Misra and Gries.

    While there are at most `capacity` different strings, all counts are exact. After that, counts
    can be too low, by `largest_error` at most, and every string that makes up more than
    1/(capacity + 1) of the total is kept.

    >>> hitters = HeavyHitters(capacity=2)
    >>> for query in ("a", "a", "b", "a", "c"):
    ...     hitters.add(query)
    >>> hitters.most_common(), hitters.largest_error
    ([('a', 2)], 1)

    Source: J. Misra, D. Gries, "Finding repeated elements", Science of Computer Programming 2
    (1982), 143-152.
    """

    def __init__(self, capacity: int = 1000) -> None:
        """Make an empty summary.

        Args:
            capacity: Most strings to keep.
        """
        self._capacity = capacity
        self._counts: Counter[str] = Counter()
        self.total = 0

    def add(self, text: str) -> None:
        """Count a string."""
        self.total += 1
        self._counts[text] += 1
        if len(self._counts) > self._capacity:
            self._counts = Counter({kept: n - 1 for kept, n in self._counts.items() if n > 1})

    @property
    def largest_error(self) -> int:
        """The most by which a count can be too low."""
        return (self.total - self._counts.total()) // (self._capacity + 1)

    def most_common(self) -> list[tuple[str, int]]:
        """Return the strings with their least possible counts, the most frequent first."""
        return sorted(self._counts.items(), key=lambda found: (-found[1], found[0]))


class KeyedSample(Generic[V]):
    """A random sample of keys, with a value for each.

    The hash of a key alone decides whether it is in the sample, so a sampled key is sampled from
    its first occurrence, and its value misses nothing. When there are more keys than `capacity`,
    about half of them are dropped.

    >>> sample = KeyedSample(list, capacity=1_000)
    >>> for user, query in [("ann", "dogs"), ("bob", "cats"), ("ann", "tea")]:
    ...     sample.get(user).append(query)
    >>> sample.get("ann"), sample.scale
    (['dogs', 'tea'], 1)

    Source: P. B. Gibbons, "Distinct sampling for highly-accurate answers to distinct values
    queries and event reports", VLDB 2001, 541-550.
    """

    def __init__(self, make: Callable[[], V], capacity: int) -> None:
        """Make an empty sample.

        Args:
            make: Makes the value of a new key.
            capacity: Most keys to keep.
        """
        self._make = make
        self._capacity = capacity
        self._found: dict[str, V] = {}
        self.scale = 1

    def get(self, key: str) -> V | None:
        """Return the value of a key, which may be new; None if the key is not in the sample."""
        found = self._found.get(key)
        if found is None and (self.scale == 1 or self._is_in(key)):
            found = self._found[key] = self._make()
            while len(self._found) > self._capacity:
                self.scale *= 2
                self._found = {key: value for key, value in self._found.items() if self._is_in(key)}
        return found

    def values(self) -> Collection[V]:
        """Return the values of the sampled keys, each of which represents `scale` keys."""
        return self._found.values()

    def _is_in(self, key: str) -> bool:
        return crc32(key.encode(errors="surrogatepass")) % self.scale == 0
