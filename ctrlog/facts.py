"""What is known of a log, and the form of what is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ctrlog.byids import ByIds
from ctrlog.checkup import Checkup
from ctrlog.events import Attribution, Kind
from ctrlog.fitting import Fit
from ctrlog.ledger import Counts
from ctrlog.metrics import SearchMetrics, ratio


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


@dataclass(frozen=True, slots=True)
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
        metrics: The metrics of its searches, as `ctrlog summary` computes them.
        counts: What was counted beside them.
    """

    checkup: Checkup
    by_ids: ByIds
    schema: str
    attribute: Attribution
    fit: Fit | None = None
    better: Fit | None = None
    bad_lines: Mapping[str, int] = field(default_factory=dict)
    metrics: SearchMetrics = field(default_factory=lambda: SearchMetrics.of({}))
    counts: Counts = field(default_factory=Counts)

    @property
    def events(self) -> int:
        """Events."""
        return self.checkup.tally.events.total()

    @property
    def clicks(self) -> int:
        """Clicks."""
        return self.checkup.tally.of(Kind.CLICK_RESULT)

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

    @property
    def counted_searches(self) -> int:
        """Searches: by their ids if clicks go by them, else as `ctrlog summary` counts them."""
        return self.by_ids.searches if self.goes_by_ids else self.metrics.searches

    @property
    def counted_clicked(self) -> int:
        """How many of these got a click."""
        return self.by_ids.clicked_searches if self.goes_by_ids else self.metrics.clicked_searches

    @property
    def ctr(self) -> float | None:
        """The share of these that got a click."""
        return ratio(self.counted_clicked, self.counted_searches)


#: A smaller share of wrong lines or clicks does not make click-through wrong.
_MUCH = 0.01


def by_share(count: int, of: int, *, otherwise: Severity = Severity.NOTE) -> Severity:
    """Return `Severity.WRONG` if a share is large enough to make click-through wrong."""
    return Severity.WRONG if (ratio(count, of) or 0) >= _MUCH else otherwise
