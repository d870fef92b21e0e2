"""A run of a command: what it reads and writes, what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ctrlog.cli.exit_codes import reporting
from ctrlog.errors import OutputError, UsageError
from ctrlog.inputs.content import STDIN_DESCRIPTOR
from ctrlog.inputs.lines import STDIN, refuse_repeated, total_size
from ctrlog.inputs.reader import InTurn, Plan, from_the_beginning
from ctrlog.outputs.console import Console
from ctrlog.outputs.files import Write, open_as_written, open_output
from ctrlog.outputs.notes import notes_on_options
from ctrlog.outputs.signals import Interrupted, asked_to_stop, stop_softly
from ctrlog.run.collect import Collector
from ctrlog.run.parallel.cores import usable_cores
from ctrlog.run.parallel.ranges import size_of
from ctrlog.run.pipeline import Pipeline
from ctrlog.run.settings import LogOptions
from ctrlog.sessions.ledger import Ended
from ctrlog.times import format_duration

if TYPE_CHECKING:
    from ctrlog.run.resume import Part, Resumption

#: Less is read by one process, unless told otherwise.
LEAST_SHARED_BYTES = 32 * 1024**2
#: After so long a silence the clock of a log that is followed runs on, unless told otherwise.
IDLE_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Course:
    """How a run goes on, and on from another.

    Attributes:
        follows: Whether to wait for more lines.
        idle_after: After so long a silence the clock runs on; None for `IDLE_AFTER`.
        checkpoint: Where to save how far it has come; None for nowhere.
        settings: What the saved state depends on, beside the options of all runs.
        parts: What the run builds up beside the pipeline, by name.
        grows: Whether the output grows as the run goes on.
        interleaves: Whether to take the inputs together, in order of time.
        jobs: How many processes may work on it; None for one a core if that is worth it.
    """

    follows: bool = False
    idle_after: timedelta | None = None
    checkpoint: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    grows: bool = False
    interleaves: bool = False
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a command works with.

    Attributes:
        console: Where to say what is to be said.
        pipeline: What the logs run through.
        write: Writes to the output.
        has_written: Whether there is something in the output from an earlier run.
    """

    console: Console
    pipeline: Pipeline
    write: Write
    has_written: bool
    _names: list[str]
    _options: LogOptions
    _extra_fields: tuple[str, ...]
    _course: Course
    _resumption: Resumption | None

    def through(self, product: Collector) -> None:
        """Run the logs through, by several processes if that may be and is worth it.

        Args:
            product: What to make of what is over.
        """
        with self._shared(product):
            for ended in self.ended():
                product.update(ended)

    def ended(self) -> Iterator[Ended]:
        """Run the logs through, and save how far that has come if it is to be saved.

        Yields:
            What is over, as soon as it is.
        """
        yield from self.pipeline.run(self._names)
        if self._resumption is not None:
            self._resumption.save()
        number = asked_to_stop()
        if number is not None and not (self._course.follows and number == signal.SIGTERM):
            if self._course.follows:
                self.add_notes()
            raise Interrupted(number)

    def _shared(self, product: Collector) -> AbstractContextManager[None]:
        """Let other processes take part, if they may."""
        options, course = self._options, self._course
        limit = options.limit()
        depends_on_order = (
            options.reorder is not None
            or options.exclude_users is not None
            or options.max_user_searches is not None
            or (limit is not None and limit.count is not None)
        )
        is_one = course.follows or course.checkpoint is not None or course.interleaves
        if is_one or depends_on_order or course.jobs == 1:
            return nullcontext()
        size = size_of(self._names)
        jobs = course.jobs or (usable_cores() if size and size >= LEAST_SHARED_BYTES else 1)
        if not size or jobs == 1:
            return nullcontext()
        # Loaded here, so that other runs need not wait for it.
        from ctrlog.run.parallel.processes import shared  # noqa: PLC0415
        from ctrlog.run.parallel.worker import Orders  # noqa: PLC0415

        orders = Orders(self._names, options, self._extra_fields, product.maker)
        return shared(
            self.pipeline,
            orders,
            product,
            jobs,
            write=self.write,
            on_read=self.console.advance,
        )

    def add_notes(self, keep: str = "--bad-lines FILE") -> None:
        """Say at the end what a user should know of the log.

        Args:
            keep: How to ask for bad lines to be kept.
        """
        console, pipeline = self.console, self.pipeline
        counts = pipeline.shard.counts
        if self._course.follows:
            totals = {"line": pipeline.lines, "event": counts.events, "session": counts.sessions}
            lines, events, sessions = (
                f"{number:,} {noun}{'' if number == 1 else 's'}" for noun, number in totals.items()
            )
            console.note(f"read {lines}: {events}, {sessions} with a search")
        if pipeline.bad_lines.total:
            console.note(pipeline.bad_lines.summary(pipeline.good_lines, keep))
        for note in notes_on_options(pipeline.shard, pipeline.exclusion):
            console.note(note)
        if counts.late:
            behind = format_duration(pipeline.shard.rules.lateness)
            furthest = format_duration(counts.largest_step_back)
            console.note(
                f"{counts.late:,} of {counts.events:,} events came more than {behind} late, up to"
                f" {furthest}; a longer --lateness waits for them, --reorder sorts them in"
            )
        if counts.events and not pipeline.shard.has_searched:
            console.note(
                f"no Search among {counts.events:,} event{'s' if counts.events > 1 else ''}; if the"
                " log names events in another field than type, use --field type=NAME"
            )
        for input_ in pipeline.inputs:
            if input_.has_rest and self._resumption is not None:
                console.note(f"{input_.name}: its last line has no end yet; the next run takes it")
            elif input_.has_rest and self._course.follows:
                console.note(f"{input_.name}: its last line has no end yet, and is left out")


