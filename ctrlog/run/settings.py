"""The settings of a run that describe a log: what its lines mean, and what counts.

`LogOptions` has a field for each option of the command line that all commands share, and makes of
them the parts of a pipeline. Adapters and programs use it without a command line.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ctrlog.errors import InputError, UsageError
from ctrlog.inputs.lines import MAX_LINE_BYTES
from ctrlog.inputs.reader import InTurn, Limits
from ctrlog.outputs.console import Console
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.bad_lines import BadLines, Limit
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import Attribution
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.rules import DEFAULTS, Rules
from ctrlog.sessions.shard import Shard
from ctrlog.times import format_duration, format_times, parse_duration, parse_time

if TYPE_CHECKING:
    from ctrlog.schemas.mapping import ForeignSchema
    from ctrlog.sessions.exclusion import Exclusion

#: The schema of ctrlog's own form, the default.
NATIVE = "native"


def parse_pair(text: str) -> tuple[str, str]:
    """Split `NAME=VALUE` at the first equals sign.

    Raises:
        ValueError: If there is none, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def parse_size(text: str) -> int:
    """Read a size in bytes: `65536`, `64K`, `16M`, `1G`."""
    units = {"K": 1024, "M": 1024**2, "G": 1024**3}
    number = text.removesuffix("B").removesuffix("b")
    unit = units.get(number[-1:].upper())
    number = number[:-1] if unit else number
    if not number.isdecimal() or not int(number):
        raise ValueError(f"{text!r} is not a size: write 65536, 64K or 16M")
    return int(number) * (unit or 1)


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
    schema: str | None = None
    field: list[tuple[str, str]] | None = None
    attribute: Attribution | None = None
    merge_typing: timedelta | None = None
    dedupe_clicks: bool = False
    exclude_users: Path | None = None
    max_user_searches: int | None = None
    strict: bool = False
    max_bad: Limit | None = None
    bad_lines: Path | None = None
    max_line: int = MAX_LINE_BYTES
    # What the files named above hold, once it was read: they may be pipes, which can be read only
    # once, and another process may not have them.
    _read: dict[str, Any] = dataclass_field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
            "--schema": self._schema_sum(),
            "--field": _pairs(self.field),
            "--attribute": self.attribute and self.attribute.value,
            "--merge-typing": _written(self.merge_typing),
            "--dedupe-clicks": "" if self.dedupe_clicks else None,
            "--exclude-users": self._listed(),
            "--max-user-searches": str(self.max_user_searches or "") or None,
            "--max-line": str(self.max_line),
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> LogOptions:
        """Make options from what one would write on the command line.

        Args:
            options: Values by name; `--max-session` is `max_session`. What is text is read
                as the command line reads it; `where` and `field` are dictionaries, or
                lists of `FIELD=VALUE`.

        Raises:
            UsageError: If there is no such option, or it has no such value.
        """
        known = [field.name for field in fields(cls) if field.init]
        for name in options:
            if name not in known:
                raise UsageError(f"there is no option {name!r}; the options are {', '.join(known)}")
        return cls(**{name: _read_option(name, value) for name, value in options.items()})

    @property
    def attribution(self) -> Attribution:
        """How results and clicks find their search; as the schema says, unless told.

        Raises:
            UsageError: If something is wrong with the schema.
        """
        if self.attribute is not None:
            return self.attribute
        foreign = self._foreign_schema()
        return Attribution.ORDER if foreign is None else foreign.attribute

    def rules(self, extra_fields: tuple[str, ...] = ()) -> Rules:
        """Return the rules that were asked for.

        Args:
            extra_fields: As of `pipeline`.

        Raises:
            UsageError: If they make no sense.
        """
        return Rules(
            gap=self.gap,
            lateness=self.lateness,
            max_session=self.max_session,
            select=self._filter(extra_fields).selector(),
            attribution=self.attribution,
            merge_typing=self.merge_typing,
            dedupe_clicks=self.dedupe_clicks,
            max_user_searches=self.max_user_searches,
        )

    def decoder(self, extra_fields: tuple[str, ...] = ()) -> Decoder:
        """Return a decoder of the log.

        Args:
            extra_fields: As of `pipeline`.

        Raises:
            UsageError: If there is no such field, or no such place for one.
        """
        carried = self._filter(extra_fields).extra_fields
        foreign = self._foreign_schema()
        schema = (
            Schema.native(self.field or (), carried)
            if foreign is None
            else foreign.with_fields(self.field or ()).carrying(carried).without_watched()
        )
        has_ids = self.attribution is Attribution.ID
        return Decoder(schema if has_ids else schema.without_ids(), self.max_line)

    @property
    def chosen(self) -> str:
        """Which searches are reported, in words; empty for all."""
        return self._filter(()).description

    def limit(self) -> Limit | None:
        """Return how many bad lines are tolerated, None for any number.

        Raises:
            UsageError: If options contradict each other.
        """
        if self.strict and self.max_bad is not None:
            raise UsageError("--strict and --max-bad exclude each other")
        return Limit(count=0) if self.strict else self.max_bad

    def pipeline(self, console: Console, extra_fields: tuple[str, ...] = ()) -> Pipeline:
        """Make the pipeline that was asked for.

        Args:
            console: Where to report to.
            extra_fields: Places of fields that searches are to carry first in `extra`.

        Raises:
            UsageError: If options contradict each other.
            InputError: If the file of users cannot be read.
        """
        return Pipeline(
            shard=Shard(self.rules(extra_fields)),
            decoder=self.decoder(extra_fields),
            bad_lines=BadLines(console.show, self.limit()),
            reader=InTurn(self.limits),
            reorder=self.reorder,
            on_failure=console.fail,
            on_read=console.advance,
            exclusion=self.exclusion(),
        )

    def exclusion(self) -> Exclusion | None:
        """Return what leaves out the users who are to be; None if none are.

        Raises:
            InputError: If the file of users cannot be read.
        """
        if self.exclude_users is None:
            return None
        from ctrlog.sessions.exclusion import Exclusion, read_users  # noqa: PLC0415  # few need it

        return Exclusion(read_users(str(self.exclude_users), self._list_of_users()))

    def _list_of_users(self) -> bytes:
        path = self.exclude_users
        if path is not None and "users" not in self._read:
            try:
                self._read["users"] = path.read_bytes()
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise InputError(f"{path}: cannot read: {why}") from None
        content: bytes = self._read.get("users", b"")
        return content

    def _listed(self) -> str | None:
        """Name the file of users with a sum over it, as another list is another option."""
        if self.exclude_users is None:
            return None
        return f"{self.exclude_users} (of sum {crc32(self._list_of_users()):08x})"

    def _foreign_schema(self) -> ForeignSchema | None:
        """Load the schema that was asked for; None for ctrlog's own."""
        if self.schema is None or self.schema == NATIVE:
            return None
        if "schema" not in self._read:
            from ctrlog.schemas.loader import load_schema  # noqa: PLC0415  # few need it

            self._read["schema"] = load_schema(self.schema)
        schema: ForeignSchema = self._read["schema"]
        return schema

    def _schema_sum(self) -> str | None:
        """Name the schema with a sum over what it says, as a file may be changed."""
        foreign = self._foreign_schema()
        if foreign is None:
            return None
        said = repr((foreign.rules, foreign.places, foreign.is_bulk, foreign.quotes_numbers))
        return f"{self.schema} (of sum {crc32(said.encode(errors='replace')):08x})"

    def _filter(self, extra_fields: tuple[str, ...]) -> Filter:
        return Filter(self.since, self.until, tuple(self.where or ()), extra_fields)


#: How options are read that are not as they are written.
_PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("gap", "lateness", "max_session", "reorder", "merge_typing"), parse_duration),
    **dict.fromkeys(("since", "until"), parse_time),
    **dict.fromkeys(("where", "field"), parse_pair),
    "schema": str,
    "max_bad": Limit.parse,
    "bad_lines": Path,
    "attribute": Attribution,
    "exclude_users": Path,
    "max_user_searches": int,
    "max_line": parse_size,
}


def _read_option(name: str, value: Any) -> Any:
    parse = _PARSERS.get(name)
    if parse is None:
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be True or False, not {value!r}")
        return value
    try:
        if name in {"where", "field"}:
            texts = [value] if isinstance(value, str) else value
            pairs = value.items() if isinstance(value, Mapping) else map(parse_pair, texts)
            return [(place, w if isinstance(w, str) else json.dumps(w)) for place, w in pairs]
        return parse(str(value)) if isinstance(value, str | int) else value
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: {error}") from None
