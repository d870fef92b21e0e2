"""What a command makes of what is over: lines, or a sum.

Ranges of a log are worked on by other processes, so a product can be made there of a part
and merged: in the order of the log the parts give what one process would have made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

from ctrlog.outputs.files import Write
from ctrlog.outputs.records import PLAIN, Format, Look, Per, make_sink
from ctrlog.sessions.ledger import Ended

#: Makes an empty product from what writes its lines; can be sent to another process.
Maker: TypeAlias = "Callable[[Write], Collector]"


class Collector(Protocol):
    """What is made."""

    @property
    def maker(self) -> Maker:
        """What makes another of the same kind."""

    @property
    def is_bounded(self) -> bool:
        """Whether parts of it can only be merged while there is room for them."""

    def update(self, ended: Ended) -> None:
        """Add what is over."""

    def part(self) -> Any:
        """Return all that was made, but for lines that were written, to be merged."""

    def has_room_for(self, part: Any) -> bool:
        """Tell whether to merge a part gives what it would have been to add what it is of."""

    def merge(self, part: Any) -> None:
        """Add what another product has made."""


class RecordCollector:
    """Lines, written as records come."""

    is_bounded = False

    def __init__(
        self,
        format_: Format,
        per: Per,
        write: Write,
        look: Look = PLAIN,
        *,
        has_refinements: bool = False,
    ) -> None:
        """Write nothing yet.

        Args:
            format_: How to write records.
            per: Whether to write searches or sessions.
            write: Where to.
            look: For what reader.
            has_refinements: Whether records tell their refinements (R14).
        """
        self.maker: Maker = partial(
            RecordCollector, format_, per, look=look, has_refinements=has_refinements
        )
        self._sink = make_sink(format_, per, look, has_refinements=has_refinements)
        self._per = per
        self._write = write

    @property
    def header(self) -> bytes:
        """What stands before the first record, if anything."""
        return self._sink.header

    def update(self, ended: Ended) -> None:
        """Write what is over."""
        records = ended.searches if self._per is Per.SEARCH else ended.sessions
        if records:
            self._write(self._sink.lines(records))

    def part(self) -> None:
        """Return nothing: lines that were written are no part to be merged."""

    def has_room_for(self, _part: None) -> bool:
        """Tell that there always is."""
        return True

    def merge(self, _part: None) -> None:
        """Merge nothing."""
