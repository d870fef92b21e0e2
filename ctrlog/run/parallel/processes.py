"""The processes that work ranges off beside the first one.

A process is started for each range, and writes what comes of it to a file that has no
name; the file is handed over when it is done. It ends with the process that started it,
however that ends. If it is ended itself, that is an error; if it cannot do its work, the
range is left to the first process.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import recv_handle, send_handle
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

from ctrlog.errors import WorkerError
from ctrlog.outputs.files import Write
from ctrlog.run.collect import Collector
from ctrlog.run.parallel.journal import Journal
from ctrlog.run.parallel.range_shard import TooManyHeldError
from ctrlog.run.parallel.ranges import cut, size_of
from ctrlog.run.parallel.reader import Sharing
from ctrlog.run.parallel.worker import BYTES_PER_HELD, LEAST_HELD, Orders, Task, work_off
from ctrlog.run.pipeline import Pipeline

#: What is read between two looks at the others, and between two words to them.
_STEP_BYTES = 1024**2
#: So many ranges, in times of the processes, may wait for their turn on the disk.
_MOST_AHEAD = 2

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


# What a process says. That it has read so many bytes is an integer.


class _Done(NamedTuple):
    """All is in the file, which comes next."""


class _GivenUp(NamedTuple):
    """It could not do it."""


class _Failed(NamedTuple):
    """It met what it should not."""

    why: str


class _Worker(NamedTuple):
    task: Task
    process: BaseProcess
    connection: Connection


@contextmanager
def shared(
    pipeline: Pipeline,
    orders: Orders,
    product: Collector,
    jobs: int,
    *,
    write: Write,
    on_read: Callable[[int], None],
) -> Iterator[None]:
    """Let a pipeline read its inputs together with other processes, if that is worth it.

    Args:
        pipeline: The pipeline of the run, in which nothing was read yet.
        orders: What it does.
        product: What the run makes of what is over.
        jobs: How many processes there may be, this one included.
        write: Writes lines of the product.
        on_read: Called with the number of bytes that were read, here or there.

    Yields:
        Nothing; meanwhile the pipeline is to be run.
    """
    rules = pipeline.shard.rules
    ranges = cut(orders.names, jobs, pipeline.decoder, rules.gap + rules.lateness)
    if len(ranges) == 1:
        yield
        return
    size = size_of(orders.names) or 0
    most_held = max(LEAST_HELD, size // len(ranges) // BYTES_PER_HELD)
    tasks = [
        Task(number, range_, most_held)
        for number, range_ in enumerate(ranges)
        if number % jobs  # the others are for this process
    ]
    with Workers(tasks, orders, jobs - 1, on_read) as workers:
        pipeline.on_read = lambda _: None  # counted by stretches
        pipeline.reader = Sharing(
            ranges,
            orders.names,
            pipeline,
            workers,
            product,
            write=write,
            limits=orders.options.limits,
            on_read=on_read,
        )
        yield


class Workers:
    """Processes at work on ranges; at the end of the block they are gone."""

    def __init__(
        self, tasks: Sequence[Task], orders: Orders, most: int, on_read: Callable[[int], None]
    ) -> None:
        """Start nothing yet.

        Args:
            tasks: The ranges to work off, in order.
            orders: What to do with them.
            most: How many processes to have at once.
            on_read: Called with the number of bytes that they have read.
        """
        self._waiting = deque(tasks)
        self._orders = orders
        self._most = most
        self._on_read = on_read
        self._context = _context()
        self._at_work: dict[int, _Worker] = {}
        self._journals: dict[int, Journal | None] = {}
        self._unseen_bytes = 0

    def __enter__(self) -> Self:
        """Start."""
        self._start_more()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all that is still at work, and throw away what was not taken."""
        self._waiting.clear()
        for worker in self._at_work.values():
            worker.process.kill()
        for number in [*self._at_work]:
            self._dismiss(number)
        for journal in self._journals.values():
            if journal is not None:
                journal.close()

    def tend(self, read_bytes: int) -> None:
        """See how they are getting on, now and then.

        Args:
            read_bytes: How much was read here since the last time.

        Raises:
            WorkerError: If one was ended, or failed.
        """
        self._unseen_bytes += read_bytes
        if self._unseen_bytes >= _STEP_BYTES:
            self._unseen_bytes = 0
            self._hear(timeout_s=0)

    def journal(self, number: int) -> Journal | None:
        """Return what came of a range, as soon as it is there.

        Args:
            number: Its place among all ranges.

        Returns:
            The journal; None if it was not among the tasks, or given up.

        Raises:
            WorkerError: If one was ended, or failed.
        """
        while number in self._at_work or any(task.number == number for task in self._waiting):
            self._hear(timeout_s=None)
        journal = self._journals.pop(number, None)
        self._start_more()
        return journal

    def _hear(self, timeout_s: float | None) -> None:
        """Take what they have said; wait for something at most so long."""
        heard = wait([worker.connection for worker in self._at_work.values()], timeout_s)
        for worker in [*self._at_work.values()]:
            if worker.connection in heard:
                self._take_message(worker)
        self._start_more()

    def _take_message(self, worker: _Worker) -> None:
        try:
            message = worker.connection.recv()
            if isinstance(message, _Done):
                file = os.fdopen(recv_handle(worker.connection), "rb")
                self._journals[worker.task.number] = Journal(file)
        except (EOFError, OSError):
            raise self._ended(worker) from None
        match message:
            case int():
                self._on_read(message)
            case _Failed(why):
                raise WorkerError(f"{self._whose(worker)} failed: {why}; {_HINT}")
            case _:
                self._journals.setdefault(worker.task.number)
                self._dismiss(worker.task.number)

    def _ended(self, worker: _Worker) -> WorkerError:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else "has ended"
        why = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        return WorkerError(f"{self._whose(worker)} {how}{why}; {_HINT}")

    def _whose(self, worker: _Worker) -> str:
        first = worker.task.stretches[0]
        place = "" if first.start is None else f" from byte {first.start.offset + 1:,}"
        return f"a process that worked on {self._orders.names[first.input]}{place}"

    def _dismiss(self, number: int) -> None:
        worker = self._at_work.pop(number)
        worker.connection.close()
        worker.process.join()
        worker.process.close()

    def _start_more(self) -> None:
        while (
            self._waiting
            and len(self._at_work) < self._most
            and len(self._at_work) + len(self._journals) < _MOST_AHEAD * self._most
        ):
            self._start(self._waiting.popleft())

    def _start(self, task: Task) -> None:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(task, self._orders, there, os.getpid()), daemon=True
        )
        try:
            with _no_signals():  # until it has handlers of its own
                process.start()
                self._at_work[task.number] = _Worker(task, process, here)
        except OSError:  # too many processes, say: then this one does it
            self._journals[task.number] = None
            here.close()
        finally:
            there.close()


