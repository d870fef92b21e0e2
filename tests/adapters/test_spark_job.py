"""Archives on Spark: places, formats, the summary and the command line."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from clusters import as_log, run_ctrlog
from sparks import ENVIRONMENT, started

pytest.importorskip("pyspark", reason="pip install -e '.[spark]'")

import pyarrow as pa
from typer.testing import CliRunner

from ctrlog.adapters.spark_job import render_json, search, write
from ctrlog.adapters.spark_output import RecordFormat
from ctrlog.adapters.spark_stages import RowKind, decode
from ctrlog.cli import spark as module
from ctrlog.cli.spark import app
from ctrlog.errors import DataError, InputError
from ctrlog.outputs.records import Per
from ctrlog.run.settings import LogOptions

SHOP = (Path(__file__).parents[2] / "sample_logs/shop.jsonl").read_bytes()
#: For `ctrlog run`, to sort a log as Spark does.
SORTED = {"reorder": "1000000d"}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Spark once."""
    with started(tmp_path_factory.mktemp("spark")) as session:
        yield session


def values(frame: Any) -> Counter[bytes]:
    """Return how often each value of a frame occurs."""
    return Counter(bytes(row.value) for row in frame.select(frame.value.cast("binary")).collect())


def encoded(lines: Counter[str]) -> Counter[bytes]:
    """Return the same as bytes."""
    return Counter({line.encode(): count for line, count in lines.items()})


def test_files_in_parts_and_compressed_ones(spark: Any, tmp_path: Path) -> None:
    """However a file is cut or compressed, records and bad lines are those of one machine."""
    folder = tmp_path / "all the logs"
    folder.mkdir()
    bad = b'{"type"\r\n\xff\xfe\n\n[]'
    large, small = folder / "large é.jsonl", folder / "small.jsonl"
    large.write_bytes(SHOP + bad)
    # Users of their own, since the two are one log for Spark and two for the other.
    small.write_bytes(SHOP.replace(b'"user":', b'"user":1000') + bad)
    spark.conf.set("spark.sql.files.maxPartitionBytes", len(SHOP) // 3)
    try:
        whole = search(spark, [str(large)], LogOptions(), partitions=2)
        assert whole.summary.lines == SHOP.count(b"\n") + 4
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    expected = run_ctrlog(large, options={**SORTED, "bad_lines": str(tmp_path / "large")})
    assert values(whole.records) == encoded(expected)
    kept = (tmp_path / "large").read_bytes()
    assert whole.bad_lines is not None
    assert values(whole.bad_lines) == Counter(kept.split(b"\n")[:-1])

    (folder / "small.jsonl.gz").write_bytes(gzip.compress(small.read_bytes()))
    both = search(spark, [str(large), f"{folder}/*.gz"], LogOptions(), partitions=2)
    expected += run_ctrlog(small, options={**SORTED, "bad_lines": str(tmp_path / "small")})
    kept += (tmp_path / "small").read_bytes().replace(b"small.jsonl:", b"small.jsonl.gz:")
    assert values(both.records) == encoded(expected)
    assert both.bad_lines is not None
    assert values(both.bad_lines) == Counter(kept.split(b"\n")[:-1])


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["z.jsonl", "a.jsonl", "m.jsonl"], ["z.jsonl", "a.jsonl", "m.jsonl"]),
        (["a.jsonl", "m.jsonl", "z.jsonl"], ["."]),
    ],
    ids=["inputs", "files"],
)
def test_at_equal_times_earlier_inputs_and_files_go_first(
    names: list[str], paths: list[str], spark: Any, tmp_path: Path
) -> None:
    """Events at one time are taken in the order of the inputs, and in one by name.

    Spark reads the largest file first.
    """
    events: list[dict[str, Any]] = [
        {"type": "Search", "user": 1, "time": 0, "query": "dogs"},
        {"type": "ClickResult", "user": 1, "time": 0, "item": "rover"},
        {"type": "AppClose", "user": 1, "time": 0},
    ]
    for number, (name, event) in enumerate(zip(names, events, strict=True)):
        (tmp_path / name).write_bytes(as_log(event) + b"\n" * 1000 * number)
    found = search(spark, [str(tmp_path / path) for path in paths], LogOptions())
    (record,) = [json.loads(row.value) for row in found.records.collect()]
    assert (record["clicks"], record["closed_by"]) == (1, "close")


