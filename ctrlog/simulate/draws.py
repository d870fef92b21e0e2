"""Random numbers for simulated logs that are the same in every Python and on every machine.

A log must keep its bytes from one version of Python, and from one machine, to the next. So all
randomness comes from `random.Random.random` seeded with an integer, the one sequence that Python
promises to keep. Distributions are tables of quantiles, computed once with +, -, *, / and the
square root, which IEEE 754 rounds in exactly one way. Logarithms and powers are avoided because
C libraries round them differently, and `sum` because it adds floats more exactly from
Python 3.12 on.

Drawing from a table is one look-up: `table[int(draw() * TABLE_SIZE)]`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from itertools import accumulate
from math import sqrt
from random import Random
from typing import TypeAlias

#: Returns a random number, uniform in 0 <= number < 1.
Draw: TypeAlias = Callable[[], float]

#: Number of values in each table of quantiles.
TABLE_SIZE = 1024

#: Quantiles of the exponential distribution with mean 1: the expected order statistics of a
#: sample of `TABLE_SIZE`. The k-th smallest of n is 1/n + 1/(n-1) + … + 1/(n-k+1) on average, so
#: the mean of the table is exactly 1, and its greatest value is 7.5.
#: Source: A. Rényi, "On the theory of order statistics", Acta Mathematica Academiae Scientiarum
#: Hungaricae 4 (1953), 191-231.
EXPONENTIAL = tuple(accumulate(1 / rest for rest in range(TABLE_SIZE, 0, -1)))


def draws(seed: int, concern: str) -> Draw:
    """Return a stream of random numbers that is independent of the streams of other concerns.

    Args:
        seed: Seed of the streams of all concerns.
        concern: What the numbers are used for.

    Example:
        >>> draw, same = draws(1, "visits"), draws(1, "visits")
        >>> draw() == same()
        True
    """
    digest = blake2b(f"{seed} {concern}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big")).random  # noqa: S311  # lifelike, not secret


def waits_ms(least_s: float, further_s: float) -> tuple[int, ...]:
    """Return a table of exponentially distributed waits.

    Args:
        least_s: The shortest wait, in seconds.
        further_s: The mean of what comes on top of the shortest, in seconds. The longest wait
            is 7.5 times this above the shortest.

    Returns:
        `TABLE_SIZE` waits in ms, in ascending order.
    """
    return tuple(int(1000 * (least_s + further_s * step)) for step in EXPONENTIAL)


def pauses_ms(least_ms: int, most_ms: int) -> tuple[int, ...]:
    """Return a table of uniformly distributed pauses.

    Args:
        least_ms: The shortest pause in ms, inclusive.
        most_ms: The longest pause in ms, inclusive.

    Returns:
        `TABLE_SIZE` pauses in ms, in ascending order.
    """
    return tuple(
        least_ms + (most_ms - least_ms) * step // (TABLE_SIZE - 1) for step in range(TABLE_SIZE)
    )


def dwells_ms(scale_s: float) -> tuple[int, ...]:
    """Return a table of times that users spend on an item they opened.

    The times have a Weibull distribution of shape 2/3: the longer a user has stayed, the less
    likely they are to leave in the next moment.
    Source: C. Liu, R. W. White, S. Dumais, "Understanding Web Browsing Behaviors through Weibull
    Analysis of Dwell Time", SIGIR 2010, 379-386.

    Args:
        scale_s: The scale of the distribution in seconds: 63% of the times are shorter, and the
            mean is 1.33 times the scale.

    Returns:
        `TABLE_SIZE` times in ms, in ascending order.
    """
    return tuple(int(1000 * scale_s * step * sqrt(step)) for step in EXPONENTIAL)
