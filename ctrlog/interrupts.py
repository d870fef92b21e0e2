"""Ctrl-C, SIGTERM and SIGHUP: taken at once, but never between the bytes of a line."""

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
    """Whether interruptions are held, and the one that came meanwhile."""

    is_held = False
    signal_number: int | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` where the process is when SIGINT, SIGTERM or SIGHUP comes.

    Only the main thread may enter.
    """
    _Pending.signal_number = None
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


@contextmanager
def held() -> Iterator[None]:
    """Hold interruptions back until the end of the block.

    A second one is not held, so a write that hangs can be left.
    """
    _Pending.is_held = True
    try:
        yield
    finally:
        _Pending.is_held = False
    if _Pending.signal_number is not None:
        raise Interrupted(_Pending.signal_number)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    if _Pending.is_held and _Pending.signal_number is None:
        _Pending.signal_number = number
    else:
        raise Interrupted(number)
