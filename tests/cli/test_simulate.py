"""`ctrlog simulate` as a user finds it: its options, its outputs, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from commands import PATIENCE_S, environment, files_in, run_ctrlog
from hypothesis import given
from hypothesis import strategies as st
from processes import Terminal, pipe_of, read_line, started, wait_until, wait_until_full

from ctrlog.cli.simulate import parse_share
from ctrlog.simulate.arrivals import VISITS_PER_DAY
from ctrlog.simulate.noise import LATE_MS
from ctrlog.simulate.scenario import Scenario
from ctrlog.simulate.simulation import Simulation

#: Far more than a pipe holds.
MANY = ("--events", "20000")


def made(*options: str | Path) -> bytes:
    """Return the log that the command writes to standard output, saying nothing."""
    run = run_ctrlog("simulate", *options)
    assert (run.returncode, run.stderr) == (0, b"")
    return run.stdout


def log_of(scenario: Scenario) -> bytes:
    """Return the log of a scenario."""
    return b"".join(Simulation(scenario).blocks())


# Options.


def test_without_options_there_is_a_log_to_try_things_on() -> None:
    """The defaults are those of a scenario."""
    assert made() == log_of(Scenario())


def test_every_option_is_passed_on() -> None:
    """Each says what its part of the scenario is."""
    options = "--events 5000 --users 321 --seed -7 --start 1999-12-31T22:00:00+01:00 --days 0.5"
    shares = "--queries 77 --orphans 2% --disorder 0.03 --bad-lines 4%"
    start = Scenario().start.replace(year=1999, month=12, day=31, hour=21)
    scenario = Scenario(5000, 321, -7, start, 0.5, 77, 0.02, 0.03, 0.04)
    assert made(*options.split(), *shares.split()) == log_of(scenario)


def test_the_help_says_what_the_model_does() -> None:
    """Its numbers are those of the model, which is not loaded for the help."""
    shown = " ".join(made("--help").decode().split())
    assert f"each user comes {VISITS_PER_DAY} times a day" in shown
    assert LATE_MS[1] == 120_000
    assert "late, by up to 2m" in shown


REFUSED = [
    ("--events -1", "'--events': -1 is not in the range"),
    ("--events many", "'--events': 'many' is not a valid"),
    ("--users 0", "'--users': 0 is not in the range"),
    ("--users 1000000001", "'--users': 1000000001 is not in the range"),
    ("--queries 0", "'--queries': 0 is not in the range"),
    ("--queries 1000001", "'--queries': 1000001 is not in the range"),
    ("--seed x", "'--seed': 'x' is not a valid"),
    ("--start yesterday", "'--start': 'yesterday' is not a time: write 2024-01-31"),
    ("--days 0", "the days must be more than 0 and at most 36,525"),
    ("--days nan", "the days must be more than 0"),
    ("--days 36526", "the days must be more than 0"),
    ("--orphans 1", "'--orphans': '1' is not a share from 0 to below 1: write 0.01 or 1%"),
    ("--disorder -0.1", "'--disorder': '-0.1' is not a share"),
    ("--bad-lines nan", "'--bad-lines': 'nan' is not a share"),
    ("--bad-lines 100%", "'--bad-lines': '100%' is not a share"),
    ("--bad-lines few", "'--bad-lines': 'few' is not a share"),
    ("--events 1000000000 --users 1", "the log would last beyond the year 9999; use more --users"),
    ("--truth -", "the log and its truth cannot go to one file"),
    ("-o log --truth ./log", "the log and its truth cannot go to one file"),
    ("-o - --truth -", "the log and its truth cannot go to one file"),
    ("-o no/log", "no/log: cannot write: No such file or directory"),
    ("-o log --truth no/truth", "no/truth: cannot write: No such file or directory"),
    ("log", "got unexpected extra argument"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(options: str, message: str, tmp_path: Path) -> None:
    """Code 2, a message that says what may be, and nothing written anywhere."""
    run = run_ctrlog("simulate", *shlex.split(options), cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, b"")
    assert message in " ".join(run.stderr.decode().split())
    assert b"Traceback" not in run.stderr
    assert files_in(tmp_path) == {}


@given(st.integers(0, 9_999))
def test_a_share_is_written_as_a_fraction_or_in_percent(share: int) -> None:
    """Both mean the same."""
    assert parse_share(f"{share / 10_000}") == share / 10_000
    assert parse_share(f"{share / 100}%") == pytest.approx(share / 10_000)


# Outputs.


def test_a_file_gets_what_standard_output_would(tmp_path: Path) -> None:
    """`-o` and standard output are two ways to the same log; `-` is the latter's name."""
    assert made(*MANY, "-o", tmp_path / "log") == b""
    assert (tmp_path / "log").read_bytes() == made(*MANY) == made(*MANY, "-o", "-")


