"""Stopping and going on from the command line: what is allowed, refused, and told."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import children
import pytest
from commands import PATIENCE_S, SHOP, run_ctrlog, unread_bytes
from processes import LARGE_LOG, pipe_of, read_line, started, wait_until, wait_until_full

from ctrlog.run.checkpoint import VERSION, read_checkpoint

LOG = SHOP.read_bytes()
MIDDLE = LOG.index(b"\n", len(LOG) // 2) + 1
SAVING = ("run", "--checkpoint", "saved", "-q")
IN_HASTE = [["sync_nothing"]]
SAVING_OFTEN: list[children.Preparation] = [["save_often", 30_000], ["sync_nothing"]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with the first half of a log."""
    monkeypatch.chdir(tmp_path)
    Path("log").write_bytes(LOG[:MIDDLE])
    return tmp_path


def run(*arguments: str, code: int = 0) -> children.Outcome:
    """Run ctrlog, and see with what code it ends."""
    outcome = children.run(*arguments, prepare=IN_HASTE)
    assert outcome.code == code, outcome.err
    return outcome


def grow() -> None:
    """Write the second half of the log."""
    with Path("log").open("ab") as log:
        log.write(LOG[MIDDLE:])


def in_one_pass(*options: str) -> bytes:
    """What a single run with a checkpoint gives for the log as it is now."""
    with TemporaryDirectory() as elsewhere:
        return run("run", "--checkpoint", f"{elsewhere}/saved", "-q", *options, "log").out


def refused(*arguments: str) -> str:
    """What is said by a run that is refused; it changes nothing."""
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    outcome = run(*arguments, code=2)
    assert outcome.out == b""
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    return outcome.err.decode().removeprefix("ctrlog: ").removesuffix("\n")


# The same options.

OTHERS = [
    ("run", "", "--gap 10m", "with --gap 30m", "with --gap 10m"),
    ("run", "", "--lateness 0s", "with --lateness 5m", "with --lateness 0s"),
    ("run", "", "--max-session 1h", "without --max-session", "with --max-session 1h"),
    ("run", "", "--reorder 5m", "without --reorder", "with --reorder 5m"),
    ("run", "--reorder 5m", "", "with --reorder 5m", "without --reorder"),
    ("run", "", "--since 2024-03-04", "without --since", "with --since 2024-03-04T00:00:00.000Z"),
    ("run", "--until 2025", "", "with --until 2025-01-01T00:00:00.000Z", "without --until"),
    ("run", "", "--where a=b", "without --where", "with --where a=b"),
    ("run", "--where a=b", "--where a=c", "with --where a=b", "with --where a=c"),
    (
        "run",
        "--where 'a=b c=d'",
        "--where a=b --where c=d",
        "with --where 'a=b c=d'",
        "with --where a=b c=d",
    ),
    ("run", "", "--field user=id", "without --field", "with --field user=id"),
    ("run", "", "--max-line 1K", "with --max-line 16777216", "with --max-line 1024"),
    ("run", "", "--per session", "with --per search", "with --per session"),
    ("run", "--format csv", "", "with --format csv", "with --format text"),
    ("summary", "", "--gap 10m", "with --gap 30m", "with --gap 10m"),
    ("summary", "", "--by query", "without --by", "with --by query"),
    ("summary", "--by day", "--by hour", "with --by day", "with --by hour"),
    ("summary", "--by day --by user", "--by user --by day", "with --by day --by user", ""),
    ("summary", "--by query", "--by query --fold", "without --fold", "with --fold"),
    ("summary", "--by day", "--by day --tz Asia/Tokyo", "with --tz UTC", "with --tz Asia/Tokyo"),
    (
        "summary",
        "--by query",
        "--by query --max-groups 9",
        "with --max-groups 1000000",
        "with --max-groups 9",
    ),
]


@pytest.mark.parametrize(("command", "before", "now", "was", "is_now"), OTHERS)
def test_other_options_are_refused(
    command: str, before: str, now: str, was: str, is_now: str
) -> None:
    """The message says which one, how to go on and how to begin anew; nothing is changed."""
    until = "--until 2025-01-01" if before == "--until 2025" else before
    arguments = (command, "--checkpoint", "saved", "-q", "log", "-o", "out")
    run(*arguments, *shlex.split(until))
    grow()
    told = refused(*arguments, *shlex.split(now))
    assert told.startswith(f"saved: was made {was}, and this run is {is_now}")
    assert told.endswith(f": go on {was}, or count from the beginning with a new file")
    run(*arguments, *shlex.split(until))


