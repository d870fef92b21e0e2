"""95 % intervals for a share: of searches, and of searches that come in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

#: The 97.5th percentile of the standard normal distribution, for intervals of 95 %.
Z = 1.959963984540054


class Interval(NamedTuple):
    """An interval that holds the true share in 95 of 100 cases; both ends inclusive."""

    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval | None:
    """Return the Wilson score interval of a share of independent trials.

    Args:
        successes: Number of trials that succeeded.
        trials: Number of trials.

    Returns:
        The interval, within 0 and 1; None without trials.

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
    # At the ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else (middle - spread) / scale
    high = 1.0 if successes == trials else (middle + spread) / scale
    return Interval(low, high)


@dataclass(slots=True)
class ClusterSums:
    """Sums over clusters (users, or sessions), from which a share's interval follows.

    Searches of one user are alike, so they tell less than as many searches of as many
    users, and the interval that takes them for independent is too narrow. With sums of
    integers, parts of a log can be added up in any order and give exactly the same.

    Attributes:
        clusters: Number of clusters.
        successes: Σx: clicked searches.
        trials: Σn: searches.
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
        """Add clusters that are alike.

        Args:
            successes: The clicked searches of each.
            trials: The searches of each.
            clusters: How many there are.
        """
        self.clusters += clusters
        self.successes += clusters * successes
        self.trials += clusters * trials
        self.successes_squared += clusters * successes * successes
        self.products += clusters * successes * trials
        self.trials_squared += clusters * trials * trials

    def merge(self, other: ClusterSums) -> None:
        """Add the clusters of another part of the log, which must be other clusters."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def interval(self) -> Interval | None:
        """Return the interval of the share by the delta method.

        Returns:
            R ± z √var with R = Σx/Σn, cut off at 0 and 1, where
            var = k/(k-1) · Σ(x - R n)² / (Σn)² for k clusters;
            None for fewer than two clusters, and where all clusters have the same share:
            that tells nothing of how far they lie apart.

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
