"""What the ids of searches tell: each search once, however its lines are ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ctrlog.check.traces import SearchTrace
from ctrlog.metrics.totals import ratio
from ctrlog.schemas.mapping import Watched
from ctrlog.sessions.events import Kind


@dataclass(slots=True)
class ByIds:
    """Searches told apart by their ids, without regard to sessions.

    Attributes:
        ids: Ids under which anything was logged.
        clicked_ids: How many of them got a click.
        searches: Ids of searches.
        clicked_searches: How many of them got a click.
        typed_on: Searches that were typed on from.
        keystrokes: Searches as the client logs them that were typed on from.
        in_several_lines: Searches of several lines.
        lines: Lines of searches.
        with_lists: Ids with results logged.
        without_results: How many of them have none in any list.
        of_several_texts: Searches with several texts.
        of_several_users: Ids under which several users do something.
        clicks: Clicks.
        clicks_without_search: Clicks under an id that no search has.
        clicks_on_typing: How many of them name one that the client has logged.
        clicks_without_impression: Clicks on an item without an impression under their id.
        offsets: Items by how far the rank of a click on them is from their place in the results.
    """

    ids: int = 0
    clicked_ids: int = 0
    searches: int = 0
    clicked_searches: int = 0
    typed_on: int = 0
    keystrokes: int = 0
    in_several_lines: int = 0
    lines: int = 0
    with_lists: int = 0
    without_results: int = 0
    of_several_texts: int = 0
    of_several_users: int = 0
    clicks: int = 0
    clicks_without_search: int = 0
    clicks_on_typing: int = 0
    clicks_without_impression: int = 0
    offsets: Counter[int] = field(default_factory=Counter)

    @property
    def ctr(self) -> float | None:
        """Clicked searches divided by searches."""
        return ratio(self.clicked_searches, self.searches)

    @property
    def ctr_by_id(self) -> float | None:
        """The same if every id were one of a search, as it is where each keystroke has one."""
        return ratio(self.clicked_ids, self.ids)

    @classmethod
    def of(cls, traces: Iterable[SearchTrace], scale: int) -> ByIds:
        """Sum up what was logged under ids.

        Args:
            traces: What was logged under each.
            scale: How many ids each stands for.
        """
        found = cls()
        for trace in traces:
            found._add(trace)
        for name, value in asdict(found).items():
            if isinstance(value, int):
                setattr(found, name, scale * value)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the figures under their names."""
        figures = {name: value for name, value in asdict(self).items() if name != "offsets"}
        return figures | {"ctr": self.ctr, "ctr_by_id": self.ctr_by_id}

    def _add(self, trace: SearchTrace) -> None:
        self.ids += 1
        self.clicked_ids += bool(trace.clicks)
        self.keystrokes += Watched.TYPING in trace.typed_on
        if trace.lines:
            self.searches += 1
            self.typed_on += Kind.SEARCH in trace.typed_on
            self.clicked_searches += bool(trace.clicks)
            self.in_several_lines += trace.lines > 1
            self.lines += trace.lines
        self.with_lists += trace.lists > 0
        self.without_results += trace.is_empty
        self.of_several_texts += trace.has_texts
        self.of_several_users += trace.has_users
        self.offsets.update(trace.offsets())
        self._add_clicks(trace)

    def _add_clicks(self, trace: SearchTrace) -> None:
        clicks = sum(trace.clicks.values())
        self.clicks += clicks
        if not trace.lines:
            self.clicks_without_search += clicks
            self.clicks_on_typing += clicks if trace.typed else 0
        self.clicks_without_impression += sum(
            times for item, times in trace.clicks.items() if item not in trace.impressions
        )
