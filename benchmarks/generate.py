"""Write a lifelike search event log of a web shop, the same bytes for the same options.

The model, in the order in which it acts:

- Visits arrive at random, more of them in the evening than at night (`HOURLY_TRAFFIC`), and each
  belongs to a user who is not in the shop at the time. Users with small numbers come more often.
- A visit opens the app, searches (or only looks around), and mostly ends in AppClose, sometimes in
  Timeout, sometimes in nothing at all.
- Queries follow Zipf's law. Each has a relevance of its own and finds the same items every time;
  some find none. Results come 50 to 900 ms after the search, ten to a page.
- The chance that an item is clicked is the query's relevance times a share that falls with the
  rank (a position-based click model). Some clients log the rank with the click.
- After a search without a click the user often puts the query another way. Now and then a
  pause of more than half an hour falls between two searches.
- Orphans are logged while the user has no search open. Disorder writes an event later than it
  happened. A bad line is a spoilt copy of the line that follows it.

Only `random.Random.random` is used for chance, the one method whose sequence Python guarantees for
a seed from version to version. Memory holds the visits in progress, whatever the length of the log.
"""

import argparse
import json
import math
import os
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import cycle
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import BinaryIO

Line = tuple[int, str]
"""When a line is written, in ms since `START`, and the line with its newline."""

START = datetime(2024, 3, 4, tzinfo=UTC)  # a Monday
SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
DAY_MS = 24 * 60 * MINUTE_MS
WINDOW_MS = 10 * MINUTE_MS
GAP_MS = 30 * MINUTE_MS

# The chances of what a user does.
SEARCHES_AT_ALL = 0.93
LOGS_RANKS = 0.4
RESULTS_LOST = 0.005
SECOND_PAGE = 0.06
SCROLLS = 0.05
ADVERT_CLICK = 0.01
DONE_AFTER_CLICK = 0.50
DONE_WITHOUT_CLICK = 0.36
REFORMULATES = 0.48
PAUSES = 0.03
REOPENS_AFTER_PAUSE = 0.5
CLOSES = 0.78
TIMES_OUT = 0.08
FINDS_NOTHING = 0.05  # of a query, not of a user
ORPHAN_AFTER_CLOSE = 0.5
ORPHAN_CLICK = 0.7
VISITS_PER_DAY = 1.2
HOURLY_TRAFFIC = (
    *(0.45, 0.28, 0.18, 0.14, 0.14, 0.22, 0.45, 0.75, 0.95, 1.10, 1.20, 1.25),
    *(1.30, 1.20, 1.10, 1.10, 1.15, 1.30, 1.55, 1.85, 2.00, 1.85, 1.35, 0.80),
)
"""Visits per hour of the day, relative to each other."""

# The list lengths have no common factor within a pair, so counting through both at once (`n % 13`
# with `n % 12`) meets every combination once.
KINDS = (
    *("", "black", "white", "blue", "small", "large", "cheap", "light", "waterproof"),
    *("vintage", "kids", "travel", "outdoor"),
)
NOUNS = (
    *("running shoes", "usb c cable", "backpack", "desk lamp", "coffee mug", "rain jacket"),
    *("water bottle", "phone case", "café table", "headphones", "bike helmet", '9" cake tin'),
)
BRANDS = (
    *("kestrel", "norrland", "bluefin", "oakham", "tessel", "varga", "lumo", "pinewood"),
    *("hartley", "solano", "mirabel", "quill", "brandt", "ostara", "fjell", "corvo", "zephyr"),
)
EXTRAS = (
    *("", "sale", "new", "2024", "xs", "s", "m", "l", "xl", "for two", "set of 2", "gift"),
    *("with bag", "spare part", "refill", "pro", "mini", "second hand", "eco"),
)
PLAIN_QUERIES = len(KINDS) * len(NOUNS)
MOST_QUERIES = 50_000
FAMOUS_QUERIES = 10
"""So many of the most frequent queries always find something."""

PAGE_ITEMS = 10
ITEM_NUMBERS = 1_000_000
CLICK_BY_RANK = tuple(0.48 / rank for rank in range(1, 2 * PAGE_ITEMS + 1))
"""The chance of a click on the results of a query of relevance 1."""

BAD_SORTS = ("cut off", "not JSON", "no user", "time that is none")


