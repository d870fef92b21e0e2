"""Interruptions: taken at once, held for a moment, or only told."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ctrlog.outputs.signals import Interrupted, asked_to_stop, held, interruptible, stop_softly

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_by(number: int) -> Iterator[None]:
    """See that the block is interrupted by a signal."""
    with pytest.raises(Interrupted) as caught:
        yield
    assert caught.value.signal_number == number


@pytest.mark.parametrize("number", NUMBERS)
def test_an_interruption_is_raised_at_once(number: signal.Signals) -> None:
    """Where the process is, and with the number of the signal."""
    with interruptible(), interrupted_by(number):
        signal.raise_signal(number)
        pytest.fail("it went on")


@pytest.mark.parametrize("number", NUMBERS)
def test_one_that_is_held_is_raised_at_the_end(number: signal.Signals) -> None:
    """What must be done is done first."""
    done = []
    with interruptible(), interrupted_by(number), held():
        signal.raise_signal(number)
        done.append(asked_to_stop())
    assert done == [number]


def test_a_second_one_is_not_held() -> None:
    """What hangs can be left by asking again."""
    with interruptible(), interrupted_by(signal.SIGTERM), held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("it went on")


@pytest.mark.parametrize("number", NUMBERS)
def test_softly_it_is_only_told(number: signal.Signals) -> None:
    """The first is told for as long as anybody asks, and raised nowhere, held or not."""
    with interruptible():
        stop_softly()
        assert asked_to_stop() is None
        signal.raise_signal(number)
        assert asked_to_stop() == number
        with held():
            pass
        assert asked_to_stop() == number


def test_softly_one_that_is_held_is_only_told() -> None:
    """A write is completed, and nothing is raised after it."""
    with interruptible():
        stop_softly()
        with held():
            signal.raise_signal(signal.SIGTERM)
        assert asked_to_stop() == signal.SIGTERM


@pytest.mark.parametrize("is_held", [True, False])
def test_softly_a_second_one_is_raised(*, is_held: bool) -> None:
    """Whoever asks twice does not want to wait."""
    with interruptible():
        stop_softly()
        signal.raise_signal(signal.SIGINT)
        with interrupted_by(signal.SIGTERM):
            if is_held:
                with held():
                    signal.raise_signal(signal.SIGTERM)
            else:
                signal.raise_signal(signal.SIGTERM)
            pytest.fail("it went on")


def test_each_run_begins_anew() -> None:
    """What an earlier run was asked is not asked of the next one, nor how it stopped."""
    with interruptible():
        stop_softly()
        signal.raise_signal(signal.SIGINT)
    with interruptible():
        assert asked_to_stop() is None
        with interrupted_by(signal.SIGINT):
            signal.raise_signal(signal.SIGINT)


def test_at_the_end_all_is_as_before() -> None:
    """Handlers are put back, also after an interruption; one that ignores stays throughout."""
    before = [signal.getsignal(number) for number in NUMBERS]
    with interrupted_by(signal.SIGHUP), interruptible():
        signal.raise_signal(signal.SIGHUP)
    assert [signal.getsignal(number) for number in NUMBERS] == before
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGINT)
            assert asked_to_stop() is None
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, ignoring)
