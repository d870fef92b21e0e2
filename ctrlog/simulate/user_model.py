"""What a user does: open the app, search, look at results, click, try other words, leave."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ctrlog.sessions.events import ClosedBy
from ctrlog.simulate.catalogue import Catalogue, Query, item_id, scattered
from ctrlog.simulate.click_model import END_OF_PAGE, GAVE_UP, PAGE_ITEMS
from ctrlog.simulate.draws import STEPS, Draw, dwells_ms, pauses_ms, waits_ms
from ctrlog.simulate.truth import Truth

T = TypeVar("T")

#: What a user does, one act after the other: it yields how many ms pass until the next, and
#: is sent the time of that as text.
Acts: TypeAlias = Generator[int, str, T]

MINUTE_MS = 60_000
#: A longer pause ends a session (R2, with the default gap) …
GAP_MS = 30 * MINUTE_MS
#: … which is known as soon as the clock is so much later (R7, with the default lateness).
OVERDUE_MS = 35 * MINUTE_MS + 1

#: How many events a visit has on average, with the default habits: what `Scenario.days` needs.
EVENTS_PER_VISIT = 7.4

# How long things take: tables to draw from.
ARRIVING_MS = waits_ms(0.5, 6)  # from the opening of the app to the first search
LOADING_MS = waits_ms(0.05, 0.25)  # from the search to its results
READING_MS = waits_ms(1.2, 6)  # on the way to a click …
LOOKING_MS = 900  # … and for each result that is looked at
DWELLING_MS = dwells_ms(25)  # on a clicked item
SCROLLING_MS = waits_ms(1, 5)
TURNING_MS = waits_ms(2, 8)  # from the first page to the next
THINKING_MS = waits_ms(2, 12)  # from one search to the next
STRAYING_MS = waits_ms(0.2, 8)  # before an orphan
LEAVING_MS = waits_ms(0.8, 15)
ASIDE_MS = pauses_ms(4 * MINUTE_MS, GAP_MS)  # with the app put aside, inside the session
AWAY_MS = pauses_ms(GAP_MS + 1, 180 * MINUTE_MS)  # before a search in a session of its own
IDLE_MS = pauses_ms(15 * MINUTE_MS, GAP_MS)  # until the app logs a Timeout


@dataclass(frozen=True, slots=True)
class Habits:
    """How likely users do what they do: chances from 0 to 1.

    Attributes:
        searches: A visit has a search; in any other the user only scrolls.
        gives_up: The user leaves a search before its results are there.
        loses_results: The results of a search are shown, but not logged.
        scrolls: The user scrolls a page of results, which logs an event of another type.
        turns_page: Who has looked at all of the first page wants the next.
        clicks_advert: A click falls on an advert beside the list, whose item has no rank.
        leaves_satisfied: Who has found what they looked for is done.
        rephrases: Who has not puts the query another way.
        starts_anew: Who has not looks for something else.
        puts_aside: The user puts the app aside before a further search, inside the session.
        stays_away: The user stays away for longer than the gap before a further search.
        reopens: Who comes back after that opens the app anew.
        closes: A visit ends in AppClose.
        times_out: A visit ends in Timeout; any other ends without a word.
        logs_ranks: A user's app logs the rank with each click.
        orphan_clicks: An orphan is a click; any other is results.
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
    """Where users are.

    Attributes:
        catalogue: What they search for and find.
        habits: What they are likely to do.
        draw: Chance.
        write: Writes a line to the log.
        owes_orphan: Tells whether there are too few orphans yet.
        truth: Counts what they do.
    """

    catalogue: Catalogue
    habits: Habits
    draw: Draw
    write: Callable[[str], None]
    owes_orphan: Callable[[], bool]
    truth: Truth


