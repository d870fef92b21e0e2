"""The flow on Bytewax: stopped, killed, resumed and rescaled, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster, as_log, records, run_ctrlog, split_by_user, wait_until
from making import at, event

pytest.importorskip("bytewax", reason="pip install -e '.[bytewax]'")

from ctrlog.adapters.bytewax_flow import ShardLogic, flow
from ctrlog.adapters.bytewax_sources import key_of, shard_of_key
from ctrlog.adapters.partitioning import Portion
from ctrlog.outputs.records import Per
from ctrlog.sessions.rules import Rules

SHOP = (Path(__file__).parents[2] / "sample_logs/shop.jsonl").read_bytes()
OPTIONS = {"gap": "10m", "reorder": "1m"}


# Stopped and resumed.


@pytest.mark.parametrize("cuts", [(120_000, 250_000), (0, len(SHOP))], ids=["in_lines", "at_ends"])
def test_a_flow_goes_on_with_what_was_appended(cuts: tuple[int, int], tmp_path: Path) -> None:
    """Run again on a longer log, a flow that keeps sessions open gives what one run gives."""
    log = tmp_path / "shop.jsonl"
    keeping = {**OPTIONS, "keep_open": True, "bad_lines": "bad"}
    sizes: list[int] = []
    for cut in cuts:
        log.write_bytes(SHOP[:cut])
        with Cluster(tmp_path, log.name, "found", snapshot_s=0, options=keeping) as cluster:
            cluster.finish()
        sizes.append((tmp_path / "found").stat().st_size)
    log.write_bytes(SHOP)
    options = {**OPTIONS, "bad_lines": "bad"}
    with Cluster(tmp_path, log.name, "found", snapshot_s=0, options=options) as cluster:
        cluster.finish()
    expected = run_ctrlog(log, options={**OPTIONS, "bad_lines": str(tmp_path / "kept")})
    assert records(tmp_path / "found") == expected
    kept = (tmp_path / "kept").read_text().replace(str(log), log.name)
    assert (tmp_path / "bad").read_text() == kept
    assert sizes[0] < sizes[1]  # each run wrote what it found


def test_a_flow_that_has_ended_has_nothing_to_add(tmp_path: Path) -> None:
    """Run again on the same log, a flow writes nothing twice."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    for _ in range(2):
        with Cluster(tmp_path, "shop.jsonl", "found", snapshot_s=10) as cluster:
            cluster.finish()
    assert records(tmp_path / "found") == run_ctrlog(tmp_path / "shop.jsonl", options={})


@pytest.mark.parametrize("log", [SHOP, b""], ids=["sample", "empty"])
def test_a_flow_without_recovery_begins_anew(log: bytes, tmp_path: Path) -> None:
    """What stood in the output goes, as with `ctrlog run -o`, in all files of a folder."""
    (tmp_path / "shop.jsonl").write_bytes(log)
    (tmp_path / "found").mkdir()
    for place in ("found/00.jsonl", "found/15.jsonl", "bad"):
        (tmp_path / place).write_text("of last week\n")
    options = {"shards": 1, "bad_lines": "bad"}
    with Cluster(tmp_path, "shop.jsonl", "found", options=options) as cluster:
        cluster.finish()
    assert records(tmp_path / "found") == run_ctrlog(tmp_path / "shop.jsonl", options={})
    assert "last week" not in (tmp_path / "bad").read_text()


