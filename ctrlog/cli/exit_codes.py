"""What goes wrong with a command, as a message and an exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ctrlog.errors import CtrlogError, DataError
from ctrlog.outputs.console import STDERR_DESCRIPTOR, Console
from ctrlog.outputs.files import STDOUT_DESCRIPTOR
from ctrlog.outputs.signals import Interrupted, interruptible

#: What typer raises for wrong arguments, and the base of all that it raises with a message. (Newer
#: versions bring click with them, older ones need it installed: these are the ones in use.)
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
_COMMAND_ERROR: Any = typer.BadParameter.__mro__[2]


def run_command_line(app: typer.Typer) -> None:
    """Run a command line; say what is wrong with its arguments as ctrlog says everything else.

    Args:
        app: The commands.

    Raises:
        SystemExit: At the end, with the exit code.
    """
    try:
        code = app(prog_name="ctrlog", standalone_mode=False)
    except typer.Abort:
        code = 128 + signal.SIGINT
    except _COMMAND_ERROR as error:
        _show_command_error(error)
        code = error.exit_code
    sys.exit(code)


def _show_command_error(error: Any) -> None:
    message: str = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # no command was given: its message is the help
        print(message, file=sys.stderr)
        return
    text = f"{message[:1].lower()}{message[1:]}".removesuffix(".")
    context = getattr(error, "ctx", None)
    if isinstance(error, _USAGE_ERROR) and context is not None:
        text += f"{'' if text.endswith('?') else ';'} see `{context.command_path} --help`"
    Console(None).error(text)


@contextmanager
def reporting(
    total: Callable[[], int | None],
    output: Path | None,
    *,
    unit: str = "bytes",
    is_quiet: bool,
) -> Iterator[Console]:
    """Give a console to report to, and map what goes wrong to messages and exit codes.

    Args:
        total: Tells how much there is to do, for the progress, if it is to be shown.
        output: Where the command writes; None for standard output.
        unit: What the total is counted in.
        is_quiet: Whether to say nothing but errors.

    Yields:
        The console.

    Raises:
        typer.Exit: With the exit code, if it is not 0.
    """
    # What a run makes has no cycles, so there is nothing for the collector to find.
    gc.disable()
    is_screen_free = output is not None or not os.isatty(STDOUT_DESCRIPTOR)
    shows_progress = not is_quiet and is_screen_free and os.isatty(STDERR_DESCRIPTOR)
    console = Console(total() if shows_progress else None, unit=unit, is_quiet=is_quiet)
    try:
        with interruptible(), console:
            yield console
    except Interrupted as interrupted:
        raise typer.Exit(128 + interrupted.signal_number) from None
    except BrokenPipeError:
        raise typer.Exit(128 + signal.SIGPIPE) from None
    except DataError as error:
        console.error(str(error))
        raise typer.Exit(1) from None
    except CtrlogError as error:
        console.error(str(error))
        raise typer.Exit(2) from None
    if console.has_failed:
        raise typer.Exit(2)
