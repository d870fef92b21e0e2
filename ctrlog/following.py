"""Following logs that are being written, as `tail -F` does: also when they are rotated."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.reading import (
    DEFAULT_LIMITS,
    Arrival,
    Block,
    Finished,
    Input,
    Limits,
    Plan,
    Silence,
    from_the_beginning,
)
from ctrlog.rotation import find_again, rotated_since
from ctrlog.sources import STDIN, Source

#: How often to look for more.
POLL_S = 0.1
#: So long after its successor was begun, a rotated log may still get lines from a writer
#: that has not noticed.
LINGER_S = 5.0


class Following:
    """Reads inputs one after the other to their end, then what they get, as it comes."""

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        plan: Plan = from_the_beginning,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read nothing yet.

        Args:
            limits: How much to read.
            plan: What is to be read; the last input of each name is followed.
            say: Called with what a user should know.
            clock: Gives the time in seconds.
            sleep: Waits for seconds.
        """
        self._limits = limits
        self._plan = plan
        self._say = say
        self._clock = clock
        self._sleep = sleep

    def read(self, names: Iterable[str]) -> Generator[Arrival, None, None]:
        """Read inputs, as `Reader` says; it ends only if none can get more lines."""
        tails = []
        for chain in self._plan(names):
            if isinstance(chain, InputError):
                yield chain
            else:
                tails.append(_Tail(chain, self._limits, self._say, self._clock))
        try:
            heard = self._clock()
            while tails:
                for tail in tails:
                    for arrival in tail.poll():
                        yield arrival
                        if isinstance(arrival, Block):
                            heard = self._clock()
                tails = [tail for tail in tails if not tail.is_over]
                if tails:
                    yield Silence(timedelta(seconds=self._clock() - heard))
                    self._sleep(POLL_S)
        finally:
            for tail in tails:
                tail.close()


class _Tail:
    """One name that is followed: the inputs to finish first, and at last the one that grows.

    Attributes:
        is_over: Whether no more lines can come.
    """

    def __init__(
        self,
        chain: Iterable[Input],
        limits: Limits,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.is_over = False
        self._queue = deque(chain)
        self._limits = limits
        self._say = say
        self._clock = clock
        self._is_waiting = False  # for a file that is not there
        self._lingering: deque[tuple[float, Input]] = deque()  # with the time to leave it
        self._known: set[tuple[int, int]] = set()  # files that were read

    def poll(self) -> Iterator[Arrival]:
        """Read what is there by now."""
        yield from self._poll_lingering()
        try:
            while self._queue:
                input_ = self._queue[0]
                source = input_.source or self._open(input_)
                if source is None:
                    return
                is_file = source.content.is_regular
                is_cut = is_file and self._is_growing(source) and not source.is_as_read()
                if is_cut:
                    self._queue.extend(self._after_cut(input_, source))
                    if input_.source is None:  # it goes on in a copy
                        continue
                else:
                    yield from _read(input_, source)
                    if self._is_growing(source):
                        successors = self._after_rename(input_, source)
                        if not successors:
                            return
                        yield from _read(input_, source)  # what it got meanwhile
                        self._queue.extend(successors)
                yield from self._finish(input_, source, lingers=not is_cut)
        except InputError as error:
            self._queue.popleft().close()
            yield error
        self.is_over = not self._queue

    def close(self) -> None:
        """Close what is open."""
        for input_ in (*self._queue, *(input_ for _, input_ in self._lingering)):
            input_.close()

    def _open(self, input_: Input) -> Source | None:
        """Open an input; None if it is the one that grows, and is not there yet."""
        if len(self._queue) == 1 and input_.path != STDIN and not Path(input_.path).exists():
            if not self._is_waiting:
                self._say(f"{input_.name}: is not there yet; waiting for it")
            self._is_waiting = True
            return None
        self._is_waiting = False
        source = input_.open(self._limits)
        self._known.add(source.content.file)
        return source

    def _is_growing(self, source: Source) -> bool:
        """Tell whether more may be written to what is read now."""
        content = source.content
        if len(self._queue) > 1 or content.is_compressed:
            return False
        return content.is_regular or not (content.is_at_end and content.is_standard_input)

    def _after_rename(self, input_: Input, source: Source) -> list[Input]:
        """Return what comes after a file in whose place there is another; else nothing."""
        try:
            status = os.stat(input_.path)  # noqa: PTH116  # of standard input, there is none
        except OSError:
            return []
        file = (status.st_dev, status.st_ino)
        if file == source.content.file or not status.st_size:
            return []
        mark = source.mark()
        path = Path(input_.path)
        earlier = find_again(path, mark) if mark.offset else None
        return self._from(path, earlier, {file})

    def _after_cut(self, input_: Input, source: Source) -> list[Input]:
        """Return what comes after a file that was cut back and is written to anew.

        If there is a copy of what it held, the input goes on there and is closed.
        """
        path, mark = Path(input_.path), source.mark()
        copy = find_again(path, mark) if mark.offset else None
        if copy is not None:
            input_.close()
            input_.path = str(copy)
        elif mark.offset:
            self._say(
                f"{input_.name}: was cut, and there is no copy of it beside it;"
                " reading it from the beginning again"
            )
        return self._from(path, copy, {mark.file})

    def _from(self, path: Path, earlier: Path | None, known: set[tuple[int, int]]) -> list[Input]:
        """Return the inputs from the one after an earlier one to the one that grows now."""
        name = self._queue[0].name
        missed = [] if earlier is None else rotated_since(path, earlier, self._known | known)
        return [Input(name, str(each)) for each in (*missed, path)]

    def _finish(self, input_: Input, source: Source, *, lingers: bool) -> Iterator[Arrival]:
        if rest := source.take_rest():
            yield Block(input_, rest)
        yield Finished(input_)
        self._queue.popleft()
        if lingers and source.content.is_regular and not source.content.is_compressed:
            self._lingering.append((self._clock() + LINGER_S, input_))
        else:
            input_.close()

    def _poll_lingering(self) -> Iterator[Arrival]:
        for _, input_ in self._lingering:
            if input_.source is not None:
                yield from _read(input_, input_.source)
        while self._lingering and self._lingering[0][0] <= self._clock():
            _, input_ = self._lingering.popleft()
            if input_.source is not None and (rest := input_.source.take_rest()):
                yield Block(input_, rest)
            yield Finished(input_)
            input_.close()


def _read(input_: Input, source: Source) -> Iterator[Arrival]:
    """Read what is there, without waiting for more."""
    while source.content.has_arrived():
        if lines := source.read_lines():
            yield Block(input_, lines)
        elif source.content.is_at_end:
            return
