"""Following logs that are being written, as `tail -F` does: also when they are rotated."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path

from ctrlog.errors import InputError
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
from ctrlog.inputs.rotation import (
    file_at,
    find_again,
    held_in,
    is_rotated_name,
    likeness,
    rotated_since,
)

#: How often to look for more.
POLL_S = 0.1
#: So long after its successor was begun, a rotated log may still get lines from a writer
#: that has not noticed.
LINGER_S = 5.0
#: How often to try again what a rotation may have got in the way of.
_MOST_ATTEMPTS = 10
#: So many inputs are remembered, so that they are known again under other names.
MOST_MET = 1000


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
        met = _Met(self._known)
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


class _Met:
    """The inputs that were met under any name, so that none is read twice."""

    def __init__(self, known: Sequence[Input]) -> None:
        self._inputs: deque[Input] = deque(known, len(known) + MOST_MET)

    def add(self, input_: Input) -> None:
        """Remember an input."""
        self._inputs.append(input_)

    def files(self) -> set[tuple[int, int]]:
        """Return the numbers of the files that are open, which no others can have."""
        return {each.source.content.file for each in self._inputs if each.source is not None}

    def marks(self, but_of: Path | None = None) -> list[Position]:
        """Return how far each was read, but those whose home is a path."""
        found = [_place(each) for each in self._inputs if Path(each.home) != but_of]
        return [mark for mark in found if mark is not None]


def _place(input_: Input) -> Position | None:
    """Return how far an input was read, or will be if it was renamed before it is its turn."""
    source = input_.source
    if source is None or source.offset or file_at(Path(input_.path)) == source.content.file:
        return input_.place()
    return source.end()


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
        met: _Met,
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
        self._earlier: Input | None = None  # the one before, until what came between is known
        self._spoke: Input | None = None  # the last one of those finished that had a time
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
                if self._has_missed_any(source):
                    continue
                yield from _read(input_, source)
                is_cut = False
                if self._is_growing(source):
                    is_cut = not source.is_as_read()
                    leave = self._leave_cut if is_cut else self._leave_replaced
                    if not leave(input_, source):
                        return
                    if input_.source is None:  # it goes on in a copy
                        continue
                    yield from _read(input_, source)  # what it got meanwhile
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
        if len(self._queue) > 1:
            return input_.open(self._limits)
        if not self._opened(input_):
            if not self._is_waiting:
                self._say(f"{input_.name}: is not there yet; waiting for it")
            self._is_waiting = True
            return None
        self._is_waiting = False
        return input_.source

    def _is_missing(self) -> bool:
        """Tell whether there is nothing of the name, as for a moment in a rotation."""
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            pass
        return False

    def _is_growing(self, source: Source) -> bool:
        """Tell whether more may be written to what is read now."""
        content = source.content
        if content.is_compressed or any(each.is_begun for each in islice(self._queue, 1, None)):
            return False
        return content.is_regular or not (content.is_at_end and content.is_standard_input)

    def _leave_replaced(self, input_: Input, source: Source) -> bool:
        """Queue what comes after a file in whose place there is another; False if there is none.

        If that is a copy of it, the input goes on there, and is closed.
        """
        try:
            status = self._path.stat()
        except OSError:
            return False
        file = (status.st_dev, status.st_ino)
        if file == source.content.file or source.content.is_standard_input or not status.st_size:
            return False
        if file in self._met.files() or held_in(self._path, self._met.marks(self._path)):
            return False  # it is read under another name
        match self._became(source.reached()):
            case Match.SAME:
                input_.close()
                return True
            case Match.OTHER | Match.UNKNOWN:  # which is told when it is read
                return self._queue_successors(source.mark())
        raise InputError(
            f"{input_.name}: was replaced by a file that begins as it did but goes on otherwise, so"
            " it cannot be read on"
        )

    def _became(self, mark: Position) -> Match:
        """Tell what stands under the name now of which a log was read to a mark.

        If that log is found where rotation has put it, it is another one, whatever it holds.
        """
        found = likeness(self._path, mark)
        if found is Match.OTHER:
            return found
        renamed = find_again(self._path, mark)
        is_rotated = renamed is not None and is_rotated_name(self._path, renamed)
        return Match.OTHER if is_rotated else found

    def _leave_cut(self, input_: Input, source: Source) -> bool:
        """Queue what comes after a file that was cut back; False if there is nothing just now.

        If there is a copy of what it held, the input goes on there, and is closed.
        """
        reached = source.reached()
        if self._became(reached) is Match.SHORTER:  # an editor may be about to write the rest
            self._say_short(input_, reached)
            return False
        if not self._queue_successors(reached):
            return False
        copy = find_again(self._path, reached) if reached.offset else None
        if copy is not None:
            input_.close()
            input_.path = str(copy)
        elif reached.offset:
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

    def _queue_successors(self, mark: Position) -> bool:
        """Queue what stands under the name now, and before that what came and went meanwhile.

        Args:
            mark: How far the input was read that they come after.

        Returns:
            Whether there is anything under the name.
        """
        here = Input(self._name, str(self._path))
        if not self._opened(here):  # from now on it is known, whatever its name will be
            return False
        self._met.add(here)
        self._queue.extend([*self._missed_since(mark), here])
        return True

    def _opened(self, input_: Input) -> bool:
        """Open what stands under the name; False if there is nothing at present.

        A rotation may take it away and put another there between an attempt to open it and a look
        at why that failed.

        Raises:
            InputError: If it is there and cannot be opened.
        """
        for attempt in range(_MOST_ATTEMPTS):
            try:
                input_.open(self._limits)
            except InputError:
                if self._is_missing():
                    return False
                if attempt == _MOST_ATTEMPTS - 1:
                    raise
            else:
                break
        return True

    def _missed_since(self, mark: Position) -> list[Input]:
        """Open the logs that came after one that was read, but the one that grows now.

        Each may be renamed or compressed between the look at it and its opening: then look again.
        """
        missed: list[Input] = []
        for _ in range(_MOST_ATTEMPTS):
            place = find_again(self._path, mark)
            if place is None:
                return []
            found = rotated_since(self._path, place, self._met.marks(), self._met.files())
            missed = [Input(self._name, str(each), home=str(self._path)) for each in found]
            open_early(missed, self._limits)
            opened = [each.source and each.source.content.file for each in missed]
            if opened == [*found.values()]:
                break
            for each in missed:
                each.close()
        for each in missed:
            self._met.add(each)
        return missed

    def _has_missed_any(self, source: Source) -> bool:
        """Queue what came and went before the one that grows now was begun, if anything did.

        It may have been copied and cut again while others were read, or while it was empty.
        """
        if self._earlier is None or len(self._queue) > 1 or not source.content.size:
            return False
        earlier = self._earlier.source
        mark = self._earlier.mark if earlier is None else earlier.mark()
        missed: list[Input] = []
        if mark is not None and file_at(self._path) == source.content.file:
            missed = self._missed_since(mark)
        if not missed:
            self._earlier = None
        self._queue.extendleft(reversed(missed))
        return bool(missed)

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