class Visit:
    """A user's visit, from the opening of the app to the end of the last session."""

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
        """Make a visit that is yet to come.

        Args:
            shop: Where.
            user: Who; nobody who is there already.
        """
        self.user = user
        self._shop = shop
        self._who = f'","user":{user},"time":"'  # what stands between a type and a time
        self._logs_ranks = scattered(user) < shop.habits.logs_ranks
        # The session, if one is open, and the open search.
        self._searches: int | None = None
        self._is_searching = False
        self._logs_results = True
        self._shown: bool | None = None
        self._clicks = 0
        self._first_rank: int | None = None

    def acts(self) -> Acts[None]:
        """Do all that is done on the visit."""
        yield from self._open_app(0)
        if self._shop.draw() < self._shop.habits.searches:
            yield from self._search_until_done()
        else:
            yield from self._scroll()
        yield from self._leave()
        if self._searches is not None:  # nothing ended the session, so it falls due
            yield OVERDUE_MS
            self.end(ClosedBy.GAP)

    def end(self, by: ClosedBy) -> None:
        """End the session and its search, if they are open.

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
        """Open the app, with no session open or after a pause that ended it."""
        stamp = yield wait_ms
        self.end(ClosedBy.GAP)
        self._searches = 0
        self._shop.write(f'{{"type":"AppOpen{self._who}{stamp}"}}\n')
        yield from self._stray()

    def _scroll(self) -> Acts[None]:
        stamp = yield SCROLLING_MS[int(self._shop.draw() * STEPS)]
        self._shop.write(f'{{"type":"scroll{self._who}{stamp}"}}\n')

    def _search_until_done(self) -> Acts[None]:
        draw, habits, catalogue = self._shop.draw, self._shop.habits, self._shop.catalogue
        number = catalogue.choose(draw())
        wait_ms = ARRIVING_MS[int(draw() * STEPS)]
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
            wait_ms = THINKING_MS[int(draw() * STEPS)]
            choice = draw()
            if choice < habits.puts_aside:
                wait_ms = ASIDE_MS[int(draw() * STEPS)]
            elif choice < habits.puts_aside + habits.stays_away:
                wait_ms = AWAY_MS[int(draw() * STEPS)]
                if draw() < habits.reopens:
                    yield from self._open_app(wait_ms)
                    wait_ms = ARRIVING_MS[int(draw() * STEPS)]

    def _search(self, query: Query, wait_ms: int) -> Acts[bool]:
        """Search and look at what is found. Returns whether that was it."""
        draw, habits = self._shop.draw, self._shop.habits
        stamp = yield wait_ms
        self._open_search(wait_ms)
        self._shop.write(f'{{"type":"Search{self._who}{stamp}","query":{query.text}}}\n')
        choice = draw()
        if choice < habits.gives_up:
            return False
        self._logs_results = choice >= habits.gives_up + habits.loses_results
        found = yield from self._see_page(query, 0, LOADING_MS[int(draw() * STEPS)])
        if found == END_OF_PAGE and draw() < habits.turns_page:
            found = yield from self._see_page(query, 1, TURNING_MS[int(draw() * STEPS)])
        return found <= PAGE_ITEMS

    def _see_page(self, query: Query, page: int, wait_ms: int) -> Acts[int]:
        """See a page, from 0, and click.

        Returns:
            The place of the click that satisfied, else `END_OF_PAGE` or `GAVE_UP`.
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
            wait_ms += READING_MS[int(draw() * STEPS)] + LOOKING_MS * (found - place)
            stamp = yield wait_ms
            self._click(stamp, items.split(",")[found - 1], page * PAGE_ITEMS + found)
            if draw() < query.satisfaction:
                break
            place, wait_ms = found, DWELLING_MS[int(draw() * STEPS)]
        return found

    def _stray(self) -> Acts[None]:
        """Log the orphans that are due; no search is open."""
        draw, truth = self._shop.draw, self._shop.truth
        while self._shop.owes_orphan():
            stamp = yield STRAYING_MS[int(draw() * STEPS)]
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
            stamp = yield LEAVING_MS[int(draw() * STEPS)]
            self._shop.write(f'{{"type":"AppClose{self._who}{stamp}"}}\n')
            self.end(ClosedBy.CLOSE)
            yield from self._stray()
        elif choice < habits.closes + habits.times_out:
            stamp = yield IDLE_MS[int(draw() * STEPS)]
            self._shop.write(f'{{"type":"Timeout{self._who}{stamp}"}}\n')
            self.end(ClosedBy.TIMEOUT)

    # What is true of the search that is open.

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
        self._shop.truth.stories[self._shown, self._clicks, self._first_rank, by] += 1