def test_a_log_without_times_keeps_its_order_in_parts(spark: Any, tmp_path: Path) -> None:
    """Read in parts side by side, its lines are taken in their order all the same."""
    log = tmp_path / "log.jsonl"
    kinds = [{"type": "Search", "query": "q"}, {"type": "ClickResult", "item": "a"}]
    log.write_bytes(as_log(*[{**kinds[n % 7 % 2], "user": n % 5} for n in range(1000)]))
    spark.conf.set("spark.sql.files.maxPartitionBytes", log.stat().st_size // 7)
    try:
        found = search(spark, [str(log)], LogOptions(), partitions=1)
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert values(found.records) == encoded(run_ctrlog(log, options={}))


def test_the_summary_is_that_of_one_machine(spark: Any, tmp_path: Path) -> None:
    """Every number of the merged summary is that of `ctrlog summary`."""
    lines = [line for line in SHOP.split(b"\n") if is_good(line)]
    in_order = sorted(lines, key=lambda line: datetime.fromisoformat(json.loads(line)["time"]))
    log = tmp_path / "in_order.jsonl"
    log.write_bytes(b"\n".join([*in_order, b"not JSON", b""]))
    options = {"gap": "20m", "where": {"query": "running shoes"}}
    found = search(spark, [str(log)], LogOptions.parse(options), partitions=3)
    arguments = ["--gap", "20m", "--where", "query=running shoes", "--format", "json", "-q"]
    command = [sys.executable, "-m", "ctrlog", "summary", *arguments, str(log)]
    expected = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert expected["searches"] > 50
    assert json.loads(render_json(found.summary)) == expected


def is_good(line: bytes) -> bool:
    """Tell whether a line is an event with a time."""
    try:
        datetime.fromisoformat(json.loads(line)["time"])
        return "user" in json.loads(line)
    except (ValueError, KeyError):
        return False


@pytest.mark.parametrize("per", Per)
def test_parquet_has_the_values_of_json(spark: Any, per: Per, tmp_path: Path) -> None:
    """Each record is there with its values, typed; none is null that was not."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    log = tmp_path / "log.jsonl"
    odd = {"type": "Search", "user": 2**70, "query": 'é\t"\n', "time": -0.000001}
    clicks = [
        {"type": "ClickResult", "user": user, "item": 1, "rank": rank}
        for user, rank in ((2**70, 2**62), ("x", 2**64))
    ]
    log.write_bytes(SHOP[:30_000] + b"\n" + as_log(odd, {**odd, "user": "x"}, *clicks))
    found = search(spark, [str(log)], LogOptions(), per, partitions=1)
    write(found, str(tmp_path / "out"), per, RecordFormat.PARQUET)
    rows = pq.read_table(tmp_path / "out/records").to_pylist()
    for row in rows:
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = value.isoformat()
    expected = [json.loads(row.value) for row in found.records.collect()]
    for record in expected:
        for name, value in record.items():
            if name in {"time", "session_start", "session_end"} and value is not None:
                record[name] = datetime.fromisoformat(value).isoformat()
            if value == 2**64:  # too large for Parquet
                record[name] = None
    assert sorted(map(repr, rows)) == sorted(map(repr, expected))
    summary = json.loads((tmp_path / "out/summary.json").read_bytes())
    assert summary["searches"] == found.summary.searches.searches
    bad = [path.read_bytes() for path in (tmp_path / "out/bad_lines").glob("part-*")]
    assert b"".join(bad).count(b"\n") == sum(found.summary.bad_lines.values()) > 0


# What makes no sense, and too many bad lines.


def test_a_missing_input_is_said(spark: Any, tmp_path: Path) -> None:
    """A message with the path."""
    with pytest.raises(InputError, match=r"nowhere.*does not exist"):
        search(spark, [str(tmp_path / "nowhere")], LogOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strict": True}, "bad lines: 6, and none is allowed"),
        ({"max_bad": "5"}, "bad lines: 6, more than the 5 allowed"),
        ({"max_bad": "0.1%"}, "0.2 % of the lines are bad, more than the 0.1 % allowed"),
    ],
)
def test_too_many_bad_lines(
    options: dict[str, Any], message: str, spark: Any, tmp_path: Path
) -> None:
    """The limits of `ctrlog run` hold, and nothing is written."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    with pytest.raises(DataError, match=message):
        search(spark, [str(tmp_path / "shop.jsonl")], LogOptions.parse(options), partitions=1)


def test_the_command_line_maps_errors(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit codes are those of `ctrlog`; a folder that is there stays as it is."""
    monkeypatch.setattr(module, "closing_session", lambda: nullcontext(spark))
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    log, out, there = (str(tmp_path / name) for name in ("shop.jsonl", "out", "there"))
    Path(there).mkdir()
    for arguments, code, message in (
        ([log, "--out", there], 2, f"ctrlog: {there}: is there already; name a new folder"),
        ([log, "--out", out, "--strict"], 1, "ctrlog: bad lines: 6, and none is allowed"),
        ([log, "--out", out, "--field", "x=y"], 2, "ctrlog: there is no field 'x'"),
    ):
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, message in done.stderr) == (code, True), done.output
    assert [*Path(there).iterdir()] == []
    assert not Path(out).exists()


@pytest.mark.usefixtures("spark")  # where there is none, this cannot run either
def test_the_command(tmp_path: Path) -> None:
    """All of it, as a user runs it."""
    (tmp_path / "shop.jsonl").write_bytes(SHOP)
    command = [sys.executable, "-m", "ctrlog.spark", "shop.jsonl", "--out", "out", "--gap", "5m"]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(
        [*command, "--partitions", "1"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Search CTR")
    assert "6 of 3,006 lines are bad and left out" in done.stdout
    assert f"{tmp_path}/shop.jsonl:39: cut off: the JSON ends too early" in done.stderr
    parts = sorted((tmp_path / "out/records").glob("part-*"))
    lines = [line for part in parts for line in part.read_text().split("\n")[:-1]]
    assert Counter(lines) == run_ctrlog(tmp_path / "shop.jsonl", options={**SORTED, "gap": "5m"})


# Options of `ctrlog run`, and what a log may begin with.


def decoded(lines: list[bytes], *, split: int = 0, excluded: Sequence[str] = ()) -> list[Any]:
    """Decode the lines of a split, and return the rows that come of it."""
    batch = pa.RecordBatch.from_pydict(
        {
            "value": pa.array(lines, pa.binary()),
            "file": ["file:/log"] * len(lines),
            "split": pa.array([split] * len(lines), pa.int64()),
            "input": pa.array([0] * len(lines), pa.int32()),
        }
    )
    batches = decode([batch], LogOptions(), excluded)
    return [row for each in batches for row in each.to_pylist()]


SEARCH = b'{"type":"Search","user":1,"query":"dogs","time":0}'


def test_a_byte_order_mark_is_passed_over_at_the_beginning_of_a_file() -> None:
    """There, and nowhere else, it is not part of a line."""
    marked = b"\xef\xbb\xbf" + SEARCH
    event, split = decoded([marked])
    assert (event["kind"], event["text"]) == (RowKind.EVENT.value, SEARCH)
    assert json.loads(split["detail"])["bad"] == {}
    for rows in (decoded([SEARCH, marked]), decoded([marked], split=1)):
        assert [row["reason"] for row in rows if row["kind"] == RowKind.BAD.value] == ["not JSON"]


def test_events_of_excluded_users_are_left_out_and_counted() -> None:
    """A user is the same as a number and as text; blank and bad lines keep their numbers."""
    other = SEARCH.replace(b'"user":1', b'"user":"ann"')
    rows = decoded([SEARCH, b"", other, b"bad", SEARCH], excluded=["1"])
    assert [(row["line"], row["text"]) for row in rows[:-1]] == [(2, other), (3, b"bad")]
    assert json.loads(rows[-1]["detail"]) == {"bad": {"not JSON": 1}, "excluded": 2}


def test_a_batch_without_rows_is_no_split() -> None:
    """Spark may hand out empty batches."""
    assert decoded([]) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attribute": "id"},
        {"merge_typing": "10s", "dedupe_clicks": True},
        {"exclude_users": "users.txt"},
        {"where": "query=running shoes", "since": "2024-03-04"},
    ],
    ids=str,
)
def test_the_summary_has_what_that_of_one_machine_has(
    spark: Any, tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same keys, and the same values but for how late events came."""
    monkeypatch.chdir(tmp_path)
    Path("shop.jsonl").write_bytes(b"\xef\xbb\xbf" + SHOP)
    Path("users.txt").write_text("82\n96\n")
    found = search(
        spark, [str(tmp_path / "shop.jsonl")], LogOptions.parse(options)
    ).summary.to_dict()
    arguments = []
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else [])]
    command = [sys.executable, "-m", "ctrlog", "summary", "-q", "--format", "json"]
    done = subprocess.run(
        [*command, "--reorder", "1000000d", *arguments, "shop.jsonl"],
        capture_output=True,
        check=True,
    )
    expected = json.loads(done.stdout)
    assert found["diagnostics"].keys() == expected["diagnostics"].keys()
    assert found["diagnostics"] == expected["diagnostics"]
    assert json.loads(json.dumps(found)) == expected
