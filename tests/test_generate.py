"""Tests of the log generator and of the sample logs."""

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GENERATE = ROOT / "benchmarks" / "generate.py"
SAMPLE_LOGS = ROOT / "sample_logs"
GAP = timedelta(minutes=30)

Event = dict[str, Any]


@lru_cache
def generated(*options: str, events: int = 5_000, users: int = 300, seed: int = 1) -> bytes:
    """What the generator writes to stdout."""
    counts = ("--events", str(events), "--users", str(users), "--seed", str(seed))
    command = (sys.executable, str(GENERATE), *counts, *options)
    return subprocess.run(command, check=True, capture_output=True).stdout


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


def test_the_same_options_give_the_same_bytes() -> None:
    """All chance comes from the seed, and hash randomisation has no part in it."""
    options = ("--bad-lines", "0.01", "--orphans", "0.01", "--disorder", "0.01")
    first = generated(*options)
    generated.cache_clear()
    assert generated(*options) == first


def test_another_seed_gives_another_log() -> None:
    """The seed is used."""
    assert generated(seed=1) != generated(seed=2)


def test_a_longer_log_begins_with_the_shorter_one() -> None:
    """The number of events only says where the log ends."""
    assert generated(events=5_000).startswith(generated(events=1_234))


def test_the_file_named_gets_what_stdout_would(tmp_path: Path) -> None:
    """`-o` and stdout are two ways to the same log."""
    log = tmp_path / "log.jsonl"
    assert generated("-o", str(log)) == b""
    assert log.read_bytes() == generated()


def test_lines_are_well_formed_and_in_time_order() -> None:
    """Without any share set, each line is an event and time never steps back."""
    events = parsed(generated())
    assert len(events) == 5_000
    assert not steps_back(events)
    assert orphans(events) == 0
    assert all(1 <= event["user"] <= 300 for event in events)


def test_events_have_the_fields_of_their_type() -> None:
    """The fields are ctrlog's own, in one order."""
    fields = {
        "AppOpen": {""},
        "Search": {"query"},
        "Results": {"items"},
        "ClickResult": {"item", "item rank"},
        "AppClose": {""},
        "Timeout": {""},
        "scroll": {""},
    }
    seen: dict[str, set[str]] = {}
    for event in parsed(generated()):
        first, second, third, *rest = event
        assert (first, second, third) == ("type", "user", "time")
        seen.setdefault(event["type"], set()).add(" ".join(rest))
    assert seen == fields


def test_the_log_is_lifelike() -> None:
    """Lines have about 120 bytes, pages ten items, and low ranks the most clicks."""
    log = generated(events=50_000)
    events = parsed(log)
    assert 110 < len(log) / len(events) < 130
    pages = Counter(len(event["items"]) for event in events if event["type"] == "Results")
    assert pages.keys() == {0, 10}
    assert 0.01 < pages[0] / pages.total() < 0.10
    ranks = Counter(event["rank"] for event in events if "rank" in event)
    assert ranks[1] > ranks[2] > ranks[4] > ranks[8] > 0
    hours = Counter(event["time"].hour for event in events)
    assert hours[20] > hours[14] > hours[3] > 0


def test_the_most_frequent_query_is_far_ahead() -> None:
    """Queries follow Zipf's law: the first is asked for as often as many others together."""
    events = parsed(generated(events=50_000))
    queries = Counter(event["query"] for event in events if event["type"] == "Search")
    assert queries.most_common(1)[0][0] == "running shoes"
    assert queries["running shoes"] > 5 * sorted(queries.values())[len(queries) // 2]


def test_users_pause_and_come_back_without_closing() -> None:
    """Some pauses over the gap have no AppClose or Timeout before them."""
    latest: dict[int, Event] = {}
    pauses = 0
    for event in parsed(generated()):
        before = latest.get(event["user"])
        if before and before["type"] not in ("AppClose", "Timeout"):
            pauses += event["time"] - before["time"] > GAP
        latest[event["user"]] = event
    assert pauses > 10


def test_bad_lines_come_on_top_in_their_share() -> None:
    """All sorts of bad lines are there, and without them the log is as it would have been."""
    lines = generated("--bad-lines", "0.02").splitlines(keepends=True)
    bad = [line for line in lines if not is_good(line)]
    assert b"".join(line for line in lines if is_good(line)) == generated()
    assert 0.01 < len(bad) / 5_000 < 0.03
    assert any(line.startswith(b"WARN") for line in bad)
    assert any(line.startswith(b'{"') and not line.endswith(b"}\n") for line in bad)
    assert any(b'"user"' not in line and line.endswith(b"}\n") for line in bad)
    assert any(b'"time":"yesterday"' in line for line in bad)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_orphans_come_in_their_share(share: float) -> None:
    """An orphan is a click or results with no search of that user open."""
    events = parsed(generated("--orphans", str(share), events=20_000))
    assert orphans(events) / len(events) == pytest.approx(share, rel=0.25)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_disorder_comes_in_its_share(share: float) -> None:
    """In a busy log nearly every event that is put off falls behind another, by 120 s at most."""
    events = parsed(generated("--disorder", str(share), events=20_000, users=20_000))
    steps = steps_back(events)
    assert len(steps) / len(events) == pytest.approx(share, rel=0.25)
    assert 60 < max(steps) <= 120
    assert median(steps) < 20


def test_more_visits_keep_more_users_active() -> None:
    """The same events take less time when users come more often."""
    few, many = parsed(generated()), parsed(generated("--visits-per-day", "12"))
    assert many[-1]["time"] - many[0]["time"] < (few[-1]["time"] - few[0]["time"]) / 3


@pytest.mark.parametrize(
    ("option", "value"),
    [("--orphans", "1"), ("--disorder", "-0.1"), ("--bad-lines", "nan"), ("--visits-per-day", "0")],
)
def test_a_value_that_makes_no_sense_is_refused(option: str, value: str) -> None:
    """The message names the option; nothing is written."""
    with pytest.raises(subprocess.CalledProcessError) as failure:
        generated(option, value)
    assert failure.value.returncode == 2
    assert option in failure.value.stderr.decode()
    assert failure.value.stdout == b""


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No traceback: the message says which file and why."""
    target = tmp_path / "missing" / "log.jsonl"
    with pytest.raises(subprocess.CalledProcessError) as failure:
        generated("-o", str(target))
    assert failure.value.returncode == 2
    assert failure.value.stderr.decode().count("\n") == 1
    assert str(target) in failure.value.stderr.decode()


def test_the_shop_log_is_what_its_documented_command_writes(tmp_path: Path) -> None:
    """The command in the README of the sample logs makes the file that lies beside it."""
    readme = (SAMPLE_LOGS / "README.md").read_text(encoding="utf-8")
    match = re.search(r"^ {4}python (benchmarks/generate\.py .*) -o (\S+)$", readme, re.MULTILINE)
    assert match
    assert match[2] == "sample_logs/shop.jsonl"
    target = tmp_path / "shop.jsonl"
    command = (sys.executable, *shlex.split(match[1]), "-o", str(target))
    subprocess.run(command, cwd=ROOT, check=True)
    assert target.read_bytes() == (SAMPLE_LOGS / "shop.jsonl").read_bytes()


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