def test_the_truth_is_that_of_the_log(tmp_path: Path) -> None:
    """It is JSON, indented for people, with all that a summary of the log has under its names."""
    log = made(*MANY, "--bad-lines", "1%", "--truth", tmp_path / "truth.json")
    written = (tmp_path / "truth.json").read_text()
    assert written.startswith('{\n  "events": 20000,\n')
    assert written.endswith("\n}\n")
    truth: dict[str, Any] = json.loads(written)
    found = json.loads(run_ctrlog("summary", "-q", "--format", "json", stdin=log).stdout)
    diagnostics = truth.pop("diagnostics")
    assert {name: found[name] for name in truth} == truth
    assert {name: found["diagnostics"][name] for name in diagnostics} == diagnostics


def test_the_truth_can_go_to_standard_output_if_the_log_does_not(tmp_path: Path) -> None:
    """Then nothing else is written there."""
    written = made("-o", tmp_path / "log", "--truth", "-")
    assert json.loads(written)["events"] == Scenario().events
    assert (tmp_path / "log").read_bytes() == log_of(Scenario())


def test_a_log_that_is_not_complete_has_no_truth(tmp_path: Path) -> None:
    """What stood there before stays, and so does the log; a line says why."""
    log, truth = tmp_path / "log", tmp_path / "truth"
    log.write_bytes(b"a log of before\n")
    truth.write_bytes(b"its truth\n")
    before = files_in(tmp_path)
    options = (*MANY, "-o", log, "--truth", truth)
    script = 'ulimit -f 64; exec "$@"'
    with started(*options, subcommand="simulate", script=script) as process:
        message = pipe_of(process.stderr).read().decode()
        assert process.wait(PATIENCE_S) == 2
    assert message == f"ctrlog: {log}: cannot write: File too large\n"
    assert files_in(tmp_path) == before


def test_full_disk_is_told_in_a_line() -> None:
    """A standard output that takes no more ends with 2 and a line that says why."""
    with (
        Path("/dev/full").open("wb") as full,
        started(subcommand="simulate", stdout=full) as process,
    ):
        message = pipe_of(process.stderr).read()
        assert process.wait(PATIENCE_S) == 2
    assert message == b"ctrlog: standard output: cannot write: No space left on device\n"


# How it ends.


def test_reader_that_goes_ends_it_quietly(tmp_path: Path) -> None:
    """Like `| head -1`: 141, not a word, and no truth of a log that was not written."""
    with started("--truth", tmp_path / "truth", subcommand="simulate") as process:
        assert read_line(pipe_of(process.stdout)).startswith(b'{"type":"AppOpen","user":')
        pipe_of(process.stdout).close()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == 141
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_interrupted_before_a_slow_reader(number: signal.Signals, code: int) -> None:
    """Stopped while its reader is slow, it gives whole lines only, and says nothing."""
    whole = made(*MANY)
    with started(*MANY, subcommand="simulate") as process:
        out = pipe_of(process.stdout)
        wait_until_full(out.fileno())
        process.send_signal(number)
        written = out.read()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == code
    assert written.endswith(b"\n")
    assert len(written) < len(whole)
    assert whole.startswith(written)


def test_interrupted_output_is_not_there(tmp_path: Path) -> None:
    """Stopped midway, -o and --truth leave nothing."""
    options = ("--events", "1000000000", "-o", tmp_path / "log", "--truth", tmp_path / "truth")
    with started(*options, subcommand="simulate") as process:
        wait_until(lambda: any(path.stat().st_size > 10**6 for path in tmp_path.iterdir()))
        process.send_signal(signal.SIGINT)
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == 130
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("is_quiet", [False, True])
def test_progress_on_a_terminal(*, is_quiet: bool) -> None:
    """What takes over half a second shows how many events there are, unless quiet."""
    terminal = Terminal()
    options = (*MANY, "-q") if is_quiet else MANY
    with started(*options, subcommand="simulate", term="xterm", stderr=terminal.inner) as process:
        out = pipe_of(process.stdout)
        wait_until_full(out.fileno())
        sleep(0.6)
        assert out.read().count(b"\n") == 20_000
        assert process.wait(PATIENCE_S) == 0
    assert ("of 20,000 events" in terminal.shown()) is not is_quiet


def test_memory_does_not_grow_with_the_log() -> None:
    """Ten times the events take no more of it."""
    script = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
    peaks_kb = []
    for events in ("30000", "300000"):
        options = ("simulate", "--events", events, "--users", "5000")
        peaks_kb.append(
            int(
                subprocess.run(
                    [sys.executable, "-c", script, sys.executable, "-m", "ctrlog", *options],
                    capture_output=True,
                    check=True,
                    env=environment(),
                    timeout=PATIENCE_S,
                ).stdout
            )
        )
    assert peaks_kb[1] < peaks_kb[0] + 10_000


def test_hash_randomisation_has_no_part_in_it() -> None:
    """Nothing depends on the order of a set."""
    logs = {
        subprocess.run(
            [sys.executable, "-m", "ctrlog", "simulate", *MANY, "--orphans", "1%"],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
            timeout=PATIENCE_S,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(logs) == 1
