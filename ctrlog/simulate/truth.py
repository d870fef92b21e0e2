"""The true metrics of a simulated log, counted while it is generated.

Searches are not counted by the code that reads logs, so a mistake there cannot hide behind the
same mistake here. Memory is one bit per user and one counter per kind of search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from math import fsum
from typing import Any, TypeAlias

from ctrlog.sessions.events import ClosedBy
from ctrlog.times import EPOCH, format_times

#: What the metrics need to know of a search: whether it showed results (None if none were
#: logged), the number of its clicks, the rank of the first click if the log reveals it, and what
#: closed the search.
SearchFacts: TypeAlias = tuple[bool | None, int, int | None, ClosedBy]


class Truth:
    """Counts of what simulated users did and of what was logged.

    Attributes:
        events: Number of events.
        searches: Number of searches by their facts.
        sessions: Number of sessions with a search.
        sessions_without_search: Number of sessions without one.
        orphan_clicks: Number of clicks logged while no search was open.
        orphan_results: Number of results logged while no search was open.
        bad_lines: Number of bad lines by reason.
        out_of_order: Number of events written after a later one.
        largest_step_back_ms: The most by which an event is older than one written before it.
        first_ms: Time of the first event, in ms since 1970; None if there are no events.
        last_ms: Time of the last event, in ms since 1970; None if there are no events.
    """

    def __init__(self, users: int) -> None:
        """Set all counts to 0.

        Args:
            users: Number of users, who are numbered from 1.
        """
        self.events = 0
        self.searches: Counter[SearchFacts] = Counter()
        self.sessions = 0
        self.sessions_without_search = 0
        self.orphan_clicks = 0
        self.orphan_results = 0
        self.bad_lines: Counter[str] = Counter()
        self.out_of_order = 0
        self.largest_step_back_ms = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._searchers = bytearray(users // 8 + 1)  # one bit per user

    def end_session(self, user: int, searches: int) -> None:
        """Count a session that has ended.

        Args:
            user: Number of the user.
            searches: Number of searches in the session.
        """
        if searches:
            self.sessions += 1
            self._searchers[user >> 3] |= 1 << (user & 7)
        else:
            self.sessions_without_search += 1

    @property
    def users(self) -> int:
        """Number of users who searched."""
        return int.from_bytes(self._searchers, "big").bit_count()

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics under the names that `ctrlog summary --format json` uses."""
        return {
            "events": self.events,
            "users": self.users,
            "sessions": self.sessions,
            **_search_metrics(self.searches),
            "searches_per_session": _ratio(self.searches.total(), self.sessions),
            "diagnostics": self._diagnostics(),
        }

    def _diagnostics(self) -> dict[str, Any]:
        ends = (self.first_ms, self.last_ms)
        first, last = format_times(
            [None if ms is None else EPOCH + timedelta(milliseconds=ms) for ms in ends]
        )
        bad_lines = self.bad_lines.total()
        return {
            "lines": self.events + bad_lines,
            "bad_lines": bad_lines,
            "bad_lines_by_reason": dict(self.bad_lines),
            "orphan_clicks": self.orphan_clicks,
            "orphan_results": self.orphan_results,
            "sessions_without_search": self.sessions_without_search,
            "out_of_order": self.out_of_order,
            "largest_step_back_s": self.largest_step_back_ms / 1000,
            "first_time": first,
            "last_time": last,
        }


def _search_metrics(counts: Mapping[SearchFacts, int]) -> dict[str, Any]:
    all_ = [(*facts, number) for facts, number in counts.items()]
    searches = sum(n for *_, n in all_)
    clicked = sum(n for _, clicks, _, _, n in all_ if clicks)
    clicks = sum(clicks * n for _, clicks, _, _, n in all_)
    with_results = sum(n for shown, *_, n in all_ if shown)
    zero_results = sum(n for shown, *_, n in all_ if shown is False)
    abandoned = sum(
        n for shown, clicks, _, by, n in all_ if shown and not clicks and by is not ClosedBy.SEARCH
    )
    reformulated = sum(n for _, clicks, _, by, n in all_ if not clicks and by is ClosedBy.SEARCH)
    return {
        "searches": searches,
        "clicked_searches": clicked,
        "ctr": _ratio(clicked, searches),
        "clicks": clicks,
        "clicks_per_search": _ratio(clicks, searches),
        "with_results": with_results,
        "zero_results": zero_results,
        "zero_result_rate": _ratio(zero_results, with_results + zero_results),
        "abandoned": abandoned,
        "abandonment_rate": _ratio(abandoned, with_results),
        "reformulated": reformulated,
        "reformulation_rate": _ratio(reformulated, searches),
        **_rank_metrics(counts, with_results + zero_results),
        "closed_by": {
            cause.value: sum(n for *_, by, n in all_ if by is cause) for cause in ClosedBy
        },
    }


def _rank_metrics(counts: Mapping[SearchFacts, int], logged: int) -> dict[str, Any]:
    """Return the metrics of the ranks of first clicks.

    Args:
        counts: Number of searches by their facts.
        logged: Number of searches with logged results.
    """
    by_rank: Counter[int] = Counter()
    logged_by_rank: Counter[int] = Counter()
    unranked = 0  # clicked searches with logged results whose first rank is unknown
    for (shown, clicks, rank, _), number in counts.items():
        if rank is not None:
            by_rank[rank] += number
            logged_by_rank[rank] += 0 if shown is None else number
        elif clicks and shown is not None:
            unranked += number
    ranked = by_rank.total()
    return {
        "mrr": _ratio(_sum_of_reciprocals(logged_by_rank), logged),
        "mrr_clicked": _ratio(_sum_of_reciprocals(by_rank), ranked + unranked),
        "first_click_at_1": _ratio(by_rank[1], ranked),
        "first_click_in_top_3": _ratio(by_rank[1] + by_rank[2] + by_rank[3], ranked),
        "first_ranks": {str(rank): by_rank[rank] for rank in sorted(+by_rank)},
    }


def _sum_of_reciprocals(by_rank: Mapping[int, int]) -> float:
    return fsum(number / rank for rank, number in by_rank.items())


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
