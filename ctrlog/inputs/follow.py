"""Following logs that are being written, as `tail -F` does: also when they are rotated."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path

from ctrlog.errors import InputError, MissingInputError
from ctrlog.inputs.beside import MovedError, steadily
from ctrlog.inputs.lines import Source
from ctrlog.inputs.position import Match, Position
from ctrlog.inputs.reader import (
    DEFAULT_LIMITS,
    Arrival,
    Block,
    Finished,
    Input,
    Limits,
    Plan,
    Silence,
    from_the_beginning,
    open_early,
)
from ctrlog.inputs.rotation import find_again, held_in, holds_end, likeness
from ctrlog.inputs.succession import Met, Succession

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
        *,
        known: Iterable[Input] = (),
    ) -> None:
        """Read nothing yet.

        Args:
            limits: How much to read.
            plan: What is to be read; the last input of each name is followed.
            say: Called with what a user should know.
            clock: Gives the time in seconds.
            sleep: Waits for seconds.
            known: Inputs that were read before, also those that are not to be read on.
        """
        self._limits = limits
        self._plan = plan
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._known = [*known]

    def read(self, names: Iterable[str]) -> Generator[Arrival, None, None]:
        """Read inputs, as `Reader` says; it ends only if none can get more lines."""
        tails = []
        met = Met(self._known)
        for chain in self._plan(names):
            if isinstance(chain, Finished | InputError):
                yield chain
            else:
                tails.append(_Tail(chain, self._limits, self._say, self._clock, met))
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
                    latest = [tail.latest for tail in tails if tail.latest is not None]
                    yield Silence(timedelta(seconds=self._clock() - heard), latest)
                    self._sleep(POLL_S)
        finally:
            for tail in tails:
                tail.close()
            if met.gaps > 1:
                self._say(f"may have missed lines {met.gaps:,} times, as reported above")


class _Tail:
    """One name that is followed: the inputs to finish first, and at last the one that grows.

    Attributes:
        is_over: Whether no more lines can come.
    """

    def __init__(
        self,
        chain: Sequence[Input],
        limits: Limits,
        say: Callable[[str], None],
        clock: Callable[[], float],
        met: Met,
    ) -> None:
        self.is_over = False
        self._queue = deque(chain)
        self._name, self._path = chain[-1].name, Path(chain[-1].path)
        self._limits = limits
        self._say = say
        self._clock = clock
        self._met = met
        self._is_waiting = False  # for a file that is not there
        self._is_short = False  # and waited for to be as it was
        self._lingering: deque[tuple[float, Input]] = deque()  # with the time to leave it
        self._earlier: Input | None = None  # the one before
        self._copy: Input | None = None  # the one that goes on in a copy, which does not grow
        self._spoke: Input | None = None  # the last one of those finished that had a time
        self._succession = Succession(self._name, self._path, limits, met, say=say)
        for input_ in chain:
            met.add(input_)
        open_early(chain, limits)
        if len(self._queue) > 1 and self._queue[-1].source is None:
            self._queue.pop()  # it is queued when it is there

    @property
    def latest(self) -> Input | None:
        """The latest input in which there was a time."""
        present = self._queue[0]
        return self._spoke if present.heard is None else present

    def poll(self) -> Iterator[Arrival]:
        """Read what is there by now."""
        yield from self._poll_lingering()
        try:
            while self._queue:
                input_ = self._queue[0]
                source = input_.source or self._open(input_)
                if source is None:
                    return
                missed = self._missed_before(source)
                if missed is None:
                    return
                if missed:
                    self._queue.extendleft(reversed(missed))
                    continue
                yield from _read(input_, source)
                is_cut = False
                if self._is_growing(input_, source):
                    changed_ns = source.content.changed_ns
                    is_cut = not source.is_as_read()
                    if not (
                        self._leave_cut(input_, source)
                        if is_cut
                        else self._leave_replaced(input_, source, changed_ns)
                    ):
                        return
                    if input_.source is not source:  # it goes on in a copy
                        continue
                    yield from _read(input_, source)  # what it got meanwhile
                yield from self._finish(input_, source, lingers=not is_cut)
        except MovedError:  # nothing is lost, and the next look may show more
            return
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
        try:
            source = input_.open(self._limits)
        except MissingInputError:
            if len(self._queue) > 1:
                raise
            if not self._is_waiting:
                self._say(f"{input_.name}: is not there yet; waiting for it")
            self._is_waiting = True
            return None
        self._is_waiting = False
        return source

    def _is_growing(self, input_: Input, source: Source) -> bool:
        """Tell whether more may be written to what is read now."""
        content = source.content
        if input_ is self._copy:
            return False
        if content.is_compressed or any(each.is_begun for each in islice(self._queue, 1, None)):
            return False
        return content.is_regular or not (content.is_at_end and content.is_standard_input)

    def _leave_replaced(self, input_: Input, source: Source, changed_ns: int) -> bool:
        """Queue what comes after a file in whose place there is another; False if there is none.

        If that is a copy of it, the input goes on there, and is closed.
        """
        if source.content.is_standard_input:
            return False
        try:
            status = self._path.stat()
        except OSError:
            return False
        file = (status.st_dev, status.st_ino)
        if file == source.content.file and source.reached().offset:
            self._succession.is_whole(changed_ns)
        if file == source.content.file or file in self._met.files():
            return False  # or it is read under another name
        if not status.st_size:  # unless there was another in between, the old one may still grow
            return self._queue_successors(source, is_begun=False)
        return self._goes_on_elsewhere(input_, source)

    def _goes_on_elsewhere(self, input_: Input, source: Source) -> bool:
        """Queue what comes after a file, or close it if that is a copy of it; False if neither."""
        if held_in(self._path, self._met.marks(self._path)):
            return False  # it is read under another name
        match self._became(source.reached()):
            case Match.SAME:
                input_.close()
                return True
            case Match.OTHER | Match.UNKNOWN:  # which is told when it is read
                return self._queue_successors(source)
        raise InputError(
            f"{input_.name}: was replaced by a file that has lines of it, but not all as they were,"
            " so it cannot be read on"
        )

    def _became(self, mark: Position) -> Match:
        """Tell what stands under the name now of which a log was read to a mark.

        If that log is found where rotation has put it, it is another one, whatever it holds.
        """
        found = likeness(self._path, mark)
        renamed = steadily(self._path, lambda folder: find_again(folder, mark))
        if renamed is not None and renamed.turn is not None:
            return Match.OTHER
        if found is Match.OTHER and holds_end(self._path, mark):
            return Match.CHANGED
        return found

    def _leave_cut(self, input_: Input, source: Source) -> bool:
        """Queue what comes after a file that was cut back; False if there is nothing just now.

        If there is a copy of what it held, the input goes on there, and is closed.
        """
        reached = source.reached()
        if self._became(reached) is Match.SHORTER:  # an editor may be about to write the rest
            self._say_short(input_, reached)
            return False
        found = self._succession.after_cut(source)
        if found is None:
            return False
        copy, successors = found
        self._queue.extend(successors)
        if copy is not None:
            input_.close()
            input_.path, input_.source = copy.path, copy.source
            self._copy = input_
        elif reached.offset:
            self._met.gaps += 1
            self._say(
                f"{input_.name}: was cut, and there is no copy of it beside it;"
                " reading it from the beginning again"
            )
        return True

    def _say_short(self, input_: Input, reached: Position) -> None:
        if not self._is_short:
            self._say(
                f"{input_.name}: is shorter than the {reached.offset:,} bytes that were read of it;"
                " waiting for it to be as it was"
            )
        self._is_short = True

    def _queue_successors(self, source: Source, *, is_begun: bool = True) -> bool:
        """Queue what stands under the name now, and before that what came and went meanwhile.

        Args:
            source: What they come after.
            is_begun: Whether there is something in the one that stands there now.

        Returns:
            Whether there is anything that is read after it.
        """
        successors = self._succession.after(source.mark(), is_begun=is_begun)
        self._queue.extend(successors or [])
        return bool(successors)

    def _missed_before(self, source: Source) -> list[Input] | None:
        """Return what came and went before the one that grows was begun; None for another look.

        It may have been copied and cut again while others were read, or while it was empty.
        """
        content = source.content
        is_new = len(self._queue) == 1 and not source.reached().offset
        if not is_new or not content.is_regular or content.is_standard_input:
            return []
        return self._succession.before(self._earlier.place() if self._earlier else None, source)

    def _finish(self, input_: Input, source: Source, *, lingers: bool) -> Iterator[Arrival]:
        lingers = lingers and source.content.is_regular and not source.content.is_compressed
        # While it lingers, the end of its last line may still come.
        if not lingers and (rest := source.take_rest()):
            yield Block(input_, rest)
        yield Finished(input_)
        self._queue.popleft()
        if self._earlier is None or input_.place() is not None:
            self._earlier = input_
        if input_.heard is not None:
            self._spoke = input_
        if lingers:
            self._lingering.append((self._clock() + LINGER_S, input_))
        else:
            input_.close()

    def _poll_lingering(self) -> Iterator[Arrival]:
        for lingering in [*self._lingering]:
            until, input_ = lingering
            is_left = until <= self._clock()
            try:
                source = input_.open(self._limits)
                yield from _read(input_, source)
                if is_left:
                    if rest := source.take_rest():
                        yield Block(input_, rest)
                    yield Finished(input_)
            except InputError as error:
                is_left = True
                yield error
            if is_left:
                self._lingering.remove(lingering)
                input_.close()


def _read(input_: Input, source: Source) -> Iterator[Arrival]:
    """Read what is there, without waiting for more, unless it was cut meanwhile."""
    content = source.content
    while content.has_arrived() and (content.is_compressed or source.is_as_read()):
        if lines := source.read_lines():
            yield Block(input_, lines)
        elif content.is_at_end:
            return
