"""What may be wrong with the clicks of a log."""

from __future__ import annotations

from collections.abc import Iterator

from ctrlog.facts import Facts, Finding, Severity
from ctrlog.foreign import Watched
from ctrlog.wording import part


def orphans(facts: Facts) -> Iterator[Finding]:
    """Tell how many clicks belong to no search."""
    ids, unnamed = facts.by_ids, facts.checkup.tally.unnamed_clicks
    if facts.goes_by_ids:
        orphans = ids.clicks_without_search + unnamed
        what = f"Clicks on a search that is not in the log: {part(orphans, facts.clicks)}"
        if ids.clicks_on_typing:
            what += f"; on one that only the client has logged: {ids.clicks_on_typing:,}"
        if unnamed:
            what += f"; without the id of a search: {unnamed:,}"
    else:
        orphans = facts.counts.orphan_clicks
        what = f"Clicks of users without an open search: {part(orphans, facts.clicks)}"
    if not orphans:
        return
    is_named = facts.goes_by_ids
    yield Finding(
        "clicks_without_search",
        _severity_of_orphans(orphans, facts.clicks),
        orphans,
        facts.clicks,
        f"{what}.",
        "They count for no search. If they were made in results, click-through is too low: searches"
        " are missing"
        + ("." if is_named else ", or the order or the gap is wrong.")
        + " Clicks on a home page or on recommendations belong to no search, and change nothing.",
        ("" if is_named else "try a longer --gap, or --reorder; ")
        + "`ctrlog explain USER` shows where",
    )


#: A log has clicks outside of results, too. A larger share of orphans points to a mistake.
_MANY_ORPHANS = 0.1


def _severity_of_orphans(orphans: int, clicks: int) -> Severity:
    return Severity.WRONG if orphans >= _MANY_ORPHANS * clicks else Severity.DOUBTFUL


def unseen_items(facts: Facts) -> Iterator[Finding]:
    """Tell of clicks on what was never shown."""
    ids, by_order = facts.by_ids, facts.checkup.by_order
    impressions = facts.checkup.tally.of(Watched.IMPRESSION)
    unlisted, listed = by_order.unlisted, by_order.listed
    parts = []
    count, of = unlisted, listed
    if facts.goes_by_ids:
        unlisted, listed = ids.unlisted_clicks, ids.listed_clicks
        count, of = unlisted, listed
        if impressions and ids.clicks_without_impression:
            count, of = ids.clicks_without_impression, ids.clicks
            parts.append(f"without an impression: {part(count, of)}")
    if unlisted:
        parts.append(f"that is not among the results: {part(unlisted, listed)}")
    if not parts:
        return
    yield Finding(
        "items_never_shown",
        Severity.DOUBTFUL,
        count,
        of,
        f"Clicks on an item of their search {'; '.join(parts)}.",
        "What was shown is not all logged, or clicks are given to the wrong search: ranks and"
        " what was seen are in doubt.",
        "log every result shown; `ctrlog explain USER` shows where",
        {"without_impression": ids.clicks_without_impression, "not_among_results": unlisted},
    )


def ranks(facts: Facts) -> Iterator[Finding]:
    """Tell that ranks are not counted from 1."""
    ranks = facts.checkup.tally.ranks
    ranked = ranks.total()
    offsets = facts.by_ids.offsets if facts.has_ids else facts.checkup.by_order.offsets
    from_zero, too_high = ranks[0], offsets[1]
    if not from_zero and too_high <= offsets[0]:
        return
    figures = {"rank_0": ranks[0], "rank_1": ranks[1], "as_shown": offsets[0]}
    if not from_zero:
        yield Finding(
            "ranks_too_high",
            Severity.DOUBTFUL,
            too_high,
            offsets.total(),
            f"Clicks with a rank one higher than the place of their item:"
            f" {part(too_high, offsets.total())}.",
            "The log counts from 1, not from 0: all ranks are one too high.",
            "rank_from = 1 in a schema of your own; `ctrlog schema show` prints one to start from",
            figures,
        )
        return
    is_mixed = offsets[0] > offsets[-1]
    yield Finding(
        "ranks_mixed" if is_mixed else "ranks_from_zero",
        Severity.DOUBTFUL,
        from_zero,
        ranked,
        f"Clicks with rank 0: {part(from_zero, ranked)}"
        + (f"; with the place of their item, from 1: {offsets[0]:,}." if is_mixed else "."),
        "Some of the log counts ranks from 0 and some from 1: none can be compared."
        if is_mixed
        else "The log counts ranks from 0: all are one too low, and 0 is taken for none.",
        "--where FIELD=VALUE takes a part of the log, rank_from = 0 in a schema of your own counts"
        " from 0; `ctrlog schema show` prints one to start from",
        figures,
    )


def repeated_clicks(facts: Facts) -> Iterator[Finding]:
    """Tell of clicks on one item again."""
    ids = facts.by_ids
    repeated = facts.counts.repeated_clicks
    clicks = facts.metrics.clicks + repeated
    most = ""
    if facts.goes_by_ids:
        repeated, clicks = ids.clicks - ids.different_clicks, ids.clicks
        most = f"; the most clicks of one search: {ids.most_clicks:,}"
    if not repeated:
        return
    yield Finding(
        "repeated_clicks",
        Severity.DOUBTFUL,
        repeated,
        clicks,
        f"Clicks on an item once more: {part(repeated, clicks)}{most}.",
        "Click-through is the same, but clicks per search count a double click twice.",
        "--dedupe-clicks counts them once",
        {"different_clicks": clicks - repeated},
    )
