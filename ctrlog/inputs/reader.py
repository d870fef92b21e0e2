"""Which inputs are read, in what order, and how far each has come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from ctrlog.errors import InputError
from ctrlog.inputs.content import BLOCK_BYTES
from ctrlog.inputs.lines import MAX_LINE_BYTES, STDIN, Source, open_source
from ctrlog.inputs.position import Match, Position


@dataclass(slots=True, eq=False)
class Input:
    """An input, and how far it has come through the machine.

    Attributes:
        name: What to call it in messages.
        path: What to open.
        mark: How far it was read before it was opened or until it was closed; None for
            not at all.
        line: The number of its next line.
        clock: Its clock, as of the last time that another input was read.
        heard: The latest time in it, when a line of it came last.
        reorder: What the pipeline keeps here to sort its events; None until there are some.
        home: The path under which it was written first, and what comes after it is;
            `path` unless told otherwise.
        has_rest: Whether a last line without an end was left, when it was closed.
        source: It itself, while it is open.
    """

    name: str
    path: str
    mark: Position | None = None
    line: int = 1
    clock: datetime | None = None
    heard: datetime | None = None
    reorder: Any = None
    home: str = ""
    has_rest: bool = False
    source: Source | None = None

    def __post_init__(self) -> None:
        """Say where it is at home."""
        self.home = self.home or self.path

    def open(self, limits: Limits) -> Source:
        """Open it, at its mark if it has one, unless it is open.

        Args:
            limits: How much to read.

        Raises:
            InputError: If it cannot be opened, or is no longer what the mark was made in.
        """
        if self.source is not None:
            return self.source
        source = open_source(self.path, self.name, *limits)
        with ExitStack() as stack:
            stack.callback(source.close)  # and the mark stays as it is, for another time
            if self.mark is not None and source.go_to(self.mark) is not Match.SAME:
                raise InputError(f"{self.name}: was changed just when it was to be read on")
            stack.pop_all()
        self.source = source
        return source

    def close(self) -> None:
        """Close it and keep its mark."""
        if self.source is not None:
            self.mark = self.place()
            self.has_rest = self.source.has_rest
            self.source.close()
            self.source = None

    @property
    def is_begun(self) -> bool:
        """Whether it is open and there is something in it."""
        return self.source is not None and self.source.content.size > 0

    def place(self) -> Position | None:
        """Return how far it was read; None for not at all."""
        mark = self.mark if self.source is None else self.source.mark()
        return mark if mark is not None and mark.offset else None


class Limits(NamedTuple):
    """How much to read.

    Attributes:
        max_line_bytes: Of a longer line little more is kept than that.
        block_bytes: How much to read at a time.
    """

    max_line_bytes: int = MAX_LINE_BYTES
    block_bytes: int = BLOCK_BYTES


#: What is read unless told otherwise.
DEFAULT_LIMITS = Limits()


def open_early(inputs: Sequence[Input], limits: Limits) -> None:
    """Open inputs before it is their turn, so they may be renamed or removed meanwhile.

    Args:
        inputs: The inputs; of those that cannot be opened nothing is told before their turn,
            and those that are no regular files are left for it.
        limits: How much to read.
    """
    for input_ in inputs:
        with suppress(InputError, OSError):
            if Path(input_.path).is_file():
                input_.open(limits)


# What is met in reading.


class Block(NamedTuple):
    r"""Lines that follow the last ones of their input, each with its \n but for the last."""

    input: Input
    lines: bytes


class Finished(NamedTuple):
    """An input that will not be read on, or not soon."""

    input: Input


class Silence(NamedTuple):
    """For so long there has been no new line; these inputs are the latest of their logs."""

    duration: timedelta
    inputs: Sequence[Input]


Arrival: TypeAlias = Block | Finished | Silence | InputError


class Reader(Protocol):
    """A way to read inputs."""

    def read(self, names: Iterable[str]) -> Generator[Arrival, None, None]:
        """Read inputs.

        Args:
            names: Paths, or `-` for standard input.

        Yields:
            What is met, until there is nothing more to wait for.
        """


#: From the names of inputs to the inputs that are to be read for each, one after the other.
Plan: TypeAlias = Callable[[Iterable[str]], Iterable[Sequence[Input] | Finished | InputError]]


def from_the_beginning(names: Iterable[str]) -> Iterator[Sequence[Input]]:
    """Plan to read all inputs from the beginning."""
    for name in names:
        yield [Input("<stdin>" if name == STDIN else name, name)]


class InTurn:
    """Reads inputs one after the other, each to its end."""

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        plan: Plan = from_the_beginning,
        *,
        is_to_go_on: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            limits: How much to read.
            plan: What is to be read.
            is_to_go_on: Whether the inputs will be read on another time. Then a last line
                that has no end yet is left for that time, and so is what waits to be
                sorted at the end of the last input.
        """
        self._limits = limits
        self._plan = plan
        self._is_to_go_on = is_to_go_on

    def read(self, names: Iterable[str]) -> Generator[Arrival, None, None]:
        """Read inputs, as `Reader` says."""
        before: Input | None = None
        for chain in self._plan(names):
            if isinstance(chain, Finished | InputError):
                yield chain
                continue
            if len(chain) > 1:
                open_early(chain, self._limits)
            try:
                for number, input_ in enumerate(chain):
                    if before is not None:
                        yield Finished(before)
                    before = input_
                    if not (yield from self._read(input_, chain[number + 1 :])):
                        break
            finally:
                for input_ in chain:
                    input_.close()
        if before is not None and not self._is_to_go_on:
            yield Finished(before)

    def _read(self, input_: Input, later: Sequence[Input]) -> Generator[Arrival, None, bool]:
        """Read an input to its end; returns whether those that come later are to be read.

        If there is nothing in them yet, this one may still grow, and is gone on with another
        time.
        """
        goes_on = True
        try:
            source = input_.open(self._limits)
            while not source.content.is_at_end:
                if lines := source.read_lines():
                    yield Block(input_, lines)
            is_over = not self._is_to_go_on or source.content.is_compressed
            goes_on = is_over or any(each.is_begun for each in later)
            if goes_on and (rest := source.take_rest()):
                yield Block(input_, rest)
            for each in later if not goes_on else ():
                each.open(self._limits)  # tells if it is not there
        except InputError as error:
            yield error
        finally:
            input_.close()
        return goes_on
