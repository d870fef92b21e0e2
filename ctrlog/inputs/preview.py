"""Inputs that can be looked into before they are read from the beginning."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.inputs.lines import STDIN, Source, open_source

#: So much of the beginning of an input is looked into, and of a file of its middle and its end.
SAMPLE_BYTES = 256 * 1024
#: So many inputs are looked into.
_MOST_SAMPLED = 20


class Input:
    """An input, of which some lines may be known before it is read.

    Attributes:
        name: What to call it in messages.
        sample: Some of its lines, each whole.
    """

    def __init__(self, name: str, max_line_bytes: int, fail: Callable[[InputError], None]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            name: A path, or `STDIN`.
            max_line_bytes: Of a longer line only one byte more is kept.
            fail: Called with what is wrong if it cannot be read.
        """
        self.name = "<stdin>" if name == STDIN else name
        self.sample: list[bytes] = []
        self._path = name
        self._max_line_bytes = max_line_bytes
        self._fail = fail
        self._opened: Iterator[bytes] | None = None

    def look_into(self, stack: ExitStack) -> None:
        """Take the sample; what cannot be read twice stays open.

        Args:
            stack: Closes what stays open.
        """
        try:
            if _is_file(self._path):
                with closing(self._open()) as source:
                    held = _beginning(source.blocks())
                self.sample = [*b"".join(held).split(b"\n"), *_later_lines(Path(self._path))]
                return
            source = stack.enter_context(closing(self._open()))
            blocks = source.blocks()
            held = _beginning(blocks)
        except InputError:
            return  # it is told when it is read
        self.sample = b"".join(held).split(b"\n")
        self._opened = chain(held, blocks)

    def blocks(self) -> Iterator[bytes]:
        """Read it, as `Source.blocks` does; what is wrong is told and ends it."""
        try:
            if self._opened is not None:
                yield from self._opened
                return
            with closing(self._open()) as source:
                yield from source.blocks()
        except InputError as error:
            self._fail(error)

    def _open(self) -> Source:
        return open_source(self._path, self.name, self._max_line_bytes)


@contextmanager
def previewed(
    names: Sequence[str], max_line_bytes: int, fail: Callable[[InputError], None]
) -> Iterator[list[Input]]:
    """Look into inputs.

    Args:
        names: Paths, or `STDIN`.
        max_line_bytes: Of a longer line only one byte more is kept.
        fail: Called with what is wrong with an input that cannot be read.

    Yields:
        The inputs, to be read.
    """
    inputs = [Input(name, max_line_bytes, fail) for name in names]
    with ExitStack() as stack:
        for each in inputs[:_MOST_SAMPLED]:
            each.look_into(stack)
        yield inputs


def _is_file(name: str) -> bool:
    if name == STDIN:
        return False
    try:
        return stat.S_ISREG(Path(name).stat().st_mode)
    except (OSError, ValueError):
        return False


def _beginning(blocks: Iterator[bytes]) -> list[bytes]:
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= SAMPLE_BYTES:
            break
    return held


def _later_lines(path: Path) -> list[bytes]:
    """Return whole lines of the middle and of the end of a large file."""
    lines: list[bytes] = []
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            for start in (size // 2, size - SAMPLE_BYTES) if size > 4 * SAMPLE_BYTES else ():
                file.seek(start)
                lines += file.read(SAMPLE_BYTES).split(b"\n")[1:-1]
    except OSError:
        pass
    return lines
