"""The simulation of a log: visits of many users, interleaved in order of time.

Visits in progress wait in a heap, ordered by the time of their next act. The simulation takes the
earliest, lets it write its event, and puts it back with the time of its next act; new visits join
as they arrive. Time is O(log v) per event for v visits in progress. Memory holds those visits and
one block of lines, so it does not grow with the log.

Noise (late and bad lines) is applied to the finished blocks. Each concern has its own stream of
random numbers, so turning one off leaves the rest of the log as it is.
"""

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
from ctrlog.simulate.noise import TimedLines, delay_lines, insert_bad_lines
from ctrlog.simulate.scenario import Scenario
from ctrlog.simulate.truth import Truth
from ctrlog.simulate.user_model import EVENTS_PER_VISIT, MINUTE_MS, OVERDUE_MS, Habits, Shop, Visit
from ctrlog.times import EPOCH, NEVER

#: A visit in progress: the time of its next act, its number, the time of its last act, the visit,
#: and the function that lets it act at a time.
ActiveVisit: TypeAlias = tuple[int, int, int, Visit, Callable[[str], int]]

_MAX_BLOCK_LINES = 2_000
#: The most attempts at drawing a user who is not visiting; after that all users count as visiting.
_MAX_DRAWS = 8


class Simulation:
    """A simulated log and its true metrics.

    >>> simulation = Simulation(Scenario(events=6))
    >>> log = b"".join(simulation.blocks())
    >>> len(log.splitlines()), simulation.truth.to_dict()["searches"]
    (6, 1)

    Attributes:
        truth: The true metrics of what was generated so far, complete after the last block.
    """

    def __init__(self, scenario: Scenario, habits: Habits | None = None) -> None:
        """Prepare the simulation.

        Args:
            scenario: The parameters of the log.
            habits: The probabilities of what users do; the defaults of `Habits` if None.

        Raises:
            UsageError: If the log is expected to last beyond the year 9999.
        """
        self.truth = Truth(scenario.users)
        self._scenario = scenario
        self._start_ms = (scenario.start - EPOCH) // timedelta(milliseconds=1)
        self._check_duration()
        self._lines: list[str] = []
        self._times_ms: list[int] = []
        self._shop = Shop(
            catalogue=Catalogue(scenario.queries),
            habits=habits or Habits(),
            draw=self._draw("visits"),
            write=self._lines.append,
            is_orphan_due=self._is_orphan_due,
            truth=self.truth,
        )
        self._active: list[ActiveVisit] = []
        self._present: set[int] = set()
        self._visits = 0
        self._draw_user = self._draw("users")
        self._arrivals = arrivals_ms(self._start_ms, self._visits_per_hour, self._draw("arrivals"))
        self._arrival_ms = next(self._arrivals)

    def blocks(self) -> Iterator[bytes]:
        """Generate the log; can be called once.

        Yields:
            Blocks of whole lines.

        Raises:
            UsageError: If the log lasts beyond the year 9999.
        """
        timed = self._timed_lines()
        scenario, truth = self._scenario, self.truth
        blocks: Iterator[list[str]] = (lines for _, lines in timed)
        if scenario.disorder:
            blocks = delay_lines(timed, scenario.disorder, self._draw("disorder"), truth)
        if scenario.bad_lines:
            blocks = insert_bad_lines(blocks, scenario.bad_lines, self._draw("bad lines"), truth)
        for block in blocks:
            yield "".join(block).encode(errors="surrogateescape")

    def _draw(self, concern: str) -> Draw:
        """Return the random numbers of a concern, independent of all others."""
        return draws(self._scenario.seed, concern)

    @property
    def _visits_per_hour(self) -> float:
        scenario = self._scenario
        if scenario.days is None:
            return scenario.users * VISITS_PER_DAY / 24
        visits = max(scenario.events, 1) * (1 - scenario.orphans) / EVENTS_PER_VISIT
        return visits / mean_hours(self._start_ms, scenario.days)

    def _check_duration(self) -> None:
        events_per_hour = self._visits_per_hour * EVENTS_PER_VISIT
        hours_left = (NEVER - self._scenario.start) / timedelta(hours=1)
        if self._scenario.events > events_per_hour * hours_left:
            raise UsageError(_TOO_LONG)

    def _is_orphan_due(self) -> bool:
        """Return whether there are fewer orphans so far than their share of the events."""
        orphans = self.truth.orphan_clicks + self.truth.orphan_results
        return orphans < self._scenario.orphans * (self.truth.events + len(self._lines))

    def _timed_lines(self) -> Iterator[TimedLines]:
        """Yield all lines in order of time; a block is valid until the next one is requested."""
        lines, times_ms, truth = self._lines, self._times_ms, self.truth
        while left := self._scenario.events - truth.events:
            try:
                self._fill_block(min(left, _MAX_BLOCK_LINES))
            except OverflowError:
                raise UsageError(_TOO_LONG) from None
            if truth.first_ms is None:
                truth.first_ms = times_ms[0]
            truth.last_ms = times_ms[-1]
            truth.events += len(lines)
            yield times_ms, lines
            lines.clear()
            times_ms.clear()
        self._end_open_sessions()

    def _fill_block(self, size: int) -> None:
        """Let users act, one after the other, until the block has `size` lines."""
        active, lines, times_ms = self._active, self._lines, self._times_ms
        while len(lines) < size:
            if not active or self._arrival_ms <= active[0][0]:
                self._start_visit()
                continue
            now_ms, number, _, visit, act_at = active[0]
            try:
                wait_ms = act_at(_minute(now_ms // MINUTE_MS) + _SECONDS[now_ms % MINUTE_MS])
            except StopIteration:
                heappop(active)
                self._present.discard(visit.user)
            else:
                heapreplace(active, (now_ms + wait_ms, number, now_ms, visit, act_at))
            if len(lines) > len(times_ms):
                times_ms.append(now_ms)

    def _start_visit(self) -> None:
        """Start the visit that is due, or postpone it if all users are visiting."""
        user = self._draw_absent_user()
        if user is None:
            self._arrival_ms = self._active[0][0] + 1  # a visit may have ended by then
            return
        self._present.add(user)
        self._visits += 1
        visit = Visit(self._shop, user)
        acts = visit.acts()
        first_ms = self._arrival_ms + next(acts)
        heappush(self._active, (first_ms, self._visits, self._arrival_ms, visit, acts.send))
        self._arrival_ms = max(self._arrival_ms, next(self._arrivals))

    def _draw_absent_user(self) -> int | None:
        """Draw the user of the next visit; None if no drawn user is absent."""
        for _ in range(_MAX_DRAWS):
            user = visitor(self._scenario.users, self._draw_user())
            if user not in self._present:
                return user
        return None

    def _end_open_sessions(self) -> None:
        """End the sessions that are open at the end of the log."""
        for _, _, latest_ms, visit, _ in self._active:
            is_overdue = latest_ms + OVERDUE_MS <= (self.truth.last_ms or 0)
            visit.end(ClosedBy.GAP if is_overdue else ClosedBy.END)


_TOO_LONG = (
    "the log would last beyond the year 9999; use more --users, fewer --events or fewer --days"
)

#: The seconds of each time within a minute, by its ms.
_SECONDS = [f"{ms // 1000:02d}.{ms % 1000:03d}Z" for ms in range(MINUTE_MS)]


@lru_cache(2)
def _minute(number: int) -> str:
    """Return a minute, counted from 1970, in RFC 3339 up to the seconds."""
    return (EPOCH + timedelta(minutes=number)).isoformat()[:17]
