"""What is computed from searches and sessions, mergeable exactly.

Nothing but counts is kept, so the metrics of parts of a log, merged in any order, are
exactly those of the whole. `docs/metrics.md` defines each metric for its readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, TypeAlias

from ctrlog.metrics.intervals import ClusterSums, Interval, wilson
from ctrlog.metrics.sketches import DistinctCounter, QuantileSketch
from ctrlog.sessions.events import ClosedBy, SearchRecord, SessionRecord
from ctrlog.sessions.ledger import Ended

#: All that the metrics need to know of a search: whether results were logged (None if
#: not) and were any (1) or none (0), its clicks, its first rank, what closed it, and whether
#: another search followed in its session.
Outcome: TypeAlias = tuple[int | None, int, int | None, str, bool]

#: So many users are kept with their sums; beyond, their number is estimated and the
#: interval is that over sessions.
MOST_USERS = 200_000


#: Ranks up to this one are told apart. Larger ones are rounded down to three digits and end at
#: `LARGEST_RANK`, so that a log with a different rank in each line does not fill the memory; the
#: mean reciprocal rank changes by less than a hundred-thousandth.
EXACT_RANKS = 1000
LARGEST_RANK = 1_000_000_000


def rounded(rank: int) -> int:
    """Round a rank above `EXACT_RANKS` down to three digits, as the metrics keep it."""
    if rank >= LARGEST_RANK:
        return LARGEST_RANK
    step: int = 10 ** (len(str(rank)) - 3)
    return rank // step * step


def outcomes_of(searches: Iterable[SearchRecord]) -> list[Outcome]:
    """Return the outcome of each search."""
    return [
        (
            search.results and 1,
            search.clicks,
            rank if (rank := search.first_rank) is None or rank <= EXACT_RANKS else rounded(rank),
            search.closed_by,
            search.followed,
        )
        for search in searches
    ]


def ratio(part: int, whole: int) -> float | None:
    """Return part / whole; None if there is nothing to divide by, since 0 was not measured."""
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class SearchMetrics:
    """The metrics of some searches; a ratio of nothing is None, never 0.

    Attributes:
        searches: Number of searches.
        clicked_searches: Searches with at least one click.
        clicks: Clicks on results of searches; orphans are none of them.
        with_results: Searches with at least one item shown.
        zero_results: Searches whose logged results were all empty.
        abandoned: Searches with results and no click that were the last of their
            session.
        reformulated: Searches without a click that another search followed in the session.
        first_ranks: Number of searches by the rank of their first click, where known.
        reciprocal_ranks: The same of searches with logged results only.
        unranked_clicked: Searches with logged results whose first click has no rank.
        closed_by: Number of searches by what closed them.
    """

    searches: int
    clicked_searches: int
    clicks: int
    with_results: int
    zero_results: int
    abandoned: int
    reformulated: int
    first_ranks: Mapping[int, int]
    reciprocal_ranks: Mapping[int, int]
    unranked_clicked: int
    closed_by: Mapping[str, int]

    @classmethod
    def of(cls, outcomes: Mapping[Outcome, int]) -> SearchMetrics:
        """Compute the metrics from how often each outcome occurred."""

        def count(wanted: Iterable[bool]) -> int:
            return sum(
                number for number, is_wanted in zip(numbers, wanted, strict=True) if is_wanted
            )

        numbers = list(outcomes.values())
        by_rank: Counter[int] = Counter()
        logged_by_rank: Counter[int] = Counter()
        closed_by: Counter[str] = Counter()
        for (results, _, rank, closed, _), number in outcomes.items():
            closed_by[closed] += number
            if rank is not None:
                by_rank[rank] += number
                if results is not None:
                    logged_by_rank[rank] += number
        return cls(
            searches=sum(numbers),
            clicked_searches=count(clicks > 0 for _, clicks, *_ in outcomes),
            clicks=sum(clicks * number for (_, clicks, *_), number in outcomes.items()),
            with_results=count(results == 1 for results, *_ in outcomes),
            zero_results=count(results == 0 for results, *_ in outcomes),
            abandoned=count(
                results == 1 and not clicks and not followed
                for results, clicks, _, _, followed in outcomes
            ),
            reformulated=count(not clicks and followed for _, clicks, _, _, followed in outcomes),
            first_ranks=dict(sorted(by_rank.items())),
            reciprocal_ranks=dict(sorted(logged_by_rank.items())),
            unranked_clicked=count(
                results is not None and clicks > 0 and rank is None
                for results, clicks, rank, *_ in outcomes
            ),
            closed_by={cause.value: closed_by[cause] for cause in ClosedBy},
        )

    @property
    def ctr(self) -> float | None:
        """Search CTR: clicked searches / searches."""
        return ratio(self.clicked_searches, self.searches)

    @property
    def ctr_interval(self) -> Interval | None:
        """The Wilson interval of the search CTR, which takes searches for independent."""
        return wilson(self.clicked_searches, self.searches)

    @property
    def clicks_per_search(self) -> float | None:
        """Clicks / searches; can exceed 1."""
        return ratio(self.clicks, self.searches)

    @property
    def logged_results(self) -> int:
        """Searches whose results were logged, empty or not."""
        return self.with_results + self.zero_results

    @property
    def zero_result_rate(self) -> float | None:
        """Searches whose results came back empty / searches with logged results."""
        return ratio(self.zero_results, self.logged_results)

    @property
    def abandonment_rate(self) -> float | None:
        """Abandoned searches / searches with results."""
        return ratio(self.abandoned, self.with_results)

    @property
    def reformulation_rate(self) -> float | None:
        """Reformulated searches / searches."""
        return ratio(self.reformulated, self.searches)

    @property
    def mrr(self) -> float | None:
        """Mean reciprocal rank of the first click, over searches with logged results.

        A search without a click counts 0, and so does one whose first click was on
        nothing that was shown, as an item that is not in the list always does.

        Source: E. M. Voorhees, "The TREC-8 Question Answering Track Report", TREC-8 (1999).
        """
        return self._mean_reciprocal(self.reciprocal_ranks, self.logged_results)

    @property
    def mrr_clicked(self) -> float | None:
        """Mean reciprocal rank of the first click, over searches with a click.

        A click whose rank cannot be told since no results were logged is left out.
        """
        measured = sum(self.first_ranks.values()) + self.unranked_clicked
        return self._mean_reciprocal(self.first_ranks, measured)

    @property
    def first_click_at_1(self) -> float | None:
        """Share of first clicks with a known rank that are at rank 1."""
        return self._share_up_to(1)

    @property
    def first_click_in_top_3(self) -> float | None:
        """Share of first clicks with a known rank that are at ranks 1 to 3."""
        return self._share_up_to(3)

    @staticmethod
    def _mean_reciprocal(ranks: Mapping[int, int], count: int) -> float | None:
        if not count:
            return None
        return fsum(number / rank for rank, number in ranks.items()) / count

    def _share_up_to(self, last: int) -> float | None:
        within = sum(number for rank, number in self.first_ranks.items() if rank <= last)
        return ratio(within, sum(self.first_ranks.values()))


class Users:
    """Who searched: how many, and how their searches cluster.

    Up to `most_users` users are kept, each with the sums of their searches and clicked
    searches. With one more they are no longer told apart, and their number is estimated.
    """

    _CLICKED_BITS = 32

    def __init__(self, most_users: int = MOST_USERS) -> None:
        """Start with no users.

        Args:
            most_users: How many to keep.
        """
        self._most_users = most_users
        # Searches and clicked searches of each, in one integer: half the memory.
        self._sums: dict[str, int] | None = {}
        self._estimate = DistinctCounter()

    @property
    def is_exact(self) -> bool:
        """Whether users are told apart."""
        return self._sums is not None

    @property
    def count(self) -> int:
        """Number of users with a search; an estimate if they are not told apart."""
        return self._estimate.estimate() if self._sums is None else len(self._sums)

    @property
    def heaviest(self) -> tuple[str, int] | None:
        """The user with the most searches, and how many; None if not told apart."""
        if not self._sums:
            return None
        user = min(self._sums, key=lambda user: (-self._sums[user], user))  # type: ignore[index]
        return user, self._sums[user] >> self._CLICKED_BITS

    def update(self, sessions: Sequence[SessionRecord]) -> None:
        """Add ended sessions."""
        unit, sums = 1 << self._CLICKED_BITS, self._sums
        if sums is None or len(sums) + len(sessions) > self._most_users:
            for session in sessions:
                self._add(session.user, session.searches * unit + session.clicked_searches)
            return
        for session in sessions:  # the same, without a call for each
            user = session.user
            sums[user] = sums.get(user, 0) + session.searches * unit + session.clicked_searches

    def merge(self, other: Users) -> None:
        """Add the users of another part of the log."""
        if other._sums is None:
            self._forget()
            self._estimate.merge(other._estimate)
        else:
            for user, packed in other._sums.items():
                self._add(user, packed)

    def save(self) -> dict[str, Any]:
        """Return all there is to know of them as plain values."""
        return {"sums": self._sums, "estimate": self._estimate.save()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` returned."""
        self._sums = saved["sums"]
        self._estimate.restore(saved["estimate"])

    def cluster_sums(self) -> ClusterSums | None:
        """The sums over users of their searches; None if they are not told apart."""
        if self._sums is None:
            return None
        sums = ClusterSums()
        for packed in self._sums.values():
            sums.add(packed & ((1 << self._CLICKED_BITS) - 1), packed >> self._CLICKED_BITS)
        return sums

    def _add(self, user: str, packed: int) -> None:
        if self._sums is None:
            self._estimate.add(user)
            return
        self._sums[user] = self._sums.get(user, 0) + packed
        if len(self._sums) > self._most_users:
            self._forget()

    def _forget(self) -> None:
        for user in self._sums or ():
            self._estimate.add(user)
        self._sums = None


