"""The command line as a user finds it: arguments in, bytes and an exit code out.

Most is in golden cases, a folder each under `golden/`:

| file | what it holds |
|---|---|
| `cmd` | the arguments as in a shell; a line that starts with # says what is to be seen |
| `input` | what is piped in, if anything |
| `expected_out`, `expected_err` | what is written; nothing if the file is not there |
| `expected_code` | the exit code; 0 if the file is not there |
| `expected_files/` | the files that the run makes or changes; no others may be |
| all others | files in the folder where it runs |

The folder where it runs also has `logs`, which is `golden/logs`, and `sample_logs`. This
writes the expectations anew, of all cases or of those named, to be read before they are kept:

    PYTHONPATH=tests python tests/cli/test_app.py --update [NAME]…
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest
import reference
from commands import (
    CLICK,
    CLICKED,
    CTRLOG,
    GOLDEN,
    MEASURE,
    PATIENCE_S,
    SAMPLE_LOGS,
    SEARCH,
    SHOP,
    environment,
    files_in,
    run_ctrlog,
    unread_bytes,
)

# Golden cases.

#: Cases of which ctrlog does not yet do what is expected, and why.
KNOWN_BUGS: dict[str, str] = {}


@dataclass
class Outcome:
    """What a run does: exit code, what it writes, and the files it makes or changes."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


def is_given(path: Path) -> bool:
    """Whether a file of a case is there for the run to find."""
    return path.name not in ("cmd", "input") and not path.name.startswith("expected_")


def run_case(case: Path) -> Outcome:
    """Do what a golden case says."""
    arguments = shlex.split((case / "cmd").read_text(), comments=True)
    stdin = case / "input"
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in filter(is_given, case.iterdir()):
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "logs").symlink_to(GOLDEN / "logs")
        (folder / "sample_logs").symlink_to(SAMPLE_LOGS)
        before = files_in(folder)
        run = run_ctrlog(
            *arguments, stdin=stdin.read_bytes() if stdin.exists() else b"", cwd=folder
        )
        after = files_in(folder)
    assert before.keys() <= after.keys(), "a file is gone"
    changed = {name: after[name] for name in after if after[name] != before.get(name)}
    return Outcome(run.returncode, run.stdout, run.stderr, changed)


def expected_of(case: Path) -> Outcome:
    """Read what a golden case expects."""
    code, out, err = (case / f"expected_{name}" for name in ("code", "out", "err"))
    files = case / "expected_files"
    return Outcome(
        int(code.read_text()) if code.exists() else 0,
        out.read_bytes() if out.exists() else b"",
        err.read_bytes() if err.exists() else b"",
        files_in(files) if files.exists() else {},
    )


def golden_cases() -> list[Path]:
    """The folders of all cases."""
    return sorted(path.parent for path in GOLDEN.glob("*/cmd"))


@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case.name)
def test_golden(case: Path, request: pytest.FixtureRequest) -> None:
    """Code, output, messages and files are, byte for byte, what the case expects."""
    if reason := KNOWN_BUGS.get(case.name):
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    assert run_case(case) == expected_of(case)


def test_known_bugs_are_cases() -> None:
    """No bug is listed for a case that is not there."""
    assert KNOWN_BUGS.keys() <= {case.name for case in golden_cases()}


def update(names: list[str]) -> None:
    """Write what cases expect anew, but for those whose expectation is known not to be met."""
    for case in golden_cases():
        if case.name in KNOWN_BUGS or (names and case.name not in names):
            continue
        outcome = run_case(case)
        code = b"" if outcome.code == 0 else b"%d\n" % outcome.code
        for name, content in ("code", code), ("out", outcome.out), ("err", outcome.err):
            path = case / f"expected_{name}"
            if content:
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
        files = case / "expected_files"
        for path in files.glob("*"):
            path.unlink()
        if outcome.files:
            files.mkdir(exist_ok=True)
        for name, content in outcome.files.items():
            (files / name).write_bytes(content)


# What the golden cases cannot say.


def test_first_tutorial_in_one_column() -> None:
    """The first column is what the first tutorial prints: 1.0, 1.0, 0.0."""
    run = run_ctrlog("run", SAMPLE_LOGS / "tutorial_1.jsonl")
    assert [line.split(b"\t")[0] for line in run.stdout.splitlines()] == [b"1.0", b"1.0", b"0.0"]


def test_csv_gives_the_values_back() -> None:
    """Python's reader of CSV finds each value as it stands in the log."""
    log = GOLDEN / "logs" / "values.jsonl"
    events = map(json.loads, log.read_bytes().split(b"\n")[:-1])
    queries = [event["query"] for event in events if event["type"] == "Search"]
    written = run_ctrlog("run", log, "--format", "csv").stdout.decode()
    rows = [*csv.DictReader(io.StringIO(written, newline=""))]
    assert [row["query"] for row in rows] == queries


