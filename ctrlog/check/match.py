"""Which schema fits a log: tried on some of its lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ctrlog.metrics.totals import ratio
from ctrlog.schemas.bulk import is_instruction
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.mapping import USES, ForeignSchema
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import SPELLINGS, Kind


class Fit(NamedTuple):
    """How well a schema fits.

    Attributes:
        name: What the schema is called.
        lines: Lines that it was tried on, without instructions of `_bulk`.
        told: Lines of which it tells what they are.
        searches: Searches among them.
        clicks: Clicks among them.
    """

    name: str
    lines: int
    told: int
    searches: int
    clicks: int

    @property
    def share(self) -> float:
        """The share of lines of which it tells what they are; 0 if there are none."""
        return ratio(self.told, self.lines) or 0.0

    @property
    def fits(self) -> bool:
        """Whether there are searches or clicks at all."""
        return self.searches + self.clicks > 0


def try_schema(name: str, schema: Schema | ForeignSchema, lines: Sequence[bytes]) -> Fit:
    """Try a schema on lines of a log.

    Args:
        name: What to call it.
        schema: The schema.
        lines: Lines, each whole.
    """
    documents = [line for line in lines if line.strip() and not is_instruction(line)]
    longest = max(map(len, documents), default=0)
    events = Decoder(schema, longest).decode(b"\n".join(documents)).events
    kinds = [SPELLINGS.get(event.type, event.type) for event in events]
    told = sum(kind in USES for kind in kinds)
    searches, clicks = kinds.count(Kind.SEARCH), kinds.count(Kind.CLICK_RESULT)
    return Fit(name, len(documents), told, searches, clicks)


def best_of(fits: Iterable[Fit]) -> Fit | None:
    """Return the schema that fits best, None if none does.

    One that finds both searches and clicks goes before one that does not, then the one that
    tells of more lines what they are; of equal ones the first.
    """
    fitting = [fit for fit in fits if fit.fits]
    return max(
        fitting, key=lambda fit: (fit.searches > 0 and fit.clicks > 0, fit.told), default=None
    )
