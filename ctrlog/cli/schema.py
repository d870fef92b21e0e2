"""The commands `ctrlog schema list` and `ctrlog schema show`."""

from __future__ import annotations

from typing import Annotated

import typer

from ctrlog.cli.exit_codes import reporting
from ctrlog.outputs.files import open_output

schema_app = typer.Typer(
    help="Show the schemas that come with ctrlog: what logs call things.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@schema_app.command("list")
def list_schemas() -> None:
    """List the schemas that come with ctrlog."""
    from ctrlog.schemas.loader import PRESETS, load_schema  # noqa: PLC0415  # few need it

    with reporting(lambda: None, None, is_quiet=False), open_output(None) as write:
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
    from ctrlog.schemas.loader import preset_text  # noqa: PLC0415  # few need it

    with reporting(lambda: None, None, is_quiet=False), open_output(None) as write:
        write(preset_text(name).encode())
