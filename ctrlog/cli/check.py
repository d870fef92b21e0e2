"""The command `ctrlog check`."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from ctrlog.cli.exit_codes import reporting
from ctrlog.cli.options import Fields, Files, Gap, Lateness, MaxLine, OutputFile, Quiet, parsed
from ctrlog.cli.runner import named_inputs, refuse_incomplete, refuse_overwriting
from ctrlog.inputs.lines import MAX_LINE_BYTES, refuse_repeated, total_size
from ctrlog.outputs.files import columns_of, open_output
from ctrlog.outputs.formats import CheckFormat
from ctrlog.run.settings import parse_pair
from ctrlog.sessions.rules import DEFAULTS, Rules


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
    # Loaded here, so that no other command need wait for it.
    from ctrlog.check import scan  # noqa: PLC0415
    from ctrlog.check.findings import findings  # noqa: PLC0415
    from ctrlog.check.model import Severity  # noqa: PLC0415
    from ctrlog.check.page import to_json, to_text  # noqa: PLC0415

    names = named_inputs(context, files)
    with reporting(lambda: total_size(names), output, is_quiet=quiet) as console:
        refuse_repeated(names)
        refuse_overwriting([*names, *([schema] if schema else [])], {"output": output})
        rules = Rules(gap=gap, lateness=lateness)
        choices = scan.Choices(schema, field or (), tuple(where or ()), rules, max_line)
        with open_output(output) as write:
            facts = scan.check(names, choices, console)
            if console.has_failed and not (facts.events or facts.bad_lines):
                raise typer.Exit(2)  # no input could be read, so there is nothing to look at
            found = findings(facts)
            is_text = format_ is CheckFormat.TEXT
            write(
                to_text(facts, found, columns_of(output)).encode()
                if is_text
                else to_json(facts, found)
            )
            if output is not None:
                refuse_incomplete(console, output)
    if any(finding.severity is Severity.WRONG for finding in found):
        raise typer.Exit(1)
