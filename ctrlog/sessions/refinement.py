"""Searches that grow while the user types: which one is typed on from which (R14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.session import Session

#: A slip of the finger: one letter too many and one too few, or two letters swapped.
_MOST_EDITS = 2


@dataclass(frozen=True, slots=True)
class Typing:
    """How far apart two searches of one typing may be.

    Attributes:
        within: The longest time between them; exactly that is still near enough.
    """

    within: timedelta

    def refines(self, session: Session, search: TrustedEvent) -> bool:
        """Tell whether a Search is typed on from the open search of a session.

        Args:
            session: The session, which has a search open.
            search: The Search event.
        """
        if session.search_clicks or session.search_time is None or search.time is None:
            return False
        apart = abs(search.time - session.search_time)
        return apart <= self.within and grows_out_of(search.query or "", session.query)


def grows_out_of(query: str, earlier: str) -> bool:
    """Tell whether a query is what became of another as it was typed.

    That is so if it is the same, if one begins with the other, or if the Levenshtein
    distance is at most 2. A field that was emptied is a new beginning.
    """
    if not query:
        return not earlier
    if query.startswith(earlier) or earlier.startswith(query):
        return True
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415  # few need it

    return Levenshtein.distance(query, earlier, score_cutoff=_MOST_EDITS) <= _MOST_EDITS