@pytest.mark.parametrize(
    "log", [*SAMPLE_LOGS.glob("*.jsonl"), *(GOLDEN / "logs").iterdir()], ids=lambda log: log.name
)
def test_logs_give_what_the_reference_gives(log: Path) -> None:
    """The slow reference, made from the rules, agrees on all logs that are used here."""
    expected = reference.run([log.read_bytes()], reference.Options())
    for per, records in ("search", expected.searches), ("session", expected.sessions):
        run = run_ctrlog("run", log, "--format", "jsonl", "--per", per)
        assert [json.loads(line) for line in run.stdout.split(b"\n")[:-1]] == records


REFUSED = [
    ("--gap 0", "ctrlog: the gap must be longer than 0: write 90s, 30m or 1h30m, for example"),
    ("--gap 30", "'--gap': '30' is not a duration: write 90s, 30m, 1h30m or 2d; did you mean 30s"),
    ("--gap half", "'--gap': 'half' is not a duration: write 90s"),
    ("--gap 9999999d", "'--gap': '9999999d' is too long"),
    ("--lateness -5m", "'--lateness': '-5m' is not a duration"),
    ("--max-session ''", "'--max-session': '' is not a duration"),
    ("--reorder 5m30", "'--reorder': '5m30' is not a duration"),
    ("--since yesterday", "'--since': 'yesterday' is not a time: write 2024-01-31"),
    ("--until 2024-13-01", "'--until': '2024-13-01' is not a time"),
    ("--where lang", "'--where': 'lang' is not of the form"),
    ("--field =user", "'--field': '=user' is not of the form"),
    ("--format xml", "'--format': 'xml' is not one of 'text', 'tsv', 'csv', 'jsonl'"),
    ("--per day", "'--per': 'day' is not one of 'search', 'session'"),
    ("--color red", "'--color': 'red' is not one of 'auto', 'always', 'never'"),
    ("--max-bad few", "'--max-bad': 'few' is not a limit: write a number such as 100"),
    ("--max-bad -1", "'--max-bad': '-1' is not a limit"),
    ("--max-bad 101%", "'--max-bad': '101%' is not a limit"),
    ("--bad-lines -", "'--bad-lines': name a file, as results go to standard output"),
    ("--max-line 0", "'--max-line': '0' is not a size: write 65536, 64K or 16M"),
    ("--max-line 1.5M", "'--max-line': '1.5M' is not a size"),
    ("--field user=a..b", "'a..b' is not the place of a field"),
    ("--nope", "no such option: --nope"),
    ("-o", "option '-o' requires an argument"),
    ("- -", "standard input can be read only once"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(options: str, message: str) -> None:
    """A wrong option ends with code 2 and a message that names it and says what it may be."""
    run = run_ctrlog("run", *shlex.split(options))
    assert (run.returncode, run.stdout) == (2, b"")
    assert message in run.stderr.decode()
    assert b"Traceback" not in run.stderr


def test_help_names_every_option() -> None:
    """The help of `run` has each option that there is to be."""
    shown = run_ctrlog("run", "--help").stdout.decode()
    options = """--per --format --output --gap --lateness --max-session --reorder --since --until
        --where --field --strict --max-bad --bad-lines --max-line --color --quiet --help"""
    assert [option for option in options.split() if option not in shown] == []


@pytest.mark.parametrize("key", ['quote"', "back\\slash", "new\nline"])
def test_odd_keys_are_no_crash(key: str) -> None:
    """A place with a key that few would choose is read or refused, not a traceback."""
    log = json.dumps({"type": "Search", "user": 1, key: "dogs"}).encode()
    run = run_ctrlog("run", "--field", f"query={key}", stdin=log)
    assert run.returncode in (0, 2)
    assert b"Traceback" not in run.stderr


def test_messages_do_not_steer_the_terminal() -> None:
    """What a message shows of the log has no control characters, in one byte or two."""
    log = b'{"type":"AppOpen","user":1,"time":"\\u001b[31m \\u009b31m \xc2\x9b31m"}\n'
    message = run_ctrlog("run", stdin=log).stderr.decode()
    assert "not a time" in message
    assert [
        character for character in message if character < " " or "\x7f" <= character < "\xa0"
    ] == [
        "\n",
        "\n",
    ]


# Logs too large to keep.


def long_click(size: int) -> bytes:
    """A click of so many bytes, its newline not counted."""
    padding = size + 1 - len(CLICK) - len(b',"more":""')
    return CLICK.replace(b"}", b',"more":"' + b"x" * padding + b'"}')


MAX_LINE = 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("make_log", "bad_lines"),
    [
        pytest.param(lambda: SEARCH + long_click(40_000_000) + CLICK, 1, id="in the middle"),
        pytest.param(lambda: SEARCH + CLICK + b"\0" * 40_000_000, 1, id="at the end"),
        pytest.param(lambda: SEARCH + long_click(MAX_LINE + 1) + CLICK, 1, id="just too long"),
        pytest.param(lambda: SEARCH + long_click(MAX_LINE), 0, id="just short enough"),
    ],
)
def test_long_lines_are_survived(
    make_log: Callable[[], bytes], bad_lines: int, tmp_path: Path
) -> None:
    """A line over 16 MB is bad, costs no other line, and is never whole in memory."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(make_log())
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *CTRLOG, "run", path],
        capture_output=True,
        check=False,
        env=environment(),
        timeout=PATIENCE_S,
    )
    *messages, peak_kb = measured.stderr.decode().splitlines()
    assert (measured.returncode, measured.stdout) == (0, CLICKED)
    assert len(messages) == (2 if bad_lines else 0)
    assert all("line too long" in message for message in messages)
    assert int(peak_kb) < 200_000


@pytest.mark.parametrize(
    "nested",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        SEARCH.replace(b"}", b',"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        SEARCH.replace(b"}", b',"more":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001),
        SEARCH.replace(b"1", b"[" * 100_000 + b"]" * 100_000),
    ],
    ids=["lists", "objects", "ignored lists", "ignored objects", "user"],
)
def test_deep_nesting_is_survived(nested: bytes) -> None:
    """A line nested 100,000 deep is bad and costs no other line."""
    run = run_ctrlog("run", stdin=SEARCH + nested.removesuffix(b"\n") + b"\n" + CLICK)
    assert (run.returncode, run.stdout) == (0, CLICKED)
    assert run.stderr.startswith(b"<stdin>:2: not JSON: nested too deeply\n")


# The same bytes, wherever they come from (R12).


def run_in_chunks(log: bytes, chunk_bytes: int, *arguments: str) -> tuple[bytes, bytes]:
    """Run ctrlog on a pipe in which never more than a chunk waits."""
    with TemporaryDirectory() as name, Path(name, "out").open("w+b") as out:
        with subprocess.Popen(
            [*CTRLOG, "run", *arguments],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            for start in range(0, len(log), chunk_bytes):
                process.stdin.write(log[start : start + chunk_bytes])
                process.stdin.flush()
                deadline = monotonic() + PATIENCE_S
                while unread_bytes(process.stdin.fileno()) and monotonic() < deadline:
                    sleep(0.0001)
            process.stdin.close()
            messages = process.stderr.read()
        assert process.returncode == 0
        out.seek(0)
        return out.read(), messages


@pytest.mark.parametrize(
    ("size", "chunk_bytes"), [(3_000, 1), (20_000, 7 * 13), (None, 4093), (None, 65537)]
)
@pytest.mark.parametrize("per", ["search", "session"])
def test_file_redirection_and_pipe_give_the_same(
    size: int | None, chunk_bytes: int, per: str, tmp_path: Path
) -> None:
    """Named, redirected or piped in odd pieces, a log gives the same bytes and messages (R12)."""
    log = SHOP.read_bytes()[:size]
    path = tmp_path / "log.jsonl"
    path.write_bytes(log)
    named = run_ctrlog("run", path, "--per", per)
    with path.open("rb") as stdin:
        redirected = subprocess.run(
            [*CTRLOG, "run", "--per", per],
            stdin=stdin,
            capture_output=True,
            check=True,
            env=environment(),
            timeout=PATIENCE_S,
        )
    assert named.stdout
    assert (redirected.stdout, redirected.stderr) == (
        named.stdout,
        named.stderr.replace(bytes(path), b"<stdin>"),
    )
    assert run_in_chunks(log, chunk_bytes, "--per", per) == (redirected.stdout, redirected.stderr)


# What must not be lost.


@pytest.mark.parametrize(
    "command",
    ["run", "summary --format json", "check", "explain 82"],
)
@pytest.mark.parametrize("bad", ["missing.jsonl", "cut.jsonl.gz"])
def test_an_output_stays_if_an_input_fails(command: str, bad: str, tmp_path: Path) -> None:
    """A file that was written before is not replaced by a part of the truth."""
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(SHOP.read_bytes())[:20_000])
    kept = tmp_path / "kept"
    kept.write_text("precious")
    done = run_ctrlog(*command.split(), "-q", "-o", kept, SHOP, bad, cwd=tmp_path)
    assert done.returncode == 2
    assert kept.read_text() == "precious"
    assert b"kept: not written, as not every input could be read" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("command", ["summary", "check"])
def test_of_nothing_that_could_be_read_there_is_no_page(command: str, tmp_path: Path) -> None:
    """The last thing on the screen is what is wrong, not a page of zeros."""
    done = run_ctrlog(command, tmp_path / "missing.jsonl")
    assert (done.returncode, done.stdout) == (2, b"")


# One file twice.


def test_a_file_is_not_counted_twice(tmp_path: Path) -> None:
    """By the same name, by another one, through a link, or as its compressed copy."""
    log, link, hard = tmp_path / "a.jsonl", tmp_path / "link", tmp_path / "hard"
    log.write_bytes(SHOP.read_bytes())
    link.symlink_to(log)
    hard.hardlink_to(log)
    copy = tmp_path / "a.jsonl.gz"
    copy.write_bytes(gzip.compress(SHOP.read_bytes()))
    for command in ("run", "summary", "check"):
        for other in (log, tmp_path / "." / "a.jsonl", link, hard, copy):
            done = run_ctrlog(command, log, other)
            assert (done.returncode, done.stdout) == (2, b""), other
            assert b"which would count twice" in done.stderr


def test_a_log_may_have_the_name_of_another_with_a_suffix(tmp_path: Path) -> None:
    """`log` and `log.gz` of different days are two logs."""
    (tmp_path / "log").write_bytes(SHOP.read_bytes())
    (tmp_path / "log.gz").write_bytes(gzip.compress(CLICK + SHOP.read_bytes()))
    assert run_ctrlog("summary", "log", "log.gz", cwd=tmp_path).returncode == 0


# Wrong arguments.


@pytest.mark.parametrize("command", ["run", "summary", "explain 1", "check"])
@pytest.mark.parametrize("name", ["", "x" * 300, "y/" * 3000, "a\nb", "/root/../proc/1/mem/x"])
def test_a_name_of_any_kind_is_one_line_of_error(command: str, name: str) -> None:
    """Nothing but a message comes out, and that is one line."""
    done = run_ctrlog(*command.split(), name)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"ctrlog: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sumary", "no such command 'sumary'. Did you mean 'summary'? see `ctrlog --help`"),
        ("run --gpa 3m", "no such option: --gpa (Possible options: --gap, --per); see"),
        ("run --gap", "option '--gap' requires an argument"),
        ("explain", "missing argument 'USER'; see `ctrlog explain --help`"),
        ("summary --since 2024-02-02 --until 2024-02-01", "is not before --until"),
        ("run --checkpoint . x", ".: is a folder, and a checkpoint is a file"),
    ],
)
def test_wrong_arguments_are_one_line_of_error(arguments: str, message: str) -> None:
    """They are reported like everything else, and the line leads on."""
    done = run_ctrlog(*arguments.split(), stdin=b"{}")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"ctrlog: ")
    assert message in done.stderr.decode()


def test_an_unknown_user_is_not_explained() -> None:
    """As with `grep`, nothing found is exit code 1."""
    done = run_ctrlog("explain", "-q", "nobody", SHOP)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"ctrlog: no event of user 'nobody' among 3,000 events\n"


@pytest.mark.parametrize("option", ["--schema", "--exclude-users"])
def test_files_that_options_name_are_read_once(option: str, tmp_path: Path) -> None:
    """A pipe gives what it has only once, as from `<(...)`."""
    content = run_ctrlog("schema", "show", "native").stdout if option == "--schema" else b"82\n"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(pipe.write_bytes, content)
        done = run_ctrlog("summary", "--format", "json", option, pipe, SHOP)
        writing.result()
    assert done.returncode == 0
    assert json.loads(done.stdout)["searches"] > 700


def test_completion_is_installed_for_the_shell_that_is_named(tmp_path: Path) -> None:
    """And for no other one."""
    done = subprocess.run(
        [*CTRLOG, "--install-completion", "fish"],
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert [*map(str, files)] == [".config/fish/completions/ctrlog.fish"]


HOSTILE = (
    rb'{"type":"Search","user":"\u202egpj.exe","query":"\u009b31m\u001b[2J\udb40\udc41","time":1}'
    b"\n"
)


@pytest.mark.parametrize("command", ["run", "summary --by query -q"])
@pytest.mark.parametrize("format_", ["text", "table", "md", "csv", "tsv", "json", "jsonl"])
def test_a_terminal_obeys_no_query(command: str, format_: str) -> None:
    """Written to a terminal, no format passes on what moves a cursor, or hides or reverses text."""
    if format_ in ({"table", "md", "json"} if command == "run" else {"text"}):
        return
    leader, follower = pty.openpty()
    try:
        subprocess.run(
            [*CTRLOG, *command.split(), "-", "--format", format_, "--color", "never"],
            input=HOSTILE,
            stdout=follower,
            check=True,
            env=environment(),
            timeout=PATIENCE_S,
        )
        shown = os.read(leader, 2**16).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert "31m" in shown
    assert not set(shown) & set("\x1b\x9b\u202e\U000e0041")


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"]:
        sys.exit(__doc__)
    update(sys.argv[2:])
