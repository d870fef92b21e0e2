"""`ctrlog checkpoint show`: what a checkpoint tells of itself."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import children
import pytest
from archives import gzipped
from processes import search, started, wait_until

from ctrlog import __version__
from ctrlog.run.checkpoint_view import as_json, as_text

SEARCHING = search("ann", "10:00:00")
BROWSING = b'{"type":"AppOpen","user":"bob","time":"2024-05-01T10:00:01Z"}\n'
OVER = search("cid", "10:00:02") + b'{"type":"AppClose","user":"cid"}\n'
BAD = b"\n\nno event\nnor this\n"
LOG = SEARCHING + BROWSING + BAD + OVER
WHEN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with a log."""
    monkeypatch.chdir(tmp_path)
    Path("log").write_bytes(LOG)
    return tmp_path


def go_on(*arguments: str) -> None:
    """Let a run save its checkpoint."""
    run = children.run(*arguments, "-q", "--checkpoint", "saved", "log")
    assert (run.code, run.err) == (0, b"")


def shown(*arguments: str, code: int = 0) -> str:
    """What `show` says of it."""
    run = children.run("checkpoint", "show", *arguments, "saved")
    assert (run.code, run.err) == (code, b"")
    return run.out.decode()


def values() -> dict[str, Any]:
    """What `show` says of it to programs."""
    found: dict[str, Any] = json.loads(shown("--format", "json"))
    return found


def test_in_words(folder: Path) -> None:
    """Who made it, when and with what options; what is open; how far inputs and outputs are."""
    go_on("run", "-o", "out", "--gap", "10m", "--where", "query=dogs", "--where", "lang=a b")
    lines = shown().splitlines()
    assert re.fullmatch(f"saved: saved {WHEN} by ctrlog run {re.escape(__version__)}", lines[0])
    assert lines[1].startswith("options: ")
    for option in ("--gap 10m", "--lateness 5m", "--where query=dogs 'lang=a b'", "--per search"):
        assert option in lines[1]
    assert lines[2:] == [
        "",
        "4 events of 8 lines, 2 bad",
        "open: 2 sessions, 1 search",
        "",
        "inputs, as far as they were read:",
        f"  {folder / 'log'}: {len(LOG)} bytes, 8 lines, clock 2024-05-01T10:00:02.000Z",
        "",
        "outputs, as far as they count:",
        f"  {folder / 'out'}: {Path('out').stat().st_size} bytes",
    ]


def test_as_values(folder: Path) -> None:
    """The same under names, in JSON."""
    go_on("run", "-o", "out")
    found = values()
    assert re.fullmatch(WHEN, found.pop("saved"))
    assert found.pop("options")["--gap"] == "30m"
    assert found == {
        "checkpoint": "saved",
        "command": "run",
        "ctrlog": __version__,
        "in_use_by": None,
        "lines": 8,
        "events": 4,
        "bad_lines": 2,
        "open_sessions": 2,
        "open_searches": 1,
        "inputs": [
            {
                "name": "log",
                "path": str(folder / "log"),
                "offset": len(LOG),
                "lines": 8,
                "clock": "2024-05-01T10:00:02.000Z",
                "is_there": True,
            }
        ],
        "outputs": [{"path": str(folder / "out"), "length": Path("out").stat().st_size}],
    }


def test_of_a_summary() -> None:
    """A summary has no output that grows, and further options."""
    go_on("summary", "--by", "query", "--by", "day", "--tz", "Europe/Berlin", "-o", "out")
    lines = shown().splitlines()
    assert f" by ctrlog summary {__version__}" in lines[0]
    assert "--by query --by day --tz Europe/Berlin" in lines[1]
    assert "outputs, as far as they count:" not in lines
    assert values()["outputs"] == []


def test_a_log_that_is_gone_is_told() -> None:
    """As is one in whose place there is another; one that grew is there."""
    go_on("run")
    with Path("log").open("ab") as log:
        log.write(SEARCHING)
    assert values()["inputs"][0]["is_there"]
    assert "no longer there" not in shown()
    Path("log").rename("log.1")
    for content in (None, LOG):
        if content is not None:
            Path("log").write_bytes(content)
        assert not values()["inputs"][0]["is_there"]
        assert "clock 2024-05-01T10:00:02.000Z; no longer there\n" in shown()