class Metrics:
    """All metrics of a log, or of a part of it.

    Attributes:
        outcomes: How often each outcome of a search occurred.
        first_click_s: Seconds from search to first click.
        sessions_by_searches: Number of sessions by their clicked searches and searches.
        session_s: Seconds from a session's first event to its latest.
        users: Who searched.
        refinements: Searches that others replaced as users typed on (R14).
    """

    def __init__(self, most_users: int = MOST_USERS) -> None:
        """Start with nothing.

        Args:
            most_users: How many users to tell apart.
        """
        self.outcomes: Counter[Outcome] = Counter()
        self.first_click_s = QuantileSketch()
        self.sessions_by_searches: Counter[tuple[int, int]] = Counter()
        self.session_s = QuantileSketch()
        self.users = Users(most_users)
        self.refinements = 0

    def update(self, ended: Ended) -> None:
        """Add what is over."""
        self.add_searches(
            outcomes_of(ended.searches),
            [s.first_click_s for s in ended.searches if s.first_click_s is not None],
            sum([search.refinements for search in ended.searches]),
        )
        self.add_sessions(ended.sessions)

    def add_searches(
        self, outcomes: Iterable[Outcome], first_clicks_s: Iterable[float], refinements: int
    ) -> None:
        """Add searches by what is needed of them.

        Args:
            outcomes: The outcome of each.
            first_clicks_s: Seconds to the first click, of those of which they are known.
            refinements: The refinements of all.
        """
        self.outcomes.update(outcomes)
        self.first_click_s.update(first_clicks_s)
        self.refinements += refinements

    def add_sessions(self, sessions: Sequence[SessionRecord]) -> None:
        """Add ended sessions."""
        self.sessions_by_searches.update(
            [(session.clicked_searches, session.searches) for session in sessions]
        )
        self.session_s.update(
            [
                (session.session_end - session.session_start).total_seconds()
                for session in sessions
                if session.session_start is not None and session.session_end is not None
            ]
        )
        self.users.update(sessions)

    def merge(self, other: Metrics) -> None:
        """Add the metrics of another part of the log."""
        self.outcomes.update(other.outcomes)
        self.first_click_s.merge(other.first_click_s)
        self.sessions_by_searches.update(other.sessions_by_searches)
        self.session_s.merge(other.session_s)
        self.users.merge(other.users)
        self.refinements += other.refinements

    def save(self) -> dict[str, Any]:
        """Return all there is to know of them as plain values."""
        return {
            "outcomes": [[*outcome, number] for outcome, number in self.outcomes.items()],
            "first_click_s": self.first_click_s.save(),
            "sessions_by_searches": [
                [*counts, number] for counts, number in self.sessions_by_searches.items()
            ],
            "session_s": self.session_s.save(),
            "refinements": self.refinements,
            "users": self.users.save(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` returned."""
        self.outcomes = Counter({tuple(outcome): n for *outcome, n in saved["outcomes"]})
        self.first_click_s.restore(saved["first_click_s"])
        self.sessions_by_searches = Counter(
            {tuple(counts): n for *counts, n in saved["sessions_by_searches"]}
        )
        self.session_s.restore(saved["session_s"])
        self.refinements = saved["refinements"]
        self.users.restore(saved["users"])

    @property
    def sessions(self) -> int:
        """Sessions with a search."""
        return self.sessions_by_searches.total()

    def clustered_interval(self) -> Interval | None:
        """The interval of the search CTR that respects users; sessions if not told apart."""
        sums = self.users.cluster_sums()
        if sums is None:
            sums = ClusterSums()
            for (clicked, searches), sessions in self.sessions_by_searches.items():
                sums.add(clicked, searches, sessions)
        return sums.interval()
