"""Ctrl-C, SIGTERM and SIGHUP: taken at once or at the next good place, never inside a line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """The process was asked to stop.

    Attributes:
        signal_number: The signal that asked.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class _Pending:
    """How many blocks hold interruptions at present, and the one that came meanwhile."""

    held = 0
    stops_softly = False
    signal_number: int | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` where the process is when SIGINT, SIGTERM or SIGHUP comes.

    Only the main thread may enter.
    """
    _Pending.signal_number = None
    _Pending.stops_softly = False
    before = {
        number: signal.signal(number, _on_signal)
        for number in _SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN  # as for a job in the background
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_softly() -> None:
    """From now on let the first interruption only be told by `asked_to_stop`.

    A second one is raised, so what hangs can be left.
    """
    _Pending.stops_softly = True


def asked_to_stop() -> int | None:
    """Return the signal that asked to stop and was not raised; None if none did."""
    return _Pending.signal_number


@contextmanager
def held() -> Iterator[None]:
    """Hold interruptions back until the end of the block.

    A second one is not held, so a write that hangs can be left. Blocks may be nested: the end of
    the outermost one counts.
    """
    _Pending.held += 1
    try:
        yield
    finally:
        _Pending.held -= 1
    is_due = not (_Pending.held or _Pending.stops_softly)
    if _Pending.signal_number is not None and is_due:
        raise Interrupted(_Pending.signal_number)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    is_held = bool(_Pending.held) or _Pending.stops_softly
    if is_held and _Pending.signal_number is None:
        _Pending.signal_number = number
    else:
        raise Interrupted(number)