@contextmanager
def start_run(
    context: typer.Context,
    files: list[str] | None,
    options: LogOptions,
    output: Path | None,
    *,
    is_quiet: bool,
    extra_fields: tuple[str, ...] = (),
    course: Course = Course(),  # it cannot be changed
) -> Iterator[Run]:
    """Open what a command reads from and writes to, and complete it at the end.

    Args:
        context: Of the command.
        files: What was named to be read.
        options: The options of all runs.
        output: Where to write; None for standard output.
        is_quiet: Whether to say nothing but errors.
        extra_fields: Places of fields that searches are to carry first in `extra`.
        course: How the run goes on.

    Yields:
        What the command works with.

    Raises:
        typer.Exit: With the exit code, after what is wrong was said.
    """
    names = named_inputs(context, files)

    def total() -> int | None:
        return None if course.follows else total_size(names)

    with reporting(total, output, is_quiet=is_quiet) as console, ExitStack() as stack:
        _refuse(names, course)
        refuse_repeated(names)
        written = {
            "output": output,
            "bad lines": options.bad_lines,
            "checkpoint": course.checkpoint,
        }
        lists = [str(path) for path in (options.exclude_users, options.schema) if path is not None]
        refuse_overwriting([*names, *lists], written)
        pipeline = options.pipeline(console, extra_fields)
        resumption = _resume(stack, console, pipeline, options, course)
        _set_course(pipeline, options, course, console, resumption)
        is_growing = course.grows and (course.follows or resumption is not None)
        write, has_written = _open_output(stack, output, resumption, grows=is_growing)
        if options.bad_lines is not None:
            keep, _ = _open_output(stack, options.bad_lines, resumption, grows=True)
            pipeline.bad_lines.keep = keep
        if resumption is not None:
            resumption.cut_others()
        yield Run(
            console,
            pipeline,
            write,
            has_written,
            names,
            options,
            extra_fields,
            course,
            resumption,
        )
        if output is not None and not is_growing:
            refuse_incomplete(console, output)


def refuse_incomplete(console: Console, output: Path) -> None:
    """Keep what an output file held before, if not every input could be read.

    Raises:
        OutputError: If an input failed.
    """
    if console.has_failed and _may_be_regular(output):
        raise OutputError(f"{output}: not written, as not every input could be read")


def named_inputs(context: typer.Context, files: list[str] | None) -> list[str]:
    """Return the inputs to read; print how to use the command if that would be a terminal.

    Args:
        context: Of the command.
        files: What was named to be read.

    Raises:
        typer.Exit: If there is nothing to read.
        typer.BadParameter: If standard input is named twice.
    """
    if not files and os.isatty(STDIN_DESCRIPTOR):
        print(context.get_help(), file=sys.stderr)
        print("\nctrlog: name a file, or pipe a log in", file=sys.stderr)
        raise typer.Exit(2)
    names = files or [STDIN]
    if names.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="FILES")
    if "" in names:
        raise typer.BadParameter("a name is empty; is a variable not set?", param_hint="FILES")
    return names


