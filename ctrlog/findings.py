"""What may be wrong with a log: what was found, why it matters, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ctrlog import clickfindings, logfindings, searchfindings
from ctrlog.facts import Facts, Finding, Severity


def findings(facts: Facts) -> list[Finding]:
    """Return what is worth knowing, the worst first."""
    found = [finding for find in _FINDERS for finding in find(facts)]
    return sorted(found, key=lambda finding: [*Severity].index(finding.severity))


_FINDERS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    logfindings.no_events,
    logfindings.schema,
    logfindings.bad_lines,
    logfindings.no_searches,
    logfindings.no_clicks,
    searchfindings.typed_searches,
    searchfindings.unnamed,
    searchfindings.ids_in_several_lines,
    logfindings.time_order,
    logfindings.files,
    clickfindings.orphans,
    logfindings.robots,
    logfindings.twins,
    searchfindings.ids_of_several,
    clickfindings.unseen_items,
    clickfindings.ranks,
    clickfindings.repeated_clicks,
    logfindings.missing_times,
    logfindings.naive_times,
    searchfindings.keystrokes,
    searchfindings.no_results,
    searchfindings.empty_results,
)
