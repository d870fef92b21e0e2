"""What is said to the person at the terminal, with a clock of the tests' own."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Iterator

import pytest

from ctrlog.errors import InputError
from ctrlog.outputs import console as terminal
from ctrlog.outputs.console import Color, Console, wants_color


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Start at some time of the machine's."""
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now_s


# Colour.


@pytest.fixture(name="screen")
def open_screen() -> Iterator[int]:
    """A descriptor that is a terminal."""
    leader, follower = pty.openpty()
    yield follower
    os.close(leader)
    os.close(follower)


@pytest.fixture(name="pipe")
def open_pipe() -> Iterator[int]:
    """A descriptor that is a pipe."""
    reader, writer = os.pipe()
    yield writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("choice", "no_color", "force_color", "on_terminal", "in_pipe"),
    [
        (Color.AUTO, None, None, True, False),
        (Color.AUTO, "", "", True, False),
        (Color.AUTO, "1", None, False, False),
        (Color.AUTO, "0", None, False, False),
        (Color.AUTO, None, "1", True, True),
        (Color.AUTO, "", "1", True, True),
        (Color.AUTO, "1", "", False, False),
        (Color.AUTO, "1", "1", False, False),
        (Color.ALWAYS, None, None, True, True),
        (Color.ALWAYS, "1", None, True, True),
        (Color.ALWAYS, "1", "1", True, True),
        (Color.NEVER, None, None, False, False),
        (Color.NEVER, None, "1", False, False),
    ],
)
def test_color_is_what_is_asked_for_then_the_environment_then_the_terminal(
    *,
    choice: Color,
    no_color: str | None,
    force_color: str | None,
    on_terminal: bool,
    in_pipe: bool,
    screen: int,
    pipe: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The option goes before NO_COLOR, that before FORCE_COLOR, that before the terminal."""
    for name, value in (("NO_COLOR", no_color), ("FORCE_COLOR", force_color)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert wants_color(choice, screen) is on_terminal
    assert wants_color(choice, pipe) is in_pipe


# Messages.


def test_messages_say_whose_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    """Errors and notes begin with the program's name; what is shown of the data does not."""
    with Console(None) as console:
        console.error("it went wrong")
        console.note("good to know")
        console.show("log:1: not JSON")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "ctrlog: it went wrong\nctrlog: good to know\nlog:1: not JSON\n"


def test_a_quiet_console_says_nothing_but_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """Quiet keeps notes and data to itself, not errors."""
    console = Console(None, is_quiet=True)
    console.note("good to know")
    console.show("log:1: not JSON")
    console.error("it went wrong")
    console.fail(InputError("log: is a directory"))
    assert capfd.readouterr().err == "ctrlog: it went wrong\nctrlog: log: is a directory\n"


def test_a_failure_is_remembered(capfd: pytest.CaptureFixture[str]) -> None:
    """A part of the work that failed is told, and known at the end; an error alone is not one."""
    console = Console(None)
    console.error("x")
    assert not console.has_failed
    console.fail(InputError("log: no"))
    assert console.has_failed
    assert capfd.readouterr().err == "ctrlog: x\nctrlog: log: no\n"


@pytest.mark.parametrize("with_progress", [False, True])
def test_a_message_does_nothing_to_the_terminal(
    capfd: pytest.CaptureFixture[str],
    with_progress: bool,  # noqa: FBT001
) -> None:
    """Control characters of a log are shown as Python writes them; lines stay lines."""
    clock = Clock()
    with Console(10, clock=clock) as console:
        if with_progress:
            clock.now_s += 1
            console.advance(1)
        console.show("a\x1b[31mb\tc\\d\u2028e\nf\udcff")
    assert "a\\x1b[31mb\\tc\\d\\u2028e\nf" in capfd.readouterr().err


def test_a_message_that_nobody_can_read_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed standard error is no reason to stop."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    monkeypatch.setattr(terminal, "STDERR_DESCRIPTOR", writer)
    Console(None).error("it went wrong")


# Progress.


def test_a_short_run_shows_no_progress() -> None:
    """Before half a second has passed nothing is shown, however much was read."""
    clock = Clock()
    with Console(1000, clock=clock) as console:
        for _ in range(49):
            clock.now_s += 0.01
            console.advance(10)
            assert console._progress is None


def test_a_longer_run_shows_how_far_it_is() -> None:
    """From half a second on progress is shown, and brought up to date ten times a second."""
    clock = Clock()
    with Console(1000, clock=clock) as console:
        console.advance(100)
        clock.now_s += 0.5
        console.advance(100)
        assert console._progress is not None
        (task,) = console._progress.tasks
        assert (task.total, task.completed) == (1000, 200)
        clock.now_s += 0.09
        console.advance(100)
        assert task.completed == 200
        clock.now_s += 0.02
        console.advance(100)
        assert task.completed == 400


@pytest.mark.parametrize(
    ("unit", "shown"), [("bytes", "1.5/6.0 kB"), ("events", "1,500 of 6,000 events")]
)
def test_progress_is_shown_in_its_unit(
    unit: str, shown: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are shown as sizes, and all else as numbers."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    monkeypatch.setenv("COLUMNS", "100")
    clock = Clock()
    with Console(6000, unit=unit, clock=clock) as console:
        clock.now_s += 1
        console.advance(1500)
    assert shown in re.sub(r"\x1b\[[0-9;]*m", "", capfd.readouterr().err)


def test_progress_is_gone_at_the_end() -> None:
    """After the run nothing is shown any more, and nothing is started again."""
    clock = Clock()
    with Console(1000, clock=clock) as console:
        clock.now_s += 1
        console.advance(1)
        progress = console._progress
        assert progress is not None
    assert progress.live.is_started is False
    clock.now_s += 1
    console.advance(1)
    assert console._progress is None


def test_an_unknown_size_has_no_progress() -> None:
    """Without a size nobody can tell how far it is."""
    clock = Clock()
    with Console(None, clock=clock) as console:
        clock.now_s += 100
        console.advance(10**9)
        assert console._progress is None


def test_an_empty_input_has_a_size() -> None:
    """Of nothing, all is read; a size of 0 is no unknown one."""
    clock = Clock()
    with Console(0, clock=clock) as console:
        clock.now_s += 1
        console.advance(0)
        assert console._progress is not None


def test_messages_are_whole_while_progress_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """A message is printed as it is: not wrapped, no markup read from it, no colour added."""
    clock = Clock()
    message = "log:1: not JSON: [bold]" + "x" * 300 + " 1.5 'text'"
    with Console(10, clock=clock) as console:
        clock.now_s += 1
        console.advance(1)
        console.show(message)
    assert message + "\n" in capfd.readouterr().err


def test_messages_are_verbatim_while_progress_is_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A place such as log:100: is shown as it is."""
    clock = Clock()
    with Console(10, clock=clock) as console:
        clock.now_s += 1
        console.advance(1)
        console.show("log:100: not JSON")
    assert "log:100: not JSON" in capfd.readouterr().err
