"""What may be wrong with a log: what was found, why it matters, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ctrlog.check import click_findings, log_findings, search_findings
from ctrlog.check.model import Facts, Finding, Severity


def findings(facts: Facts) -> list[Finding]:
    """Return what is worth knowing, the worst first."""
    found = [finding for find in _FINDERS for finding in find(facts)]
    return sorted(found, key=lambda finding: [*Severity].index(finding.severity))


_FINDERS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    log_findings.no_events,
    log_findings.schema,
    log_findings.bad_lines,
    log_findings.no_searches,
    log_findings.no_clicks,
    search_findings.typed_searches,
    search_findings.unnamed,
    search_findings.ids_in_several_lines,
    log_findings.time_order,
    log_findings.files,
    click_findings.orphans,
    log_findings.robots,
    log_findings.twins,
    search_findings.ids_of_several,
    click_findings.unseen_items,
    click_findings.ranks,
    click_findings.repeated_clicks,
    log_findings.missing_times,
    log_findings.naive_times,
    search_findings.keystrokes,
    search_findings.no_results,
    search_findings.empty_results,
)
