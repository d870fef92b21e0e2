"""The logs that came after the one that is read, when a log is rotated while it is followed.

A look at a log shows only what is under its name then. Since the look before, it may have been
rotated any number of times. So the logs in between are looked for beside it: those that rotation
named, that came after the one that was read last, and that were not read themselves. They are
opened at once and found in one listing (`ctrlog.beside`), so that it costs nothing if they are
renamed, compressed or removed before it is their turn.

What was removed before anybody looked cannot be found. Where that may have happened, a message
says so: a number is missing, as in `log.3`, `log.1`, or the log that was read last is gone, so
that nothing tells whether the one that is there now came next.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from ctrlog.errors import InputError, MissingInputError
from ctrlog.inputs.beside import (
    Beside,
    File,
    Folder,
    MovedError,
    file_at,
    folders_of,
    look,
    steadily,
)
from ctrlog.inputs.lines import Source
from ctrlog.inputs.position import Beginnings, Position
from ctrlog.inputs.reader import Input, Limits
from ctrlog.inputs.rotation import find_again, gap_before, rotated_since

#: The most inputs that are remembered, so that they are known again under other names.
MOST_MET = 1000
#: Times of change that are as close as that may be the same, as file systems have them.
TICK_NS = 2 * 10**9
#: The most looks for which a number that is missing may just be the one that is being rotated.
MOST_GAP_LOOKS = 3


class Met:
    """The inputs that were met under any name, so that none is read twice.

    Attributes:
        gaps: How often lines may have been missed between two of them.
    """

    def __init__(self, known: Sequence[Input]) -> None:
        """Take the inputs that were read before."""
        self.gaps = 0
        self._inputs: deque[Input] = deque(known, len(known) + MOST_MET)

    def add(self, input_: Input) -> None:
        """Remember an input."""
        self._inputs.append(input_)

    def files(self) -> set[File]:
        """Return the files that are open, whose numbers no others can have."""
        return {each.source.content.file for each in self._inputs if each.source is not None}

    def marks(self, but_of: Path | None = None) -> Beginnings:
        """Return how far each was read, except those whose home is a path."""
        found = [_place(each) for each in self._inputs if Path(each.home) != but_of]
        return Beginnings(mark for mark in found if mark is not None)


def _place(input_: Input) -> Position | None:
    """Return how far an input was read, or will be if it was renamed before it is its turn."""
    source = input_.source
    if source is None or source.offset or file_at(Path(input_.path)) == source.content.file:
        return input_.place()
    return source.end()


class Successors(NamedTuple):
    """What comes after a log, all of it open.

    Attributes:
        copy: Of the log itself, if that was cut; None if there is none.
        logs: Those that came after it, the one that grows now last.
    """

    copy: Input | None
    logs: list[Input]


_Found = TypeVar("_Found")


class Succession:
    """The logs that are written under one name, one after the other."""

    def __init__(
        self,
        name: str,
        path: Path,
        limits: Limits,
        met: Met,
        *,
        say: Callable[[str], None],
    ) -> None:
        """Note what is there before anything is read: that was rotated before.

        Args:
            name: What to call the log in messages.
            path: Where it is written.
            limits: How much to read.
            met: The inputs of all names.
            say: Called with what a user should know.
        """
        self._name, self._path = name, path
        self._limits = limits
        self._met = met
        self._say = say
        self._seen: set[File] = set()
        self._since_ns = 0
        self._stamps = self._stamps_now()
        self._has_gap = False
        self._gap_looks = 0  # in a row, in which one was missing
        self._is_gone = False  # what was read last, and that was told
        with suppress(OSError):
            status = path.stat()
            self._since_ns = status.st_mtime_ns if status.st_size else 0
        if not self._since_ns:  # nothing else tells what was rotated before
            with suppress(MovedError):
                self._note(look(path))

    def is_whole(self, changed_ns: int) -> None:
        """Note that the log was not rotated up to now.

        Args:
            changed_ns: When it was changed last.
        """
        self._since_ns = changed_ns

    def after(self, mark: Position, *, is_begun: bool = True) -> list[Input] | None:
        """Open what came after a log in whose place there is another one.

        Args:
            mark: How far the log was read.
            is_begun: Whether there is something in the one that is in its place.

        Returns:
            The logs in their order, the one that grows now last; each is open. None if it takes
            another look: there is nothing under the name now, or only a log that is not begun.

        Raises:
            InputError: If what is under the name cannot be read.
        """
        if not is_begun and self._is_quiet():
            return None
        found = self._steadily(lambda folder: self._after(folder, mark, is_begun=is_begun))
        return None if found is None else found.logs

    def after_cut(self, source: Source) -> Successors | None:
        """Open what came after a log that was cut back, and the copy that was made before.

        Args:
            source: The log.

        Returns:
            The copy and the logs as by `after`; None if it takes another look.

        Raises:
            InputError: If what is under the name cannot be read.
        """
        return self._steadily(lambda folder: self._after(folder, source.reached(), source))

    def before(self, earlier: Position | None, here: Source) -> list[Input] | None:
        """Open what came and went before the log of which nothing was read yet.

        Args:
            earlier: How far the log was read that was finished last; None for none.
            here: What is to be begun, which may have been renamed since it was opened.

        Returns:
            The logs in their order, each of them open; none if that one is the next. None if
            it takes another look to know.

        Raises:
            InputError: If it cannot be read.
        """
        _peek(here)  # before the look, so that all that came before this was there
        if self._is_quiet():
            return []
        return self._steadily(lambda folder: self._before(folder, earlier, here))

    def _steadily(self, find: Callable[[Folder], _Found | None]) -> _Found | None:
        """Find something in a listing of the folder; None if it takes another look."""
        self._has_gap = False
        found = None
        try:
            found = steadily(self._path, find)
        except MovedError:
            pass
        finally:
            if found is None:
                self._stamps = []
            self._gap_looks = self._gap_looks + 1 if self._has_gap else 0
        return found

    def _after(
        self, folder: Folder, mark: Position, cut: Source | None = None, *, is_begun: bool = True
    ) -> Successors | None:
        if folder.here is None:
            return None
        earlier = find_again(folder, mark, self._seen)
        if earlier is not None and self._may_be_rotating(folder, earlier):
            return None
        found = self._missed(folder, earlier)
        if earlier is None:  # what was copied before the log was read that far is none of them
            found = [other for other in found if not mark.may_be_of(other.head() or b"")]
        if not found and not is_begun:
            return None
        with ExitStack() as stack:
            opened = [self._opened(other.path, other.file, stack) for other in found]
            here = self._opened(self._path, folder.here, stack)
            copies = [each for each in opened if _is_held_in(each, here.source)]
            copy = None
            if cut is not None and earlier is not None:
                place = cut.mark() if cut.offset else None
                copy = self._opened(earlier.path, earlier.file, stack, place)
            stack.pop_all()
        self._tell_gap(folder, earlier)
        if earlier is None and cut is None:  # else it is told that there is no copy
            self._tell_gone()
        self._is_gone = earlier is None
        return Successors(copy, self._take(folder, [*opened, here], copies))

    def _before(self, folder: Folder, earlier: Position | None, here: Source) -> list[Input] | None:
        begun = _peek(here)
        if here.content.is_compressed:
            return []
        place = None if earlier is None else find_again(folder, earlier)
        if place is not None and self._may_be_rotating(folder, place):
            return None
        found = self._missed(folder, place)
        if folder.here != here.content.file:  # else all of them came before
            found = _before_renamed(folder, found, here)
        with ExitStack() as stack:
            opened = [self._opened(other.path, other.file, stack) for other in found]
            copies = [each for each in opened if _is_held_in(each, here)]
            if here.content.size < len(begun) or here.content.read_again(0, len(begun)) != begun:
                raise MovedError(f"{self._path}: was cut just when it was to be read")
            stack.pop_all()
        opened = self._take(folder, opened, copies)
        if opened:
            self._tell_gap(folder, place)
        if earlier is not None and place is None and (opened or begun) and not self._is_gone:
            self._tell_gone()
        if opened:
            self._is_gone = False
        return opened

    def _missed(self, folder: Folder, earlier: Beside | None) -> list[Beside]:
        files, marks = self._met.files(), self._met.marks()
        return rotated_since(folder, earlier, marks, files, since_ns=self._since_ns)

    def _opened(
        self, path: Path, file: File, stack: ExitStack, mark: Position | None = None
    ) -> Input:
        """Open a log that was listed, or leave what is wrong with it to its turn."""
        input_ = Input(self._name, str(path), mark, home=str(self._path))
        try:
            source = input_.open(self._limits)
        except MissingInputError:
            raise MovedError(f"{path}: was renamed or removed") from None
        except InputError:
            if path == self._path:
                raise
            if mark is not None:
                raise MovedError(f"{path}: was replaced") from None
            return input_
        stack.callback(input_.close)
        if source.content.file != file:
            raise MovedError(f"{path}: was replaced")
        return input_

    def _take(
        self, folder: Folder, opened: Iterable[Input], copies: Collection[Input] = ()
    ) -> list[Input]:
        """Remember what was opened, and what was there, none of which comes later.

        Copies of what is still in the log are just being made. They are left, and found when
        it is cut.
        """
        taken = [each for each in opened if each not in copies]
        for each in copies:
            each.close()
            self._stamps = []  # so that the next look is not spared
        for each in taken:
            self._met.add(each)
        if not copies:
            self._note(folder)
        return taken

    def _note(self, folder: Folder) -> None:
        """Remember what was there, none of which came later."""
        self._seen = {other.file for other in folder.others}
        changes = (other.status.st_mtime_ns for other in folder.rotated)
        self._since_ns = max(changes, default=self._since_ns)

    def _is_quiet(self) -> bool:
        """Return whether no file was added to the folder, renamed or removed since the last look.

        If it was changed just before that, another change may have got the same time.
        """
        before, self._stamps = self._stamps, self._stamps_now()
        is_calm = all(time.time_ns() - each > TICK_NS for each in before)
        return bool(before) and before == self._stamps and is_calm

    def _stamps_now(self) -> list[int]:
        """Return when the folders of the log were changed last."""
        stamps = []
        for folder in folders_of(self._path):
            with suppress(OSError):
                stamps.append(folder.stat().st_mtime_ns)
        return stamps

    def _may_be_rotating(self, folder: Folder, earlier: Beside) -> bool:
        """Return whether a number is missing that may be there at the next look."""
        self._has_gap = gap_before(folder, earlier) is not None
        return self._has_gap and self._gap_looks < MOST_GAP_LOOKS

    def _tell_gap(self, folder: Folder, earlier: Beside | None) -> None:
        """Say which of the numbered logs was removed before it was read."""
        if earlier is not None and (number := gap_before(folder, earlier)) is not None:
            self._met.gaps += 1
            self._say(
                f"{self._name}: may have missed lines: {earlier.path.name} was read before, and"
                f" number {number}, which came after it, is not there"
            )

    def _tell_gone(self) -> None:
        """Say that nothing tells how many rotations there were since the last look."""
        self._met.gaps += 1
        self._say(
            f"{self._name}: may have missed lines: the log that was read before is no longer beside"
            " this one, so there may have been others in between"
        )


def _peek(here: Source) -> bytes:
    """Read the first block of a log, but do not take it."""
    here.content.restart()
    return here.content.peek(1) and here.content.peeked if here.content.size else b""


def _before_renamed(folder: Folder, found: Iterable[Beside], here: Source) -> list[Beside]:
    """Return those that came before a log that was renamed, and may be compressed or gone."""
    own = find_again(folder, here.end())
    if own is not None and own.turn is not None:
        return [other for other in found if own.comes_after(other)]
    return [other for other in found if other.status.st_mtime_ns < here.content.changed_ns]


def _is_held_in(copy: Input, here: Source | None) -> bool:
    """Return whether a log still has all that is in a file beside it, which is its copy then."""
    if here is None or copy.source is None or copy.source.content.is_compressed:
        return False
    end = copy.source.end()
    tail_at = end.offset - len(end.tail)
    return (
        0 < end.offset <= here.content.size
        and here.content.read_again(0, len(end.head)) == end.head
        and here.content.read_again(tail_at, len(end.tail)) == end.tail
    )
