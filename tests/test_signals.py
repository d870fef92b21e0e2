"""What a run does to the world around it: pipes, files, signals and terminals."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from commands import (
    CLICK,
    CLICKED,
    CTRLOG,
    GOLDEN,
    PATIENCE_S,
    SEARCH,
    environment,
    files_in,
    run_ctrlog,
    unread_bytes,
)
from processes import (
    LARGE_LOG,
    Terminal,
    event,
    pipe_of,
    read_line,
    search,
    started,
    wait_until,
    wait_until_full,
)

GAP_LOG = GOLDEN / "logs" / "gap.jsonl"


@pytest.fixture(scope="module")
def large_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the large log."""
    path = tmp_path_factory.mktemp("logs") / "large.jsonl"
    path.write_bytes(LARGE_LOG)
    return path


# Standard output.


def test_reader_that_goes_ends_the_run_quietly(large_log: Path) -> None:
    """Like `| head -1`: the run ends with 141 and says nothing."""
    with started(large_log, stdin=subprocess.DEVNULL) as process:
        assert read_line(pipe_of(process.stdout)).startswith(b"1.0\t0\tdogs\t")
        pipe_of(process.stdout).close()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == 141


@pytest.mark.parametrize("format_", ["text", "csv"])
def test_full_disk_is_told_in_a_line(format_: str) -> None:
    """A standard output that takes no more ends the run with 2 and a line that says why."""
    with (
        Path("/dev/full").open("wb") as full,
        started(GAP_LOG, "--format", format_, stdout=full) as process,
    ):
        message = pipe_of(process.stderr).read()
        assert process.wait(PATIENCE_S) == 2
    assert message == b"ctrlog: standard output: cannot write: No space left on device\n"


def test_output_that_does_not_block_is_waited_for(large_log: Path) -> None:
    """A pipe that someone made non-blocking, as ssh and node do, gets everything too."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(reader, "rb") as out, started(large_log, stdout=writer) as process:
        os.close(writer)
        wait_until(lambda: unread_bytes(reader) > 60_000 or process.poll() is not None)
        assert out.read().count(b"\n") == 100_000
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("closed", "code", "out"),
    [
        pytest.param("<&-", 2, b"", id="stdin"),
        pytest.param(">&-", 2, b"", id="stdout"),
        pytest.param("2>&-", 0, CLICKED, id="stderr"),
        pytest.param("2>/dev/full", 0, CLICKED, id="full stderr"),
    ],
)
def test_closed_streams_are_no_crash(closed: str, code: int, out: bytes) -> None:
    """A stream that is not there or takes nothing gives a clear error, or is done without."""
    arguments = () if closed == "<&-" else ("-",)
    with started(*arguments, script=f'exec "$@" {closed}') as process:
        written, message = process.communicate(b"no event\n" + SEARCH + CLICK, PATIENCE_S)
    assert b"Traceback" not in message
    assert (process.returncode, written) == (code, out)


# As soon as it is known.


def test_search_is_out_as_soon_as_it_is_over() -> None:
    """Each line is there before the next event is written, whatever ends the search."""
    with started() as process:
        log, out = pipe_of(process.stdin), pipe_of(process.stdout)
        log.write(search("ann", "10:00:00") + search("ann", "10:00:01"))
        assert read_line(out).endswith(
            b"\t2024-05-01T10:00:00.000Z\t2024-05-01T10:00:00.000Z\tsearch\ttrue\n"
        )
        log.write(event("AppClose", "ann", "10:00:02"))
        assert read_line(out).endswith(
            b"\t2024-05-01T10:00:01.000Z\t2024-05-01T10:00:00.000Z\tclose\tfalse\n"
        )
        log.write(search("bob", "10:01:00") + event("Timeout", "bob", "10:01:01"))
        assert read_line(out).endswith(b"\ttimeout\tfalse\n")
        log.write(search("cid", "10:02:00") + event("Scroll", "eve", "10:37:00.000001"))
        assert read_line(out).endswith(
            b"\t2024-05-01T10:02:00.000Z\t2024-05-01T10:02:00.000Z\tgap\tfalse\n"
        )
        half = search("eve", "10:38:00") + event("AppClose", "eve", "10:38:01")
        log.write(half[:100])
        log.write(half[100:])
        assert read_line(out).endswith(b"\tclose\tfalse\n")
        log.write(search("fay", "10:39:00").removesuffix(b"\n"))
        log.close()
        assert read_line(out).endswith(b"\tend\tfalse\n")
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("format_", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("per", ["search", "session"])
def test_every_format_is_out_at_once(format_: str, per: str, tmp_path: Path) -> None:
    """The header comes before any event; records do not wait, from a named pipe either."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with started(fifo, "--format", format_, "--per", per) as process, fifo.open("wb", 0) as log:
        out = pipe_of(process.stdout)
        if format_ != "jsonl":
            assert read_line(out).startswith(b"ctr")
        for user in ("ann", "bob"):
            log.write(search(user, "10:00:00") + event("AppClose", user, "10:00:01"))
            line = read_line(out)
            assert user.encode() in line
            assert b"close" in line


