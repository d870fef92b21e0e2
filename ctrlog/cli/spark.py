"""The command `python -m ctrlog.spark`."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn, Optional

import typer

from ctrlog.adapters.spark_job import closing_session, search, write
from ctrlog.adapters.spark_output import RecordFormat, refuse_to_overwrite
from ctrlog.cli.options import (
    Attribute,
    DedupeClicks,
    ExcludeUsers,
    Fields,
    Gap,
    Lateness,
    MaxBad,
    MaxLine,
    MaxSession,
    MergeTyping,
    SchemaChoice,
    Since,
    Strict,
    Until,
    Where,
)
from ctrlog.errors import CtrlogError, DataError
from ctrlog.inputs.lines import MAX_LINE_BYTES
from ctrlog.outputs.formats import SummaryFormat
from ctrlog.outputs.records import Per
from ctrlog.outputs.summary_formats import render
from ctrlog.run.settings import LogOptions
from ctrlog.sessions.rules import DEFAULTS

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def main(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...", help="Logs: files, folders or patterns, as Spark reads them; gz too."
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", metavar="DIR", help="A new folder for records, bad lines and the summary."
        ),
    ],
    per: Annotated[Per, typer.Option("--per", help="What a record is of.")] = Per.SEARCH,
    format_: Annotated[
        RecordFormat, typer.Option("--format", help="How to write records.")
    ] = RecordFormat.JSONL,
    partitions: Annotated[
        Optional[int],
        typer.Option(
            "--partitions",
            min=1,
            metavar="N",
            help="Into how many parts to sort the users; as many as Spark reads unless told.",
        ),
    ] = None,
    gap: Gap = DEFAULTS.gap,
    lateness: Lateness = DEFAULTS.lateness,
    max_session: MaxSession = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    schema: SchemaChoice = None,
    field: Fields = None,
    attribute: Attribute = None,
    merge_typing: MergeTyping = None,
    dedupe_clicks: DedupeClicks = False,
    exclude_users: ExcludeUsers = None,
    strict: Strict = False,
    max_bad: MaxBad = None,
    max_line: MaxLine = MAX_LINE_BYTES,
) -> None:
    """Find the searches of an archive of logs with Spark, and sum them up."""
    options = LogOptions(
        gap=gap,
        lateness=lateness,
        max_session=max_session,
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
        max_line=max_line,
    )
    from py4j.protocol import Py4JError  # noqa: PLC0415  # an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        with closing_session() as spark:
            refuse_to_overwrite(spark, out)
            found = search(spark, paths, options, per, partitions)
            write(found, out, per, format_)
    except DataError as error:
        _fail(str(error), 1)
    except CtrlogError as error:
        _fail(str(error), 2)
    except (PySparkException, Py4JError, RuntimeError) as error:
        _fail(f"Spark failed: {_first_line(error)}", 2)
    sys.stdout.buffer.write(render(found.summary, SummaryFormat.TABLE, width=80))


def _first_line(error: Exception) -> str:
    """Return what Spark says of an error before it shows where in itself it was met."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)


def _fail(error: str, code: int) -> NoReturn:
    print(f"ctrlog: {error}", file=sys.stderr)
    raise typer.Exit(code)
