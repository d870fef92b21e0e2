"""Which of the logs that were read before each input is, so that it is read on from there.

A log is known under any name: by the file itself, if that still holds what was read, or
else by a copy, if nothing else does. If something else stands under a name now, the log
that stood there is looked for beside it and finished first, as rotation wants it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.inputs.position import Match, Position
from ctrlog.inputs.reader import Finished, Input
from ctrlog.inputs.rotation import (
    file_at,
    find_again,
    head_of,
    held_in,
    is_rotated_name,
    likeness,
    rotated_since,
    size_of,
)


class _Index:
    """Inputs by what they may be found by, so that a name costs no look at all others.

    Attributes:
        by_file: By the numbers of device and file.
        by_path: By the path under which they were read last.
        by_home: By the path under which they were written first.
    """

    def __init__(self, marks: Mapping[Input, Position]) -> None:
        self.by_file: defaultdict[object, list[Input]] = defaultdict(list)
        self.by_path: defaultdict[str, list[Input]] = defaultdict(list)
        self.by_home: defaultdict[str, list[Input]] = defaultdict(list)
        self._by_head: defaultdict[bytes, list[Input]] = defaultdict(list)
        self._places = {known: place for place, known in enumerate(marks)}
        for known, mark in marks.items():
            self.by_file[mark.file].append(known)
            self.by_path[known.path].append(known)
            self.by_home[known.home].append(known)
            self._by_head[mark.head].append(known)
        self._head_lengths = sorted({len(head) for head in self._by_head})

    def beginning_as(self, beginning: bytes) -> list[Input]:
        """Return the inputs whose first bytes a file begins with, in their order."""
        alike = [
            known
            for length in self._head_lengths
            if length <= len(beginning)
            for known in self._by_head.get(beginning[:length], ())
        ]
        return sorted(alike, key=self._places.__getitem__)


class Continuation:
    """A plan to go on with inputs that were read before; call it as a `reading.Plan`."""

    def __init__(self, before: Iterable[Input], say: Callable[[str], None]) -> None:
        """Plan nothing yet.

        Args:
            before: The inputs that were read before, the latest last.
            say: Called with what a user should know.
        """
        self._left = {known: known.mark for known in before if known.mark is not None}
        self._taken: dict[Input, tuple[Path, Position]] = {}
        self._index = _Index(self._left)
        self._named: set[tuple[int, int]] = set()  # files under the names
        self._say = say

    @property
    def left(self) -> list[Input]:
        """The inputs for which no name was found, the latest last."""
        return [*self._left]

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
        if known is not None and known in self._left:
            self._taken[known] = path, self._left.pop(known)
            known.path = str(path)
        return known

    def _give_back(self, known: Input) -> None:
        _, mark = self._taken.pop(known)
        self._left[known] = mark

    def _marks(self) -> list[Position]:
        return [*self._left.values(), *(mark for _, mark in self._taken.values())]

    def _find_itself(self, _name: str, path: Path) -> Input | None:
        """Return what was read of this very file."""
        for known in self._index.by_file.get(file_at(path), ()):
            mark = self._left.get(known)
            if mark is not None and likeness(path, mark) is Match.SAME:
                return known
        return None

    def _find_at_its_place(self, _name: str, path: Path) -> Input | None:
        """Return what was read of the log here, of which this is a copy.

        Editors and rsync put one in the place of a log, and devices get other numbers when
        a machine is started anew.
        """
        for known in self._index.by_path.get(str(path), ()):
            mark = self._left.get(known)
            if mark is not None and likeness(path, mark) is Match.SAME:
                return known
        return None

    def _find_copied(self, name: str, path: Path) -> Input | None:
        """Return what was read of the log that this file is the only copy of by now."""
        beginning = head_of(path) or b""
        alike = self._index.beginning_as(beginning)
        held = held_in(path, [known.mark for known in alike if known.mark is not None])
        for known in alike:
            mark = self._left.get(known)
            if mark is not None and mark in held:
                if likeness(Path(known.path), mark) is not Match.SAME:
                    return known
                self._say_copy(name, known.path)
                return None
        for known in alike:
            if known in self._taken:
                taken, mark = self._taken[known]
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
        before = [other for other in self._index.by_home[known.home] if other in self._left]
        if not before or known.path != known.home:
            return []
        other = before[-1]
        mark = self._left[other]
        place = find_again(home, mark)
        if place is None or size_of(place) == mark.size:
            return []
        self._take(place, other)
        return [other]

    def _chain(self, name: str, path: Path) -> Iterator[Sequence[Input] | Finished | InputError]:
        """Plan for a name under which there is nothing that was read before."""
        here = Input(name, str(path))
        earlier = [known for known in self._index.by_home.get(here.path, ()) if known in self._left]
        if not earlier:
            yield [here]
            return
        known = earlier[-1]
        mark = self._left[known]
        moved, became = find_again(path, mark), likeness(path, mark)
        is_rotated = moved is not None and is_rotated_name(path, moved)
        if moved is not None and (is_rotated or became is Match.OTHER):
            marks = self._marks()
            self._take(moved, known)
            known.name = name
            missed = rotated_since(path, moved, marks, self._named)
            yield [known, *(Input(name, str(each), home=here.path) for each in missed), here]
            return
        match became:
            case Match.UNKNOWN | Match.SAME:  # which could not be read a moment ago
                self._take(path, known)
                known.name = name
                yield [known]
                return
            case Match.SHORTER:
                yield InputError(
                    f"{name}: is shorter than the {mark.offset:,} bytes that were read of it, so it"
                    " cannot be read on; to count it anew, use another --checkpoint"
                )
                return
            case Match.CHANGED:
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
