"""What may be chosen on the command line, known before anything that does it is loaded."""

from __future__ import annotations

from enum import StrEnum


class SummaryFormat(StrEnum):
    """How a summary is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"

    @property
    def most_groups(self) -> int | None:
        """How many groups to show unless told; None for all."""
        return 20 if self in {SummaryFormat.TABLE, SummaryFormat.MD} else None


class CheckFormat(StrEnum):
    """How a check is written."""

    TEXT = "text"
    JSON = "json"


class CheckpointFormat(StrEnum):
    """How it is written what is in a checkpoint."""

    TEXT = "text"
    JSON = "json"
