"""What groups can be sorted by, and how many are kept; apart from `groups` to start quickly."""

from __future__ import annotations

from enum import StrEnum

#: The most groups that are kept by default.
MOST_GROUPS = 1_000_000


class Order(StrEnum):
    """What groups are sorted by, each with the most first."""

    SEARCHES = "searches"
    CTR = "ctr"
    CLICKS = "clicks"
    CLICKS_PER_SEARCH = "clicks_per_search"
    ZERO_RESULTS = "zero_results"
    ZERO_RESULT_RATE = "zero_result_rate"
    ABANDONED = "abandoned"
    ABANDONMENT_RATE = "abandonment_rate"
    REFORMULATED = "reformulated"
    MRR = "mrr"
