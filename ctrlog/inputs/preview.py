"""Inputs with a sample of their lines, taken before they are read from the beginning.

`ctrlog check` chooses a schema from the samples and then reads the whole inputs. A file is opened
for the sample and again to be read. A pipe can be read only once, so it stays open, and the blocks
of its sample are returned again first. Memory is at most three samples of `SAMPLE_BYTES` for each
of the first `_MAX_SAMPLED` inputs.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.inputs.lines import STDIN, Source, open_source

#: The size of the sample at the beginning of an input, and at the middle and end of a large file.
SAMPLE_BYTES = 256 * 1024
#: The most inputs that are sampled.
_MAX_SAMPLED = 20


class PreviewedInput:
    """An input and a sample of its lines.

    Attributes:
        name: Name of the input in messages.
        sample: Some of the lines, each whole.
    """

    def __init__(self, name: str, max_line_bytes: int, fail: Callable[[InputError], None]) -> None:
        """Prepare an input without opening it.

        Args:
            name: A path, or `STDIN`.
            max_line_bytes: The longest line to keep whole.
            fail: Called with the error if the input cannot be read.
        """
        self.name = "<stdin>" if name == STDIN else name
        self.sample: list[bytes] = []
        self._path = name
        self._max_line_bytes = max_line_bytes
        self._fail = fail
        self._opened: Iterator[bytes] | None = None

    def take_sample(self, stack: ExitStack) -> None:
        """Take the sample. An input that cannot be read twice stays open.

        Args:
            stack: Closes the input if it stays open.
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
            return  # `blocks` reports it
        self.sample = b"".join(held).split(b"\n")
        self._opened = chain(held, blocks)

    def blocks(self) -> Iterator[bytes]:
        """Read the whole input; an error is passed to `fail` and ends it.

        Yields:
            Lines, as `Source.blocks` does.
        """
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
) -> Iterator[list[PreviewedInput]]:
    """Take a sample of each input.

    Args:
        names: Paths, or `STDIN`.
        max_line_bytes: The longest line to keep whole.
        fail: Called with the error of each input that cannot be read.

    Yields:
        The inputs, ready to be read.
    """
    inputs = [PreviewedInput(name, max_line_bytes, fail) for name in names]
    with ExitStack() as stack:
        for each in inputs[:_MAX_SAMPLED]:
            each.take_sample(stack)
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
    """Return whole lines from the middle and from the end of a large file."""
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
