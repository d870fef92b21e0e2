"""A made-up log: users come and go, and what they do is written in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from heapq import heappop, heappush, heapreplace
from typing import TypeAlias

from ctrlog.errors import UsageError
from ctrlog.sessions.events import ClosedBy
from ctrlog.simulate.arrivals import VISITS_PER_DAY, arrivals_ms, mean_hours, visitor
from ctrlog.simulate.catalogue import Catalogue
from ctrlog.simulate.draws import Draw, draws
from ctrlog.simulate.noise import Timed, put_in_bad_lines, put_in_disorder
from ctrlog.simulate.scenario import Scenario
from ctrlog.simulate.truth import Truth
from ctrlog.simulate.user_model import EVENTS_PER_VISIT, MINUTE_MS, OVERDUE_MS, Habits, Shop, Visit
from ctrlog.times import EPOCH, NEVER

#: Who is in the shop: when they act next, the number of their visit, when they last acted, the
#: visit, and how to tell it the time of its next act.
Guest: TypeAlias = tuple[int, int, int, Visit, Callable[[str], int]]

_BLOCK_LINES = 2_000
#: Who is to come is drawn so often before it is taken that all are there.
_MOST_DRAWS = 8


class Simulation:
    """A log in the making. Memory holds the visits in progress, however long the log.

    Attributes:
        truth: What is true of what was made so far; complete when all was.
    """

    def __init__(self, scenario: Scenario, habits: Habits | None = None) -> None:
        """Open a shop that nobody has been to yet.

        Args:
            scenario: What log to make.
            habits: What users are likely to do; as `Habits` has it if None.

        Raises:
            UsageError: If time would end before the log.
        """
        self.truth = Truth(scenario.users)
        self._scenario = scenario
        self._start_ms = (scenario.start - EPOCH) // timedelta(milliseconds=1)
        self._refuse_to_outlast_time()
        self._lines: list[str] = []
        self._times_ms: list[int] = []
        self._shop = Shop(
            catalogue=Catalogue(scenario.queries),
            habits=habits or Habits(),
            draw=self._draw("visits"),
            write=self._lines.append,
            owes_orphan=self._owes_orphan,
            truth=self.truth,
        )
        self._guests: list[Guest] = []
        self._present: set[int] = set()
        self._visits = 0
        self._draw_user = self._draw("users")
        self._arrivals = arrivals_ms(self._start_ms, self._visits_per_hour, self._draw("arrivals"))
        self._arrival_ms = next(self._arrivals)

    def blocks(self) -> Iterator[bytes]:
        """Make the log, once.

        Yields:
            Whole lines.

        Raises:
            UsageError: If time ends before the log.
        """
        timed = self._timed_lines()
        scenario, truth = self._scenario, self.truth
        blocks: Iterator[list[str]] = (lines for _, lines in timed)
        if scenario.disorder:
            blocks = put_in_disorder(timed, scenario.disorder, self._draw("disorder"), truth)
        if scenario.bad_lines:
            blocks = put_in_bad_lines(blocks, scenario.bad_lines, self._draw("bad lines"), truth)
        for block in blocks:
            yield "".join(block).encode(errors="surrogateescape")

    def _draw(self, concern: str) -> Draw:
        """Chance of its own for a concern, so that without bad lines, say, the rest is the same."""
        return draws(self._scenario.seed, concern)

    @property
    def _visits_per_hour(self) -> float:
        scenario = self._scenario
        if scenario.days is None:
            return scenario.users * VISITS_PER_DAY / 24
        visits = max(scenario.events, 1) * (1 - scenario.orphans) / EVENTS_PER_VISIT
        return visits / mean_hours(self._start_ms, scenario.days)

    def _refuse_to_outlast_time(self) -> None:
        events_per_hour = self._visits_per_hour * EVENTS_PER_VISIT
        hours_left = (NEVER - self._scenario.start) / timedelta(hours=1)
        if self._scenario.events > events_per_hour * hours_left:
            raise UsageError(_OUTLASTS_TIME)

    def _owes_orphan(self) -> bool:
        """Whether there are fewer orphans yet than their share of the events."""
        orphans = self.truth.orphan_clicks + self.truth.orphan_results
        return orphans < self._scenario.orphans * (self.truth.events + len(self._lines))

    def _timed_lines(self) -> Iterator[Timed]:
        """Yield all lines in order of time; each block is there until the next is asked for."""
        lines, times_ms, truth = self._lines, self._times_ms, self.truth
        while left := self._scenario.events - truth.events:
            try:
                self._go_on_until(min(left, _BLOCK_LINES))
            except OverflowError:
                raise UsageError(_OUTLASTS_TIME) from None
            if truth.first_ms is None:
                truth.first_ms = times_ms[0]
            truth.last_ms = times_ms[-1]
            truth.events += len(lines)
            yield times_ms, lines
            lines.clear()
            times_ms.clear()
        self._cut_off_visits()

    def _go_on_until(self, wanted: int) -> None:
        """Let users act, one after the other, until there are so many lines."""
        guests, lines, times_ms = self._guests, self._lines, self._times_ms
        while len(lines) < wanted:
            if not guests or self._arrival_ms <= guests[0][0]:
                self._let_in()
                continue
            now_ms, number, _, visit, act_at = guests[0]
            try:
                wait_ms = act_at(_minute(now_ms // MINUTE_MS) + _SECONDS[now_ms % MINUTE_MS])
            except StopIteration:
                heappop(guests)
                self._present.discard(visit.user)
            else:
                heapreplace(guests, (now_ms + wait_ms, number, now_ms, visit, act_at))
            if len(lines) > len(times_ms):
                times_ms.append(now_ms)

    def _let_in(self) -> None:
        """Begin the visit that is due."""
        user = self._absent_user()
        if user is None:
            self._arrival_ms = self._guests[0][0] + 1  # somebody may have left by then
            return
        self._present.add(user)
        self._visits += 1
        visit = Visit(self._shop, user)
        acts = visit.acts()
        first_ms = self._arrival_ms + next(acts)
        heappush(self._guests, (first_ms, self._visits, self._arrival_ms, visit, acts.send))
        self._arrival_ms = max(self._arrival_ms, next(self._arrivals))

    def _absent_user(self) -> int | None:
        """Draw who comes next; None if too many are there already."""
        for _ in range(_MOST_DRAWS):
            user = visitor(self._scenario.users, self._draw_user())
            if user not in self._present:
                return user
        return None

    def _cut_off_visits(self) -> None:
        """End the sessions that the end of the log found open."""
        for _, _, latest_ms, visit, _ in self._guests:
            is_overdue = latest_ms + OVERDUE_MS <= (self.truth.last_ms or 0)
            visit.end(ClosedBy.GAP if is_overdue else ClosedBy.END)


_OUTLASTS_TIME = (
    "such a log would go on after the year 9999; name more --users, fewer --events or --days"
)

#: What a time in ms comes to within its minute.
_SECONDS = [f"{ms // 1000:02d}.{ms % 1000:03d}Z" for ms in range(MINUTE_MS)]


@lru_cache(2)
def _minute(number: int) -> str:
    """Write a minute, counted from 1970, as RFC 3339 up to the seconds."""
    return (EPOCH + timedelta(minutes=number)).isoformat()[:17]
