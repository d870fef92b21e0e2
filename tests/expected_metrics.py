"""Metrics computed from their definitions, by other code than that of the package."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Any

import strategies
from hypothesis import strategies as st
from making import at

from ctrlog.metrics.summary import Summary
from ctrlog.metrics.totals import Metrics, SearchMetrics
from ctrlog.sessions.events import ClosedBy, SearchRecord, SessionRecord
from ctrlog.sessions.ledger import Counts, Ended

Z = NormalDist().inv_cdf(0.975)


#: Clicked searches and searches of a user.
Cluster = tuple[int, int]


def wilson_ends(successes: int, trials: int) -> tuple[float, float]:
    """Return the shares p with |p̂ - p| = z √(p(1-p)/n): the roots of a quadratic in p."""
    with localcontext(prec=60):
        share, z_squared = Decimal(successes) / trials, Decimal(Z) ** 2
        a, b, c = 1 + z_squared / trials, -(2 * share + z_squared / trials), share**2
        root = (b**2 - 4 * a * c).sqrt()
        return float((-b - root) / (2 * a)), float((-b + root) / (2 * a))


def delta_ends(clusters: Sequence[Cluster]) -> tuple[float, float] | None:
    """Return the delta method's interval, with the sum over clusters written out."""
    trials = sum(n for _, n in clusters)
    if len(clusters) < 2 or not trials:
        return None
    share = Fraction(sum(x for x, _ in clusters), trials)
    squares = sum((x - share * n) ** 2 for x, n in clusters)
    if not squares:
        return None
    variance = Fraction(len(clusters), len(clusters) - 1) * squares / trials**2
    return (
        max(0.0, float(share) - Z * sqrt(variance)),
        min(1.0, float(share) + Z * sqrt(variance)),
    )


#: What a summary says of the log itself, not of its searches and sessions.
OF_THE_LOG = {"events", "diagnostics", "groups"}


def computed(all_metrics: Metrics) -> dict[str, Any]:
    """Return the metrics under their names in JSON."""
    searches = SearchMetrics.of(all_metrics.outcomes)
    values = Summary(all_metrics, searches, Counts(), lines=0, bad_lines={}).to_dict()
    return {name: value for name, value in values.items() if name not in OF_THE_LOG}


def of_records(
    searches: Sequence[SearchRecord] = (), sessions: Sequence[SessionRecord] = ()
) -> dict[str, Any]:
    """Return the metrics of all these at once under their names in JSON."""
    all_metrics = Metrics()
    all_metrics.update(Ended([*searches], [*sessions]))
    return computed(all_metrics)


def search(  # a search of user "a" that found 10 items, was not clicked and ended its session
    results: int | None = 10,
    clicks: int = 0,
    first_rank: int | None = None,
    first_click_s: float | None = None,
    closed_by: str = "close",
) -> SearchRecord:
    """Make a search."""
    return SearchRecord(
        user="a",
        query="dogs",
        results=results,
        clicks=clicks,
        first_rank=first_rank,
        first_click_s=first_click_s,
        time=at(0),
        session_start=at(0),
        closed_by=closed_by,
        followed=closed_by == "search",
    )


@st.composite
def search_records(draw: st.DrawFn) -> SearchRecord:
    """Draw searches with any outcome."""
    clicks = draw(st.integers(0, 4))
    time = draw(st.one_of(st.none(), st.integers(0, 10**6).map(at)))
    return SearchRecord(
        draw(st.sampled_from("abcdef")),
        draw(st.sampled_from(strategies.QUERIES)),
        draw(st.sampled_from([None, 0, 1, 10])),
        clicks,
        draw(st.sampled_from([None, 1, 2, 3, 4, 11])) if clicks else None,
        draw(st.sampled_from([None, -1.0, 0.0, 1e-6, 0.25, 3.0, 1800.0])) if clicks else None,
        time,
        time,
        draw(st.sampled_from([cause.value for cause in ClosedBy])),
        refinements=draw(st.integers(0, 3)),
        followed=draw(st.booleans()),
    )
