"""What is said to the person at the terminal: messages, progress, and whether in colour."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ctrlog.errors import CtrlogError
from ctrlog.escaping import escape_controls

if TYPE_CHECKING:
    from rich.progress import Progress


STDERR_DESCRIPTOR = 2


class Color(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def wants_color(choice: Color, descriptor: int) -> bool:
    """Tell whether to write colour.

    What the user asks for on the command line goes before the environment's NO_COLOR
    and FORCE_COLOR, and these go before whether the stream is a terminal.

    Args:
        choice: What was asked for.
        descriptor: Where the colour would go.
    """
    if choice is not Color.AUTO:
        return choice is Color.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or os.isatty(descriptor)


#: A shorter run shows no progress, nor does it wait for rich to be imported.
_QUIET_S = 0.5
_REFRESH_S = 0.1


class Console:
    """Standard error: messages, and progress where a person sees it and it can be told."""

    def __init__(
        self,
        total: int | None,
        *,
        unit: str = "bytes",
        is_quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is shown yet.

        Args:
            total: How much there is to do, such as the size of all inputs together; None
                for no progress.
            unit: What that is counted in.
            is_quiet: Whether to keep what is no error to oneself.
            clock: Gives the time in seconds.
        """
        self.has_failed = False
        self._total = total
        self._unit = unit
        self._is_quiet = is_quiet
        self._clock = clock
        self._done = 0
        self._next_refresh = clock() + _QUIET_S
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        """Return the console itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the progress off the screen."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = self._total = None

    def error(self, message: str) -> None:
        """Say what went wrong, on one line."""
        self._print("ctrlog: " + message.replace("\n", r"\n"))

    def fail(self, error: CtrlogError) -> None:
        """Say what went wrong with a part of the work, of which the rest goes on."""
        self.has_failed = True
        self.error(str(error))

    def note(self, message: str) -> None:
        """Say what is good to know, unless quiet."""
        self.show(f"ctrlog: {message}")

    def show(self, message: str) -> None:
        """Show something about the data, unless quiet."""
        if not self._is_quiet:
            self._print(message)

    def advance(self, done: int) -> None:
        """Count what was done, and show how far that is, now and then.

        Args:
            done: How much more, in the unit of the total.
        """
        self._done += done
        if self._total is None or self._clock() < self._next_refresh:
            return
        self._next_refresh = self._clock() + _REFRESH_S
        if self._progress is None:
            self._progress = _start_progress(self._total, self._unit, self._clock)
        self._progress.update(self._progress.task_ids[0], completed=self._done)
        self._progress.refresh()

    def _print(self, message: str) -> None:
        message = escape_controls(message)
        if self._progress is not None:
            self._progress.console.print(
                message, markup=False, emoji=False, highlight=False, soft_wrap=True
            )
            return
        with suppress(OSError):  # nobody can be told that nobody can be told
            os.write(STDERR_DESCRIPTOR, f"{message}\n".encode(errors="backslashreplace"))


def _start_progress(total: int, unit: str, clock: Callable[[], float]) -> Progress:
    # Imported here, as few runs are long enough to need it.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console as RichConsole  # noqa: PLC0415

    columns: list[progress.ProgressColumn] = [
        progress.TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {unit}")
    ]
    if unit == "bytes":
        columns = [progress.DownloadColumn(), progress.TransferSpeedColumn()]
    shown = progress.Progress(
        progress.BarColumn(),
        *columns,
        progress.TimeRemainingColumn(),
        console=RichConsole(stderr=True),
        auto_refresh=False,
        transient=True,
        get_time=clock,
    )
    shown.add_task("", total=total)
    shown.start()
    return shown
