"""Tests of how the benchmark measures: on processes whose time and memory are known."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.measuring import (
    CommandError,
    _running,
    measure,
    peak_memory,
    read_output,
    session_memory,
)

MB = 1_000_000
#: Uses a processor for a known time, then stops.
BUSY = "import time\nwhile time.process_time() < 0.2: pass"
#: Holds 60 MB, each page of it written to, for long enough to be seen.
HOLD = "import os, time; held = b'x' * 60_000_000"
SLEEP = "time.sleep(0.4)"
HOLDING = f"{HOLD}; {SLEEP}"
needs_proc = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc")


def python(*code: str) -> tuple[str, ...]:
    """Return a command that runs code."""
    return (sys.executable, "-c", "\n".join(code))


def shell(script: str, code: str) -> tuple[str, ...]:
    """Return a command that runs a shell script, in which `$0 -c "$1"` runs code."""
    return ("bash", "-c", script, sys.executable, code)


def test_wall_time_is_from_start_to_end(tmp_path: Path) -> None:
    """A process that sleeps takes at least as long."""
    usage = measure(python("import time; time.sleep(0.3)"), tmp_path)
    assert usage.wall_s >= 0.3


@pytest.mark.parametrize(
    ("script", "least_s"),
    [
        ('$0 -c "$1"; true', 0.2),
        ('$0 -c "$1" & $0 -c "$1"; wait', 0.4),
        ('$0 -c "$1" | cat', 0.2),
    ],
    ids=["child", "two at once", "pipe"],
)
def test_cpu_time_is_that_of_all_processes(tmp_path: Path, script: str, least_s: float) -> None:
    """What the children of a command use counts, whichever way they are started."""
    usage = measure(shell(script, BUSY), tmp_path)
    assert usage.cpu_s >= least_s


def test_sleep_uses_no_cpu_time(tmp_path: Path) -> None:
    """To wait is no work."""
    usage = measure(("sleep", "0.5"), tmp_path)
    assert usage.cpu_s < usage.wall_s


@needs_proc
def test_peak_memory_is_the_most_that_was_held(tmp_path: Path) -> None:
    """What was given back before the end counts."""
    peak = peak_memory(python(HOLDING, "del held; time.sleep(0.2)"), tmp_path)
    assert peak is not None
    assert 60 * MB < peak < 110 * MB


@needs_proc
def test_peak_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    """Two children that hold 60 MB at once hold 120 MB; one after the other, 60 MB."""
    together = peak_memory(shell('$0 -c "$1" & $0 -c "$1"; wait', HOLDING), tmp_path)
    in_turn = peak_memory(shell('$0 -c "$1"; $0 -c "$1"', HOLDING), tmp_path)
    assert together is not None
    assert in_turn is not None
    assert together > 120 * MB
    assert 60 * MB < in_turn < 110 * MB


@needs_proc
def test_shared_memory_counts_once(tmp_path: Path) -> None:
    """Four forked processes that share 60 MB do not hold 240 MB."""
    peak = peak_memory(python(HOLD, "os.fork(); os.fork()", SLEEP), tmp_path)
    assert peak is not None
    assert 60 * MB < peak < 120 * MB


@needs_proc
def test_memory_of_other_sessions_does_not_count() -> None:
    """A session that is not there holds nothing; the one of this process something."""
    assert session_memory(os.getsid(0)) > MB
    assert session_memory(2**31 - 1) == 0


@pytest.mark.parametrize("run", [measure, peak_memory])
def test_failure_says_what_the_command_complained_of(
    tmp_path: Path, run: Callable[[Sequence[str], Path], object]
) -> None:
    """The exit code and the last lines of standard error are told."""
    complain = "import sys; print('one\\n\\ntwo\\nthree\\nfour', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CommandError, match=r"^exit code 3: two: three: four$"):
        run(python(complain), tmp_path)


def test_failure_names_the_signal(tmp_path: Path) -> None:
    """A process that was killed, for want of memory say, is told from one that gave up."""
    with pytest.raises(CommandError, match=r"^killed by SIGKILL$"):
        measure(python("import os; os.kill(os.getpid(), 9)"), tmp_path)


def test_nothing_is_left_running_after_an_interruption(tmp_path: Path) -> None:
    """Ctrl-C stops the command and all that it started."""
    with (
        pytest.raises(KeyboardInterrupt),
        _running(("bash", "-c", "sleep 60 & sleep 60"), tmp_path, None) as child,
    ):
        raise KeyboardInterrupt
    assert child.returncode == -9
    for _ in range(1_000):  # a killed process needs a moment to go
        if session_memory(child.pid) == 0:
            return
        time.sleep(0.01)
    pytest.fail("something is left running")


def test_output_is_read(tmp_path: Path) -> None:
    """What a command prints is returned without blanks at the ends."""
    assert read_output(python("print(' 1.2\\n')"), tmp_path) == "1.2"


def test_command_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    """A missing program is named."""
    with pytest.raises(CommandError, match=r"^no-such-program: No such file or directory$"):
        read_output(("no-such-program",), tmp_path)
