"""The behaviour of simulated users: open the app, search, click, rephrase, leave.

A visit is a generator (`Visit.acts`). It yields the time until the user's next act, is resumed
with the time of that act as text, writes the act to the log, and counts in the `Truth` what it
means. So the simulation can interleave any number of visits in order of time, and memory holds
only the visits in progress. The visit also decides when its session ends by the default rules:
each pause is drawn either within the gap or clearly beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ctrlog.sessions.events import ClosedBy
from ctrlog.simulate.catalogue import Catalogue, CatalogueQuery, item_id, scattered
from ctrlog.simulate.click_model import END_OF_PAGE, GAVE_UP, PAGE_ITEMS
from ctrlog.simulate.draws import TABLE_SIZE, Draw, dwells_ms, pauses_ms, waits_ms
from ctrlog.simulate.truth import Truth

T = TypeVar("T")

#: A user's acts: yields the time until the next act in ms, and is sent the time of that act as
#: text.
Acts: TypeAlias = Generator[int, str, T]

MINUTE_MS = 60_000
#: The longest pause inside a session (R2, with the default gap).
GAP_MS = 30 * MINUTE_MS
#: How much later than the last event of a session the clock ends it (R7, with the default gap
#: and lateness).
OVERDUE_MS = 35 * MINUTE_MS + 1

#: Mean number of events of a visit with the default habits, from which `Scenario.days` follows.
EVENTS_PER_VISIT = 7.4

# Tables of times between acts.
ARRIVING_MS = waits_ms(0.5, 6)  # from AppOpen to the first search
LOADING_MS = waits_ms(0.05, 0.25)  # from a search to its results
READING_MS = waits_ms(1.2, 6)  # before a click, in addition to …
LOOKING_MS = 900  # … this for each result that the user looks at
DWELLING_MS = dwells_ms(25)  # on a clicked item
SCROLLING_MS = waits_ms(1, 5)  # before a scroll
TURNING_MS = waits_ms(2, 8)  # from the first page to the second
THINKING_MS = waits_ms(2, 12)  # from one search to the next
ORPHAN_MS = waits_ms(0.2, 8)  # before an orphan
LEAVING_MS = waits_ms(0.8, 15)  # before AppClose
ASIDE_MS = pauses_ms(4 * MINUTE_MS, GAP_MS)  # away from the app, within the session
AWAY_MS = pauses_ms(GAP_MS + 1, 180 * MINUTE_MS)  # away from the app, until a new session
IDLE_MS = pauses_ms(15 * MINUTE_MS, GAP_MS)  # before Timeout


@dataclass(frozen=True, slots=True)
class Habits:
    """The probabilities of what users do, from 0 to 1.

    Attributes:
        searches: A visit has a search; in other visits the user only scrolls.
        gives_up: The user leaves a search before its results arrive.
        loses_results: The results of a search are shown but not logged.
        scrolls: The user scrolls a page of results, which logs an event of another type.
        turns_page: A user who has looked at the whole first page opens the second.
        clicks_advert: A click is on an advert beside the list, whose item has no rank.
        leaves_satisfied: A user who has found the right item makes no further search.
        rephrases: A user who has not found it rephrases the query.
        starts_anew: A user who has not found it searches for something else.
        puts_aside: The user puts the app aside before the next search, within the session.
        stays_away: The user stays away for longer than the gap before the next search.
        reopens: A user who returns after staying away opens the app anew.
        closes: A visit ends with AppClose.
        times_out: A visit ends with Timeout; the remaining visits end without an event.
        logs_ranks: A user's app logs the rank of each click.
        orphan_clicks: An orphan is a click; other orphans are results.
    """

    searches: float = 0.93
    gives_up: float = 0.01
    loses_results: float = 0.005
    scrolls: float = 0.05
    turns_page: float = 0.5
    clicks_advert: float = 0.01
    leaves_satisfied: float = 0.65
    rephrases: float = 0.45
    starts_anew: float = 0.2
    puts_aside: float = 0.03
    stays_away: float = 0.03
    reopens: float = 0.5
    closes: float = 0.78
    times_out: float = 0.08
    logs_ranks: float = 0.4
    orphan_clicks: float = 0.7


@dataclass(frozen=True, slots=True)
class Shop:
    """What all visits share.

    Attributes:
        catalogue: The queries, and the items they find.
        habits: The probabilities of what users do.
        draw: Source of random numbers.
        write: Writes a line to the log.
        is_orphan_due: Returns whether the log has fewer orphans than their share of the events.
        truth: Counts what users do.
    """

    catalogue: Catalogue
    habits: Habits
    draw: Draw
    write: Callable[[str], None]
    is_orphan_due: Callable[[], bool]
    truth: Truth


class Visit:
    """A user's visit, from opening the app to the end of the last session.

    Only one visit of a user may be in progress at a time.
    """

    __slots__ = (
        "_clicks",
        "_first_rank",
        "_is_searching",
        "_logs_ranks",
        "_logs_results",
        "_searches",
        "_shop",
        "_shown",
        "_who",
        "user",
    )

    def __init__(self, shop: Shop, user: int) -> None:
        """Create a visit that has not started.

        Args:
            shop: What all visits share.
            user: Number of the user.
        """
        self.user = user
        self._shop = shop
        self._who = f'","user":{user},"time":"'  # the text between the type and the time
        self._logs_ranks = scattered(user) < shop.habits.logs_ranks
        # The open session: the number of its searches, None if no session is open.
        self._searches: int | None = None
        # The open search.
        self._is_searching = False
        self._logs_results = True
        self._shown: bool | None = None
        self._clicks = 0
        self._first_rank: int | None = None

    def acts(self) -> Acts[None]:
        """Yield the wait before each act of the visit, and log the act at the time that is sent."""
        yield from self._open_app(0)
        if self._shop.draw() < self._shop.habits.searches:
            yield from self._search_until_done()
        else:
            yield from self._scroll()
        yield from self._leave()
        if self._searches is not None:  # no event ended the session, so the gap does
            yield OVERDUE_MS
            self.end(ClosedBy.GAP)

    def end(self, by: ClosedBy) -> None:
        """End the open session and its open search, if any.

        Args:
            by: What ends them.
        """
        if self._searches is None:
            return
        if self._is_searching:
            self._close_search(by)
        self._shop.truth.end_session(self.user, self._searches)
        self._searches = None

    def _open_app(self, wait_ms: int) -> Acts[None]:
        """Open the app in a new session; the wait has ended the previous one, if any."""
        stamp = yield wait_ms
        self.end(ClosedBy.GAP)
        self._searches = 0
        self._shop.write(f'{{"type":"AppOpen{self._who}{stamp}"}}\n')
        yield from self._log_orphans()

    def _scroll(self) -> Acts[None]:
        stamp = yield SCROLLING_MS[int(self._shop.draw() * TABLE_SIZE)]
        self._shop.write(f'{{"type":"scroll{self._who}{stamp}"}}\n')

    def _search_until_done(self) -> Acts[None]:
        draw, habits, catalogue = self._shop.draw, self._shop.habits, self._shop.catalogue
        number = catalogue.choose(draw())
        wait_ms = ARRIVING_MS[int(draw() * TABLE_SIZE)]
        while True:
            is_satisfied = yield from self._search(catalogue.query(number), wait_ms)
            choice = draw()
            if is_satisfied:
                if choice < habits.leaves_satisfied:
                    return
                number = catalogue.choose(draw())
            elif choice < habits.rephrases:
                number = catalogue.rephrase(number)
            elif choice < habits.rephrases + habits.starts_anew:
                number = catalogue.choose(draw())
            else:
                return
            wait_ms = THINKING_MS[int(draw() * TABLE_SIZE)]
            choice = draw()
            if choice < habits.puts_aside:
                wait_ms = ASIDE_MS[int(draw() * TABLE_SIZE)]
            elif choice < habits.puts_aside + habits.stays_away:
                wait_ms = AWAY_MS[int(draw() * TABLE_SIZE)]
                if draw() < habits.reopens:
                    yield from self._open_app(wait_ms)
                    wait_ms = ARRIVING_MS[int(draw() * TABLE_SIZE)]

    def _search(self, query: CatalogueQuery, wait_ms: int) -> Acts[bool]:
        """Search, look at the results, and return whether the user found the right item."""
        draw, habits = self._shop.draw, self._shop.habits
        stamp = yield wait_ms
        self._open_search(wait_ms)
        self._shop.write(f'{{"type":"Search{self._who}{stamp}","query":{query.text}}}\n')
        choice = draw()
        if choice < habits.gives_up:
            return False
        self._logs_results = choice >= habits.gives_up + habits.loses_results
        found = yield from self._see_page(query, 0, LOADING_MS[int(draw() * TABLE_SIZE)])
        if found == END_OF_PAGE and draw() < habits.turns_page:
            found = yield from self._see_page(query, 1, TURNING_MS[int(draw() * TABLE_SIZE)])
        return found <= PAGE_ITEMS

    def _see_page(self, query: CatalogueQuery, page: int, wait_ms: int) -> Acts[int]:
        """Look at a page of results and click.

        Args:
            query: The query.
            page: Number of the page, from 0.
            wait_ms: Time until the page is shown.

        Returns:
            The place of the click that satisfied the user, else `END_OF_PAGE` or `GAVE_UP`.
        """
        draw = self._shop.draw
        items = query.pages[page]
        if self._logs_results:
            stamp = yield wait_ms
            wait_ms = 0
            self._shown = bool(items)
            self._shop.write(f'{{"type":"Results{self._who}{stamp}","items":[{items}]}}\n')
        if draw() < self._shop.habits.scrolls:
            yield from self._scroll()
        if not items:
            return GAVE_UP
        scan, place = query.scans[page], 0
        while (found := scan.next_click(place, draw())) <= PAGE_ITEMS:
            wait_ms += READING_MS[int(draw() * TABLE_SIZE)] + LOOKING_MS * (found - place)
            stamp = yield wait_ms
            self._click(stamp, items.split(",")[found - 1], page * PAGE_ITEMS + found)
            if draw() < query.satisfaction:
                break
            place, wait_ms = found, DWELLING_MS[int(draw() * TABLE_SIZE)]
        return found

    def _log_orphans(self) -> Acts[None]:
        """Log the orphans that are due, while no search is open."""
        draw, truth = self._shop.draw, self._shop.truth
        while self._shop.is_orphan_due():
            stamp = yield ORPHAN_MS[int(draw() * TABLE_SIZE)]
            self._searches = self._searches or 0  # starts a session if none is open
            item = item_id(draw())
            if draw() < self._shop.habits.orphan_clicks:
                truth.orphan_clicks += 1
                self._shop.write(f'{{"type":"ClickResult{self._who}{stamp}","item":{item}}}\n')
            else:
                truth.orphan_results += 1
                self._shop.write(f'{{"type":"Results{self._who}{stamp}","items":[{item}]}}\n')

    def _leave(self) -> Acts[None]:
        draw, habits = self._shop.draw, self._shop.habits
        choice = draw()
        if choice < habits.closes:
            stamp = yield LEAVING_MS[int(draw() * TABLE_SIZE)]
            self._shop.write(f'{{"type":"AppClose{self._who}{stamp}"}}\n')
            self.end(ClosedBy.CLOSE)
            yield from self._log_orphans()
        elif choice < habits.closes + habits.times_out:
            stamp = yield IDLE_MS[int(draw() * TABLE_SIZE)]
            self._shop.write(f'{{"type":"Timeout{self._who}{stamp}"}}\n')
            self.end(ClosedBy.TIMEOUT)

    # The open search and its truth.

    def _open_search(self, wait_ms: int) -> None:
        if wait_ms > GAP_MS:
            self.end(ClosedBy.GAP)
        elif self._is_searching:
            self._close_search(ClosedBy.SEARCH)
        self._searches = (self._searches or 0) + 1
        self._is_searching = True
        self._shown = self._first_rank = None
        self._clicks = 0

    def _click(self, stamp: str, item: str, rank: int) -> None:
        known_rank: int | None = rank
        more = ""
        if self._shop.draw() < self._shop.habits.clicks_advert:
            item, known_rank = '"advert"', None
        elif self._logs_ranks:
            more = f',"rank":{rank}'
        elif self._shown is None:
            known_rank = None
        self._shop.write(f'{{"type":"ClickResult{self._who}{stamp}","item":{item}{more}}}\n')
        self._clicks += 1
        if self._clicks == 1:
            self._first_rank = known_rank

    def _close_search(self, by: ClosedBy) -> None:
        self._is_searching = False
        self._shop.truth.searches[self._shown, self._clicks, self._first_rank, by] += 1
