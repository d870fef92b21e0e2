"""Tests of the sample logs: they are what their README says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

SAMPLE_LOGS = Path(__file__).resolve().parent.parent / "sample_logs"
GAP = timedelta(minutes=30)

Event = dict[str, Any]


def parsed(log: bytes) -> list[Event]:
    """The events of a log without bad lines, with their times as datetimes."""
    events: list[Event] = [json.loads(line) for line in log.splitlines()]
    for event in events:
        event["time"] = datetime.fromisoformat(event["time"])
    return events


def is_good(line: bytes) -> bool:
    """Whether a line is an event with a type, a user and a time."""
    try:
        event = json.loads(line)
        datetime.fromisoformat(event["time"])
    except ValueError:
        return False
    return isinstance(event.get("user"), int) and isinstance(event.get("type"), str)


def orphans(events: Iterable[Event]) -> int:
    """Count the clicks and results that fall where their user has no search open."""
    open_since: dict[int, datetime] = {}
    count = 0
    for event in events:
        user, time = event["user"], event["time"]
        if event["type"] in ("AppClose", "Timeout") or time - open_since.get(user, time) > GAP:
            open_since.pop(user, None)
        if event["type"] == "Search" or user in open_since:
            open_since[user] = time
        elif event["type"] in ("ClickResult", "Results"):
            count += 1
    return count


def steps_back(events: Iterable[Event]) -> list[float]:
    """How far behind the latest time so far each event is that is behind it, in seconds."""
    latest = datetime.fromisoformat("2000-01-01T00:00:00Z")
    steps = []
    for event in events:
        if event["time"] < latest:
            steps.append((latest - event["time"]).total_seconds())
        latest = max(latest, event["time"])
    return steps


def test_the_shop_log_has_what_its_readme_says() -> None:
    """3,000 events of at most 150 users over two days, and 6 bad lines."""
    lines = (SAMPLE_LOGS / "shop.jsonl").read_bytes().splitlines(keepends=True)
    events = parsed(b"".join(line for line in lines if is_good(line)))
    assert (len(events), len(lines) - len(events)) == (3_000, 6)
    assert 100 < len({event["user"] for event in events}) <= 150
    assert {event["time"].day for event in events} == {4, 5}
    assert 0 < max(steps_back(events)) <= 120
    assert orphans(events) > 10
    assert any(event.get("items") == [] for event in events)


def test_the_first_and_third_tutorial_logs_hold_the_same_twelve_events() -> None:
    """User 1 clicks in both searches; user 2 searches once and clicks nothing."""
    log = (SAMPLE_LOGS / "tutorial_1.jsonl").read_bytes()
    assert log == (SAMPLE_LOGS / "tutorial_3.jsonl").read_bytes()
    dogs, cats = ["fido", "rover", "buddy"], ["fluffy", "burrito", "kathy"]
    assert [json.loads(line) for line in log.splitlines()] == [
        {"type": "AppOpen", "user": 1},
        {"type": "Search", "user": 1, "query": "dogs"},
        {"type": "Results", "user": 1, "items": dogs},
        {"type": "ClickResult", "user": 1, "item": "rover"},
        {"type": "Search", "user": 1, "query": "cats"},
        {"type": "Results", "user": 1, "items": cats},
        {"type": "ClickResult", "user": 1, "item": "fluffy"},
        {"type": "AppOpen", "user": 2},
        {"type": "ClickResult", "user": 1, "item": "kathy"},
        {"type": "Search", "user": 2, "query": "fruit"},
        {"type": "AppClose", "user": 1},
        {"type": "AppClose", "user": 2},
    ]


def test_the_second_tutorial_log_has_its_times() -> None:
    """Seconds after the start of 2024, user by user."""
    start = datetime.fromisoformat("2024-01-01T00:00:00Z")
    events = parsed((SAMPLE_LOGS / "tutorial_2.jsonl").read_bytes())
    seen = [
        (event.pop("user"), (event.pop("time") - start).total_seconds(), tuple(event.values()))
        for event in events
    ]
    assert seen == [
        (1, 5, ("Search", "dogs")),
        (1, 6, ("Results", ["fido", "rover", "buddy"])),
        (1, 7, ("ClickResult", "rover")),
        (2, 5, ("Search", "cats")),
        (2, 6, ("Results", ["fluffy", "burrito", "kathy"])),
        (2, 7, ("ClickResult", "fluffy")),
        (2, 8, ("ClickResult", "kathy")),
    ]
