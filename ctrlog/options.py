"""The options of the commands that read logs, and what is made of them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from ctrlog.badlines import BadLines, Limit
from ctrlog.decoding import Decoder
from ctrlog.errors import UsageError
from ctrlog.filters import Filter
from ctrlog.pipeline import Pipeline
from ctrlog.reading import InTurn, Limits
from ctrlog.schema import Schema
from ctrlog.shard import DEFAULTS, Rules, Shard
from ctrlog.sources import MAX_LINE_BYTES
from ctrlog.terminal import Color, Console
from ctrlog.times import format_duration, format_times, parse_duration, parse_time

T = TypeVar("T")


def option_parser(parse: Callable[[str], T]) -> Callable[[str | T], T]:
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


def parse_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name, such as `Europe/Berlin`.

    Raises:
        ValueError: If there is none of that name.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # few need it

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone: write UTC or Europe/Berlin") from None


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
        _pair,
        "FIELD=VALUE",
        "Report only searches whose Search event has this value. Repeat for further fields,"
        " or for another value of the same field.",
    ),
]
Fields = Annotated[
    Optional[list[tuple]],  # type: ignore[type-arg]
    parsed(
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
    parsed(
        "--max-bad", Limit.parse, "N|N%", "Exit 1 if there are more bad lines, or a larger share."
    ),
]
BadLinesFile = Annotated[
    Optional[Path],
    typer.Option(
        "--bad-lines",
        metavar="FILE",
        help="Keep bad lines, each after its place and reason.",
        readable=False,
    ),
]
MaxLine = Annotated[
    int,
    parsed("--max-line", _size, "SIZE", "A longer line is bad; 16M unless told."),
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
ColorChoice = Annotated[
    Color, typer.Option("--color", help="Whether to colour text; auto: on a terminal.")
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Say nothing on standard error but errors.")
]


def _written(duration: timedelta | None) -> str | None:
    return None if duration is None else format_duration(duration)


def _pairs(pairs: list[tuple[str, str]] | None) -> str | None:
    return shlex.join(f"{name}={value}" for name, value in pairs) if pairs else None


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What was asked for of the reading of logs, as the options of the same names say."""

    gap: timedelta = DEFAULTS.gap
    lateness: timedelta = DEFAULTS.lateness
    max_session: timedelta | None = None
    reorder: timedelta | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: list[tuple[str, str]] | None = None
    field: list[tuple[str, str]] | None = None
    strict: bool = False
    max_bad: Limit | None = None
    bad_lines: Path | None = None
    max_line: int = MAX_LINE_BYTES

    @property
    def limits(self) -> Limits:
        """How much to read."""
        return Limits(self.max_line)

    def settings(self) -> dict[str, str]:
        """Return what sessions and searches depend on, by the names of the options."""
        since, until = format_times([self.since, self.until])
        found = {
            "--gap": format_duration(self.gap),
            "--lateness": format_duration(self.lateness),
            "--max-session": _written(self.max_session),
            "--reorder": _written(self.reorder),
            "--since": since,
            "--until": until,
            "--where": _pairs(self.where),
            "--field": _pairs(self.field),
            "--max-line": str(self.max_line),
        }
        return {name: value for name, value in found.items() if value is not None}

    def pipeline(self, console: Console, extra_fields: tuple[str, ...] = ()) -> Pipeline:
        """Make the pipeline that was asked for.

        Args:
            console: Where to report to.
            extra_fields: Places of fields that searches are to carry first in `extra`.

        Raises:
            UsageError: If options contradict each other.
        """
        filter_ = Filter(self.since, self.until, tuple(self.where or ()), extra_fields)
        rules = Rules(self.gap, self.lateness, self.max_session, filter_.selector())
        return Pipeline(
            shard=Shard(rules),
            decoder=Decoder(Schema.native(self.field or (), filter_.extra_fields), self.max_line),
            bad_lines=BadLines(console.show, self._limit()),
            reader=InTurn(self.limits),
            reorder=self.reorder,
            on_failure=console.fail,
            on_read=console.advance,
        )

    def _limit(self) -> Limit | None:
        if self.strict and self.max_bad is not None:
            raise UsageError("--strict and --max-bad exclude each other")
        return Limit(count=0) if self.strict else self.max_bad