def _refuse(names: list[str], course: Course) -> None:
    """Refuse what makes no sense together."""
    if course.idle_after is not None and not course.follows:
        raise UsageError("--idle-after is for --follow: else the log's time alone counts")
    if course.interleaves and (course.follows or course.checkpoint is not None):
        raise UsageError("--interleave reads files to their ends, without --follow or --checkpoint")
    if course.checkpoint is None:
        return
    for name in names:
        if name == STDIN or not _may_be_regular(Path(name)):
            what = "standard input" if name == STDIN else name
            raise UsageError(
                f"{what} cannot be read again from where a run stopped, as --checkpoint needs it;"
                " name files"
            )


def _may_be_regular(path: Path) -> bool:
    """Tell whether a path is a regular file or may become one; a folder is told apart later."""
    try:
        mode = path.stat().st_mode
    except OSError:  # told when it is opened
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def refuse_overwriting(names: list[str], written: Mapping[str, Path | None]) -> None:
    """Refuse to write to an input, or to one file for two purposes.

    Args:
        names: What is read.
        written: What is written, by its purpose.

    Raises:
        UsageError: If it is the same file.
    """
    inputs = {_identity(STDIN_DESCRIPTOR if name == STDIN else Path(name)) for name in names}
    purposes: dict[object, str] = {}
    for purpose, path in written.items():
        if path is None:
            continue
        identity = _identity(path)
        if identity in inputs:
            raise UsageError(f"{path} is both an input and the {purpose}")
        if identity in purposes:
            raise UsageError(f"the {purposes[identity]} and the {purpose} cannot go to one file")
        purposes[identity] = purpose


def _identity(file: int | Path) -> object:
    """What tells a file from others; for what is no regular file, nothing does."""
    with suppress(OSError, ValueError):
        status = os.stat(file)  # noqa: PTH116  # also of a descriptor
        return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else object()
    return os.path.realpath(file) if isinstance(file, Path) else object()


def _resume(
    stack: ExitStack, console: Console, pipeline: Pipeline, options: LogOptions, course: Course
) -> Resumption | None:
    """Go on from the checkpoint, if there is to be one."""
    if course.checkpoint is None:
        return None
    # Loaded here, so that other runs need not wait for it.
    from ctrlog.run.checkpoint import open_checkpoint  # noqa: PLC0415
    from ctrlog.run.resume import Resumption  # noqa: PLC0415

    checkpoint = stack.enter_context(open_checkpoint(course.checkpoint))
    settings = {**course.settings, **options.settings()}
    return Resumption(checkpoint, settings, pipeline, course.parts, say=console.note)


def _set_course(
    pipeline: Pipeline,
    options: LogOptions,
    course: Course,
    console: Console,
    resumption: Resumption | None,
) -> None:
    """Let the pipeline read as it is to be read."""
    pipeline.interleaves = course.interleaves
    plan: Plan = from_the_beginning if resumption is None else resumption.plan
    if course.follows:
        from ctrlog.inputs.follow import Following  # noqa: PLC0415

        known = () if resumption is None else resumption.known
        pipeline.reader = Following(options.limits, plan, console.note, known=known)
        pipeline.idle_after = IDLE_AFTER if course.idle_after is None else course.idle_after
    elif resumption is not None:
        pipeline.reader = InTurn(options.limits, plan, is_to_go_on=True)
    if course.follows or resumption is not None:

        def pause() -> bool:
            if resumption is not None:
                resumption.save_if_due()
            return asked_to_stop() is not None

        pipeline.on_pause = pause
        stop_softly()


def _open_output(
    stack: ExitStack, path: Path | None, resumption: Resumption | None, *, grows: bool
) -> tuple[Write, bool]:
    """Open an output, and tell whether there is something in it already."""
    if path is None or not grows or not _may_be_regular(path):
        return stack.enter_context(open_output(path)), False
    if resumption is None:
        return stack.enter_context(open_as_written(path)), False
    growing = stack.enter_context(resumption.open_output(path))
    return growing.write, growing.length > 0