@pytest.mark.parametrize(
    "options",
    [
        "--gap 1800s --lateness 300s",
        "--max-line 16M --per search --format text",
        "--max-bad 50%",
        "--max-bad 1000 --color never",
        "--bad-lines bad",
    ],
)
def test_the_same_in_other_words_is_not_refused(options: str) -> None:
    """Nor is what has no part in what is saved."""
    run(*SAVING, "log", "-o", "out")
    grow()
    run(*SAVING, "log", "-o", "out", *shlex.split(options))
    assert Path("out").read_bytes() == in_one_pass()


@pytest.mark.parametrize(("first", "second"), [("run", "summary"), ("summary", "run")])
def test_another_command_is_refused(first: str, second: str) -> None:
    """A checkpoint is of one command."""
    run(first, "--checkpoint", "saved", "log", "-q", "-o", "out")
    assert refused(second, "--checkpoint", "saved", "log", "-q", "-o", "out") == (
        f"saved: was made by ctrlog {first}, and only that can go on from it; for ctrlog {second},"
        " name a new file"
    )


def test_one_of_a_later_version_is_refused() -> None:
    """Before anything is written."""
    run(*SAVING, "log", "-o", "out")
    with closing(sqlite3.connect("saved")) as saved:
        saved.execute(f"pragma user_version = {VERSION + 1}")
    assert refused(*SAVING, "log", "-o", "out").startswith(
        f"saved: was written by a later version of ctrlog (its form is {VERSION + 1},"
    )


@pytest.mark.parametrize("content", [b"a text\n" * 100, LOG, b"SQLite format 3\0" + bytes(4_080)])
def test_a_damaged_one_is_refused(content: bytes) -> None:
    """Before anything is written, with a way to begin anew."""
    run(*SAVING, "log", "-o", "out")
    Path("saved").write_bytes(content)
    told = refused(*SAVING, "log", "-o", "out")
    assert told.startswith("saved: is no checkpoint of ctrlog, or a damaged one (")
    assert told.endswith("); to count from the beginning, name a new file")


# What can be read again and written to.


@pytest.mark.parametrize(
    "names", [[], ["-"], ["log", "-"], ["fifo"], ["/dev/null"], ["log", "fifo"]]
)
@pytest.mark.parametrize("command", ["run", "summary"])
def test_what_cannot_be_read_again_is_refused(names: list[str], command: str) -> None:
    """Standard input and pipes, with the reason and what to do."""
    os.mkfifo("fifo")
    told = run_ctrlog(command, "--checkpoint", "saved", *names, stdin=LOG)
    what = {"fifo": "fifo", "/dev/null": "/dev/null"}.get((names or ["-"])[-1], "standard input")
    assert (told.returncode, told.stdout) == (2, b"")
    assert told.stderr.decode() == (
        f"ctrlog: {what} cannot be read again from where a run stopped, as --checkpoint needs it;"
        " name files\n"
    )
    assert not Path("saved").exists()


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("saved", "saved is both an input and the checkpoint"),
        ("log ./saved", "saved is both an input and the checkpoint"),
        ("log -o saved", "the output and the checkpoint cannot go to one file"),
        ("log --bad-lines saved", "the bad lines and the checkpoint cannot go to one file"),
    ],
)
def test_a_checkpoint_that_is_something_else_is_refused(
    arguments: str, message: str, *, is_there: bool
) -> None:
    """A checkpoint is no input and no output, whether it is there yet or not."""
    if is_there:
        run(*SAVING, "log")
    assert refused(*SAVING, *arguments.split()) == message


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_checkpoint_under_another_name_is_told_from_inputs_and_outputs(kind: str) -> None:
    """Through a link it is the same file."""
    run(*SAVING, "log")
    if kind == "symbolic":
        Path("link").symlink_to("saved")
    else:
        Path("link").hardlink_to("saved")
    assert refused(*SAVING, "link") == "saved is both an input and the checkpoint"
    assert "cannot go to one file" in refused(*SAVING, "log", "-o", "link")


