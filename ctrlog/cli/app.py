"""The command line: parses, calls, and maps errors to exit codes."""

from __future__ import annotations

import os
import sys
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ctrlog._version import __version__
from ctrlog.cli.check import check
from ctrlog.cli.exit_codes import reporting
from ctrlog.cli.options import (
    Attribute,
    BadLinesFile,
    CheckpointFile,
    ColorChoice,
    DedupeClicks,
    ExcludeUsers,
    Fields,
    Files,
    Follow,
    Gap,
    IdleAfter,
    Interleave,
    Jobs,
    Lateness,
    MaxBad,
    MaxLine,
    MaxSession,
    MergeTyping,
    OutputFile,
    Quiet,
    ReorderWindow,
    SchemaChoice,
    Since,
    SpreadsheetSafe,
    Strict,
    Until,
    Where,
    parse_zone,
    parsed,
)
from ctrlog.cli.runner import Course, start_run
from ctrlog.cli.schema import schema_app
from ctrlog.cli.simulate import simulate
from ctrlog.errors import DataError, UsageError
from ctrlog.inputs.lines import MAX_LINE_BYTES
from ctrlog.metrics.order import MOST_GROUPS, Order
from ctrlog.outputs.console import Color, wants_color
from ctrlog.outputs.files import STDOUT_DESCRIPTOR, columns_of, open_output
from ctrlog.outputs.formats import CheckpointFormat, SummaryFormat
from ctrlog.outputs.records import Format, Look, Per
from ctrlog.run.collect import RecordCollector
from ctrlog.run.settings import LogOptions
from ctrlog.schemas.bad_lines import BadLines
from ctrlog.sessions.rules import DEFAULTS

if TYPE_CHECKING:
    from ctrlog.metrics.groups import Grouping