@dataclass(frozen=True, slots=True)
class Options:
    """What to write; shares are from 0 to below 1.

    Args:
        events: Number of well-formed events; bad lines come on top.
        users: Number of users, numbered from 1.
        seed: Fixes all chance.
        visits_per_day: Visits of a user in a day, on average.
        bad_lines: Bad lines per event.
        orphans: Share of the events that are orphans.
        disorder: Share of the events that are written after later ones.
    """

    events: int
    users: int
    seed: int
    visits_per_day: float = VISITS_PER_DAY
    bad_lines: float = 0.0
    orphans: float = 0.0
    disorder: float = 0.0


def query_text(number: int) -> str:
    """The text of a query, the plain ones first, then those with a brand and an extra."""
    words = [KINDS[number % len(KINDS)], NOUNS[number % len(NOUNS)]]
    variant = number // PLAIN_QUERIES
    if variant:
        words += BRANDS[(variant - 1) % len(BRANDS)], EXTRAS[(variant - 1) % len(EXTRAS)]
    return " ".join(word for word in words if word)


def scattered(number: int) -> float:
    """A number from 0 to below 1 that looks random and depends on `number` alone.

    Multiplication by 2^32 over the golden ratio (Knuth, TAOCP 3, 6.4).
    """
    return (number + 1) * 2_654_435_761 % 2**32 / 2**32


@lru_cache(maxsize=8_192)
def page_items(query: int, page: int) -> tuple[str, ...]:
    """The item ids a query shows on a page (from 0); none for a query that finds nothing."""
    if query >= FAMOUS_QUERIES and scattered(query) < FINDS_NOTHING:
        return ()
    first = (2 * query + page) * PAGE_ITEMS
    numbers = (ITEM_NUMBERS * scattered(place) for place in range(first, first + PAGE_ITEMS))
    return tuple(f"item-{int(number):06d}" for number in numbers)


@lru_cache(maxsize=8_192)
def second_text(second: int) -> str:
    """A second since `START` as RFC 3339, up to the decimal point."""
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.")


def event_line(kind: str, user: int, time_ms: int, rest: str = "") -> str:
    """One log line; `rest` is further JSON fields, each with a comma before it."""
    second, ms = divmod(time_ms, 1_000)
    return f'{{"type":"{kind}","user":{user},"time":"{second_text(second)}{ms:03d}Z"{rest}}}\n'


class Visit:
    """One user's stay in the app, simulated from its start to its end.

    Attributes:
        lines: What was logged, in the order of time.
        closed: Whether the last line is an AppClose or a Timeout.
    """

    def __init__(self, chance: Random, user: int, start_ms: int, queries: int) -> None:
        """Simulate the whole visit; `queries` is the number of queries to choose from."""
        self.lines: list[Line] = []
        self.closed = False
        self._random = chance.random
        self._user = user
        self._now_ms = start_ms
        self._queries = queries
        self._logs_ranks = self._random() < LOGS_RANKS
        self._run()

    def _run(self) -> None:
        self._log("AppOpen")
        self._wait(500, 6_000)
        if self._random() < SEARCHES_AT_ALL:
            self._search_until_done()
        else:
            self._log("scroll")
            self._wait(1_000, 20_000)
        self._leave()

    def _log(self, kind: str, rest: str = "") -> None:
        self.lines.append((self._now_ms, event_line(kind, self._user, self._now_ms, rest)))

    def _wait(self, least_ms: int, further_ms: int) -> None:
        """Let `least_ms` pass, and `further_ms` on average on top (exponentially distributed)."""
        self._now_ms += least_ms + int(-math.log(1 - self._random()) * further_ms)

    def _search_until_done(self) -> None:
        query = self._new_query()
        while True:
            clicked = self._search(query)
            choice = self._random()
            if choice < (DONE_AFTER_CLICK if clicked else DONE_WITHOUT_CLICK):
                return
            again = not clicked and choice < DONE_WITHOUT_CLICK + REFORMULATES
            # So many queries on comes the same noun: "black backpack", then "backpack".
            query = (query + len(NOUNS)) % self._queries if again else self._new_query()
            self._wait(2_000, 12_000)
            if self._random() < PAUSES:
                self._pause()

    def _new_query(self) -> int:
        """Draw by Zipf's law: query n, from 0, has a chance close to 1 / (n + 1) over their sum."""
        return int((self._queries + 1) ** self._random() - 1) % self._queries

    def _search(self, query: int) -> bool:
        """Search, see the results, click. Returns whether anything was clicked."""
        self._log("Search", f',"query":{json.dumps(query_text(query), ensure_ascii=False)}')
        self._now_ms += 50 + int(self._random() * 851)
        items = page_items(query, 0)
        if self._random() < RESULTS_LOST:
            return False  # the results were shown to nobody, or their event was lost
        clicked = self._see_page(query, 0)
        if items and self._random() < SECOND_PAGE:
            self._wait(2_000, 8_000)
            clicked = self._see_page(query, 1) or clicked
        return clicked

    def _see_page(self, query: int, page: int) -> bool:
        items = page_items(query, page)
        self._log("Results", ',"items":[' + ",".join([f'"{item}"' for item in items]) + "]")
        if self._random() < SCROLLS:
            self._wait(1_000, 5_000)
            self._log("scroll")
        relevance = 0.15 + 0.8 * scattered(query)
        clicked = False
        for rank, item in enumerate(items, 1 + page * PAGE_ITEMS):
            if self._random() < relevance * CLICK_BY_RANK[rank - 1]:
                self._click(item, rank)
                clicked = True
        return clicked

    def _click(self, item: str, rank: int) -> None:
        self._wait(1_200, 14_000)
        if self._random() < ADVERT_CLICK:
            self._log("ClickResult", f',"item":"promo-{rank:03d}"')  # an advert beside the list
        elif self._logs_ranks:
            self._log("ClickResult", f',"item":"{item}","rank":{rank}')
        else:
            self._log("ClickResult", f',"item":"{item}"')

    def _pause(self) -> None:
        """Put the app aside for 31 to 180 minutes."""
        self._now_ms += 31 * MINUTE_MS + int(self._random() * 149 * MINUTE_MS)
        if self._random() < REOPENS_AFTER_PAUSE:
            self._log("AppOpen")
            self._wait(500, 6_000)

    def _leave(self) -> None:
        choice = self._random()
        self.closed = choice < CLOSES + TIMES_OUT
        if choice < CLOSES:
            self._wait(800, 15_000)
            self._log("AppClose")
        elif self.closed:
            self._now_ms += 15 * MINUTE_MS + int(self._random() * 13 * MINUTE_MS)
            self._log("Timeout")


