"""From blocks of lines to events and bad lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ctrlog.schemas.native import Schema, check, name_searches
from ctrlog.schemas.reference import BadLine, Fault, Reason, read_slowly
from ctrlog.sessions.events import TrustedEvent

if TYPE_CHECKING:
    from ctrlog.schemas.mapping import ForeignSchema

#: What the decoder raises for a line that it refuses; ValueError is of `check`, of
#: `Recognition.complete` and of text that is not UTF-8.
_REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError, Fault)
_BLANK = b" \t\r"


class Decoded(NamedTuple):
    """What a block of lines says.

    Attributes:
        events: Its events, in order.
        bad: Its bad lines, in order.
        lines: The number of its lines, blank ones included.
    """

    events: list[TrustedEvent]
    bad: list[BadLine]
    lines: int


class Decoder:
    """Decodes a log by a schema.

    The outcome for a line depends on that line alone, however the log is cut into
    blocks: a block with a line that is not quite right is read again, line by line.
    """

    def __init__(self, schema: Schema | ForeignSchema, max_line_bytes: int) -> None:
        """Compile the schema.

        Args:
            schema: Where the fields of an event are.
            max_line_bytes: A longer line is bad; its newline does not count.
        """
        reader = _native_reader(schema) if isinstance(schema, Schema) else _foreign_reader(schema)
        self._decode, self._complete, self._read_slowly = reader
        self._max_line_bytes = max_line_bytes

    def decode(self, block: bytes, line: int = 1) -> Decoded:
        r"""Decode whole lines.

        Args:
            block: Lines, separated by \n; one after the last may be missing.
            line: The number of the first line in its file.

        Returns:
            Events and bad lines.
        """
        lines = block.split(b"\n")
        if not lines[-1]:
            del lines[-1]
        try:
            if len(block) > self._max_line_bytes:
                self._refuse_long(max(lines, key=len))
            events = self._complete([*map(self._decode, lines)], lines)
            if not block.isascii():
                block.decode()
        except _REFUSALS:
            return self._decode_each(lines, line)
        return Decoded(events, [], len(lines))

    def _decode_each(self, lines: list[bytes], first: int) -> Decoded:
        events: list[TrustedEvent] = []
        bad: list[BadLine] = []
        for number, line in enumerate(lines, first):
            try:
                self._refuse_long(line)
                if line.strip(_BLANK):
                    events += self._decode_one(line)
            except Fault as fault:
                text = line[: self._max_line_bytes]
                bad.append(BadLine(number, len(events), fault.reason, fault.detail, text))
        return Decoded(events, bad, len(lines))

    def _decode_one(self, line: bytes) -> list[TrustedEvent]:
        try:
            line.decode()
            return self._complete([self._decode(line)], [line])
        except _REFUSALS:
            event = self._read_slowly(line)
        return [] if event is None else [event]

    def _refuse_long(self, line: bytes) -> None:
        if len(line) > self._max_line_bytes:
            raise Fault(
                Reason.TOO_LONG,
                f"longer than {self._max_line_bytes:,} bytes; --max-line allows more",
            )


class _Reader(NamedTuple):
    """How the lines of a log are read.

    Attributes:
        decode: Takes from a line what may be needed, fast.
        complete: Makes events of what was taken from lines; raises what is in `_REFUSALS`.
        read_slowly: Reads a line that was refused; raises `Fault` if something is wrong.
    """

    decode: Callable[[bytes], Any]
    complete: Callable[[list[Any], Sequence[bytes]], list[TrustedEvent]]
    read_slowly: Callable[[bytes], TrustedEvent | None]


def _native_reader(schema: Schema) -> _Reader:
    def complete(events: list[Any], _lines: Sequence[bytes]) -> list[TrustedEvent]:
        check(events)
        if has_ids:
            name_searches(events)
        return events

    has_ids = schema.has_ids

    return _Reader(schema.decoder(), complete, lambda line: read_slowly(line, schema))


def _foreign_reader(schema: ForeignSchema) -> _Reader:
    # Loaded here, so that reading ctrlog's own format need not wait.
    from ctrlog.schemas import mapped_reference  # noqa: PLC0415
    from ctrlog.schemas.mapped_decoder import Recognition  # noqa: PLC0415

    recognition = Recognition(schema)
    return _Reader(
        recognition.decode,
        recognition.complete,
        lambda line: mapped_reference.read_slowly(line, schema),
    )
