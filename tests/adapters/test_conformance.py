"""Every adapter finds what `ctrlog run` prints, as a multiset of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from clusters import Cluster, as_log, records, run_ctrlog, split_by_user
from sparks import started

from ctrlog.adapters.bytewax_readers import Reading
from ctrlog.outputs.records import Per
from ctrlog.run.settings import LogOptions

SAMPLES = Path(__file__).parents[2] / "sample_logs"
SHOP = (SAMPLES / "shop.jsonl").read_bytes()


def timed(*seconds: float | None, user: str | int = 1) -> list[dict[str, Any]]:
    """Make Search events at times; None for an event without one."""
    return [
        {"type": "Search", "user": user, "query": f"q{number}"}
        | ({} if second is None else {"time": 1_700_000_000 + second})
        for number, second in enumerate(seconds)
    ]


def click(second: float | None, user: str | int = 1) -> dict[str, Any]:
    """Make a ClickResult event."""
    event = {"type": "ClickResult", "user": user, "item": "a"}
    return event | ({} if second is None else {"time": 1_700_000_000 + second})


def many(users: int, steps: list[float | None]) -> bytes:
    """Make a log of searches and clicks of users in turn, with steps between their times."""
    events: list[dict[str, Any]] = []
    now = 0.0
    for number, (step, _) in enumerate(product(steps, range(users))):
        user = number % users
        now += step or 0
        second = None if step is None else now
        events.append(
            click(second, user) if number % 3 else timed(second, user=user)[0] | {"lang": "en"}
        )
    return as_log(*events)


@dataclass(frozen=True)
class Case:
    """A log and how to run it.

    Attributes:
        log: What is in the file.
        options: As of `ctrlog run`.
    """

    log: bytes
    options: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "sample": Case(SHOP),
    "options": Case(SHOP, {"gap": "5m", "lateness": "0", "max_session": "1m", "reorder": "10m"}),
    "selected": Case(SHOP, {"since": "2024-03-04T12:00:00Z", "where": {"query": "running shoes"}}),
    "exact_gap": Case(
        as_log(*timed(0), *timed(1800), click(3600), *timed(3600.000001 + 1800)),
    ),
    "exact_due": Case(
        as_log(*timed(0), *timed(15, user=2), click(10), *timed(25.000001, user=3), click(20)),
        {"gap": "10s", "lateness": "5s"},
    ),
    "equal_times": Case(
        as_log(*[event for user in range(9) for event in (*timed(7, 7, user=user), click(7, user))])
    ),
    "bad_lines": Case(
        b"\xef\xbb\xbf\r\n" + as_log(*timed(0, 1)) + b'{"type"\n\xff\n[]\n' + as_log(click(2))
        + b'   \n{"type":"Search","user":1,"time":"never","query":"x"}\n' + as_log(*timed(3))[:-1]
    ),
    "untimed": Case(many(20, [None] * 12)),
    "partly_untimed": Case(many(8, [1, None, 5, None, 8, 20, None, 1]), {"gap": "30s"}),
    "untimed_when_due": Case(
        as_log(*timed(0), *timed(100, user=2), click(None), *timed(101, user=2), click(102)),
        {"gap": "10s", "lateness": "0"},
    ),
    "over_elsewhere": Case(
        as_log(*[event for user in range(20) for event in timed(user, user=user)], *timed(9999))
    ),
    "out_of_order": Case(many(7, [10, -30, 25, -5, 5, -100, 300, -60]), {"gap": "20s"}),
    "one_user": Case(as_log(*timed(*range(50)), *timed(*range(100, 3000, 100), user="1"))),
    "fields": Case(
        as_log({"k": "Search", "u": {"id": 2**70}, "query": "é", "time": 0, "a": [{"b": 2**70}]}),
        {"field": {"type": "k", "user": "u.id"}, "where": {"query": "é"}},
    ),
    "empty": Case(b""),
}  # fmt: skip


@cache
def expected(name: str, per: Per, *, is_sorted: bool = False) -> Counter[str]:
    """Return what `ctrlog run` prints for a case, or for its log sorted by time."""
    options = {**CASES[name].options, **({"reorder": "1000000d"} if is_sorted else {})}
    with NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(CASES[name].log)
        file.flush()
        return run_ctrlog(Path(file.name), options=options, per=per)


# Bytewax.


def on_bytewax(case: Case, folder: Path, block_bytes: int, per: Per, shards: int) -> Path:
    """Run a case in this process, and return where the records are."""
    testing = pytest.importorskip("bytewax.testing", reason="pip install -e '.[bytewax]'")
    from ctrlog.adapters.bytewax_flow import build  # noqa: PLC0415  # where there is Bytewax

    log = folder / "log.jsonl"
    log.write_bytes(case.log)
    options = LogOptions.parse(case.options)
    reading = Reading(options, shards, follows=False, keeps_open=False, block_bytes=block_bytes)
    testing.run_main(build(str(log), str(folder / "found"), per, reading))
    return folder / "found"


@pytest.mark.parametrize("per", Per)
@pytest.mark.parametrize(("block_bytes", "shards"), [(100, 3), (2000, 1), (2**20, 16)])
@pytest.mark.parametrize("name", CASES)
def test_bytewax_with_one_process(
    name: str, block_bytes: int, shards: int, per: Per, tmp_path: Path
) -> None:
    """In blocks of any size, for any number of shards, the records are those of one machine."""
    found = records(on_bytewax(CASES[name], tmp_path, block_bytes, per, shards))
    assert found == expected(name, per)


@pytest.mark.parametrize("log", ["one", "parts"])
def test_bytewax_with_two_processes(log: str, tmp_path: Path) -> None:
    """Two processes share the shards of one log, or of logs that have other users each."""
    pytest.importorskip("bytewax", reason="pip install -e '.[bytewax]'")
    (tmp_path / "one").mkdir()
    (tmp_path / "one/shop.jsonl").write_bytes(SHOP)
    (tmp_path / "parts").mkdir()
    for number, part in enumerate(split_by_user(SHOP, 2)):
        (tmp_path / f"parts/{number}.jsonl").write_bytes(part)
    logs = sorted((tmp_path / log).iterdir())
    place = log if log == "parts" else f"{log}/shop.jsonl"
    with Cluster(tmp_path, place, "found/", processes=2, options={"gap": "10m"}) as cluster:
        cluster.finish()
    assert len([*(tmp_path / "found").iterdir()]) == 16
    assert records(tmp_path / "found") == run_ctrlog(*logs, options={"gap": "10m"})


# Spark.


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Spark once."""
    with started(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.mark.parametrize(
    ("rows", "partitions", "per"),
    [(10_000, 2, Per.SEARCH), (100, 1, Per.SESSION)],
    ids=["large_batches", "small_batches"],
)
@pytest.mark.parametrize("name", CASES)
def test_spark(  # noqa: PLR0917
    name: str, rows: int, partitions: int, per: Per, tmp_path: Path, spark: Any
) -> None:
    """In batches and parts of any size, the records are those of the sorted log."""
    from ctrlog.adapters.spark_job import search  # noqa: PLC0415

    case = CASES[name]
    log = tmp_path / "log.jsonl"
    log.write_bytes(case.log)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows)
    found = search(spark, [str(log)], LogOptions.parse(case.options), per, partitions)
    lines = Counter(row.value for row in found.records.collect())
    assert lines == expected(name, per, is_sorted=True)
