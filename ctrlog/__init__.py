"""Which of our searches end in a click? Click-through from search event logs.

The command line is `ctrlog`; from Python, feed a `Shard` with events and take the
searches that are over.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ctrlog._version import __version__ as __version__

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
    from ctrlog.errors import (
        CheckpointError,
        CtrlogError,
        DataError,
        InputError,
        OutputError,
        UsageError,
        WorkerError,
    )
    from ctrlog.metrics.summary import Summary
    from ctrlog.run.api import searches, summarize
    from ctrlog.sessions.events import Attribution, ClosedBy, Event, SearchRecord, SessionRecord
    from ctrlog.sessions.ledger import Counts, Ended
    from ctrlog.sessions.rules import Rules
    from ctrlog.sessions.shard import Shard

_HOMES = {
    **dict.fromkeys(("searches", "summarize"), "run.api"),
    "CheckpointError": "errors",
    "CtrlogError": "errors",
    "DataError": "errors",
    "InputError": "errors",
    "OutputError": "errors",
    "UsageError": "errors",
    "WorkerError": "errors",
    **dict.fromkeys(
        ("Attribution", "ClosedBy", "Event", "SearchRecord", "SessionRecord"), "sessions.events"
    ),
    **dict.fromkeys(("Counts", "Ended"), "sessions.ledger"),
    "Rules": "sessions.rules",
    "Shard": "sessions.shard",
    "Summary": "metrics.summary",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `--help` need not wait."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