def test_a_log_that_is_not_there_costs_no_other() -> None:
    """It is told, the others are read and saved, and it may come later."""
    later = LOG[MIDDLE:]
    outcome = run(*SAVING, "log", "later", "-o", "out", code=2)
    assert outcome.err == b"ctrlog: later: No such file or directory\n"
    Path("later").write_bytes(later)
    run(*SAVING, "log", "later", "-o", "out")
    assert Path("out").read_bytes() == run("run", "--checkpoint", "whole", "-q", "log", "later").out


# Outputs.


def test_each_line_is_there_once() -> None:
    """In the file, or in what the runs print."""
    printed = b""
    for size in (0, 1_000, 1_001, 50_000, MIDDLE, len(LOG)):
        Path("log").write_bytes(LOG[:size])
        run(*SAVING, "log", "-o", "out")
        printed += run("run", "--checkpoint", "printing", "-q", "log").out
        assert Path("out").read_bytes() == printed == in_one_pass()


@pytest.mark.parametrize("name", ["./out", "sub/../out", "link", "sub/up/out"])
def test_an_output_may_be_called_otherwise(name: str, folder: Path) -> None:
    """However it is spelled, it is the same file, and gone on with."""
    Path("sub").mkdir()
    Path("sub", "up").symlink_to(folder)
    Path("link").symlink_to("out")
    run(*SAVING, "log", "-o", "out")
    grow()
    run(*SAVING, "log", "-o", name)
    assert Path("out").read_bytes() == in_one_pass()
    assert Path("link").is_symlink()
    run(*SAVING, "log", "-o", str(folder / "out"))
    assert Path("out").read_bytes() == in_one_pass()


def test_another_output_gets_what_is_new() -> None:
    """With a header of its own; the former one stays, and can be gone on with later."""
    form = ("--format", "csv")
    run(*SAVING, *form, "log", "-o", "first")
    first = Path("first").read_bytes()
    with Path("first").open("ab") as out:
        out.write(b"a line that a killed run wrote after it was saved\n")
    grow()
    run(*SAVING, *form, "log", "-o", "second")
    whole = in_one_pass(*form)
    header = whole[: whole.index(b"\n") + 1]
    assert Path("first").read_bytes() == first
    assert Path("second").read_bytes() == header + whole.removeprefix(first)
    with Path("log").open("ab") as log:
        log.write(b'{"type":"Search","user":"x","query":"new"}\n{"type":"AppClose","user":"x"}\n')
    run(*SAVING, *form, "log", "-o", "first")
    assert Path("first").read_bytes() == first + b"0.0,x,new,,0,,,,,close,false\n"
    assert Path("second").read_bytes() == header + whole.removeprefix(first)


def test_from_a_file_to_standard_output_and_back() -> None:
    """Without -o the new lines are printed, and the file stays as it counts."""
    run(*SAVING, "log", "-o", "out")
    first = Path("out").read_bytes()
    grow()
    assert first + run(*SAVING, "log").out == in_one_pass()
    assert run(*SAVING, "log", "-o", "out").out == b""
    assert Path("out").read_bytes() == first


@pytest.mark.parametrize("option", ["-o", "--bad-lines"])
@pytest.mark.parametrize("change", ["removed", "emptied", "cut", "changed", "a folder"])
def test_a_changed_output_is_refused(option: str, change: str) -> None:
    """It is told, nothing is changed; put back, it is gone on with."""
    arguments = (*SAVING, "log", "-o", "out", "--bad-lines", "bad")
    run(*arguments)
    path = Path({"-o": "out", "--bad-lines": "bad"}[option])
    content = path.read_bytes()
    path.unlink()
    if change == "a folder":
        path.mkdir()
        assert (
            run(*arguments, code=2).err
            == f"ctrlog: {path}: cannot write: Is a directory\n".encode()
        )
        path.rmdir()
    else:
        changed = {"cut": content[:-1], "changed": content[:-2] + b"x\n", "emptied": b""}
        if change != "removed":
            path.write_bytes(changed[change])
        assert refused(*arguments) == (
            f"{path}: is not what was written there before: the {len(content):,} bytes that count"
            " are not there; put them back, or write to another file"
        )
    path.write_bytes(content)
    grow()
    run(*arguments)
    assert Path("out").read_bytes() == in_one_pass()


