"""What goes wrong with a command, as a message and an exit code."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
import typer

from ctrlog.cli.exit_codes import reporting
from ctrlog.errors import CtrlogError, DataError, InputError, OutputError, UsageError


@pytest.fixture(autouse=True)
def collect_again() -> Iterator[None]:
    """A command does without the garbage collector; the tests do not."""
    yield
    gc.enable()


def never() -> int:
    """A total that nobody may ask for."""
    pytest.fail("there is no terminal to show progress on")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("more than 1 bad line"), 1),
        (UsageError("no such field"), 2),
        (InputError("log: no such file"), 2),
        (OutputError("out: cannot write"), 2),
    ],
)
def test_an_error_is_a_message_and_a_code(
    error: CtrlogError, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Broken limits are 1 and all else that ctrlog raises is 2, even if quiet."""
    with pytest.raises(typer.Exit) as ended, reporting(never, None, is_quiet=True):
        raise error
    assert ended.value.exit_code == code
    assert capfd.readouterr().err == f"ctrlog: {error}\n"


def test_a_part_that_failed_is_told_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    """It is said at once, and what comes after goes on."""
    with pytest.raises(typer.Exit) as ended, reporting(never, None, is_quiet=True) as console:
        console.fail(InputError("log: no such file"))
    assert ended.value.exit_code == 2
    assert capfd.readouterr().err == "ctrlog: log: no such file\n"


def test_a_reader_that_has_gone_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The code is that of a process that SIGPIPE ends, and nothing is said."""
    with pytest.raises(typer.Exit) as ended, reporting(never, None, is_quiet=False):
        raise BrokenPipeError
    assert ended.value.exit_code == 141
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_it_quietly(
    number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """The code tells which signal it was."""
    with pytest.raises(typer.Exit) as ended, reporting(never, None, is_quiet=False):
        signal.raise_signal(number)
    assert ended.value.exit_code == code
    assert capfd.readouterr().err == ""


def test_what_is_a_mistake_of_ctrlogs_own_is_not_hidden() -> None:
    """An exception that is none of these goes on."""
    with pytest.raises(ZeroDivisionError), reporting(never, None, is_quiet=False):
        raise ZeroDivisionError


def test_all_well_is_no_exit() -> None:
    """The command goes on after it."""
    with reporting(never, None, is_quiet=False):
        assert not gc.isenabled()
