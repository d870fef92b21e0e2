"""Which of our searches end in a click? Click-through from search event logs.

The command line is `ctrlog`; from Python, feed a `Shard` with events and take the
searches that are over.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "CheckpointError",
    "ClosedBy",
    "Counts",
    "CtrlogError",
    "DataError",
    "Ended",
    "Event",
    "InputError",
    "OutputError",
    "Rules",
    "SearchRecord",
    "SessionRecord",
    "Shard",
    "Summary",
    "UsageError",
    "WorkerError",
    "searches",
    "summarize",
]

if TYPE_CHECKING:
    from ctrlog.api import searches, summarize
    from ctrlog.errors import (
        CheckpointError,
        CtrlogError,
        DataError,
        InputError,
        OutputError,
        UsageError,
        WorkerError,
    )
    from ctrlog.events import Attribution, ClosedBy, Event, SearchRecord, SessionRecord
    from ctrlog.ledger import Counts, Ended
    from ctrlog.rules import Rules
    from ctrlog.shard import Shard
    from ctrlog.summary import Summary

_HOMES = {
    **dict.fromkeys(("searches", "summarize"), "api"),
    "CheckpointError": "errors",
    "CtrlogError": "errors",
    "DataError": "errors",
    "InputError": "errors",
    "OutputError": "errors",
    "UsageError": "errors",
    "WorkerError": "errors",
    **dict.fromkeys(
        ("Attribution", "ClosedBy", "Event", "SearchRecord", "SessionRecord"), "events"
    ),
    **dict.fromkeys(("Counts", "Ended"), "ledger"),
    "Rules": "rules",
    "Shard": "shard",
    "Summary": "summary",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `--help` need not wait."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
