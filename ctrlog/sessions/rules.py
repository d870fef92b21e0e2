"""What may be chosen of the rules: durations, and which searches count, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ctrlog.errors import UsageError
from ctrlog.sessions.events import Attribution
from ctrlog.sessions.ledger import ClickObserver, OrphanObserver, Selector
from ctrlog.sessions.machine import Machine, machine_for
from ctrlog.sessions.table import MOST_OPEN

if TYPE_CHECKING:
    from ctrlog.sessions.volume import Volume


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be chosen about sessions and searches.

    Attributes:
        gap: The longest pause inside a session; exactly the gap is inside (R2).
        lateness: How far behind the clock an event may be and still be in time (R7, R8).
        max_session: A session that has lasted this long ends at its next event
            (R10); None for no limit.
        select: Tells by its Search event whether a search is to be recorded and
            counted; None for all.
        attribution: How results and clicks find their search (R5, R13).
        merge_typing: How far apart two searches of one typing may be (R14); None to merge
            none.
        dedupe_clicks: Whether repeated clicks on an item of a search count once (R15).
        most_open: So many searches of a session may be open at once (R13).
        max_user_searches: No more searches of a user are recorded and counted; None for no
            limit.
        on_click: Called with each click that is in a search; None if nobody looks.
        on_orphan: Called with each click that is in none; None if nobody looks.
    """

    gap: timedelta = timedelta(minutes=30)
    lateness: timedelta = timedelta(minutes=5)
    max_session: timedelta | None = None
    select: Selector | None = None
    attribution: Attribution = Attribution.ORDER
    merge_typing: timedelta | None = None
    dedupe_clicks: bool = False
    most_open: int = MOST_OPEN
    max_user_searches: int | None = None
    on_click: ClickObserver | None = None
    on_orphan: OrphanObserver | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: If a duration or a number is too small, or there is no such attribution.
        """
        try:
            object.__setattr__(self, "attribution", Attribution(self.attribution))
        except ValueError:
            raise UsageError(f"attribution is order or id, not {self.attribution!r}") from None
        if self.gap <= timedelta(0):
            raise UsageError("the gap must be longer than 0: write 90s, 30m or 1h30m, for example")
        if self.lateness < timedelta(0):
            raise UsageError("the lateness cannot be negative")
        if self.max_session is not None and self.max_session <= timedelta(0):
            raise UsageError("the longest session must be longer than 0")
        if self.merge_typing is not None and self.merge_typing < timedelta(0):
            raise UsageError("the time between searches of one typing cannot be negative")
        limit = self.max_user_searches
        if self.most_open < 1 or (limit is not None and limit < 1):
            raise UsageError("there must be room for one search")

    def volume(self) -> Volume | None:
        """Return what counts the searches of each user; None without a limit."""
        if self.max_user_searches is None:
            return None
        from ctrlog.sessions.volume import Volume  # noqa: PLC0415  # few need it

        return Volume(self.max_user_searches)

    @property
    def machine(self) -> Machine:
        """The state machine that follows the rules."""
        return machine_for(
            self.attribution,
            self.merge_typing,
            dedupe_clicks=self.dedupe_clicks,
            most_open=self.most_open,
            is_limited=self.max_user_searches is not None,
        )


DEFAULTS = Rules()
