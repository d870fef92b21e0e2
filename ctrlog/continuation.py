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
from ctrlog.reading import Input
from ctrlog.rotation import find_again, likeness, rotated_since


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
        self._say = say

    @property
    def left(self) -> list[Input]:
        """The inputs for which no name was found, the latest last."""
        return [known for known, _ in self._left]

    def __call__(self, names: Iterable[str]) -> Iterator[Sequence[Input] | InputError]:
        """Plan what to read for each name, as `reading.Plan` says."""
        paths = [Path(name).absolute() for name in names]
        names = list(names)
        # All files themselves first, so that no copy is taken for a log that is there.
        themselves = [self._take(path, self._find_itself(path)) for path in paths]
        for name, path, itself in zip(names, paths, themselves, strict=True):
            known = itself or self._take(path, self._find_copied(name, path))
            if known is not None:
                known.name = name
                yield [known]
            else:
                yield self._chain(name, path)

    def _take(self, path: Path, known: Input | None) -> Input | None:
        """Let a known input be read on in a file, by nothing else from then on."""
        for place, (other, mark) in enumerate(self._left):
            if other is known:
                del self._left[place]
                self._taken.append((path, mark))
                other.path = str(path)
        return known

    def _find_itself(self, path: Path) -> Input | None:
        """Return what was read of this very file."""
        file = _file_at(path)
        for known, mark in self._left:
            if mark.file == file and likeness(path, mark) is Likeness.SAME:
                return known
        return None

    def _find_copied(self, name: str, path: Path) -> Input | None:
        """Return what was read of the log that this file is the only copy of by now."""
        file = _file_at(path)
        for known, mark in self._left:
            if likeness(path, mark) is Likeness.SAME:
                if likeness(Path(known.path), mark) is not Likeness.SAME:
                    return known
                self._say_copy(name, known.path)
                return None
        for taken, mark in self._taken:
            if mark.file != file and likeness(path, mark) is Likeness.SAME:
                self._say_copy(name, str(taken))
        return None

    def _say_copy(self, name: str, original: str) -> None:
        self._say(f"{name}: is a copy of {original}, and counts as a log of its own")

    def _chain(self, name: str, path: Path) -> list[Input] | InputError:
        """Plan for a name under which there is nothing that was read before."""
        here = Input(name, str(path))
        earlier = [(known, mark) for known, mark in self._left if known.path == here.path]
        if not earlier:
            return [here]
        known, mark = earlier[-1]
        moved = find_again(path, mark)
        if moved is not None:
            read = {mark.file for _, mark in (*self._left, *self._taken)}
            self._take(moved, known)
            known.name = name
            missed = [Input(name, str(each)) for each in rotated_since(path, moved, read)]
            return [known, *missed, here]
        match likeness(path, mark):
            case Likeness.SHORTER:
                return InputError(
                    f"{name}: is shorter than the {mark.offset:,} bytes that were read of it, so it"
                    " cannot be read on; to count it anew, use another --checkpoint"
                )
            case Likeness.CHANGED:
                return InputError(
                    f"{name}: begins as when it was read, but was changed before byte"
                    f" {mark.offset:,}, where that stopped, so it cannot be read on; to count it"
                    " anew, use another --checkpoint"
                )
            case _ if path.exists() and path.stat().st_size:
                self._say(
                    f"{name}: is another log than the one that was read there to byte"
                    f" {mark.offset:,}; what that one got since is not counted, unless you name it"
                )
        return [here]


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
