"""What `ctrlog summary` says: all metrics of a log, its groups, and what to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from ctrlog.metrics.groups import OTHERS, Choice, Group, GroupCounts, Grouping, Groups, Period
from ctrlog.metrics.intervals import Interval
from ctrlog.metrics.order import MOST_GROUPS
from ctrlog.metrics.totals import Metrics, SearchMetrics, ratio
from ctrlog.metrics.user_limit import PerUser
from ctrlog.sessions.events import Attribution
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.rules import DEFAULTS, Rules
from ctrlog.times import format_times

#: So many of the users left out are named.
MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run knows of a log beside its searches and sessions.

    Attributes:
        counts: As of `Summary`.
        lines: As of `Summary`.
        bad_lines: As of `Summary`.
        keeps_bad_lines: As of `Summary`.
        open_sessions: As of `Summary`.
        rules: As of `Summary`.
        excluded_events: As of `Summary`.
        excluded_unseen: As of `Summary`.
    """

    counts: Counts
    lines: int
    bad_lines: Mapping[str, int]
    keeps_bad_lines: bool
    open_sessions: int
    rules: Rules
    excluded_events: int | None
    excluded_unseen: Sequence[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A log summed up.

    Attributes:
        metrics: The metrics of all searches and sessions.
        searches: The metrics of all searches, computed.
        counts: What was seen beside them.
        lines: Lines read, blank ones included.
        bad_lines: Number of bad lines by reason.
        dimensions: By what searches were grouped; empty if they were not.
        period: The period that they were grouped by, if that is the only dimension.
        groups: The groups to show, in the order to show them; without metrics for a period
            in which no search was made.
        groups_left_out: How many groups are not shown.
        groups_too_small: How many of these have too few searches to be shown.
        merged_searches: How many searches are in groups that were merged for want of room.
        open_sessions: How many sessions stay open for another run, and are in no metric.
        rules: The rules that searches and sessions were made by.
        excluded_events: How many events of excluded users were left out; None if no users
            were to be.
        excluded_unseen: Those excluded users of whom there was no event.
        limit: Users with more searches were left out; None if none were to be.
        left_out: Those users, and how many searches they made, the most first.
        keeps_bad_lines: Whether the bad lines were written somewhere.
        chosen: Which searches were chosen by a filter, in words; empty for all.
    """

    metrics: Metrics
    searches: SearchMetrics
    counts: Counts
    lines: int
    bad_lines: Mapping[str, int]
    dimensions: tuple[str, ...] = ()
    period: Period | None = None
    groups: Sequence[Group] = field(default_factory=list)
    groups_left_out: int = 0
    groups_too_small: int = 0
    merged_searches: int = 0
    open_sessions: int = 0
    rules: Rules = DEFAULTS
    excluded_events: int | None = None
    excluded_unseen: Sequence[str] = ()
    limit: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    keeps_bad_lines: bool = False
    chosen: str = ""

    @property
    def searches_raw(self) -> int | None:
        """Searches as they were typed; None if those of one typing were not merged (R14)."""
        if self.rules.merge_typing is None:
            return None
        return self.searches.searches + self.metrics.refinements

    @property
    def ctr_raw(self) -> float | None:
        """Clicked searches / searches as they were typed."""
        return ratio(self.searches.clicked_searches, self.searches_raw or 0)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it: plain values under the names of the metrics."""
        metrics, users = self.metrics, self.metrics.users
        return {
            "events": self.counts.events,
            "users": users.count,
            "users_exact": users.is_exact,
            "sessions": metrics.sessions,
            **search_values(self.searches),
            **self._raw_values(),
            **_ends("ctr_{}_clustered", metrics.clustered_interval()),
            "clustered_by": "user" if users.is_exact else "session",
            "first_ranks": {str(rank): n for rank, n in self.searches.first_ranks.items()},
            "first_click_s_p50": metrics.first_click_s.quantile(0.5),
            "first_click_s_p90": metrics.first_click_s.quantile(0.9),
            "searches_per_session": ratio(self.searches.searches, metrics.sessions),
            "session_s_p50": metrics.session_s.quantile(0.5),
            "session_s_p90": metrics.session_s.quantile(0.9),
            "closed_by": dict(self.searches.closed_by),
            "diagnostics": self.diagnostics(),
            "groups": [self.group_values(group) for group in self.groups],
        }

    def _raw_values(self) -> dict[str, Any]:
        if self.searches_raw is None:
            return {}
        return {"searches_raw": self.searches_raw, "ctr_raw": self.ctr_raw}

    def diagnostics(self) -> dict[str, Any]:
        """Return what tells how far the log can be trusted."""
        counts = self.counts
        first, last = format_times([counts.first_time, counts.last_time])
        return {
            "lines": self.lines,
            "bad_lines": sum(self.bad_lines.values()),
            "bad_lines_by_reason": dict(self.bad_lines),
            "orphan_clicks": counts.orphan_clicks,
            "orphan_results": counts.orphan_results,
            "sessions_without_search": counts.sessions_without_search,
            "open_sessions": self.open_sessions,
            "out_of_order": counts.out_of_order,
            "late": counts.late,
            "largest_step_back_s": counts.largest_step_back.total_seconds(),
            "first_time": first,
            "last_time": last,
            "groups_left_out": self.groups_left_out,
            "searches_of_merged_groups": self.merged_searches,
            "all_clicks": counts.clicks,
            **self._diagnostics_of_options(),
        }

    def _diagnostics_of_options(self) -> dict[str, Any]:
        """Return what is only there with the option that it belongs to."""
        told: dict[str, Any] = {}
        if self.rules.attribution is Attribution.ID:
            told["searches_with_id"] = self.counts.named_searches
        if self.rules.dedupe_clicks:
            told["repeated_clicks"] = self.counts.repeated_clicks
        if self.excluded_events is not None:
            told["excluded_events"] = self.excluded_events
        if self.limit is not None:
            told["users_left_out"] = len(self.left_out)
            told["searches_of_users_left_out"] = sum(self.left_out.values())
            told["most_searching_users_left_out"] = dict(islice(self.left_out.items(), MOST_NAMED))
        return told

    def group_values(self, group: Group) -> dict[str, Any]:
        """Return a group as JSON has it: its key under the names of the dimensions."""
        key = group.key or (None,) * len(self.dimensions)
        return {
            **dict(zip(self.names, key, strict=True)),
            "is_others": group.key == OTHERS,
            **search_values(group.metrics),
        }

    @property
    def names(self) -> list[str]:
        """What the dimensions are called beside the metrics: `by_clicks` for a field `clicks`."""
        return [f"by_{name}" if name in _GROUP_NAMES else name for name in self.dimensions]


class SummaryCollector:
    """A summary while it is made."""

    def __init__(
        self,
        grouping: Grouping | None = None,
        most_groups: int = MOST_GROUPS,
        max_user_searches: int | None = None,
    ) -> None:
        """Start with nothing.

        Args:
            grouping: By what to group searches; None for no groups.
            most_groups: How many groups to keep.
            max_user_searches: Users with more searches are left out; None to leave out none.
        """
        key_of = grouping.key_of(grouping.extra_fields) if grouping else None
        self.maker: Callable[[Callable[[bytes], None]], SummaryCollector] = partial(
            _summing, grouping, most_groups
        )
        self._grouping = grouping
        self._limit = max_user_searches
        self._metrics = Metrics()
        self._groups = Groups(key_of, most_groups) if key_of else None
        self._held = PerUser(max_user_searches, key_of) if max_user_searches else None

    def update(self, ended: Ended) -> None:
        """Add what is over; its searches carry the fields of the grouping first in `extra`.

        Raises:
            UsageError: If there are too many users to leave some out.
        """
        if self._held is not None:
            self._held.update(ended)
            return
        self._metrics.update(ended)
        if self._groups is not None:
            self._groups.update(ended.searches)

    # As `products.Product` says.

    @property
    def is_bounded(self) -> bool:
        """Whether there may be too many groups."""
        return self._groups is not None

    def part(self) -> tuple[Metrics, GroupCounts | None]:
        """Return all that was added up."""
        return self._metrics, None if self._groups is None else self._groups.counts

    def has_room_for(self, part: tuple[Metrics, GroupCounts | None]) -> bool:
        """Tell whether no groups would have to be merged for want of room."""
        _, counts = part
        return self._groups is None or counts is None or self._groups.has_room_for(counts)

    def merge(self, part: tuple[Metrics, GroupCounts | None]) -> None:
        """Add what another summary has added up."""
        metrics, counts = part
        self._metrics.merge(metrics)
        if self._groups is not None and counts is not None:
            self._groups.merge_counts(counts)

    def save(self) -> dict[str, Any]:
        """Return all there is to know of it as plain values."""
        return {
            "metrics": self._metrics.save(),
            "groups": self._groups and self._groups.save(),
            "held": self._held and self._held.save(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` returned."""
        self._metrics.restore(saved["metrics"])
        if self._groups is not None:
            self._groups.restore(saved["groups"])
        if self._held is not None:
            self._held.restore(saved["held"])

    def summary(self, facts: RunFacts, choice: Choice | None = None, chosen: str = "") -> Summary:
        """Say what all that was added comes to; nothing can be added after that.

        Args:
            facts: What the run knows of the log.
            choice: Which groups to show; all if None.
            chosen: Which searches were chosen by a filter, in words.
        """
        grouping, groups, held = self._grouping, self._groups, self._held
        if held is not None:
            held.release(self._metrics, groups)
        choice = choice or Choice()
        known = groups.groups() if groups is not None else []
        shown, left_out = choice.of(known, grouping) if grouping else ([], 0)
        return Summary(
            metrics=self._metrics,
            searches=SearchMetrics.of(self._metrics.outcomes),
            counts=facts.counts,
            lines=facts.lines,
            bad_lines=facts.bad_lines,
            dimensions=grouping.dimensions if grouping else (),
            period=grouping.period if grouping else None,
            groups=shown,
            groups_left_out=left_out,
            groups_too_small=sum(map(choice.is_too_small, known)),
            merged_searches=groups.merged_searches if groups else 0,
            open_sessions=facts.open_sessions,
            rules=facts.rules,
            excluded_events=facts.excluded_events,
            excluded_unseen=facts.excluded_unseen,
            limit=self._limit,
            left_out=held.left_out if held else {},
            keeps_bad_lines=facts.keeps_bad_lines,
            chosen=chosen,
        )


def _summing(
    grouping: Grouping | None, most_groups: int, _write: Callable[[bytes], None]
) -> SummaryCollector:
    return SummaryCollector(grouping, most_groups)


def search_values(metrics: SearchMetrics) -> dict[str, Any]:
    """Return the metrics of searches under their names, in the order to show them."""
    return {
        "searches": metrics.searches,
        "clicked_searches": metrics.clicked_searches,
        "ctr": metrics.ctr,
        **_ends("ctr_{}", metrics.ctr_interval),
        "clicks": metrics.clicks,
        "clicks_per_search": metrics.clicks_per_search,
        "with_results": metrics.with_results,
        "zero_results": metrics.zero_results,
        "zero_result_rate": metrics.zero_result_rate,
        "abandoned": metrics.abandoned,
        "abandonment_rate": metrics.abandonment_rate,
        "reformulated": metrics.reformulated,
        "reformulation_rate": metrics.reformulation_rate,
        "mrr": metrics.mrr,
        "mrr_clicked": metrics.mrr_clicked,
        "first_click_at_1": metrics.first_click_at_1,
        "first_click_in_top_3": metrics.first_click_in_top_3,
    }


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {name.format("low"): low, name.format("high"): high}


#: What a group has beside its key.
_GROUP_NAMES = frozenset({"is_others", *search_values(SearchMetrics.of({}))})
