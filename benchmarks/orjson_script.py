"""Print a click-through line per search: the script one would write without ctrlog.

`python benchmarks/orjson_script.py LOG` prints the columns of `ctrlog run LOG` and, if the log is
well-formed and in time order, the same lines in another order. It is what ctrlog's speed is
measured against. It knows only ctrlog's own field names and event types, takes users to be
integers, times to end in Z, and queries to hold nothing that needs escaping.
"""

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

GAP = timedelta(minutes=30)
LATENESS = timedelta(minutes=5)
CLOSED_BY = {"AppClose": "close", "Timeout": "timeout"}


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


def rfc3339(time: datetime) -> str:
    """Write a time in UTC with no more digits than it needs."""
    text = time.isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def shown(value: float | None) -> str:
    """Write a number, or a dash for none."""
    return "\N{EN DASH}" if value is None else str(value)


def print_search(session: Session, closed_by: str) -> None:
    """Print the line of the session's open search, if there is one."""
    search = session.search
    if search is None:
        return
    ctr = 1.0 if search.clicks else 0.0
    results = None if search.items is None else len(search.items)
    sys.stdout.write(
        f"{ctr}\t{session.user}\t{search.query}\t{shown(results)}\t{search.clicks}\t"
        f"{shown(search.first_rank)}\t{shown(search.first_click_s)}\t"
        f"{rfc3339(search.time)}\t{rfc3339(session.start)}\t{closed_by}\n"
    )


def add_click(search: Search, event: dict[str, Any], time: datetime) -> None:
    """Count a click for a search."""
    search.clicks += 1
    if search.clicks == 1:
        search.first_click_s = (time - search.time).total_seconds()
        search.first_rank = event.get("rank")
        if search.first_rank is None and search.items and event["item"] in search.items:
            search.first_rank = search.items.index(event["item"]) + 1


def add_event(session: Session, event: dict[str, Any], time: datetime) -> None:
    """Take an event that doesn't end the session."""
    session.latest = time
    search = session.search
    match event["type"]:
        case "Search":
            print_search(session, "search")
            session.search = Search(event["query"], time)
        case "Results" if search:
            search.items = (search.items or []) + event["items"]
        case "ClickResult" if search:
            add_click(search, event, time)


def main(path: str) -> None:
    """Print a line for each search in the log."""
    sessions: dict[int, Session] = {}
    with Path(path).open("rb") as log:
        for line in log:
            event = orjson.loads(line)
            user = event["user"]
            time = datetime.fromisoformat(event["time"])
            session = sessions.get(user)
            if session and time - session.latest > GAP:
                print_search(sessions.pop(user), "gap")
                session = None
            if event["type"] in CLOSED_BY:
                if session:
                    print_search(sessions.pop(user), CLOSED_BY[event["type"]])
                continue
            if session is None:
                session = sessions[user] = Session(user, time, time)
            add_event(session, event, time)
    for session in sessions.values():
        print_search(session, "gap" if time - session.latest > GAP + LATENESS else "end")


if __name__ == "__main__":
    main(sys.argv[1])
