"""Several processes on one log: the same bytes as one, and a clear end if one of them dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from commands import PATIENCE_S, SAMPLE_LOGS, run_ctrlog
from processes import pipe_of, started, wait_until

MISHAPS = "--disorder 1% --bad-lines 1% --orphans 1%"


def simulated(path: Path, options: str) -> Path:
    """Make a log up."""
    made = run_ctrlog("simulate", *options.split(), "-o", path)
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that is long enough to be shared, with late and bad lines in it."""
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    return simulated(path, f"--events 60000 --users 300 {MISHAPS}")


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that takes a while."""
    path = tmp_path_factory.mktemp("logs") / "long.jsonl"
    return simulated(path, "--events 400000 --users 2000")


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "run --format csv",
        "run --format jsonl --per session",
        "run --merge-typing 10s --since 2024-03-06",
        "summary --format json --by query --by weekday",
        "summary --format json --max-session 20m --dedupe-clicks",
    ],
)
def test_jobs_give_the_same_bytes(command: str, log: Path, tmp_path: Path) -> None:
    """Results, messages and kept bad lines are those of one process, with several files, too."""
    again = tmp_path / "again.jsonl"
    again.write_bytes(log.read_bytes())
    found = []
    for jobs in (1, 2, 3):
        kept = tmp_path / f"bad-{jobs}"
        files = (log, SAMPLE_LOGS / "shop.jsonl", again)
        run = run_ctrlog(*command.split(), "--jobs", str(jobs), "--bad-lines", kept, *files)
        assert run.returncode == 0
        found.append((run.stdout, run.stderr, kept.read_bytes()))
    assert found[0] == found[1] == found[2]
    assert found[0][0]


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells children")
def test_a_worker_that_is_killed_is_an_error(long_log: Path, tmp_path: Path) -> None:
    """Killed, as for want of memory, it leaves an error that says so, and no part of the output."""
    output = tmp_path / "out"
    with started("-q", "--jobs", "2", "-o", output, long_log) as process:
        wait_until(lambda: bool(children_of(process.pid)) or process.poll() is not None)
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)
        message = pipe_of(process.stderr).read()
        assert process.wait(PATIENCE_S) == 2
    assert b"SIGKILL" in message or b"killed" in message, message
    assert not output.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_all(
    number: signal.Signals, code: int, long_log: Path, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM end the workers, too; nothing is left behind."""
    output = tmp_path / "out"
    with started("-q", "--jobs", "2", "-o", output, long_log) as process:
        wait_until(lambda: bool(children_of(process.pid)) or process.poll() is not None)
        children = children_of(process.pid)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == code
        assert pipe_of(process.stderr).read() == b""
    assert not output.exists()
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