# Without this, typer ignores the shell that is named and installs completion for the present one.
os.environ.setdefault("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

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
    spreadsheet_safe: SpreadsheetSafe = False,
    output: OutputFile = None,
    follow: Follow = False,
    idle_after: IdleAfter = None,
    checkpoint: CheckpointFile = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    reorder: ReorderWindow = None,
    interleave: Interleave = False,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    schema: SchemaChoice = None,
    field: Fields = None,
    attribute: Attribute = None,
    merge_typing: MergeTyping = None,
    dedupe_clicks: DedupeClicks = False,
    exclude_users: ExcludeUsers = None,
    max_user_searches: Annotated[
        Optional[int],
        typer.Option(
            "--max-user-searches",
            min=1,
            metavar="N",
            help="Report no more searches of a user.",
        ),
    ] = None,
    strict: Strict = False,
    max_bad: MaxBad = None,
    bad_lines: BadLinesFile = None,
    max_line: MaxLine = MAX_LINE_BYTES,
    jobs: Jobs = None,
    color: ColorChoice = Color.AUTO,
    quiet: Quiet = False,
) -> None:
    """Print a line for each search, as soon as it is over.

    The columns of a search are ctr (1.0 if it got a click, else 0.0), user, query, results,
    clicks, first_rank, first_click_s, time, session_start, closed_by and followed (true if
    another search of the session came after it); those of a session are ctr,
    clicks_per_search, user, searches, clicked_searches, clicks, session_start, session_end and
    closed_by. --merge-typing adds refinements before followed.
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
        attribute=attribute,
        merge_typing=merge_typing,
        dedupe_clicks=dedupe_clicks,
        exclude_users=exclude_users,
        max_user_searches=max_user_searches,
        strict=strict,
        max_bad=max_bad,
        bad_lines=bad_lines,
        max_line=max_line,
    )
    course = Course(
        follows=follow,
        idle_after=idle_after,
        checkpoint=checkpoint,
        settings={
            "command": "run",
            "--per": per.value,
            "--format": format_.value,
            **({"--spreadsheet-safe": ""} if spreadsheet_safe else {}),
        },
        grows=True,
        interleaves=interleave,
        jobs=jobs,
    )
    look = _look(color, output, format_, guards_formulas=spreadsheet_safe)
    with start_run(context, files, options, output, is_quiet=quiet, course=course) as run:
        printing = RecordCollector(
            format_,
            per,
            run.write,
            look,
            has_refinements=merge_typing is not None,
        )
        if not run.has_written:
            run.write(printing.header)
        run.through(printing)
        run.add_notes()


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
    spreadsheet_safe: SpreadsheetSafe = False,
    output: OutputFile = None,
    checkpoint: CheckpointFile = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    reorder: ReorderWindow = None,
    interleave: Interleave = False,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    schema: SchemaChoice = None,
    field: Fields = None,
    attribute: Attribute = None,
    merge_typing: MergeTyping = None,
    dedupe_clicks: DedupeClicks = False,
    exclude_users: ExcludeUsers = None,
    max_user_searches: Annotated[
        Optional[int],
        typer.Option(
            "--max-user-searches", min=1, metavar="N", help="Leave out users with more searches."
        ),
    ] = None,
    strict: Strict = False,
    max_bad: MaxBad = None,
    bad_lines: BadLinesFile = None,
    max_line: MaxLine = MAX_LINE_BYTES,
    jobs: Jobs = None,
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
        attribute=attribute,
        merge_typing=merge_typing,
        dedupe_clicks=dedupe_clicks,
        exclude_users=exclude_users,
        strict=strict,
        max_bad=max_bad,
        bad_lines=bad_lines,
        max_line=max_line,
    )
    # Loaded here, so that `run` need not wait for it.
    from ctrlog.metrics.groups import Choice  # noqa: PLC0415
    from ctrlog.metrics.summary import SummaryCollector  # noqa: PLC0415
    from ctrlog.outputs.summary_formats import render  # noqa: PLC0415

    grouping = _grouping(by or (["query"] if worst else []), tz, folds=fold)
    is_timeline = grouping is not None and grouping.period and not (sort or worst)
    choice = Choice(
        sort, worst, min_searches, top or (None if is_timeline else format_.most_groups)
    )
    look = _look(color, output, format_, guards_formulas=spreadsheet_safe)
    summing = SummaryCollector(grouping, max_groups, max_user_searches)
    course = Course(
        checkpoint=checkpoint,
        settings={
            "command": "summary",
            **_grouping_settings(grouping, max_groups),
            **({"--max-user-searches": str(max_user_searches)} if max_user_searches else {}),
        },
        parts={"summing": summing},
        interleaves=interleave,
        # Whose searches are too many is known when all are together.
        jobs=1 if max_user_searches else jobs,
    )
    extra_fields = grouping.extra_fields if grouping else ()
    with start_run(
        context, files, options, output, is_quiet=quiet, extra_fields=extra_fields, course=course
    ) as run:
        run.through(summing)
        found = summing.summary(run.pipeline.facts(), choice, options.chosen)
        if run.console.has_failed and not (found.counts.events or found.bad_lines):
            raise typer.Exit(2)  # no input could be read, so there is nothing to sum up
        run.write(render(found, format_, look, width=columns_of(output)))
        if format_ is not SummaryFormat.TABLE:  # which says so itself
            run.add_notes()
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
    interleave: Interleave = False,
    schema: SchemaChoice = None,
    field: Fields = None,
    attribute: Attribute = None,
    merge_typing: MergeTyping = None,
    dedupe_clicks: DedupeClicks = False,
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
        attribute=attribute,
        merge_typing=merge_typing,
        dedupe_clicks=dedupe_clicks,
        max_line=max_line,
    )
    from ctrlog.outputs.explain import ExplainingShard  # noqa: PLC0415

    course = Course(interleaves=interleave)
    with start_run(context, files, options, output, is_quiet=quiet, course=course) as run:
        shard = ExplainingShard(user, run.pipeline.shard.rules, width=columns_of(output))
        run.pipeline.shard = shard
        messages: list[str] = []
        run.pipeline.bad_lines = BadLines(messages.append)
        for _ in run.ended():
            lines = shard.take_lines()
            if lines:
                run.write("".join(f"{line}\n" for line in lines).encode())
        for message in messages:  # of any user, so not between the events of this one
            run.console.show(message)
        run.add_notes("ctrlog run --bad-lines FILE")
        if not (shard.events_explained or run.console.has_failed):
            raise DataError(f"no event of user {user!r} among {shard.counts.events:,} events")


app.command()(check)
app.add_typer(schema_app, name="schema")
app.command()(simulate)

checkpoint_app = typer.Typer(no_args_is_help=True, help="Look into checkpoints.")
app.add_typer(checkpoint_app, name="checkpoint")


@checkpoint_app.callback()
def checkpoint_main() -> None:
    """Look into checkpoints, which --checkpoint writes."""


@checkpoint_app.command("show")
def show_checkpoint(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The checkpoint.")],
    format_: Annotated[
        CheckpointFormat, typer.Option("--format", help="How to write.")
    ] = CheckpointFormat.TEXT,
) -> None:
    """Tell what is in a checkpoint: how far each input was read, and what is open."""
    from ctrlog.run import checkpoint_view  # noqa: PLC0415
    from ctrlog.run.checkpoint import read_checkpoint  # noqa: PLC0415

    with reporting(lambda: None, None, is_quiet=True):
        found = checkpoint_view.contents(*read_checkpoint(path))
        in_form = {
            CheckpointFormat.JSON: checkpoint_view.as_json,
            CheckpointFormat.TEXT: checkpoint_view.as_text,
        }
        with open_output(None) as write:
            write(in_form[format_](path, found).encode(errors="replace"))


def _look(
    color: Color, output: Path | None, format_: Format | SummaryFormat, *, guards_formulas: bool
) -> Look:
    """For what reader to write."""
    if guards_formulas and format_.value not in {"csv", "tsv"}:
        raise typer.BadParameter("it is for --format csv or tsv", param_hint="--spreadsheet-safe")
    if output is not None:
        return Look(color is Color.ALWAYS, guards_formulas)
    is_colored = wants_color(color, STDOUT_DESCRIPTOR)
    return Look(is_colored, guards_formulas, on_terminal=os.isatty(STDOUT_DESCRIPTOR))


def _grouping(dimensions: list[str], zone: tzinfo, *, folds: bool) -> Grouping | None:
    from ctrlog.metrics.groups import Grouping  # noqa: PLC0415

    try:
        return Grouping(tuple(dimensions), zone, folds) if dimensions else None
    except UsageError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from None


def _grouping_settings(grouping: Grouping | None, max_groups: int) -> dict[str, str]:
    """What the counts of groups depend on, by the names of the options."""
    if grouping is None:
        return {}
    fold = {"--fold": ""} if grouping.folds else {}
    by = " --by ".join(grouping.dimensions)
    return {"--by": by, "--tz": str(grouping.zone), "--max-groups": str(max_groups), **fold}


def _fail_under(lowest: float | None, ctr: float | None) -> None:
    if lowest is None or (ctr is not None and ctr >= lowest):
        return
    found = "no search, so no CTR" if ctr is None else f"CTR {ctr:.4g} is under {lowest:g}"
    print(f"ctrlog: {found}", file=sys.stderr)
    raise typer.Exit(1)
