"""95% confidence intervals for a share, such as the click-through rate.

`wilson` counts all searches as independent. Searches of one user are alike, so that interval is
too narrow for most logs; `ClusterSums` gives the interval that takes users (or sessions) as the
independent units. Its sums are integers of constant number, so parts of a log can be added up in
any order and give exactly the same interval as one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

#: The 97.5th percentile of the standard normal distribution, for intervals of 95%.
Z = 1.959963984540054


class Interval(NamedTuple):
    """An interval that contains the true share in 95 of 100 cases; both ends are inclusive."""

    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval | None:
    """Return the Wilson score interval of a share of independent trials.

    Args:
        successes: Number of trials that succeeded.
        trials: Number of trials.

    Returns:
        The interval, within 0 and 1; None if there are no trials.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", Journal of the American Statistical Association 22 (1927), 209-212:
    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    if not trials:
        return None
    share = successes / trials
    spread = Z * sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    middle = share + Z * Z / (2 * trials)
    scale = 1 + Z * Z / trials
    # At the ends the formula gives 0 and 1 except for rounding errors.
    low = 0.0 if successes == 0 else (middle - spread) / scale
    high = 1.0 if successes == trials else (middle + spread) / scale
    return Interval(low, high)


@dataclass(slots=True)
class ClusterSums:
    """Sums over clusters (users or sessions), from which the interval of a share follows.

    A cluster has x clicked searches among n searches.

    >>> sums = ClusterSums()
    >>> for clicked, searches in [(1, 2), (3, 3), (0, 1), (2, 4)]:
    ...     sums.add(clicked, searches)
    >>> low, high = sums.interval()
    >>> f"{low:.3f} to {high:.3f}"
    '0.280 to 0.920'

    Attributes:
        clusters: Number of clusters.
        successes: Σx, the number of clicked searches.
        trials: Σn, the number of searches.
        successes_squared: Σx².
        products: Σxn.
        trials_squared: Σn².
    """

    clusters: int = 0
    successes: int = 0
    trials: int = 0
    successes_squared: int = 0
    products: int = 0
    trials_squared: int = 0

    def add(self, successes: int, trials: int, clusters: int = 1) -> None:
        """Add clusters that have the same numbers.

        Args:
            successes: Number of clicked searches of each.
            trials: Number of searches of each.
            clusters: Number of clusters.
        """
        self.clusters += clusters
        self.successes += clusters * successes
        self.trials += clusters * trials
        self.successes_squared += clusters * successes * successes
        self.products += clusters * successes * trials
        self.trials_squared += clusters * trials * trials

    def merge(self, other: ClusterSums) -> None:
        """Add the clusters of another part of the log; no cluster may be in both parts."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def interval(self) -> Interval | None:
        """Return the interval of the share by the delta method.

        Returns:
            R ± z √var with R = Σx/Σn, limited to 0 and 1, where
            var = k/(k-1) · Σ(x - R n)² / (Σn)² for k clusters. None for fewer than two
            clusters, or if all clusters have the same share, because their variance is then
            unknown.

        Source: A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric
        Analytics", KDD 2018, section 2.
        """
        k, x, n = self.clusters, self.successes, self.trials
        if k < 2 or not n:  # noqa: PLR2004  # one cluster has no spread
            return None
        # Σ(x - R n)² · (Σn)², in integers, so nothing cancels out.
        squares = (
            self.successes_squared * n * n - 2 * x * n * self.products + x * x * self.trials_squared
        )
        if not squares:
            return None
        spread = Z * sqrt(k / (k - 1) * squares) / (n * n)
        return Interval(max(0.0, x / n - spread), min(1.0, x / n + spread))