def test_a_flow_killed_and_rescaled_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """SIGKILL one of two processes; one alone goes on, is killed, and two end it."""
    logs, whole = tmp_path / "logs", tmp_path / "whole"
    parts = split_by_user(SHOP, 2)
    for folder in (logs, whole):
        folder.mkdir()
        for number, part in enumerate(parts):
            (folder / f"{number}.jsonl").write_bytes(b"" if folder is logs else part)
    place, found = "logs", tmp_path / "found"

    def append(start: float, end: float) -> None:
        before = found_bytes(found)
        for number, part in enumerate(parts):
            with (logs / f"{number}.jsonl").open("ab") as file:
                file.write(part[int(start * len(part)) : int(end * len(part))])
        wait_until(lambda: found_bytes(found) > before)

    def run_and_kill(start: float, end: float, processes: int, shards: int) -> None:
        options = {**OPTIONS, "follow": True, "shards": shards}
        with Cluster(tmp_path, place, "found/", processes, 1, options) as cluster:
            append(start, (start + end) / 2)
            time.sleep(1.5)  # until the state is saved
            append((start + end) / 2, end)  # and, mostly, before it is saved again
            os.kill(cluster.running[-1].pid, signal.SIGKILL)

    run_and_kill(0, 0.4, processes=2, shards=3)
    # Another number of shards changes nothing: that of the saved state is kept.
    run_and_kill(0.4, 0.8, processes=1, shards=5)
    with Cluster(tmp_path, place, "found/", 2, 1, {**OPTIONS, "follow": True}):
        append(0.8, 1)
    with Cluster(tmp_path, place, "found/", 2, 1, OPTIONS) as cluster:
        cluster.finish()
    assert records(found) == run_ctrlog(*sorted(whole.iterdir()), options=OPTIONS)


def found_bytes(folder: Path) -> int:
    """Return how much is in the files of a folder."""
    return sum(path.stat().st_size for path in folder.glob("*"))


def test_a_snapshot_is_a_copy() -> None:
    """What is saved of a shard does not change when the shard goes on."""
    logic = ShardLogic(Rules(), Per.SEARCH, lambda *_: [], None, keeps_open=True)
    logic.on_batch([Portion([(None, [event("Search", at(0))])], at(0))])
    saved = logic.snapshot()
    as_it_was = json.dumps(saved)
    logic.on_batch([Portion([(None, [event("Results", at(1)), event("click", at(2))])], at(2))])
    assert json.dumps(saved) == as_it_was != json.dumps(logic.snapshot())


# What is followed.


def test_what_is_followed_is_told_at_once(tmp_path: Path) -> None:
    """Lines that are written while the flow runs come out without an end of the log."""
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"")
    with Cluster(tmp_path, log.name, "found", options={"follow": True}):
        for query in ("dogs", "cats"):
            event = {"type": "Search", "user": 1, "query": query, "time": 0}
            with log.open("ab") as file:
                file.write(as_log(event, {**event, "type": "AppClose"}))
            wait_until(lambda: query in str(records(tmp_path / "found")))  # noqa: B023


# What goes where.


