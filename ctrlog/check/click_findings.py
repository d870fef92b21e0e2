"""What may be wrong with the clicks of a log."""

from __future__ import annotations

from collections.abc import Iterator

from ctrlog.check.model import Facts, Finding, Severity
from ctrlog.outputs.words import part, visible
from ctrlog.schemas.mapping import Watched
from ctrlog.times import format_duration

#: A log has clicks outside of results, too. A larger share of orphans points to a mistake.
_MANY_ORPHANS = 0.1
#: A smaller one is good to know.
_FEW_ORPHANS = 0.01


def orphans(facts: Facts) -> Iterator[Finding]:
    """Tell how many clicks belong to no search."""
    orphans, clicks = facts.counts.orphan_clicks, facts.all_clicks
    if not orphans:
        return
    doubled, left = format_duration(2 * facts.gap), facts.orphans_with_gap_doubled
    yield Finding(
        "clicks_without_search",
        _severity_of_orphans(orphans / clicks),
        orphans,
        clicks,
        f"Clicks that belong to no search: {part(orphans, clicks)}{_by_ids(facts)}; with"
        f" --gap {doubled}: {left:,}.{_example(facts)}",
        "Most often they were made elsewhere, as on a home page or on recommendations, and change"
        " nothing. If they were made in results, CTR is too low: searches are missing, or events"
        " are out of order.",
        ("--reorder, as events are late; " if facts.checkup.order.late else "")
        + (f"--gap {doubled}; " if 2 * left <= orphans else "")
        + "`ctrlog explain USER` shows what came before a click",
        {"with_gap_doubled": left, "example": facts.orphan and facts.orphan._asdict()},
    )


def _severity_of_orphans(share: float) -> Severity:
    if share >= _MANY_ORPHANS:
        return Severity.WRONG
    return Severity.DOUBTFUL if share >= _FEW_ORPHANS else Severity.NOTE


def _by_ids(facts: Facts) -> str:
    """Say what the ids that clicks name tell, where clicks find their search by these."""
    if not facts.goes_by_ids:
        return ""
    ids, unnamed = facts.by_ids, facts.checkup.tally.unnamed_clicks
    parts = [f"; clicks that name a search that is not in the log: {ids.clicks_without_search:,}"]
    if ids.clicks_on_typing:
        parts.append(f", {ids.clicks_on_typing:,} of them one that only the client has logged")
    if unnamed:
        parts.append(f"; clicks that name none: {unnamed:,}")
    return "".join(parts)


def _example(facts: Facts) -> str:
    if facts.orphan is None:
        return ""
    user, file, line = facts.orphan
    return f" The first is of user {visible(user, 40)}, at {visible(file)}:{line}."


def unseen_items(facts: Facts) -> Iterator[Finding]:
    """Tell of clicks on what was never shown."""
    ids, clicks = facts.by_ids, facts.checkup.clicks
    impressions = facts.checkup.tally.of(Watched.IMPRESSION)
    unlisted, listed = clicks.unlisted, clicks.listed
    parts = []
    count, of = unlisted, listed
    if facts.goes_by_ids and impressions and ids.clicks_without_impression:
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
    # Where a search has an id, the rank of a click on it is known wherever its line stands.
    offsets = facts.by_ids.offsets if facts.goes_by_ids else facts.checkup.clicks.offsets
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
    repeated, clicks = facts.counts.repeated_clicks, facts.clicks
    if not repeated:
        return
    yield Finding(
        "repeated_clicks",
        Severity.DOUBTFUL,
        repeated,
        clicks,
        f"Clicks on an item once more: {part(repeated, clicks)}.",
        "Click-through is the same, but clicks per search count a double click twice.",
        "--dedupe-clicks counts them once",
        {"different_clicks": clicks - repeated},
    )
