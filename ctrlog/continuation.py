"""Which of the logs that were read before each input is, so that it is read on from there.

A log is known under any name: by the file itself, if that still holds what was read, or
else by a copy, if nothing else does. If something else stands under a name now, the log
that stood there is looked for beside it and finished first, as rotation wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.marks import Likeness, Mark
from ctrlog.reading import Finished, Input
from ctrlog.rotation import (
    file_at,
    find_again,
    held_in,
    is_rotated_name,
    likeness,
    rotated_since,
    size_of,
)


class Continuation:
    """A plan to go on with inputs that were read before; call it as a `reading.Plan`."""

    def __init__(self, before: Iterable[Input], say: Callable[[str], None]) -> None:
        """Plan nothing yet.

        Args:
            before: The inputs that were read before, the latest last.
            say: Called with what a user should know.
        """
        self._left = [(known, known.mark) for known in before if known.mark is not None]
        self._taken: list[tuple[Path, Mark]] = []
        self._named: set[tuple[int, int]] = set()  # files under the names
        self._say = say

    @property
    def left(self) -> list[Input]:
        """The inputs for which no name was found, the latest last."""
        return [known for known, _ in self._left]

    def __call__(self, names: Iterable[str]) -> Iterator[Sequence[Input] | Finished | InputError]:
        """Plan what to read for each name, as `reading.Plan` says."""
        names = list(names)
        paths = [Path(name).absolute() for name in names]
        files = [file_at(path) for path in paths]
        self._named = {file for file in files if file is not None}
        known: list[Input | None] = [None] * len(names)
        # All files themselves first, so that no copy is taken for a log that is there.
        for find in (self._find_itself, self._find_at_its_place, self._find_copied):
            for place, (name, path) in enumerate(zip(names, paths, strict=True)):
                if known[place] is None:
                    known[place] = self._take(path, find(name, path))
        for name, path, file, found in zip(names, paths, files, known, strict=True):
            if found is not None and file_at(path) != file:  # it was rotated just now
                self._give_back(found)
                yield from self._chain(name, path)
            elif found is not None:
                found.name = name
                yield [*self._unfinished_before(found), found]
            else:
                yield from self._chain(name, path)

    def _take(self, path: Path, known: Input | None) -> Input | None:
        """Let a known input be read on in a file, by nothing else from then on."""
        for place, (other, mark) in enumerate(self._left):
            if other is known:
                del self._left[place]
                self._taken.append((path, mark))
                other.path = str(path)
        return known

    def _give_back(self, known: Input) -> None:
        if known.mark is not None:
            self._left.append((known, known.mark))
            self._taken.remove((Path(known.path), known.mark))

    def _find_itself(self, _name: str, path: Path) -> Input | None:
        """Return what was read of this very file."""
        file = file_at(path)
        for known, mark in self._left:
            if mark.file == file and likeness(path, mark) is Likeness.SAME:
                return known
        return None

    def _find_at_its_place(self, _name: str, path: Path) -> Input | None:
        """Return what was read of the log here, of which this is a copy.

        Editors and rsync put one in the place of a log, and devices get other numbers when
        a machine is started anew.
        """
        for known, mark in self._left:
            if known.path == str(path) and likeness(path, mark) is Likeness.SAME:
                return known
        return None

    def _find_copied(self, name: str, path: Path) -> Input | None:
        """Return what was read of the log that this file is the only copy of by now."""
        held = held_in(path, [mark for _, mark in (*self._left, *self._taken)])
        for known, mark in self._left:
            if mark in held:
                if likeness(Path(known.path), mark) is not Likeness.SAME:
                    return known
                self._say_copy(name, known.path)
                return None
        for taken, mark in self._taken:
            if mark in held and mark.file != file_at(path):
                self._say_copy(name, str(taken))
        return None

    def _say_copy(self, name: str, original: str) -> None:
        self._say(f"{name}: is a copy of {original}, and counts as a log of its own")

    def _unfinished_before(self, known: Input) -> list[Input]:
        """Return the log that was rotated before a known one, if it got more since it was left.

        A writer that has not noticed the rotation may do that.
        """
        home = Path(known.home)
        before = [(other, mark) for other, mark in self._left if other.home == known.home]
        if not before or known.path != known.home:
            return []
        other, mark = before[-1]
        place = find_again(home, mark)
        if place is None or size_of(place) == mark.size:
            return []
        self._take(place, other)
        return [other]

    def _chain(self, name: str, path: Path) -> Iterator[Sequence[Input] | Finished | InputError]:
        """Plan for a name under which there is nothing that was read before."""
        here = Input(name, str(path))
        earlier = [(known, mark) for known, mark in self._left if known.home == here.path]
        if not earlier:
            yield [here]
            return
        known, mark = earlier[-1]
        moved, became = find_again(path, mark), likeness(path, mark)
        is_rotated = moved is not None and is_rotated_name(path, moved)
        if moved is not None and (is_rotated or became is Likeness.OTHER):
            marks = [mark for _, mark in (*self._left, *self._taken)]
            self._take(moved, known)
            known.name = name
            missed = rotated_since(path, moved, marks, self._named)
            yield [known, *(Input(name, str(each), home=here.path) for each in missed), here]
            return
        match became:
            case Likeness.UNKNOWN | Likeness.SAME:  # which could not be read a moment ago
                self._take(path, known)
                known.name = name
                yield [known]
                return
            case Likeness.SHORTER:
                yield InputError(
                    f"{name}: is shorter than the {mark.offset:,} bytes that were read of it, so it"
                    " cannot be read on; to count it anew, use another --checkpoint"
                )
                return
            case Likeness.CHANGED:
                yield InputError(
                    f"{name}: begins as when it was read, but was changed before byte"
                    f" {mark.offset:,}, where that stopped, so it cannot be read on; to count it"
                    " anew, use another --checkpoint"
                )
                return
            case _ if size_of(path):
                self._say(
                    f"{name}: is another log than the one that was read there to byte"
                    f" {mark.offset:,}; what that one got since is not counted, unless you name it"
                )
                yield Finished(known)
        yield [here]