def test_bad_lines_are_kept_once() -> None:
    """As the results are, with the numbers of their lines in the log."""
    for size in (40_000, MIDDLE, len(LOG)):
        Path("log").write_bytes(LOG[:size])
        run(*SAVING, "log", "-o", "out", "--bad-lines", "bad")
    run("run", "-q", "log", "-o", "other", "--bad-lines", "bad in one pass")
    assert Path("bad").read_bytes() == Path("bad in one pass").read_bytes() != b""


def test_broken_limits_save_nothing_that_is_not_told_again() -> None:
    """A run that stops at a bad line goes on from before it, and stops there again."""
    arguments = (*SAVING, "log", "-o", "out", "--bad-lines", "bad")
    told = [run(*arguments, "--strict", code=1).err for _ in range(2)]
    assert told[0] == told[1] == b"ctrlog: stopped at log:39: no bad line is allowed\n"
    run(*arguments)
    assert Path("out").read_bytes() == in_one_pass()
    assert Path("bad").read_bytes().count(b"log:39\t") == 1


def test_a_device_is_written_to_as_it_is() -> None:
    """What is no regular file is written as without a checkpoint, and is not remembered."""
    os.mkfifo("fifo")
    with started("log", "--checkpoint", "saved", "-o", "fifo") as process:
        assert Path("fifo").read_bytes() == in_one_pass()
        assert process.wait(PATIENCE_S) == 0
    assert read_checkpoint(Path("saved"))[0].outputs == []
    assert run(*SAVING, "log").out == b""


def test_a_full_device_loses_nothing() -> None:
    """What could not be written comes again."""
    for option in ("-o", "--bad-lines"):
        full = (*SAVING, "log", option, "/dev/full")
        assert (
            run(*full, code=2).err == b"ctrlog: /dev/full: cannot write: No space left on device\n"
        )
    assert run(*SAVING, "log").out == in_one_pass()


@pytest.mark.parametrize("stream", [1, 2])
def test_closed_streams_lose_nothing(stream: int) -> None:
    """Nothing that is opened is taken for standard output or error when that is closed."""
    with started("--checkpoint", "saved", "log", script=f'exec "$@" {stream}>&-') as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    if stream == 1:
        assert (process.returncode, out) == (2, b"")
        assert err == b"ctrlog: standard output: Bad file descriptor\n"
        out = run(*SAVING, "log").out
    assert out == in_one_pass()
    assert {path.name for path in Path().iterdir()} == {"log", "saved"}


def test_messages_do_not_go_to_a_file() -> None:
    """When standard error is closed the output has results only."""
    whole = run("run", "-q", "log").out
    for more in ([], ["--checkpoint", "saved"]):
        with started("log", "-o", "out", *more, script='exec "$@" 2>&-') as process:
            assert process.wait(PATIENCE_S) == 0
        assert Path("out").read_bytes() == (in_one_pass() if more else whole)


# Two runs.


def test_a_second_run_is_refused(folder: Path) -> None:
    """It is told who has the checkpoint, and changes nothing."""
    with started("log", "--follow", "--checkpoint", "saved", "-o", "out", cwd=folder) as first:
        wait_until(lambda: Path("out").exists() and Path("out").stat().st_size > 1_000)
        for arguments in (["log"], ["other", "-o", "out of other"], ["log", "--gap", "1m"]):
            told = run(*SAVING, *arguments, code=2).err.decode()
            assert told.startswith(f"ctrlog: saved: is in use by process {first.pid} on ")
        Path("link").symlink_to("saved")
        told = run("run", "--checkpoint", "link", "log", code=2).err.decode()
        assert told.startswith(f"ctrlog: link: is in use by process {first.pid} on ")
        run("summary", "log", "-q")  # which has nothing to do with it
    run(*SAVING, "log", "-o", "out")
    assert Path("out").read_bytes() == in_one_pass()


def test_of_many_runs_at_once_each_line_comes_once() -> None:
    """Some have to be refused; what the others give together is what one gives."""
    grow()
    outcomes = []
    for _ in range(4):
        with ExitStack() as stack:
            often = [["save_often", 50_000]]
            runs = [
                stack.enter_context(children.started(*SAVING, "log", "-o", "out", prepare=often))
                for _ in range(4)
            ]
            outcomes += [each.wait() for each in runs]
    assert all(
        outcome.code == 0 or outcome.err.startswith(b"ctrlog: saved: is in use by ")
        for outcome in outcomes
    )
    assert Path("out").read_bytes() == in_one_pass()


