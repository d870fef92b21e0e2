"""The command line: parses, calls, and maps errors to exit codes."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ctrlog import __version__
from ctrlog.errors import CtrlogError, DataError, UsageError
from ctrlog.interrupts import Interrupted, interruptible
from ctrlog.options import (
    BadLinesFile,
    ColorChoice,
    Fields,
    Files,
    Gap,
    Lateness,
    LogOptions,
    MaxBad,
    MaxLine,
    MaxSession,
    OutputFile,
    Quiet,
    ReorderWindow,
    Since,
    Strict,
    Until,
    Where,
)
from ctrlog.outputs import STDOUT_DESCRIPTOR, Write, open_as_written, open_output
from ctrlog.pipeline import MAX_LINE_BYTES, Pipeline
from ctrlog.shard import DEFAULTS
from ctrlog.sinks import Format, Per, make_sink
from ctrlog.sources import STDIN, STDIN_DESCRIPTOR, total_size
from ctrlog.terminal import STDERR_DESCRIPTOR, Color, Console, wants_color
from ctrlog.times import format_duration

app = typer.Typer(
    name="ctrlog",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts twice as fast
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ctrlog {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
) -> None:
    """Which of our searches end in a click? Click-through from search event logs."""


@app.command()
def run(
    context: typer.Context,
    files: Files = None,
    per: Annotated[Per, typer.Option("--per", help="What to print a line for.")] = Per.SEARCH,
    format_: Annotated[
        Format, typer.Option("--format", help="How to write; text and tsv are tab-separated.")
    ] = Format.TEXT,
    output: OutputFile = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    reorder: ReorderWindow = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    field: Fields = None,
    strict: Strict = False,
    max_bad: MaxBad = None,
    bad_lines: BadLinesFile = None,
    max_line: MaxLine = MAX_LINE_BYTES,
    color: ColorChoice = Color.AUTO,
    quiet: Quiet = False,
) -> None:
    """Print a line for each search, as soon as it is over.

    The columns of a search are ctr (1.0 if it got a click, else 0.0), user, query, results,
    clicks, first_rank, first_click_s, time, session_start and closed_by; those of a session are
    ctr, clicks_per_search, user, searches, clicked_searches, clicks, session_start, session_end
    and closed_by.
    """
    options = LogOptions(
        gap,
        lateness,
        max_session,
        reorder,
        since,
        until,
        where,
        field,
        strict,
        max_bad,
        bad_lines,
        max_line,
    )
    with _reading(context, files, options, output, is_quiet=quiet) as reading:
        sink = make_sink(format_, per, color=_is_colored(color, output))
        reading.write(sink.header)
        for ended in reading.pipeline.run(reading.names):
            records = ended.searches if per is Per.SEARCH else ended.sessions
            if records:
                reading.write(sink.lines(records))


class _Reading(NamedTuple):
    """What a command that reads logs works with."""

    console: Console
    names: list[str]
    pipeline: Pipeline
    write: Write


@contextmanager
def _reading(
    context: typer.Context,
    files: list[str] | None,
    options: LogOptions,
    output: Path | None,
    *,
    is_quiet: bool,
    extra_fields: tuple[str, ...] = (),
) -> Iterator[_Reading]:
    """Open what a command reads from and writes to, and say at the end what there is to say."""
    names = _names(context, files)
    with _reporting(names, is_quiet=is_quiet) as console:
        for written in (output, options.bad_lines):
            _refuse_input_as_output(names, written)
        with open_output(output) as write, _kept(options.bad_lines) as keep:
            pipeline = options.pipeline(console, keep, extra_fields)
            yield _Reading(console, names, pipeline, write)
        _add_notes(console, pipeline)


def _is_colored(color: Color, output: Path | None) -> bool:
    return output is None and wants_color(color, STDOUT_DESCRIPTOR)


def _names(context: typer.Context, files: list[str] | None) -> list[str]:
    """The inputs to read; prints how to use the command if that would be a terminal."""
    if not files and os.isatty(STDIN_DESCRIPTOR):
        print(context.get_help(), file=sys.stderr)
        print("\nctrlog: name a file, or pipe a log in", file=sys.stderr)
        raise typer.Exit(2)
    names = files or [STDIN]
    if names.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="FILES")
    return names


@contextmanager
def _reporting(names: list[str], *, is_quiet: bool) -> Iterator[Console]:
    """Give a console to report to, and map what goes wrong to messages and exit codes."""
    # What a run makes has no cycles, so there is nothing for the collector to find.
    gc.disable()
    shows_progress = (
        not is_quiet and os.isatty(STDERR_DESCRIPTOR) and not os.isatty(STDOUT_DESCRIPTOR)
    )
    console = Console(total_size(names) if shows_progress else None, is_quiet=is_quiet)
    try:
        with interruptible(), console:
            yield console
    except Interrupted as interrupted:
        raise typer.Exit(128 + interrupted.signal_number) from None
    except BrokenPipeError:
        raise typer.Exit(128 + signal.SIGPIPE) from None
    except DataError as error:
        console.error(str(error))
        raise typer.Exit(1) from None
    except CtrlogError as error:
        console.error(str(error))
        raise typer.Exit(2) from None
    if console.has_failed:
        raise typer.Exit(2)


def _refuse_input_as_output(names: list[str], output: Path | None) -> None:
    if output is None or not output.exists():
        return
    for name in names:
        if name != STDIN and Path(name).exists() and output.samefile(name):
            raise UsageError(f"{output} is both an input and the output")


def _kept(path: Path | None) -> AbstractContextManager[Write | None]:
    return nullcontext() if path is None else open_as_written(path)


def _add_notes(console: Console, pipeline: Pipeline) -> None:
    """Say at the end what a user should know of the log."""
    counts = pipeline.shard.counts
    if pipeline.bad_lines.total:
        console.note(pipeline.bad_lines.summary(counts.events))
    if counts.late:
        behind = format_duration(pipeline.shard.rules.lateness)
        furthest = format_duration(counts.largest_step_back)
        console.note(
            f"{counts.late:,} of {counts.events:,} events came more than {behind} late, up to"
            f" {furthest}; a longer --lateness waits for them, --reorder sorts them in"
        )
    if counts.events and not pipeline.shard.has_searched:
        console.note(
            f"no Search among {counts.events:,} events; if the log names events in another"
            " field than type, use --field type=NAME"
        )