def test_of_an_archive_bytes_are_those_of_its_content() -> None:
    """Lines and bytes are counted as decompressed."""
    Path("log").write_bytes(gzipped(LOG))
    go_on("run")
    assert values()["inputs"][0]["offset"] == len(LOG)


def test_untimed_logs_have_no_clock() -> None:
    """Where no time was seen none is shown."""
    Path("log").write_bytes(b'{"type":"AppOpen","user":1}\n')
    go_on("run")
    assert values()["inputs"][0]["clock"] is None
    assert shown().endswith("log: 28 bytes, 1 lines\n")


def test_of_nothing_read() -> None:
    """An empty log was not read, so it is not remembered."""
    Path("log").write_bytes(b"")
    go_on("run")
    found = values()
    assert (found["inputs"], found["lines"], found["open_sessions"]) == ([], 0, 0)
    assert "0 events of 0 lines, 0 bad" in shown()


def test_to_show_leaves_all_as_it_was(folder: Path) -> None:
    """No file is changed, made or left."""
    go_on("run", "-o", "out")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shown()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def lines_read() -> Iterator[int]:
    """How many lines were read when it was saved last, now and later."""
    while True:
        run = children.run("checkpoint", "show", "--format", "json", "saved")
        yield json.loads(run.out)["lines"] if run.code == 0 else 0


def test_of_one_that_is_in_use(folder: Path) -> None:
    """While a run goes on its process is told, and what it saved last."""
    with started("log", "--follow", "--checkpoint", "saved", "-o", "out", cwd=folder) as process:
        reads = lines_read()
        wait_until(lambda: next(reads) == 8)
        assert values()["in_use_by"].startswith(f"process {process.pid} on ")
        line = shown().splitlines()[1]
        assert line.startswith(f"in use by process {process.pid} on ")
    assert values()["in_use_by"] is None
    assert Path("saved.lock").exists()  # the run was killed
    assert "in use" not in shown()


def refused(name: str = "saved") -> str:
    """What `show` says of what it cannot show."""
    run = children.run("checkpoint", "show", name)
    assert (run.code, run.out) == (2, b"")
    assert run.err.count(b"\n") == 1
    return run.err.decode()


def test_what_is_no_checkpoint_is_told() -> None:
    """In a line, with code 2: nothing there, an empty one, a log, a damaged one, a folder."""
    assert refused() == "ctrlog: saved: there is no such checkpoint\n"
    assert not Path("saved").exists()
    Path("saved").touch()
    assert refused() == "ctrlog: saved: is empty: nothing was saved in it yet\n"
    assert refused("log").startswith("ctrlog: log: is no checkpoint of ctrlog, or a damaged one (")
    Path("saved").unlink()
    go_on("run")
    Path("saved").write_bytes(Path("saved").read_bytes()[:5_000])
    assert refused().startswith("ctrlog: saved: is no checkpoint of ctrlog, or a damaged one (")
    assert refused(".") == "ctrlog: .: cannot use the checkpoint: unable to open database file\n"
    assert "cannot read the checkpoint: File name too long" in refused("x" * 300)


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
@pytest.mark.parametrize("name", [b"log\xff", b"log\n\x1b[31m", "lög\u202e".encode()])
def test_odd_names_do_not_break_it(name: bytes) -> None:
    """Names that are not UTF-8 or steer a terminal are shown, but not done."""
    odd = name.decode(errors="surrogateescape")
    Path("log").rename(odd)
    for _ in range(2):
        run = children.run("run", "--checkpoint", "saved", "-o", odd + "out", odd)
        assert run.code == 0
    text = shown()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 11
    assert values()["inputs"][0]["lines"] == 8


def test_one_without_inputs_and_outputs() -> None:
    """The functions themselves take what `contents` gives."""
    found: dict[str, Any] = {
        "command": "run",
        "ctrlog": "1.0",
        "saved": "2024-05-01T10:00:00Z",
        "in_use_by": None,
        "options": {},
        "lines": 1_234,
        "events": 1_000,
        "bad_lines": 0,
        "open_sessions": 1_000,
        "open_searches": 0,
        "inputs": [],
        "outputs": [],
    }
    assert "1,000 events of 1,234 lines, 0 bad\n" in as_text(Path("saved"), found)
    assert json.loads(as_json(Path("saved"), found)) == {"checkpoint": "saved", **found}
