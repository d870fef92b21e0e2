"""The command line: parses, calls, and maps errors to exit codes."""

from __future__ import annotations

import gc
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from ctrlog import __version__
from ctrlog.badlines import BadLines, Limit
from ctrlog.decoding import Decoder
from ctrlog.errors import CtrlogError, DataError, UsageError
from ctrlog.filters import Filter
from ctrlog.interrupts import Interrupted, interruptible
from ctrlog.outputs import STDOUT_DESCRIPTOR, Write, open_as_written, open_output
from ctrlog.pipeline import MAX_LINE_BYTES, Pipeline
from ctrlog.reorder import Reorder
from ctrlog.schema import Schema
from ctrlog.shard import DEFAULTS, Rules, Shard
from ctrlog.sinks import Format, Per, make_sink
from ctrlog.sources import STDIN, STDIN_DESCRIPTOR, total_size
from ctrlog.terminal import STDERR_DESCRIPTOR, Color, Console, wants_color
from ctrlog.times import format_duration, parse_duration, parse_time

app = typer.Typer(
    name="ctrlog",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts twice as fast
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

T = TypeVar("T")


def _option(parse: Callable[[str], T]) -> Callable[[str | T], T]:
    """Make a parser's ValueError a message about the option, and let defaults pass."""

    def parser(text: str | T) -> T:
        try:
            return parse(text) if isinstance(text, str) else text
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _size(text: str) -> int:
    """Read a size in bytes: `65536`, `64K`, `16M`, `1G`."""
    units = {"K": 1024, "M": 1024**2, "G": 1024**3}
    number = text.removesuffix("B").removesuffix("b")
    unit = units.get(number[-1:].upper())
    number = number[:-1] if unit else number
    if not number.isdecimal() or not int(number):
        raise ValueError(f"{text!r} is no size: write 65536, 64K or 16M")
    return int(number) * (unit or 1)


# The options of every command that reads logs.


def _parsed(name: str, parse: Callable[[str], Any], metavar: str, help_: str) -> Any:
    return typer.Option(
        name, parser=_option(parse), metavar=metavar, help=help_, show_default=False
    )


Files = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="FILES...",
        help="Logs in newline-delimited JSON, in the order to take them; - is standard"
        " input, which is also read if nothing is named and it is no terminal.",
        show_default=False,
    ),
]
Gap = Annotated[
    timedelta,
    _parsed(
        "--gap", parse_duration, "DURATION", "The longest pause inside a session; 30m unless told."
    ),
]
Lateness = Annotated[
    timedelta,
    _parsed(
        "--lateness",
        parse_duration,
        "DURATION",
        "How far behind the latest event one may be and still be in time; 5m unless told.",
    ),
]
MaxSession = Annotated[
    Optional[timedelta],
    _parsed(
        "--max-session",
        parse_duration,
        "DURATION",
        "End a session that has lasted this long at its next event.",
    ),
]
ReorderWindow = Annotated[
    Optional[timedelta],
    _parsed(
        "--reorder",
        parse_duration,
        "DURATION",
        "First sort events that are up to this much out of order.",
    ),
]
Since = Annotated[
    Optional[datetime],
    _parsed("--since", parse_time, "TIME", "Report only searches made at TIME or later."),
]
Until = Annotated[
    Optional[datetime],
    _parsed("--until", parse_time, "TIME", "Report only searches made before TIME."),
]
Where = Annotated[
    Optional[list[tuple]],  # type: ignore[type-arg]  # typer takes no tuple[str, str] here
    _parsed(
        "--where",
        _pair,
        "FIELD=VALUE",
        "Report only searches whose Search event has this value. Repeat for further fields,"
        " or for another value of the same field.",
    ),
]
Fields = Annotated[
    Optional[list[tuple]],  # type: ignore[type-arg]
    _parsed(
        "--field",
        _pair,
        "FIELD=PLACE",
        "Where the log has a field: user=client_id, or item=object.id inside an object. Repeat"
        " for further fields.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad line, exit 1.")]
