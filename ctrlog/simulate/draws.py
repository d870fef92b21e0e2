"""Chance that falls alike everywhere: the same draws in every Python, on every machine.

Of `random.Random` only `random()` is used, seeded with an integer: the one sequence that Python
promises to keep from version to version. Nothing is computed with a logarithm or a power, which
C libraries round differently, nor with `sum`, which adds floats more exactly from Python 3.12 on;
what is left, + - * / and the square root, IEEE 754 rounds in one way only.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from itertools import accumulate
from math import sqrt
from random import Random
from typing import TypeAlias

#: Draws a number, 0 <= number < 1, all equally likely.
Draw: TypeAlias = Callable[[], float]

#: How many values a table of quantiles has: `table[int(draw() * STEPS)]` draws one.
STEPS = 1024

#: The exponential distribution with mean 1, as the means of the order statistics of a sample of
#: `STEPS`: the k-th smallest is 1/n + 1/(n-1) + … + 1/(n-k+1) on average. Their own mean is 1
#: exactly; the greatest is 7.5. Source: A. Rényi, "On the theory of order statistics", Acta
#: Mathematica Academiae Scientiarum Hungaricae 4 (1953), 191-231.
EXPONENTIAL = tuple(accumulate(1 / rest for rest in range(STEPS, 0, -1)))


def draws(seed: int, concern: str) -> Draw:
    """Return a stream of chance of its own for a concern.

    Args:
        seed: Fixes the streams of all concerns.
        concern: What the chance is of; streams of two concerns have nothing in common.
    """
    digest = blake2b(f"{seed} {concern}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big")).random  # noqa: S311  # lifelike, not secret


def waits_ms(least_s: float, further_s: float) -> tuple[int, ...]:
    """Return a table of waits as long as until something that may come at any time.

    Args:
        least_s: The shortest, in seconds.
        further_s: How much longer they are on average, at most 7.5 times as much.

    Returns:
        `STEPS` waits in ms, the shortest first, exponentially distributed above the least.
    """
    return tuple(int(1000 * (least_s + further_s * step)) for step in EXPONENTIAL)


def pauses_ms(least_ms: int, most_ms: int) -> tuple[int, ...]:
    """Return a table of pauses of any length between two, these included.

    Args:
        least_ms: The shortest, in ms.
        most_ms: The longest.

    Returns:
        `STEPS` times in ms, the shortest first, evenly spread.
    """
    return tuple(least_ms + (most_ms - least_ms) * step // (STEPS - 1) for step in range(STEPS))


def dwells_ms(scale_s: float) -> tuple[int, ...]:
    """Return a table of times that people stay with what they opened.

    They have a Weibull distribution of shape 2/3: who has stayed for long is the less likely to
    leave at the next moment. Source: C. Liu, R. W. White, S. Dumais, "Understanding Web Browsing
    Behaviors through Weibull Analysis of Dwell Time", SIGIR 2010, 379-386.

    Args:
        scale_s: 63 % are shorter, in seconds; the mean is 1.33 times as much.

    Returns:
        `STEPS` times in ms, the shortest first.
    """
    return tuple(int(1000 * scale_s * step * sqrt(step)) for step in EXPONENTIAL)