def orphan_lines(visit: Visit, user: int, share: float, chance: Random) -> list[Line]:
    """Clicks and results to add to a visit so that they are `share` of it on average.

    They fall between the opening of the app and what follows, or into the minute after its close:
    no search of that user is open then.
    """
    count = int(share / (1 - share) * len(visit.lines) + chance.random())
    orphans = []
    for _ in range(count):
        first_ms, until_ms = visit.lines[0][0], visit.lines[1][0]
        if visit.closed and chance.random() < ORPHAN_AFTER_CLOSE:
            first_ms, until_ms = visit.lines[-1][0] + 1, visit.lines[-1][0] + MINUTE_MS
        time_ms = first_ms + int(chance.random() * (until_ms - first_ms))
        item = f'"item-{int(chance.random() * ITEM_NUMBERS):06d}"'
        if chance.random() < ORPHAN_CLICK:
            orphans.append((time_ms, event_line("ClickResult", user, time_ms, f',"item":{item}')))
        else:
            orphans.append((time_ms, event_line("Results", user, time_ms, f',"items":[{item}]')))
    return orphans


class Shop:
    """All visits to the shop, one after the other as they begin."""

    def __init__(self, options: Options) -> None:
        """Open a shop that nobody has been to yet."""
        self._options = options
        self._queries = min(max(options.users, PLAIN_QUERIES), MOST_QUERIES)
        self._free_at_ms = [0] * options.users
        # A stream of chance for each concern: with orphans or without, the visits are the same.
        self._chance = Random(f"{options.seed} visits")
        self._orphan_chance = Random(f"{options.seed} orphans")

    def visits(self, start_ms: int) -> Iterator[list[Line]]:
        """The lines of each visit that begins in the window from `start_ms` on."""
        hour = start_ms % DAY_MS * 24 // DAY_MS
        curve = HOURLY_TRAFFIC[hour] * len(HOURLY_TRAFFIC) / sum(HOURLY_TRAFFIC)
        per_ms = self._options.users * self._options.visits_per_day * curve / DAY_MS
        time_ms = start_ms - math.log(1 - self._chance.random()) / per_ms
        while time_ms < start_ms + WINDOW_MS:
            user = self._free_user(time_ms)
            if user is not None:
                yield self._visit(user, int(time_ms))
            time_ms -= math.log(1 - self._chance.random()) / per_ms

    def _free_user(self, time_ms: float) -> int | None:
        """The index of a user who isn't in the shop; None when several in a row are."""
        for _ in range(8):
            user = int(self._options.users * self._chance.random() ** 1.3)
            if self._free_at_ms[user] <= time_ms:
                return user
        return None

    def _visit(self, user: int, start_ms: int) -> list[Line]:
        visit = Visit(self._chance, user + 1, start_ms, self._queries)
        rest_ms = 2 * MINUTE_MS if visit.closed else GAP_MS + MINUTE_MS
        self._free_at_ms[user] = visit.lines[-1][0] + rest_ms
        if not self._options.orphans:
            return visit.lines
        share = self._options.orphans
        return visit.lines + orphan_lines(visit, user + 1, share, self._orphan_chance)