_HINT = "--jobs 1 does all in one process"


def _context() -> ForkContext | SpawnContext:
    """A quick way to start processes where it is safe, else a slow one."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


@contextmanager
def _no_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In the other process.


class _OrphanedError(Exception):
    """The process that would take the work has ended."""


def _work(task: Task, orders: Orders, connection: Connection, employer: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    gc.disable()

    def say(message: object) -> None:
        if os.getppid() != employer:
            raise _OrphanedError
        try:
            connection.send(message)
        except OSError:
            raise _OrphanedError from None

    with suppress(_OrphanedError):
        try:
            file = _worked_off(task, orders, say)
        except _OrphanedError:
            raise
        except (TooManyHeldError, OSError):  # no room for the file, say
            say(_GivenUp())
        except MemoryError:
            say(_Failed("out of memory"))
        except Exception as error:  # noqa: BLE001  # it is told where that can be
            say(_Failed(f"{type(error).__name__}: {error}"))
        else:
            say(_Done())
            send_handle(connection, file.fileno(), employer)


def _worked_off(task: Task, orders: Orders, say: Callable[[object], None]) -> BinaryIO:
    unsaid_bytes = 0

    def count(read_bytes: int) -> None:
        nonlocal unsaid_bytes
        unsaid_bytes += read_bytes
        if unsaid_bytes >= _STEP_BYTES:
            say(unsaid_bytes)
            unsaid_bytes = 0

    file = cast("BinaryIO", tempfile.TemporaryFile(prefix="ctrlog-"))  # noqa: SIM115  # is sent
    work_off(task, orders, Journal(file), count)
    return file
