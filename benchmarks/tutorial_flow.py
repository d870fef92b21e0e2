"""The second tutorial's flow, for a log in a file: a session window for each user.

As in the tutorial, each event is keyed by its user, windows collect the events of sessions, and
when a window closes, its clicks are divided by its searches.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.files import FileSource
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, SessionWindower

GAP = timedelta(minutes=30)
LATENESS = timedelta(minutes=5)


def flow(log: str) -> Dataflow:
    """Build the flow for a log."""
    dataflow = Dataflow("search_ctr")
    lines = op.input("input", dataflow, FileSource(log))
    events = op.map("user_event", lines, user_event)
    clock = EventClock(time_of, wait_for_system_duration=LATENESS)
    windower = SessionWindower(gap=GAP)
    sessions = win.collect_window("sessions", events, clock, windower)
    clicks_per_search = op.flat_map("calc_ctr", sessions.down, calc_ctr)
    op.output("output", clicks_per_search, StdOutSink())
    return dataflow


def user_event(line: str) -> tuple[str, dict[str, Any]]:
    """Read an event and key it by its user."""
    event: dict[str, Any] = json.loads(line)
    return str(event["user"]), event


def time_of(event: dict[str, Any]) -> datetime:
    """Return the time of an event, which the log has in RFC 3339."""
    return datetime.fromisoformat(event["time"]).astimezone(UTC)


def calc_ctr(
    user_session: tuple[str, tuple[int, list[dict[str, Any]]]],
) -> Iterator[tuple[str, float]]:
    """Divide the clicks of a session by its searches."""
    user, (_window, session) = user_session
    searches = sum(event["type"] == "Search" for event in session)
    clicks = sum(event["type"] == "ClickResult" for event in session)
    if searches:
        yield user, clicks / searches
