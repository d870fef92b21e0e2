"""Which of the logs that were read before each input is, so that it is read on from there.

A log is known under any name: by the file itself, if that still holds what was read, or
else by a copy, if nothing else does. If something else stands under a name now, the log
that stood there is looked for beside it and finished first, as rotation wants it.

A checkpoint may know a great many logs. So they are found by their file, their path, their home
or their beginning, and never by going through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path

from ctrlog.errors import InputError
from ctrlog.inputs.beside import Beside, File, Folder, file_at, steadily
from ctrlog.inputs.position import Beginnings, Match, Position
from ctrlog.inputs.reader import Finished, Input
from ctrlog.inputs.rotation import (
    find_again,
    gap_before,
    held_in,
    holds_end,
    likeness,
    rotated_since,
    size_of,
)


class _Known:
    """Inputs that were read before, found by what tells them from others."""

    def __init__(self, inputs: Iterable[Input] = ()) -> None:
        self.marks: dict[Input, Position] = {}  # the latest last
        self._found: dict[Hashable, dict[Input, None]] = {}
        for input_ in inputs:
            self.add(input_)

    def add(self, input_: Input) -> None:
        """Add an input; one that has no mark is not known."""
        if input_.mark is not None:
            self.marks[input_] = input_.mark
            for key in _keys(input_, input_.mark):
                self._found.setdefault(key, {})[input_] = None

    def remove(self, input_: Input) -> Position:
        """Remove an input, which is as it was when it was added."""
        mark = self.marks.pop(input_)
        for key in _keys(input_, mark):
            del self._found[key][input_]
        return mark

    def of_file(self, file: File | None) -> list[Input]:
        """Return those that were read in a file."""
        return [*self._found.get(("file", file), ())]

    def at(self, path: Path) -> list[Input]:
        """Return those that were read at a path."""
        return [*self._found.get(("path", str(path)), ())]

    def at_home(self, home: str) -> list[Input]:
        """Return those that were written under a path first, the latest last."""
        return [*self._found.get(("home", home), ())]

    def with_mark(self, mark: Position) -> list[Input]:
        """Return those that were read to a mark."""
        return [*self._found.get(("mark", mark), ())]


def _keys(input_: Input, mark: Position) -> Iterator[Hashable]:
    yield "file", mark.file
    yield "path", input_.path
    yield "home", input_.home
    yield "mark", mark


class Continuation:
    """A plan to go on with inputs that were read before; call it as a `reading.Plan`."""

    def __init__(
        self,
        before: Iterable[Input],
        say: Callable[[str], None],
        on_new: Callable[[Sequence[Input]], None] = lambda _: None,
    ) -> None:
        """Plan nothing yet.

        Args:
            before: The inputs that were read before, the latest last.
            say: Called with what a user should know.
            on_new: Called with the inputs that were not read before, before any is opened.
        """
        self._left = _Known(before)
        self._taken = _Known()
        self._marks = Beginnings(self._left.marks.values())  # of both
        self._named: set[File] = set()  # files under the names
        self._say = say
        self._on_new = on_new

    @property
    def left(self) -> list[Input]:
        """The inputs for which no name was found, the latest last."""
        return [*self._left.marks]

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
        new = {
            place: Input(names[place], str(path))
            for place, path in enumerate(paths)
            if known[place] is None and not self._left.at_home(str(path))
        }
        if new:
            self._on_new([*new.values()])
        for place, (name, path, file) in enumerate(zip(names, paths, files, strict=True)):
            found = known[place]
            if place in new:
                yield [new[place]]
            elif found is not None and file_at(path) != file:  # it was rotated just now
                self._give_back(found)
                yield from self._chain(name, path)
            elif found is not None:
                found.name = name
                yield [*self._unfinished_before(found), found]
            else:
                yield from self._chain(name, path)

    def _take(self, path: Path, known: Input | None) -> Input | None:
        """Let a known input be read on in a file, by nothing else from then on."""
        if known is not None:
            self._left.remove(known)
            known.path = str(path)
            self._taken.add(known)
        return known

    def _give_back(self, known: Input) -> None:
        self._taken.remove(known)
        self._left.add(known)

    def _find_itself(self, _name: str, path: Path) -> Input | None:
        """Return what was read of this very file."""
        return self._first_same(path, self._left.of_file(file_at(path)))

    def _find_at_its_place(self, _name: str, path: Path) -> Input | None:
        """Return what was read of the log here, of which this is a copy.

        Editors and rsync put one in the place of a log, and devices get other numbers when
        a machine is started anew.
        """
        return self._first_same(path, self._left.at(path))

    def _first_same(self, path: Path, inputs: Iterable[Input]) -> Input | None:
        marks = self._left.marks
        return next((each for each in inputs if likeness(path, marks[each]) is Match.SAME), None)

    def _find_copied(self, name: str, path: Path) -> Input | None:
        """Return what was read of the log that this file is the only copy of by now."""
        held = held_in(path, self._marks)
        for known in (each for mark in held for each in self._left.with_mark(mark)):
            if likeness(Path(known.path), self._left.marks[known]) is not Match.SAME:
                return known
            self._say_copy(name, known.path)
            return None
        file = file_at(path)
        for mark in held:
            for taken in self._taken.with_mark(mark) if mark.file != file else ():
                self._say_copy(name, taken.path)
        return None

    def _say_copy(self, name: str, original: str) -> None:
        self._say(f"{name}: is a copy of {original}, and counts as a log of its own")

    def _unfinished_before(self, known: Input) -> list[Input]:
        """Return the log that was rotated before a known one, if it got more since it was left.

        A writer that has not noticed the rotation may do that.
        """
        home = Path(known.home)
        before = self._left.at_home(known.home)
        if not before or known.path != known.home:
            return []
        mark = self._left.marks[before[-1]]
        place = steadily(home, lambda folder: find_again(folder, mark))
        if place is None or size_of(place.path) == mark.size:
            return []
        self._take(place.path, before[-1])
        return [before[-1]]

    def _chain(self, name: str, path: Path) -> Iterator[Sequence[Input] | Finished | InputError]:
        """Plan for a name under which there is nothing that was read before."""
        here = Input(name, str(path))
        earlier = self._left.at_home(here.path)
        if not earlier:
            yield [here]
            return
        known, mark = earlier[-1], self._left.marks[earlier[-1]]
        became = likeness(path, mark)
        try:
            moved, missed = steadily(path, lambda folder: self._rotated(name, folder, mark))
        except InputError as error:
            yield error
            return
        is_rotated = moved is not None and moved.turn is not None
        if not is_rotated and became is Match.OTHER and holds_end(path, mark):
            became = Match.CHANGED
        if moved is not None and (is_rotated or became is Match.OTHER):
            self._take(moved.path, known)
            known.name = name
            yield [known, *(Input(name, str(each.path), home=here.path) for each in missed), here]
            return
        yield from self._replaced(here, known, mark, became)

    def _rotated(
        self, name: str, folder: Folder, mark: Position
    ) -> tuple[Beside | None, Sequence[Beside]]:
        """Find the log that was read under a name, and those that came after it."""
        moved = find_again(folder, mark)
        missed = rotated_since(folder, moved, self._marks, self._named)
        if moved is not None and (number := gap_before(folder, moved)) is not None:
            self._say(
                f"{name}: may have missed lines: {moved.path.name} was read before, and number"
                f" {number}, which came after it, is not there"
            )
        return moved, missed

    def _replaced(
        self, here: Input, known: Input, mark: Position, became: Match
    ) -> Iterator[Sequence[Input] | Finished | InputError]:
        """Plan for a name of which the log that was read is nowhere else."""
        name, path = here.name, Path(here.path)
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
                    f"{name}: was changed before byte {mark.offset:,}, where the last run stopped,"
                    " so it cannot be read on; to count it anew, use another --checkpoint"
                )
                return
            case _ if size_of(path):
                self._say(
                    f"{name}: is another log than the one that was read there to byte"
                    f" {mark.offset:,}; what that one got since is not counted, unless you name it"
                )
                yield Finished(known)
        yield [here]