# Readers that go.


@pytest.mark.parametrize("lines", [1, 1_000])
def test_a_reader_that_goes_gets_each_line_at_least_once(lines: int, folder: Path) -> None:
    """What was printed after the last saving comes again: nothing is missed."""
    Path("log").write_bytes(LARGE_LOG)
    with started("log", "--checkpoint", "saved", cwd=folder) as process:
        out = pipe_of(process.stdout)
        got = b"".join(read_line(out) for _ in range(lines))
        out.close()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == 141
    whole = in_one_pass()
    again = run(*SAVING, "log").out
    assert whole.startswith(got)
    assert whole.endswith(again)
    assert len(got) + len(again) >= len(whole)


# Signals.

STOPPING = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), STOPPING)
def test_stopped_before_a_slow_reader_each_line_comes_once(
    number: signal.Signals, code: int, folder: Path
) -> None:
    """What was written is saved, whole lines only; the next run prints what is after it."""
    Path("log").write_bytes(LARGE_LOG)
    with started("log", "--checkpoint", "saved", cwd=folder) as process:
        out = pipe_of(process.stdout)
        wait_until_full(out.fileno())
        process.send_signal(number)
        first = out.read()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(PATIENCE_S) == code
    whole = in_one_pass()
    assert first.endswith(b"\n")
    assert len(first) < len(whole)
    assert first + run(*SAVING, "log").out == whole


@pytest.mark.parametrize(("number", "code"), STOPPING)
def test_stopped_anywhere_it_has_saved(number: signal.Signals, code: int) -> None:
    """At any moment: what is in the output is what counts, and the next run goes on."""
    Path("log").write_bytes(LARGE_LOG)
    codes = set()
    for attempt in range(8):
        with children.started(*SAVING, "log", "-o", "out", prepare=SAVING_OFTEN) as child:
            wait_until(lambda: Path("saved.lock").exists())
            sleep(attempt * 0.01)
            child.send(number)
            outcome = child.wait()
        codes.add(outcome.code)
        assert outcome.err == b""
        # Asked before it could stop softly, a run ends at once, and nothing of it counts.
        has_saved = Path("saved").exists() and Path("saved").stat().st_size
        if outcome.code != code or has_saved:
            (output,) = read_checkpoint(Path("saved"))[0].outputs
            assert Path("out").stat().st_size == output.length
    assert codes <= {0, code}
    assert code in codes
    run(*SAVING, "log", "-o", "out")
    assert Path("out").read_bytes() == in_one_pass()


def test_asked_twice_it_ends_at_once(folder: Path) -> None:
    """Even while it writes to a reader that does not read; what it had saved stays."""
    Path("log").write_bytes(LARGE_LOG)
    with started("log", "--checkpoint", "saved", cwd=folder) as process:
        out = pipe_of(process.stdout)
        wait_until_full(out.fileno())
        waiting = unread_bytes(out.fileno())
        process.send_signal(signal.SIGTERM)
        sleep(0.2)
        assert process.poll() is None
        assert unread_bytes(out.fileno()) == waiting
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert pipe_of(process.stderr).read() == b""
    assert run(*SAVING, "log").out == in_one_pass()


@pytest.mark.parametrize(("number", "code"), STOPPING)
def test_a_summary_that_was_stopped_goes_on(number: signal.Signals, code: int) -> None:
    """It gives no summary, but saves; the next run gives the one of all."""
    Path("log").write_bytes(LARGE_LOG)
    arguments = ("summary", "--checkpoint", "saved", "--format", "json", "log")
    with children.started(*arguments, "-o", "out", prepare=SAVING_OFTEN) as child:
        wait_until(lambda: Path("saved").exists() and Path("saved").stat().st_size > 0)
        child.send(number)
        outcome = child.wait()
    assert (outcome.code, outcome.out) == (code, b"")
    assert not Path("out").exists()
    whole = run("summary", "--checkpoint", "whole", "--format", "json", "log")
    assert run(*arguments).out == whole.out
