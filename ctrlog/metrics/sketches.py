"""Numbers about many values in little memory: quantiles, how many are different, the most frequent.

Quantiles and the number of different values are sums or maxima of integers, so parts of a log can
be merged in any order and give exactly what one pass would give. The other two are for one pass.
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
    """Quantiles of non-negative values, to within 0.1 % of the value.

    A value falls into the bucket i with g^(i-1) < value <= g^i, where g = 1 + e and
    e = 0.001, and only the buckets' counts are kept. So any number in a bucket is within
    e of every value in it, and the one with the fewest digits is told. Values up to a
    microsecond, 0 and what a log in disorder makes negative are taken as 0.

    Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A Fast and Fully-Mergeable
    Quantile Sketch with Relative-Error Guarantees", PVLDB 12 (2019), 2195-2205.
    """

    RELATIVE_ERROR = 0.001
    _GAMMA = 1 + RELATIVE_ERROR
    _PER_LOG = 1 / log(_GAMMA)
    _ZERO = ceil(log(1e-6) * _PER_LOG)  # all that is not larger than a microsecond

    def __init__(self) -> None:
        """Make a sketch of no values."""
        self._buckets: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """How many values there are."""
        return self._buckets.total()

    def update(self, values: Iterable[float]) -> None:
        """Add values.

        Args:
            values: Any number of them, in any unit.
        """
        zero, per_log = self._ZERO, self._PER_LOG
        self._buckets.update(
            [ceil(log(value) * per_log) if value > 1e-6 else zero for value in values]  # noqa: PLR2004
        )

    def merge(self, other: QuantileSketch) -> None:
        """Add the values of another sketch."""
        self._buckets.update(other._buckets)

    def save(self) -> list[list[int]]:
        """Return the counts of the buckets as plain values."""
        return [[bucket, count] for bucket, count in self._buckets.items()]

    def restore(self, saved: list[list[int]]) -> None:
        """Go on from what `save` returned."""
        self._buckets = Counter({bucket: count for bucket, count in saved})  # noqa: C416  # lists

    def quantile(self, share: float) -> float | None:
        """Return the value below which a share of the values lies.

        Args:
            share: From 0 to 1; 0.5 for the median.

        Returns:
            A value within 0.1 % of the one with the rank ⌊share · (count - 1)⌋ from 0 in
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
    """An estimate of how many different strings there are, with HyperLogLog.

    2¹⁴ registers of the greatest rank of a first one bit; the standard error is
    1.04/√2¹⁴ = 0.8 %.

    Source: P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis of a
    near-optimal cardinality estimation algorithm", AofA 2007, 137-156.
    """

    _INDEX_BITS = 14
    REGISTERS = 1 << _INDEX_BITS
    RELATIVE_ERROR = 1.04 / REGISTERS**0.5
    _REST_BITS = 64 - _INDEX_BITS

    def __init__(self) -> None:
        """Make a counter that has seen nothing."""
        self._registers = bytearray(self.REGISTERS)

    def add(self, text: str) -> None:
        """See a string."""
        digest = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        index, rest = digest >> self._REST_BITS, digest & ((1 << self._REST_BITS) - 1)
        rank = self._REST_BITS - rest.bit_length() + 1
        self._registers[index] = max(self._registers[index], rank)

    def save(self) -> str:
        """Return the registers as text."""
        return self._registers.hex()

    def restore(self, saved: str) -> None:
        """Go on from what `save` returned."""
        self._registers = bytearray.fromhex(saved)

    def merge(self, other: DistinctCounter) -> None:
        """See what another counter has seen."""
        self._registers = bytearray(map(max, self._registers, other._registers))

    def estimate(self) -> int:
        """Return about how many different strings were seen."""
        m = self.REGISTERS
        raw = 0.7213 / (1 + 1.079 / m) * m * m / sum(2.0**-rank for rank in self._registers)
        empty = self._registers.count(0)
        if raw <= 2.5 * m and empty:  # few: linear counting is better
            return round(m * log(m / empty))
        return round(raw)


class HeavyHitters:
    """The strings that come most often.

    As long as there are no more different ones than are kept, all counts are exact. After that a
    string that makes more than one in so many is always among them, and no count is too high.

    Source: J. Misra, D. Gries, "Finding repeated elements", Science of Computer Programming 2
    (1982), 143-152.
    """

    def __init__(self, capacity: int = 1000) -> None:
        """Make one that has seen nothing.

        Args:
            capacity: How many different strings to keep.
        """
        self._capacity = capacity
        self._counts: Counter[str] = Counter()
        self.total = 0

    def add(self, text: str) -> None:
        """See a string."""
        self.total += 1
        self._counts[text] += 1
        if len(self._counts) > self._capacity:
            self._counts = Counter({kept: n - 1 for kept, n in self._counts.items() if n > 1})

    @property
    def largest_error(self) -> int:
        """How much too low a count can be."""
        return (self.total - self._counts.total()) // (self._capacity + 1)

    def most_common(self) -> list[tuple[str, int]]:
        """Return strings with how often they came at least, the most frequent first."""
        return sorted(self._counts.items(), key=lambda found: (-found[1], found[0]))


class KeyedSample(Generic[V]):
    """What is known of each key, for as large a share of the keys as there is room for.

    Whether a key is in the sample depends on its hash only, so of a key that is in it everything
    is known. As soon as there are too many, half of them are given up.

    Source: P. B. Gibbons, "Distinct sampling for highly-accurate answers to distinct values
    queries and event reports", VLDB 2001, 541-550.
    """

    def __init__(self, make: Callable[[], V], capacity: int) -> None:
        """Make a sample of no keys.

        Args:
            make: Makes what is to be known of a new key.
            capacity: How many keys to keep.
        """
        self._make = make
        self._capacity = capacity
        self._found: dict[str, V] = {}
        self.scale = 1

    def get(self, key: str) -> V | None:
        """Return what is known of a key, which may be new; None if it is not in the sample."""
        found = self._found.get(key)
        if found is None and (self.scale == 1 or self._is_in(key)):
            found = self._found[key] = self._make()
            while len(self._found) > self._capacity:
                self.scale *= 2
                self._found = {key: value for key, value in self._found.items() if self._is_in(key)}
        return found

    def values(self) -> Collection[V]:
        """Return what is known of the keys in the sample; each stands for `scale` keys."""
        return self._found.values()

    def _is_in(self, key: str) -> bool:
        return crc32(key.encode(errors="surrogatepass")) % self.scale == 0
