"""What is known of a log, and the form of what is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from ctrlog.check.by_id import ByIds
from ctrlog.check.match import Fit
from ctrlog.check.tally import Checkup
from ctrlog.metrics.totals import Metrics, SearchMetrics, ratio
from ctrlog.sessions.events import Attribution, Kind
from ctrlog.sessions.ledger import Counts
from ctrlog.sessions.rules import DEFAULTS


class Severity(StrEnum):
    """What a finding means for the numbers."""

    WRONG = "wrong"  # click-through would be wrong
    DOUBTFUL = "doubtful"  # other numbers would be
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found in a log.

    Attributes:
        name: What to call it.
        severity: What it means for the numbers.
        count: How many there are.
        of: Of how many; None if there is nothing to compare with.
        what: What was found.
        why: Why it matters.
        help: What helps.
        figures: Further numbers, under their names.
    """

    name: str
    severity: Severity
    count: int
    of: int | None
    what: str
    why: str
    help: str
    figures: Mapping[str, Any] = field(default_factory=dict)


class Example(NamedTuple):
    """A line of the log."""

    user: str
    file: str
    line: int


@dataclass(frozen=True)
class Facts:
    """All that is known of a log.

    Attributes:
        checkup: What was seen of it.
        by_ids: What the ids of its searches tell.
        schema: What its schema is called.
        attribute: How the schema has clicks find their search.
        fit: How well the schema fits; None if it was tried on nothing.
        better: Another schema that fits better; None if there is none.
        bad_lines: Its bad lines, by reason.
        metrics: The metrics of its searches and sessions, as `ctrlog summary` computes them.
        counts: What was counted beside them.
        gap: The gap that sessions were made with.
        orphans_with_gap_doubled: Clicks that belong to no search if it is twice as long.
        orphan: The first click that belongs to no search; None if there is none.
        chosen: Which events were looked at, in words; empty for all.
    """

    checkup: Checkup
    by_ids: ByIds
    schema: str
    attribute: Attribution
    fit: Fit | None = None
    better: Fit | None = None
    bad_lines: Mapping[str, int] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    counts: Counts = field(default_factory=Counts)
    gap: timedelta = DEFAULTS.gap
    orphans_with_gap_doubled: int = 0
    orphan: Example | None = None
    chosen: str = ""

    @cached_property
    def searches(self) -> SearchMetrics:
        """The metrics of searches, computed; a repeated click is none of their clicks."""
        return SearchMetrics.of(self.metrics.outcomes)

    @property
    def events(self) -> int:
        """Events."""
        return self.counts.events

    @property
    def clicks(self) -> int:
        """Clicks that count for a search, as `ctrlog summary` counts them by default."""
        return self.searches.clicks + self.counts.repeated_clicks

    @property
    def all_clicks(self) -> int:
        """Clicks, orphans included."""
        return self.counts.clicks

    @property
    def search_events(self) -> int:
        """Search events."""
        return self.checkup.tally.of(Kind.SEARCH)

    @property
    def has_ids(self) -> bool:
        """Whether searches have ids, and clicks may be told to belong to them."""
        return self.by_ids.searches > 0

    @property
    def goes_by_ids(self) -> bool:
        """Whether clicks find their search by its id."""
        return self.has_ids and self.attribute is Attribution.ID


#: A smaller share of wrong lines or clicks does not make click-through wrong.
_MUCH = 0.01


def by_share(count: int, of: int, *, otherwise: Severity = Severity.NOTE) -> Severity:
    """Return `Severity.WRONG` if a share is large enough to make click-through wrong."""
    return Severity.WRONG if (ratio(count, of) or 0) >= _MUCH else otherwise
