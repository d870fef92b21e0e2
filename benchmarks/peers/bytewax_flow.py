"""The summary as Bytewax's tutorial builds sessions: events, session windows, searches, figures.

The tutorial's windows know the gap only, so what follows them also splits at AppClose and Timeout.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import orjson
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, SessionWindower
from bytewax.testing import run_main

GAP = timedelta(minutes=30)
#: Bytewax's clock runs on with the machine's between two events of a user, and drops what comes
#: after it. Without some patience it loses events whenever the machine is busy.
PATIENCE = timedelta(minutes=5)


@dataclass(slots=True)
class Event:
    """A line of the log."""

    user: int
    time: datetime
    type: str
    items: list[str] | None


@dataclass(slots=True)
class Part:
    """A search and what follows it, or what comes in a session before its first search."""

    events: list[Event]
    is_last: bool


@dataclass(slots=True)
class Totals:
    """What is counted over all searches."""

    events: int = 0
    users: set[int] = field(default_factory=set)
    sessions: int = 0
    searches: int = 0
    clicks: int = 0
    with_results: int = 0
    zero_results: int = 0
    abandoned: int = 0
    reformulated: int = 0
    first_clicks_s: list[float] = field(default_factory=list)


def parse(line: str) -> Event:
    """Make an event of a line."""
    fields = orjson.loads(line)
    time = datetime.fromisoformat(fields["time"])
    return Event(fields["user"], time, fields["type"], fields.get("items"))


def split_into_sessions(events: list[Event]) -> Iterator[list[Event]]:
    """Split a window's events after each that closes the app."""
    session = []
    for event in events:
        session.append(event)
        if event.type in {"AppClose", "Timeout"}:
            yield session
            session = []
    if session:
        yield session


def split_into_searches(user_window: tuple[str, tuple[int, list[Event]]]) -> Iterator[Part]:
    """Split a window's events into parts."""
    _, (_, events) = user_window
    for session in split_into_sessions(events):
        part: list[Event] = []
        for event in session:
            if event.type == "Search" and part:
                yield Part(part, is_last=False)
                part = []
            part.append(event)
        yield Part(part, is_last=True)


def add(totals: Totals, part: Part) -> Totals:
    """Count a part."""
    totals.events += len(part.events)
    search = part.events[0]
    if search.type != "Search":
        return totals
    clicks = [event for event in part.events if event.type == "ClickResult"]
    pages = [event.items for event in part.events if event.type == "Results"]
    totals.users.add(search.user)
    totals.searches += 1
    totals.sessions += part.is_last
    totals.clicks += len(clicks)
    totals.with_results += any(pages)
    totals.zero_results += bool(pages) and not any(pages)
    if clicks:
        totals.first_clicks_s.append((clicks[0].time - search.time).total_seconds())
    elif not part.is_last:
        totals.reformulated += 1
    elif any(pages):
        totals.abandoned += 1
    return totals


def written(keyed_totals: tuple[str, Totals]) -> tuple[str, str]:
    """Write the totals as JSON, under the name of the file's only line."""
    name, totals = keyed_totals
    first_clicks_s = sorted(totals.first_clicks_s)
    last = len(first_clicks_s) - 1
    numbers = {
        "events": totals.events,
        "users": len(totals.users),
        "sessions": totals.sessions,
        "searches": totals.searches,
        "clicked_searches": len(first_clicks_s),
        "ctr": len(first_clicks_s) / totals.searches,
        "clicks": totals.clicks,
        "clicks_per_search": totals.clicks / totals.searches,
        "with_results": totals.with_results,
        "zero_results": totals.zero_results,
        "abandoned": totals.abandoned,
        "reformulated": totals.reformulated,
        "first_click_s_p50": first_clicks_s[last // 2],
        "first_click_s_p90": first_clicks_s[9 * last // 10],
    }
    return name, json.dumps(numbers)


def dataflow(log: str, output: str) -> Dataflow:
    """Build the dataflow."""
    flow = Dataflow("searches")
    lines = op.input("log", flow, FileSource(log))
    events = op.map("parse", lines, parse)
    by_user = op.key_on("user", events, lambda event: str(event.user))
    clock: Any = EventClock(lambda event: event.time, wait_for_system_duration=PATIENCE)
    windows = win.collect_window("sessions", by_user, clock, SessionWindower(GAP))
    parts = op.flat_map("searches", windows.down, split_into_searches)
    together = op.key_on("together", parts, lambda _: "all")
    totals = op.fold_final("totals", together, Totals, add)
    op.output("output", op.map("written", totals, written), FileSink(Path(output)))
    return flow


def main(job: str, log: str, output: str) -> None:
    """Do a job on a log and write what comes of it."""
    if job != "summary":
        sys.exit("a window does not know what closed a search, so there are no rows to write")
    run: Any = run_main  # it has no types
    run(dataflow(log, output))


if __name__ == "__main__":
    main(*sys.argv[1:])