MaxBad = Annotated[
    Optional[Limit],
    _parsed(
        "--max-bad", Limit.parse, "N|N%", "Exit 1 if there are more bad lines, or a larger share."
    ),
]
BadLinesFile = Annotated[
    Optional[Path],
    typer.Option(
        "--bad-lines", metavar="FILE", help="Keep bad lines, each after its place and reason."
    ),
]
MaxLine = Annotated[
    int,
    _parsed("--max-line", _size, "SIZE", "A longer line is bad; 16M unless told."),
]
OutputFile = Annotated[
    Optional[Path],
    typer.Option("-o", "--output", metavar="FILE", help="Write here, complete or not at all."),
]
ColorChoice = Annotated[
    Color, typer.Option("--color", help="Whether to colour text; auto: on a terminal.")
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Say nothing on standard error but errors.")
]


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
    names = _names(context, files)
    output = None if output == Path(STDIN) else output
    filter_ = Filter(since, until, tuple(where or ()))
    with _reporting(names, output, is_quiet=quiet) as console:
        _refuse_overwriting(names, output, bad_lines)
        decoder = Decoder(Schema.native(field or (), filter_.extra_fields), max_line)
        limit = _limit(max_bad, is_strict=strict)
        sink = make_sink(format_, per, color=_is_colored(color, output))
        with open_output(output) as write, _kept(bad_lines) as keep:
            pipeline = Pipeline(
                shard=Shard(Rules(gap, lateness, max_session, filter_.selector())),
                decoder=decoder,
                bad_lines=BadLines(console.show, limit, keep),
                reorder=None if reorder is None else Reorder(reorder),
                max_line_bytes=max_line,
                on_failure=console.fail,
                on_read=console.advance,
            )
            write(sink.header)
            for ended in pipeline.run(names):
                records = ended.searches if per is Per.SEARCH else ended.sessions
                if records:
                    write(sink.lines(records))
        _add_notes(console, pipeline)


def _is_colored(color: Color, output: Path | None) -> bool:
    if output is not None:
        return color is Color.ALWAYS
    return wants_color(color, STDOUT_DESCRIPTOR)


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
def _reporting(names: list[str], output: Path | None, *, is_quiet: bool) -> Iterator[Console]:
    """Give a console to report to, and map what goes wrong to messages and exit codes."""
    # What a run makes has no cycles, so there is nothing for the collector to find.
    gc.disable()
    is_screen_free = output is not None or not os.isatty(STDOUT_DESCRIPTOR)
    shows_progress = not is_quiet and is_screen_free and os.isatty(STDERR_DESCRIPTOR)
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


def _refuse_overwriting(names: list[str], *outputs: Path | None) -> None:
    """Refuse to write to an input, or to one file for two purposes."""
    inputs = {_identity(STDIN_DESCRIPTOR if name == STDIN else name) for name in names}
    written = [_identity(output) for output in outputs if output is not None]
    for output in outputs:
        if output is not None and _identity(output) in inputs:
            raise UsageError(f"{output} is both an input and the output")
    if len(set(written)) < len(written):
        raise UsageError("the output and the bad lines cannot go to one file")


def _identity(file: str | int | Path) -> object:
    """What tells a file from others; for what is no regular file, nothing does."""
    with suppress(OSError, ValueError):
        status = os.stat(file)  # noqa: PTH116  # also of a descriptor
        return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else object()
    return os.path.realpath(file) if isinstance(file, Path) else object()


def _kept(path: Path | None) -> AbstractContextManager[Write | None]:
    return nullcontext() if path is None else open_as_written(path)


def _limit(max_bad: Limit | None, *, is_strict: bool) -> Limit | None:
    if is_strict and max_bad is not None:
        raise UsageError("--strict and --max-bad exclude each other")
    return Limit(count=0) if is_strict else max_bad


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
            f"no Search among {counts.events:,} event{'s' if counts.events > 1 else ''}; if the log"
            " names events in another field than type, use --field type=NAME"
        )
