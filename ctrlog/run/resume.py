"""Stopping and going on: where everything stands is saved, and found again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ctrlog._version import __version__
from ctrlog.errors import CheckpointError, OutputError
from ctrlog.inputs.position import Position
from ctrlog.inputs.reader import Input
from ctrlog.inputs.resume import Continuation
from ctrlog.inputs.rotation import beginning
from ctrlog.outputs.files import Growing, open_growing
from ctrlog.run.checkpoint import Checkpoint, Saved, SavedInput, SavedOutput
from ctrlog.run.pipeline import Pipeline
from ctrlog.sessions.ordering import Reorder
from ctrlog.times import from_micros, to_micros

#: How often to save at most.
INTERVAL_S = 3.0
#: To save may take at most this share of the time.
MOST_SHARE = 1 / 40
#: So many inputs are remembered that the present run does not read, or has read of one
#: log that is rotated.
MOST_REMEMBERED = 1000


class Part(Protocol):
    """What a run builds up beside the pipeline, such as metrics."""

    def save(self) -> Any:
        """Return all there is to know of it as plain values."""

    def restore(self, saved: Any) -> None:
        """Go on from what `save` returned."""


class Resumption:
    """A run that goes on from its checkpoint, and is saved there now and then.

    Attributes:
        known: The inputs that were read before, the latest last.
        plan: What is to be read for each name.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: Mapping[str, str],
        pipeline: Pipeline,
        parts: Mapping[str, Part],
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on from what was saved, if anything was.

        Args:
            checkpoint: Where to save.
            settings: What the saved state depends on: the `command`, and options by their
                names on the command line; all as text.
            pipeline: The pipeline of the run, in which nothing was read yet. What is open
                at its end stays open.
            parts: What the run builds up beside, by name.
            say: Called with what a user should know.
            clock: Gives the time in seconds.

        Raises:
            CheckpointError: If the checkpoint cannot be read, or has other settings.
        """
        self._checkpoint = checkpoint
        self._settings = dict(settings)
        self._pipeline = pipeline
        self._parts = parts
        self._clock = clock
        self._outputs: list[Growing] = []
        self._beginnings: dict[Input, Position] = {}  # of inputs of which nothing was read yet
        pipeline.keeps_open = True
        saved = checkpoint.load()
        self.known: list[Input] = [] if saved is None else self._restore(saved)
        self._outputs_before = {} if saved is None else {each.path: each for each in saved.outputs}
        self.plan = Continuation(self.known, say, self._save_new)
        self._next_save = clock() + INTERVAL_S
        self._at_save = self._state_of_things()

    @contextmanager
    def open_output(self, path: Path) -> Iterator[Growing]:
        """Open an output where what was saved of it ends; lines after that will come again.

        Args:
            path: A regular file, or one that is not there.

        Yields:
            The output, of length 0 if it is a new one.

        Raises:
            OutputError: As `open_growing`.
        """
        before = self._outputs_before.pop(os.path.realpath(path), None)
        counting = (before.length, before.tail) if before else ()
        with open_growing(path, *counting) as output:
            self._outputs.append(output)
            yield output

    def cut_others(self) -> None:
        """Cut back outputs of earlier runs that this one does not write; see `open_output`."""
        for path, before in self._outputs_before.items():
            if before.length:  # else nothing tells that it is the file that was written
                with suppress(OutputError), open_growing(Path(path), before.length, before.tail):
                    pass

    def save_if_due(self) -> None:
        """Save if that was not done for some time, and something has happened since."""
        is_due = self._clock() >= self._next_save
        if is_due and self._state_of_things() != self._at_save:
            self.save()

    def save(self) -> None:
        """Save where everything stands, when all that was read is through and written.

        Raises:
            CheckpointError: If that fails.
            OutputError: If an output cannot be made secure.
        """
        started = self._clock()
        # Outputs first: should the power fail in between, they are only cut back.
        outputs = [
            SavedOutput(os.path.realpath(output.path), output.length, output.secure())
            for output in self._outputs
        ]
        state = {name: part.save() for name, part in self._all_parts()}
        self._checkpoint.save(
            Saved(
                about={**self._settings, "ctrlog": __version__, "saved": _now()},
                inputs=[
                    _saved(input_, mark)
                    for input_ in self._inputs()
                    if (mark := input_.place() or self._beginnings.get(input_)) is not None
                ],
                outputs=[*self._outputs_before.values(), *outputs],
                state=state,
            )
        )
        self._at_save = self._state_of_things()
        now = self._clock()
        self._next_save = now + max(INTERVAL_S, (now - started) / MOST_SHARE)

    def _save_new(self, inputs: Sequence[Input]) -> None:
        """Save how new inputs begin before they are read.

        If the run is killed before it saves again, and they are rotated, the next run knows
        them by that.
        """
        for input_ in inputs:
            if (mark := beginning(Path(input_.path))) is not None:
                self._beginnings[input_] = mark
        if self._beginnings:
            self.save()

    def _restore(self, saved: Saved) -> list[Input]:
        _refuse_others(self._checkpoint.path, saved.about, self._settings)
        for name, part in self._all_parts():
            part.restore(saved.state[name])
        inputs = [self._restored(each) for each in saved.inputs]
        self._beginnings.update(
            (each, each.mark) for each in inputs if each.mark and not each.mark.offset
        )
        return inputs

    def _restored(self, saved: SavedInput) -> Input:
        micros, held, home = saved.rest
        window = self._pipeline.reorder
        clock = None if micros is None else from_micros(micros)
        reorder = None if held is None or window is None else Reorder.restore(held, window)
        return Input(
            saved.name,
            saved.path,
            saved.mark,
            saved.line,
            clock=clock,
            heard=clock if reorder is None else reorder.latest,
            reorder=reorder,
            home=home,
        )

    def _all_parts(self) -> list[tuple[str, Part]]:
        return [("pipeline", self._pipeline), *self._parts.items()]

    def _inputs(self) -> list[Input]:
        """The inputs to remember, the latest last."""
        met: dict[str, list[Input]] = {}
        for input_ in self._pipeline.inputs:
            met.setdefault(input_.home, []).append(input_)
        rotated = [input_ for inputs in met.values() for input_ in inputs[:-MOST_REMEMBERED]]
        forgotten = {*self.plan.left[:-MOST_REMEMBERED], *rotated}
        known = dict.fromkeys([*self.known, *self._beginnings, *self._pipeline.inputs])
        return [input_ for input_ in known if input_ not in forgotten]

    def _state_of_things(self) -> object:
        counts = self._pipeline.shard.counts
        return self._pipeline.lines, counts.sessions, counts.sessions_without_search


def _saved(input_: Input, mark: Position) -> SavedInput:
    rest = (
        None if input_.clock is None else to_micros(input_.clock),
        None if input_.reorder is None else input_.reorder.save(),
        str(Path(input_.home).absolute()),
    )
    return SavedInput(input_.name, str(Path(input_.path).absolute()), mark, input_.line, rest)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _refuse_others(path: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to go on with other settings than those that made a checkpoint."""
    if before["command"] != now["command"]:
        raise CheckpointError(
            f"{path}: was made by ctrlog {before['command']}, and only that can go on from it; for"
            f" ctrlog {now['command']}, name a new file"
        )
    for name in sorted({name for name in (*before, *now) if name.startswith("--")}):
        if before.get(name) != now.get(name):
            was, is_now = _option(name, before.get(name)), _option(name, now.get(name))
            raise CheckpointError(
                f"{path}: was made {was}, and this run is {is_now}: go on {was}, or count from"
                " the beginning with a new file"
            )


def _option(name: str, value: str | None) -> str:
    return f"without {name}" if value is None else f"with {name} {value}".rstrip()
