"""The options of the commands that read logs, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, TypeVar

import typer

from ctrlog.outputs.console import Color
from ctrlog.run.settings import parse_pair, parse_size
from ctrlog.schemas.bad_lines import Limit
from ctrlog.sessions.events import Attribution
from ctrlog.times import parse_duration, parse_time

if TYPE_CHECKING:
    pass

T = TypeVar("T")


def option_parser(parse: Callable[[str], T]) -> Callable[[str | T], T]:
    """Make a parser's ValueError a message about the option, and let defaults pass."""

    def parser(text: str | T) -> T:
        try:
            return parse(text) if isinstance(text, str) else text
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parser


def parse_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name, such as `Europe/Berlin`.

    Raises:
        ValueError: If there is none of that name.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # few need it

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(
            f"{name!r} is not a time zone: write a name such as Europe/Berlin, or UTC"
        ) from None


# The options of every command that reads logs.


def parsed(name: str, parse: Callable[[str], Any], metavar: str, help_: str) -> Any:
    """Return an option that is parsed by a function, whose ValueError becomes a message.

    Args:
        name: Its name, with the dashes.
        parse: Makes its value from what was written.
        metavar: What the help calls the value.
        help_: What the help says of it.
    """
    return typer.Option(
        name, parser=option_parser(parse), metavar=metavar, help=help_, show_default=False
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
    parsed(
        "--gap", parse_duration, "DURATION", "The longest pause inside a session; 30m unless told."
    ),
]
Lateness = Annotated[
    timedelta,
    parsed(
        "--lateness",
        parse_duration,
        "DURATION",
        "How far behind the latest event one may be and still be in time; 5m unless told.",
    ),
]
MaxSession = Annotated[
    Optional[timedelta],
    parsed(
        "--max-session",
        parse_duration,
        "DURATION",
        "End a session that has lasted this long at its next event.",
    ),
]
ReorderWindow = Annotated[
    Optional[timedelta],
    parsed(
        "--reorder",
        parse_duration,
        "DURATION",
        "First sort events that are up to this much out of order.",
    ),
]
Interleave = Annotated[
    bool,
    typer.Option(
        "--interleave",
        help="Take the files together, in order of time, and not one after the other.",
    ),
]
Since = Annotated[
    Optional[datetime],
    parsed("--since", parse_time, "TIME", "Report only searches made at TIME or later."),
]
Until = Annotated[
    Optional[datetime],
    parsed("--until", parse_time, "TIME", "Report only searches made before TIME."),
]
Where = Annotated[
    Optional[list[tuple]],  # type: ignore[type-arg]  # typer takes no tuple[str, str] here
    parsed(
        "--where",
        parse_pair,
        "FIELD=VALUE",
        "Report only searches whose Search event has this value. Repeat for further fields,"
        " or for another value of the same field.",
    ),
]
SchemaChoice = Annotated[
    Optional[str],
    typer.Option(
        "--schema",
        metavar="NAME|FILE",
        help="What the log calls things: native unless told, another name that `ctrlog schema"
        " list` shows, or a file.",
        show_default=False,
    ),
]
Fields = Annotated[
    Optional[list[tuple]],  # type: ignore[type-arg]
    parsed(
        "--field",
        parse_pair,
        "FIELD=PLACE",
        "Where the log has a field: user=client_id, or item=object.id inside an object. Repeat"
        " for further fields.",
    ),
]
Attribute = Annotated[
    Optional[Attribution],
    typer.Option(
        "--attribute",
        help="How results and clicks find their search: by the order of events, or by the"
        " search_id that they carry. order unless told.",
        show_default=False,
    ),
]
MergeTyping = Annotated[
    Optional[timedelta],
    parsed(
        "--merge-typing",
        parse_duration,
        "DURATION",
        "Take searches of one typing, each at most this long after the last, for one.",
    ),
]
DedupeClicks = Annotated[
    bool,
    typer.Option("--dedupe-clicks", help="Count repeated clicks on an item of a search once."),
]
ExcludeUsers = Annotated[
    Optional[Path],
    typer.Option(
        "--exclude-users",
        metavar="FILE",
        help="Leave out the events of these users, one a line.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad line, exit 1.")]
MaxBad = Annotated[
    Optional[Limit],
    parsed(
        "--max-bad", Limit.parse, "N|N%", "Exit 1 if there are more bad lines, or a larger share."
    ),
]


def _refuse_standard_output(path: Path | None) -> Path | None:
    if path == Path("-"):
        raise typer.BadParameter("name a file, as results go to standard output")
    return path


BadLinesFile = Annotated[
    Optional[Path],
    typer.Option(
        "--bad-lines",
        metavar="FILE",
        help="Keep bad lines, each after its place and reason.",
        readable=False,
        callback=_refuse_standard_output,
    ),
]
MaxLine = Annotated[
    int,
    parsed("--max-line", parse_size, "SIZE", "A longer line is bad; 16M unless told."),
]
Follow = Annotated[
    bool,
    typer.Option(
        "-f",
        "--follow",
        help="Wait for more lines, as tail -F does, also when the log is rotated.",
    ),
]
IdleAfter = Annotated[
    Optional[timedelta],
    parsed(
        "--idle-after",
        parse_duration,
        "DURATION",
        "While following: after so long a silence let the log's clock run on, so that sessions"
        " end; 10s unless told.",
    ),
]
CheckpointFile = Annotated[
    Optional[Path],
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Save here how far everything has come, and go on from there the next time; what is"
        " open at the end stays open.",
        readable=False,  # that is told when it is opened
    ),
]
Jobs = Annotated[
    Optional[int],
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        metavar="N",
        help="Use up to N processes; unless told, one a core for large files. The output is the"
        " same with any number.",
        show_default=False,
    ),
]
OutputFile = Annotated[
    Optional[Path],
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write here, complete or not at all; - is standard output.",
        readable=False,
        callback=lambda path: None if path == Path("-") else path,
    ),
]
SpreadsheetSafe = Annotated[
    bool,
    typer.Option(
        "--spreadsheet-safe",
        help="In csv and tsv, put ' before text that a spreadsheet would take for a formula.",
    ),
]
ColorChoice = Annotated[
    Color, typer.Option("--color", help="Whether to colour text; auto: on a terminal.")
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Say nothing on standard error but errors.")
]