# -o FILE.


def write_before(path: Path) -> dict[str, bytes]:
    """Make a file that is to stay as it is, and return what its folder holds then."""
    path.write_bytes(b"what was here before\n")
    return files_in(path.parent)


@contextmanager
def started_and_writing(output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start ctrlog with -o, wait until it has written something and waits for more."""
    with started("-", "-o", output) as process:
        # Less than a pipe holds, so this does not wait even if nobody reads.
        pipe_of(process.stdin).write(LARGE_LOG[:50_000])
        wait_until(
            lambda: any(
                path != output and path.stat().st_size > 1_000 for path in output.parent.iterdir()
            )
        )
        yield process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there before"])
def test_interrupted_output_is_not_there(
    number: signal.Signals, code: int, tmp_path: Path, *, is_there: bool
) -> None:
    """Stopped midway, -o leaves what was there before, nothing else, and nothing to read."""
    output = tmp_path / "out"
    before = write_before(output) if is_there else {}
    with started_and_writing(output) as process:
        process.send_signal(number)
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == code
    assert files_in(tmp_path) == before


def test_killed_output_is_not_there(tmp_path: Path) -> None:
    """Even SIGKILL leaves the file as it was before."""
    output = tmp_path / "out"
    write_before(output)
    with started_and_writing(output) as process:
        process.kill()
        process.wait(PATIENCE_S)
    assert output.read_bytes() == b"what was here before\n"


def test_hangup_leaves_no_temporary_file(tmp_path: Path) -> None:
    """A terminal that is closed ends the run as SIGTERM does."""
    with started_and_writing(tmp_path / "out") as process:
        process.send_signal(signal.SIGHUP)
        process.wait(PATIENCE_S)
    assert files_in(tmp_path) == {}


def test_output_is_not_there_while_an_input_is_waited_for(tmp_path: Path) -> None:
    """A run that waits for a named pipe to be opened can be stopped, and cleans up."""
    folder = tmp_path / "results"
    folder.mkdir()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with started(fifo, "-o", folder / "out") as process:
        wait_until(lambda: any(folder.iterdir()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 143
    assert files_in(folder) == {}


@pytest.mark.parametrize(
    ("options", "log", "code"),
    [
        ("--strict", SEARCH + b"no event\n", 1),
        ("--max-bad 10%", SEARCH + b"no event\n", 1),
        ("--field foo=bar", SEARCH, 2),
    ],
)
def test_failed_run_leaves_the_output_as_it_was(
    options: str, log: bytes, code: int, tmp_path: Path
) -> None:
    """A run that breaks a limit or cannot start leaves the file that was there before."""
    output = tmp_path / "out"
    before = write_before(output)
    run = run_ctrlog("run", *shlex.split(options), "-o", output, stdin=log)
    assert (run.returncode, run.stdout) == (code, b"")
    assert files_in(tmp_path) == before


def test_output_that_does_not_fit_is_not_there(large_log: Path, tmp_path: Path) -> None:
    """When the disk is full the file stays as it was, and a line says why."""
    output = tmp_path / "out"
    before = write_before(output)
    with started(large_log, "-o", output, script='ulimit -f 64; exec "$@"') as process:
        message = pipe_of(process.stderr).read().decode()
        assert process.wait(PATIENCE_S) == 2
    assert message == f"ctrlog: {output}: cannot write: File too large\n"
    assert files_in(tmp_path) == before


def test_output_keeps_its_permissions(tmp_path: Path) -> None:
    """A file that is there keeps its mode; a new one has the mode of any new file."""
    old, new = tmp_path / "old", tmp_path / "new"
    write_before(old)
    old.chmod(0o604)
    for output in old, new:
        with started(GAP_LOG, "-o", output, umask=0o027) as process:
            assert process.wait(PATIENCE_S) == 0
    assert stat.S_IMODE(old.stat().st_mode) == 0o604
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    assert old.read_bytes() == new.read_bytes() != b""


@pytest.mark.parametrize("is_there", [True, False], ids=["to a file", "to nothing yet"])
def test_output_keeps_a_symbolic_link(tmp_path: Path, *, is_there: bool) -> None:
    """A link stays one; the file that it leads to is written."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if is_there:
        write_before(folder / "real")
    link = tmp_path / "link"
    link.symlink_to(folder / "real")
    assert run_ctrlog("run", GAP_LOG, "-o", link).returncode == 0
    assert link.is_symlink()
    assert files_in(folder) == {"real": run_ctrlog("run", GAP_LOG).stdout}


def test_output_to_what_is_no_file(tmp_path: Path) -> None:
    """A device or a named pipe is written to as it is, and stays what it is."""
    expected = run_ctrlog("run", GAP_LOG).stdout
    assert run_ctrlog("run", GAP_LOG, "-o", "/dev/stdout").stdout == expected
    assert run_ctrlog("run", GAP_LOG, "-o", "/dev/full").returncode == 2
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with started(GAP_LOG, "-o", fifo) as process, fifo.open("rb") as reader:
        assert reader.read() == expected
        assert process.wait(PATIENCE_S) == 0
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_told(tmp_path: Path) -> None:
    """A file that may not be read is told, the others are still done; exit 2."""
    secret = tmp_path / "secret"
    secret.touch(0)
    run = run_ctrlog("run", secret, GAP_LOG)
    assert (run.returncode, run.stdout) == (2, run_ctrlog("run", GAP_LOG).stdout)
    assert run.stderr.decode() == f"ctrlog: {secret}: Permission denied\n"


@pytest.mark.parametrize("name", ["log", "./log", "symbolic", "hard", "/dev/stdin"])
def test_output_onto_an_input_is_refused(name: str, tmp_path: Path) -> None:
    """Whatever the input is called, it is not overwritten by the output."""
    log = tmp_path / "log"
    log.write_bytes(SEARCH)
    (tmp_path / "symbolic").symlink_to(log)
    (tmp_path / "hard").hardlink_to(log)
    with log.open("rb") as stdin, started(name, "-o", "log", stdin=stdin, cwd=tmp_path) as process:
        assert pipe_of(process.stderr).read() == b"ctrlog: log is both an input and the output\n"
        assert process.wait(PATIENCE_S) == 2
    assert log.read_bytes() == SEARCH


def test_output_onto_redirected_input_is_refused(tmp_path: Path) -> None:
    """`ctrlog run -o log < log` does not replace the log by its results."""
    log = tmp_path / "log"
    log.write_bytes(SEARCH)
    with log.open("rb") as stdin, started("-o", log, stdin=stdin) as process:
        assert process.wait(PATIENCE_S) == 2
    assert log.read_bytes() == SEARCH


def test_bad_lines_onto_an_input_are_refused(tmp_path: Path) -> None:
    """`ctrlog run log --bad-lines log` does not empty the log."""
    log = tmp_path / "log"
    log.write_bytes(SEARCH)
    run = run_ctrlog("run", log, "--bad-lines", log)
    assert log.read_bytes() == SEARCH
    assert run.returncode == 2


def test_bad_lines_onto_the_output_are_refused(tmp_path: Path) -> None:
    """The same file for results and bad lines cannot hold both."""
    output = tmp_path / "out"
    run = run_ctrlog("run", "-o", output, "--bad-lines", output, stdin=SEARCH + b"no event\n")
    assert run.returncode == 2


def test_output_with_a_long_name(tmp_path: Path) -> None:
    """Any name that a file may have will do."""
    output = tmp_path / ("o" * 250)
    run = run_ctrlog("run", GAP_LOG, "-o", output)
    assert (run.returncode, run.stderr) == (0, b"")
    assert output.exists()


def test_output_with_too_long_a_name_is_told_in_a_line(tmp_path: Path) -> None:
    """A name that no file may have ends the run with 2 and a line that says why."""
    run = run_ctrlog("run", GAP_LOG, "-o", tmp_path / ("o" * 300))
    assert run.returncode == 2
    assert run.stderr.endswith(b": cannot write: File name too long\n")
    assert run.stderr.count(b"\n") == 1


def test_output_despite_what_a_killed_run_left(tmp_path: Path) -> None:
    """In a container each run may have the same id as one that was killed."""
    leave = 'touch ".out.$$.tmp"; exec "$@"'
    with started(GAP_LOG, "-o", "out", script=leave, cwd=tmp_path) as process:
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == 0
    assert (tmp_path / "out").read_bytes() == run_ctrlog("run", GAP_LOG).stdout


# Signals.


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_interrupted_before_a_slow_reader(
    number: signal.Signals, code: int, large_log: Path
) -> None:
    """Stopped while its reader is slow, a run gives whole lines only, and says nothing."""
    whole = run_ctrlog("run", large_log).stdout
    with started(large_log) as process:
        out = pipe_of(process.stdout)
        wait_until_full(out.fileno())
        process.send_signal(number)
        written = out.read()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == code
    assert written.endswith(b"\n")
    assert len(written) < len(whole)
    assert whole.startswith(written)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_interrupted_while_it_waits(number: signal.Signals, code: int) -> None:
    """Stopped while it waits for input, a run ends at once; what is open is not reported."""
    with started() as process:
        pipe_of(process.stdin).write(search("ann", "10:00:00") + search("ann", "10:00:01"))
        read_line(pipe_of(process.stdout))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == code
        assert pipe_of(process.stdout).read() == b""
        assert pipe_of(process.stderr).read() == b""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["SIGINT", "SIGTERM"]
)
def test_a_follower_says_at_the_end_what_it_has_read(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    """However it is stopped, it tells how much it has read, and of the bad lines."""
    log = tmp_path / "log"
    log.write_bytes(search("ann", "10:00:00") + b"bad\n" + search("ann", "10:00:01"))
    with started("--follow", log) as process:
        read_line(pipe_of(process.stdout))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == code
        assert pipe_of(process.stderr).read().decode().splitlines()[1:] == [
            "ctrlog: read 3 lines: 2 events, 1 session with a search",
            "ctrlog: skipped 1 bad line of 3: 1 not JSON; --bad-lines FILE keeps them",
        ]


def test_ignored_interruption_stays_ignored() -> None:
    """A run in the background of a script, for which Ctrl-C is not meant, goes on."""
    with started(script='trap "" INT; exec "$@"') as process:
        log, out = pipe_of(process.stdin), pipe_of(process.stdout)
        log.write(search("ann", "10:00:00") + search("ann", "10:00:01"))
        read_line(out)
        process.send_signal(signal.SIGINT)
        log.close()
        assert process.wait(PATIENCE_S) == 0


# Terminals.


def test_terminal_as_input_shows_the_usage() -> None:
    """Without a file and with a terminal for input, usage goes to standard error; exit 2."""
    terminal = Terminal()
    with started(stdin=terminal.inner) as process:
        out, message = process.communicate(timeout=PATIENCE_S)
    terminal.shown()
    assert (process.returncode, out) == (2, b"")
    assert b"Usage: ctrlog run" in message
    assert b"name a file, or pipe a log in" in message


def test_terminal_is_read_if_asked_for() -> None:
    """With - a log can be typed, to its end at Ctrl-D."""
    terminal = Terminal()
    with started("-", stdin=terminal.inner) as process:
        terminal.type(SEARCH + CLICK + b"\x04")
        assert pipe_of(process.stdout).read() == CLICKED
        assert process.wait(PATIENCE_S) == 0
    terminal.shown()


@pytest.mark.parametrize(
    ("is_terminal", "options", "variables", "is_colored"),
    [
        (True, "", {}, True),
        (False, "", {}, False),
        (True, "", {"NO_COLOR": "1"}, False),
        (True, "", {"NO_COLOR": ""}, True),
        (False, "", {"FORCE_COLOR": "1"}, True),
        (True, "", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, "--color never", {"FORCE_COLOR": "1"}, False),
        (False, "--color always", {"NO_COLOR": "1"}, True),
        (False, "--color auto", {}, False),
        (True, "--format tsv", {}, False),
        (True, "--format csv", {"FORCE_COLOR": "1"}, False),
        (True, "--format jsonl", {}, False),
        (True, "--per session", {}, True),
    ],
)
def test_color(
    options: str, variables: dict[str, str], *, is_terminal: bool, is_colored: bool
) -> None:
    """Text is coloured on a terminal; NO_COLOR, FORCE_COLOR and --color go before that."""
    arguments = ["run", str(GAP_LOG), *shlex.split(options)]
    terminal = Terminal()
    run = subprocess.run(
        [*CTRLOG, *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=terminal.inner if is_terminal else subprocess.PIPE,
        env=environment(TERM="xterm", **variables),
        timeout=PATIENCE_S,
    )
    shown = terminal.shown() or run.stdout.decode()
    assert "1.0" in shown
    assert ("\x1b[" in shown) == is_colored


@contextmanager
def held_up(
    *arguments: str | Path, reader: int | None = None, **settings: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start ctrlog on the large log and hold it up for longer than it stays silent.

    Its results go to a pipe that is read after a while only: standard output or `reader`.
    """
    with started(*arguments, term="xterm", **settings) as process:
        pipe = pipe_of(process.stdout).fileno() if reader is None else reader
        wait_until_full(pipe)
        sleep(0.6)
        with open(pipe, "rb", closefd=False) as results:
            assert results.read().count(b"\n") == 100_000
        assert process.wait(PATIENCE_S) == 0
        yield process


def assert_progress(shown: str) -> None:
    """See that there is the size of the large log, a rate and a time left."""
    assert f"/{len(LARGE_LOG) / 1e6:.1f} MB" in shown
    assert "B/s" in shown
    assert "0:00:0" in shown


def test_progress_on_a_terminal(large_log: Path) -> None:
    """A run of over half a second shows how far it is, its rate and the time left."""
    terminal = Terminal()
    with held_up(large_log, stderr=terminal.inner):
        assert_progress(terminal.shown())


def test_progress_of_a_redirected_log(large_log: Path) -> None:
    """How much there is to come is known of a file on standard input too."""
    terminal = Terminal()
    with large_log.open("rb") as log, held_up(stdin=log, stderr=terminal.inner):
        assert_progress(terminal.shown())


def test_progress_while_a_file_is_written(large_log: Path, tmp_path: Path) -> None:
    """With -o, progress is shown on a terminal to which no results go."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    terminal = Terminal()
    screen = {"stdout": terminal.inner, "stderr": terminal.inner}
    with held_up(large_log, "-o", fifo, reader=reader, **screen):
        os.close(reader)
        assert_progress(terminal.shown())


def test_no_progress_if_quiet(large_log: Path) -> None:
    """-q keeps the progress off the terminal."""
    terminal = Terminal()
    with held_up("-q", large_log, stderr=terminal.inner):
        assert terminal.shown() == ""


def test_no_progress_off_a_terminal(large_log: Path) -> None:
    """Standard error that is no terminal has messages only."""
    with held_up(large_log) as process:
        assert pipe_of(process.stderr).read() == b""


def test_no_progress_without_a_size(large_log: Path, tmp_path: Path) -> None:
    """Of a pipe it is not known how much is to come, so nothing is shown."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    terminal = Terminal()
    with subprocess.Popen(["cp", large_log, fifo]) as feeder:  # noqa: S607  # any cp will do
        try:
            with held_up(fifo, stderr=terminal.inner):
                assert terminal.shown() == ""
        finally:
            feeder.kill()