def test_records_go_to_standard_output(tmp_path: Path) -> None:
    """Without an output the records are printed."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    with Cluster(tmp_path, "shop.jsonl", "-", options={"per": "session"}) as cluster:
        lines = cluster.finish().decode().splitlines()
    assert sorted(lines) == sorted(
        run_ctrlog(tmp_path / "shop.jsonl", options={}, per="session").elements()
    )
    assert "shop.jsonl:39: cut off: the JSON ends too early" in cluster.said()
    assert "skipped 6 bad lines of 3,006" in cluster.said()


def test_one_shard_gives_the_order_of_one_machine(tmp_path: Path) -> None:
    """With one shard the output is that of `ctrlog run`, byte for byte."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    with Cluster(tmp_path, "shop.jsonl", "found", options={"shards": 1}) as cluster:
        cluster.finish()
    command = [sys.executable, "-m", "ctrlog", "run", "-q", "--format", "jsonl", "shop.jsonl"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert (tmp_path / "found").read_bytes() == printed


def test_the_key_of_a_shard_has_its_number() -> None:
    """Whatever a log is called."""
    assert shard_of_key(key_of("a/b/7.jsonl", 12)) == 12


# What makes no sense.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log": "nowhere.jsonl"}, "nowhere.jsonl: No such file or directory"),
        ({"gap": "soon"}, "gap: 'soon' is not a duration: write 90s, 30m, 1h30m or 2d"),
        ({"gap": 600}, "gap: '600' is not a duration: write 90s, 30m, 1h30m or 2d; did you mean"),
        ({"gaps": "1m"}, "there is no option 'gaps'; the options are"),
        ({"strict": "yes"}, "strict must be True or False, not 'yes'"),
        ({"strict": True, "max_bad": "1%"}, "--strict and --max-bad exclude each other"),
        ({"where": ["country"]}, "where: 'country' is not of the form NAME=VALUE"),
        ({"field": {"users": "id"}}, "there is no field 'users'"),
        ({"per": "user"}, "per must be search or session, not 'user'"),
        ({"shards": 0}, "shards must be at least 1, not 0"),
        (
            {"follow": True, "keep_open": True},
            "what is followed has no end: follow and keep_open exclude each other",
        ),
        ({"log": "kafka://localhost"}, "'kafka://localhost' is not a topic"),
        ({"out": "kafka:///searches"}, "'kafka:///searches' is not a topic"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else None,
)
def test_what_makes_no_sense_is_said(arguments: dict[str, Any], message: str) -> None:
    """A message, and no traceback."""
    log = str(Path(__file__).parents[2] / "sample_logs/tutorial_1.jsonl")
    with pytest.raises(SystemExit) as stopped:
        flow(**{"log": log, **arguments})
    assert str(stopped.value).startswith(f"ctrlog: {message}")


@pytest.mark.parametrize(
    ("log", "out", "bad_lines", "message"),
    [
        ("logs/a", "logs/a", None, "is one of the logs"),
        ("logs/a", "logs/../logs/a", None, "is one of the logs"),
        ("logs", "logs/found", None, "is one of the logs"),
        ("logs", "logs/", None, "is one of the logs"),
        ("logs/a", "found", "logs/a", "is one of the logs"),
        ("logs/a", "found", "./found", "cannot go to one file"),
    ],
)
def test_nothing_is_written_over(
    log: str, out: str, bad_lines: str | None, message: str, tmp_path: Path
) -> None:
    """A log stays what it is, and a flow does not read what it writes."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a").write_bytes(SHOP)
    options: dict[str, Any] = {} if bad_lines is None else {"bad_lines": f"{tmp_path}/{bad_lines}"}
    with pytest.raises(SystemExit, match=message):
        flow(f"{tmp_path}/{log}", f"{tmp_path}/{out}", **options)
    assert (tmp_path / "logs/a").read_bytes() == SHOP


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strict": True}, "stopped at shop.jsonl:39: no bad line is allowed"),
        ({"max_bad": "2"}, "stopped at shop.jsonl:524: more bad lines than the 2 allowed"),
        ({"max_bad": "0.1%"}, "0.2 % of the lines are bad, more than the 0.1 % allowed"),
    ],
)
def test_too_many_bad_lines_stop_the_flow(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """The limits of `ctrlog run` hold for each log."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    with Cluster(tmp_path, "shop.jsonl", "found", options=options) as cluster:
        cluster.wait()
    assert cluster.has_failed
    assert f"DataError: {message}" in cluster.said()


def test_lines_of_excluded_users_are_good_lines(tmp_path: Path) -> None:
    """They count for the share of bad lines, as in `ctrlog run`."""
    robot = b'{"type":"Search","user":"robot","query":"dogs"}\n' * 97
    people = robot[:48].replace(b"robot", b"ann") * 2
    (tmp_path / "log").write_bytes(robot + people + b"bad\n")
    (tmp_path / "robots").write_text("robot\n")
    options = {"exclude_users": str(tmp_path / "robots"), "max_bad": "2%"}
    with Cluster(tmp_path, "log", "found", options=options) as cluster:
        cluster.wait()
    assert not cluster.has_failed, cluster.said()
    assert "skipped 1 bad line of 100: 1 not JSON; bad_lines=FILE keeps them" in cluster.said()


def test_a_log_that_became_shorter_is_not_the_same(tmp_path: Path) -> None:
    """A log that was cut or replaced is not taken for the one that was read."""
    for size in (1000, 500):
        (tmp_path / "shop.jsonl").write_bytes(SHOP[:size])
        cluster = Cluster(tmp_path, "shop.jsonl", "found", snapshot_s=10)
        with cluster:
            cluster.wait()
    assert cluster.has_failed
    assert "was read up to byte 1000 before, and does not hold what was there" in cluster.said()


def test_an_output_that_became_shorter_is_not_gone_on_with(tmp_path: Path) -> None:
    """Records that were written and are gone cannot be written again."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    for _ in range(2):
        cluster = Cluster(tmp_path, "shop.jsonl", "found", snapshot_s=10)
        with cluster:
            cluster.wait()
        (tmp_path / "found").write_bytes(b"")
    assert cluster.has_failed
    assert "has 0 bytes, but" in cluster.said()
