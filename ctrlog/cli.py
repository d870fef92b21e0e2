"""The command line: parses, calls, and maps errors to exit codes."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from ctrlog import __version__
from ctrlog.choices import MOST_GROUPS, CheckFormat, Order, SummaryFormat
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
    SchemaChoice,
    Since,
    Strict,
    Until,
    Where,
    parse_pair,
    parse_zone,
    parsed,
)
from ctrlog.outputs import STDOUT_DESCRIPTOR, Write, open_as_written, open_output
from ctrlog.pipeline import MAX_LINE_BYTES, Pipeline
from ctrlog.shard import DEFAULTS, Rules
from ctrlog.sinks import Format, Per, make_sink
from ctrlog.sources import STDIN, STDIN_DESCRIPTOR, total_size
from ctrlog.terminal import STDERR_DESCRIPTOR, Color, Console, wants_color
from ctrlog.times import format_duration

if TYPE_CHECKING:
    from ctrlog.grouping import Grouping

app = typer.Typer(
    name="ctrlog",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts twice as fast
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


schema_app = typer.Typer(
    help="Show the schemas that come with ctrlog: what logs call things.",
    no_args_is_help=True,
)
app.add_typer(schema_app, name="schema")


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
    schema: SchemaChoice = None,
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
        gap=gap,
        lateness=lateness,
        max_session=max_session,
        reorder=reorder,
        since=since,
        until=until,
        where=where,
        schema=schema,
        field=field,
        strict=strict,
        max_bad=max_bad,
        bad_lines=bad_lines,
        max_line=max_line,
    )
    with _reading(context, files, options, output, is_quiet=quiet) as reading:
        sink = make_sink(format_, per, color=_is_colored(color, output))
        reading.write(sink.header)
        for ended in reading.pipeline.run(reading.names):
            records = ended.searches if per is Per.SEARCH else ended.sessions
            if records:
                reading.write(sink.lines(records))
        _add_notes(reading)


@app.command()
def summary(
    context: typer.Context,
    files: Files = None,
    by: Annotated[
        Optional[list[str]],
        typer.Option(
            "--by",
            metavar="hour|day|week|weekday|query|user|FIELD",
            help="Group searches, FIELD being the place of any field of the Search event. Give"
            " it twice to group by two.",
        ),
    ] = None,
    top: Annotated[
        Optional[int],
        typer.Option(
            "--top",
            min=1,
            metavar="N",
            help="Show so many groups; 20 unless told on a screen and in Markdown, else all.",
        ),
    ] = None,
    sort: Annotated[
        Optional[Order], typer.Option("--sort", help="Sort groups, the most first.")
    ] = None,
    worst: Annotated[
        bool,
        typer.Option(
            "--worst",
            help="Show first the groups whose CTR is surely low, by the upper end of its"
            " interval; of queries, unless --by says otherwise.",
        ),
    ] = False,
    min_searches: Annotated[
        int,
        typer.Option("--min-searches", min=1, metavar="N", help="Leave out smaller groups."),
    ] = 1,
    fold: Annotated[
        bool, typer.Option("--fold", help="Group queries without case, accents and blanks.")
    ] = False,
    tz: Annotated[
        tzinfo,
        parsed("--tz", parse_zone, "ZONE", "The zone of hours and days; UTC unless told."),
    ] = UTC,
    max_groups: Annotated[
        int,
        typer.Option(
            "--max-groups",
            min=2,
            metavar="N",
            help="Merge the rare ones when there are more groups, to bound memory.",
        ),
    ] = MOST_GROUPS,
    fail_under: Annotated[
        Optional[float],
        typer.Option(
            "--fail-under", min=0, max=1, metavar="CTR", help="Exit 1 if the CTR is lower."
        ),
    ] = None,
    format_: Annotated[
        SummaryFormat, typer.Option("--format", help="How to write.")
    ] = SummaryFormat.TABLE,
    output: OutputFile = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    reorder: ReorderWindow = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    schema: SchemaChoice = None,
    field: Fields = None,
    strict: Strict = False,
    max_bad: MaxBad = None,
    bad_lines: BadLinesFile = None,
    max_line: MaxLine = MAX_LINE_BYTES,
    color: ColorChoice = Color.AUTO,
    quiet: Quiet = False,
) -> None:
    """Sum a log up in a table: click-through, and where searches fail.

    docs/metrics.md says what each number means.
    """
    options = LogOptions(
        gap=gap,
        lateness=lateness,
        max_session=max_session,
        reorder=reorder,
        since=since,
        until=until,
        where=where,
        schema=schema,
        field=field,
        strict=strict,
        max_bad=max_bad,
        bad_lines=bad_lines,
        max_line=max_line,
    )
    # Loaded here, so that `run` need not wait for it.
    from ctrlog.grouping import Choice  # noqa: PLC0415
    from ctrlog.rendering import render  # noqa: PLC0415
    from ctrlog.summary import summarize  # noqa: PLC0415

    grouping = _grouping(by or (["query"] if worst else []), tz, folds=fold)
    is_timeline = grouping is not None and grouping.period and not (sort or worst)
    choice = Choice(
        sort, worst, min_searches, top or (None if is_timeline else format_.most_groups)
    )
    extra_fields = grouping.extra_fields if grouping else ()
    with _reading(
        context, files, options, output, is_quiet=quiet, extra_fields=extra_fields
    ) as reading:
        found = summarize(reading.pipeline, reading.names, grouping, choice, max_groups)
        is_colored = _is_colored(color, output)
        reading.write(render(found, format_, color=is_colored, width=_width(output)))
        if format_ is not SummaryFormat.TABLE:  # which says so itself
            _add_notes(reading)
    _fail_under(fail_under, found.searches.ctr)


@app.command()
def explain(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose events to explain.")],
    files: Files = None,
    output: OutputFile = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    reorder: ReorderWindow = None,
    schema: SchemaChoice = None,
    field: Fields = None,
    max_line: MaxLine = MAX_LINE_BYTES,
    quiet: Quiet = False,
) -> None:
    """Show one user's events, and the rule that drew each border of a search or session.

    docs/rules.md has the rules.
    """
    options = LogOptions(
        gap=gap,
        lateness=lateness,
        max_session=max_session,
        reorder=reorder,
        schema=schema,
        field=field,
        max_line=max_line,
    )
    from ctrlog.explanation import ExplainingShard  # noqa: PLC0415

    with _reading(context, files, options, output, is_quiet=quiet) as reading:
        shard = ExplainingShard(user, reading.pipeline.shard.rules)
        reading.pipeline.shard = shard
        for _ in reading.pipeline.run(reading.names):
            lines = shard.take_lines()
            if lines:
                reading.write("".join(f"{line}\n" for line in lines).encode())
        if not shard.events_explained:
            reading.console.note(f"no event of user {user!r} among {shard.counts.events:,} events")
        _add_notes(reading)


@app.command()
def check(
    context: typer.Context,
    files: Files = None,
    schema: Annotated[
        Optional[str],
        typer.Option(
            "--schema",
            metavar="NAME|FILE",
            help="What the log calls things; the schema that fits best unless told.",
            show_default=False,
        ),
    ] = None,
    field: Fields = None,
    where: Annotated[
        Optional[list[tuple]],  # type: ignore[type-arg]
        parsed(
            "--where",
            parse_pair,
            "FIELD=VALUE",
            "Look only at events that have this value. Repeat for further fields, or for another"
            " value of the same field.",
        ),
    ] = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_line: MaxLine = MAX_LINE_BYTES,
    format_: Annotated[
        CheckFormat, typer.Option("--format", help="How to write.")
    ] = CheckFormat.TEXT,
    output: OutputFile = None,
    quiet: Quiet = False,
) -> None:
    """Look at a log before its numbers are believed: what is in it, and what may be wrong.

    Finds the schema that fits unless one is named. Exits with 1 if something makes CTR wrong.
    """
    from ctrlog.checking import Choices  # noqa: PLC0415
    from ctrlog.checking import check as check_log  # noqa: PLC0415
    from ctrlog.checkpage import to_json, to_text  # noqa: PLC0415
    from ctrlog.facts import Severity  # noqa: PLC0415
    from ctrlog.findings import findings  # noqa: PLC0415

    names = _names(context, files)
    rules = Rules(gap, lateness)
    choices = Choices(schema, field or (), tuple(where or ()), rules, max_line)
    with _reporting(names, output, is_quiet=quiet) as console:
        _refuse_overwriting(names, output)
        with open_output(output) as write:
            facts = check_log(names, choices, console)
            found = findings(facts)
            is_text = format_ is CheckFormat.TEXT
            write(to_text(facts, found).encode() if is_text else to_json(facts, found))
    if any(finding.severity is Severity.WRONG for finding in found):
        raise typer.Exit(1)


@schema_app.command("list")
def list_schemas() -> None:
    """List the schemas that come with ctrlog."""
    from ctrlog.schemafile import PRESETS, load_schema  # noqa: PLC0415

    with _reporting([], None, is_quiet=False), open_output(None) as write:
        width = max(map(len, PRESETS))
        for name in PRESETS:
            write(f"{name:{width}}  {load_schema(name).description}\n".encode())


@schema_app.command("show")
def show_schema(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A schema that is listed.")],
) -> None:
    """Print a schema as TOML, to start your own from.

    --schema takes a file like it; docs/schemas.md says how one is written.
    """
    from ctrlog.schemafile import preset_text  # noqa: PLC0415

    with _reporting([], None, is_quiet=False), open_output(None) as write:
        write(preset_text(name).encode())


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
    """Open what a command reads from and writes to, and complete it at the end."""
    names = _names(context, files)
    with _reporting(names, output, is_quiet=is_quiet) as console:
        _refuse_overwriting(names, output, options.bad_lines)
        pipeline = options.pipeline(console, extra_fields)
        with open_output(output) as write, _kept(options.bad_lines) as keep:
            pipeline.bad_lines.keep = keep
            yield _Reading(console, names, pipeline, write)


def _is_colored(color: Color, output: Path | None) -> bool:
    if output is not None:
        return color is Color.ALWAYS
    return wants_color(color, STDOUT_DESCRIPTOR)


def _grouping(dimensions: list[str], zone: tzinfo, *, folds: bool) -> Grouping | None:
    from ctrlog.grouping import Grouping  # noqa: PLC0415

    try:
        return Grouping(tuple(dimensions), zone, folds) if dimensions else None
    except UsageError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from None


def _width(output: Path | None) -> int:
    """The columns of the terminal that is written to; 80 for anything else."""
    if output is None and os.isatty(STDOUT_DESCRIPTOR):
        return shutil.get_terminal_size().columns
    return 80


def _fail_under(lowest: float | None, ctr: float | None) -> None:
    if lowest is None or (ctr is not None and ctr >= lowest):
        return
    found = "no search, so no CTR" if ctr is None else f"CTR {ctr:.4g} is under {lowest:g}"
    print(f"ctrlog: {found}", file=sys.stderr)
    raise typer.Exit(1)


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


def _add_notes(reading: _Reading) -> None:
    """Say at the end what a user should know of the log."""
    console, pipeline = reading.console, reading.pipeline
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
