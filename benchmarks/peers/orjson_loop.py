"""The job in plain Python with orjson: the script one would write without ctrlog."""

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

GAP = timedelta(minutes=30)
LATENESS = timedelta(minutes=5)
CLOSED_BY = {"AppClose": "close", "Timeout": "timeout"}
COLUMNS = (
    *("ctr", "user", "query", "results", "clicks", "first_rank", "first_click_s"),
    *("time", "session_start", "closed_by", "followed"),
)


@dataclass(slots=True)
class Search:
    """A search that is open."""

    query: str
    time: datetime
    items: list[str] | None = None
    clicks: int = 0
    first_rank: int | None = None
    first_click_s: float | None = None


@dataclass(slots=True)
class Session:
    """A session that is open, and its open search."""

    user: int
    start: datetime
    latest: datetime
    search: Search | None = None


Over = tuple[Session, Search, str]
"""A session, a search of it that is over, and what closed it."""


@dataclass(slots=True)
class Searches:
    """The searches of a log, and how many events were read for them."""

    path: Path
    events: int = 0
    sessions: dict[int, Session] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Over]:
        """Yield each search as soon as it is over."""
        sessions = self.sessions
        is_compressed = self.path.suffix == ".gz"
        with gzip.open(self.path) if is_compressed else self.path.open("rb") as log:
            for line in log:
                event = orjson.loads(line)
                user, kind = event["user"], event["type"]
                time = datetime.fromisoformat(event["time"])
                self.events += 1
                session = sessions.get(user)
                if session and time - session.latest > GAP:
                    yield from end(sessions.pop(user), "gap")
                    session = None
                if kind in CLOSED_BY:
                    if session:
                        yield from end(sessions.pop(user), CLOSED_BY[kind])
                    continue
                if session is None:
                    session = sessions[user] = Session(user, time, time)
                session.latest = time
                if kind == "Search":
                    yield from end(session, "search")
                    session.search = Search(event["query"], time)
                elif session.search:
                    add(session.search, event, time)
        for session in sessions.values():
            yield from end(session, "gap" if time - session.latest > GAP + LATENESS else "end")


def end(session: Session, closed_by: str) -> Iterator[Over]:
    """Yield the session's search, if it has one."""
    if session.search:
        yield session, session.search, closed_by


def add(search: Search, event: dict[str, Any], time: datetime) -> None:
    """Take what happened in an open search."""
    match event["type"]:
        case "Results":
            search.items = (search.items or []) + event["items"]
        case "ClickResult":
            search.clicks += 1
            if search.clicks == 1:
                search.first_click_s = (time - search.time).total_seconds()
                search.first_rank = event.get("rank")
                if search.first_rank is None and search.items and event["item"] in search.items:
                    search.first_rank = search.items.index(event["item"]) + 1


def rows(searches: Iterable[Over]) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each search; the csv module leaves None empty."""
    for session, search, closed_by in searches:
        yield (
            1.0 if search.clicks else 0.0,
            session.user,
            search.query,
            None if search.items is None else len(search.items),
            search.clicks,
            search.first_rank,
            search.first_click_s,
            search.time.isoformat(),
            session.start.isoformat(),
            closed_by,
            closed_by == "search",
        )


def summary(searches: Searches) -> dict[str, float]:
    """Count searches."""
    users = set()
    first_clicks_s = []
    total = sessions = clicks = with_results = zero_results = abandoned = reformulated = 0
    for session, search, closed_by in searches:
        total += 1
        clicks += search.clicks
        users.add(session.user)
        if closed_by != "search":
            sessions += 1
        if search.items is not None:
            with_results += bool(search.items)
            zero_results += not search.items
        if search.first_click_s is not None:
            first_clicks_s.append(search.first_click_s)
        elif closed_by == "search":
            reformulated += 1
        elif search.items:
            abandoned += 1
    first_clicks_s.sort()
    clicked_searches = len(first_clicks_s)
    return {
        "events": searches.events,
        "users": len(users),
        "sessions": sessions,
        "searches": total,
        "clicked_searches": clicked_searches,
        "ctr": clicked_searches / total,
        "clicks": clicks,
        "clicks_per_search": clicks / total,
        "with_results": with_results,
        "zero_results": zero_results,
        "abandoned": abandoned,
        "reformulated": reformulated,
        "first_click_s_p50": first_clicks_s[(clicked_searches - 1) // 2],
        "first_click_s_p90": first_clicks_s[9 * (clicked_searches - 1) // 10],
    }


def main(job: str, log: str, output: str) -> None:
    """Do a job on a log and write what comes of it."""
    searches = Searches(Path(log))
    with Path(output).open("w", newline="") as file:
        if job == "summary":
            json.dump(summary(searches), file)
        else:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows(searches))


if __name__ == "__main__":
    main(*sys.argv[1:])