def delayed(lines: list[Line], share: float, chance: Random) -> list[Line]:
    """Put that share of lines off by 1 to 120 s (log-uniform: half of them by less than 11 s)."""
    late = []
    for write_ms, line in lines:
        delay_ms = SECOND_MS * 120 ** chance.random() if chance.random() < share else 0
        late.append((write_ms + int(delay_ms), line))
    return late


def bad_line(sort: str, line: str, chance: Random) -> str:
    """Spoil a line in the way that `sort` (one of `BAD_SORTS`) names."""
    if sort == "cut off":
        return line[: 1 + int(chance.random() * (len(line) - 2))] + "\n"
    if sort == "not JSON":
        return f"WARN collector restarted, {int(chance.random() * 100)} events queued\n"
    if sort == "no user":
        return re.sub(r'"user":\d+,', "", line)
    return re.sub(r'"time":"[^"]*"', '"time":"yesterday"', line)


def with_bad_lines(blocks: Iterator[list[str]], options: Options) -> Iterator[list[str]]:
    """Put bad lines in, of each sort in turn."""
    sorts = cycle(BAD_SORTS)
    chance = Random(f"{options.seed} bad lines")
    for block in blocks:
        spoilt = []
        for line in block:
            if chance.random() < options.bad_lines:
                spoilt.append(bad_line(next(sorts), line, chance))
            spoilt.append(line)
        yield spoilt


def good_lines(options: Options) -> Iterator[list[str]]:
    """Yield the well-formed lines, in the order in which they are written, in blocks."""
    shop = Shop(options)
    chance = Random(f"{options.seed} disorder")
    pending: list[Line] = []
    start_ms, left = 0, options.events
    while left > 0:
        for lines in shop.visits(start_ms):
            pending += delayed(lines, options.disorder, chance) if options.disorder else lines
        start_ms += WINDOW_MS
        pending.sort(key=itemgetter(0))
        ready = bisect_left(pending, start_ms, key=itemgetter(0))
        yield [line for _, line in pending[: min(ready, left)]]
        del pending[:ready]
        left -= ready


def write_log(options: Options, log: BinaryIO) -> None:
    """Write the whole log."""
    blocks = good_lines(options)
    if options.bad_lines:
        blocks = with_bad_lines(blocks, options)
    log.writelines("".join(block).encode() for block in blocks)
    log.flush()


def share_argument(text: str) -> float:
    """Read a share off the command line."""
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return share


def count_argument(text: str) -> int:
    """Read a number of things off the command line."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return count


def rate_argument(text: str) -> float:
    """Read a rate off the command line."""
    rate = float(text)
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return rate


def parse_command_line(arguments: Sequence[str] | None) -> tuple[Options, str]:
    """Read the options and the name of the output file, "-" for stdout."""
    parser = argparse.ArgumentParser(
        description="Write a lifelike search event log of a web shop as NDJSON.",
        epilog="The same options give the same bytes. The model is described in the source.",
    )
    add = partial(parser.add_argument, metavar="N")
    add("--events", type=count_argument, required=True, help="events to write")
    add("--users", type=count_argument, required=True, help="users of the shop")
    add("--seed", type=int, required=True, help="fixes all chance")
    visits = "visits of a user in a day, on average (default: %(default)s)"
    add("--visits-per-day", type=rate_argument, default=VISITS_PER_DAY, help=visits)
    add = partial(parser.add_argument, metavar="SHARE", type=share_argument, default=0.0)
    add("--bad-lines", help="bad lines per event, on top of the events (default: 0)")
    add("--orphans", help="share of clicks and results with no search open (default: 0)")
    add("--disorder", help="share of events written 1 to 120 s late (default: 0)")
    target = "where to write (default: stdout)"
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help=target)
    values = vars(parser.parse_args(arguments))
    output = values.pop("output")
    return Options(**values), output


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the log that the command line asks for. Returns the exit code."""
    options, output = parse_command_line(arguments)
    try:
        if output == "-":
            write_log(options, sys.stdout.buffer)
        else:
            with Path(output).open("wb") as log:
                write_log(options, log)
    except BrokenPipeError:
        # The reader has gone: let the flush at exit have somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"generate.py: can't write {output}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
