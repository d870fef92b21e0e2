"""Ranges of a log by themselves, joined again: the same as the log as a whole."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import decoded, rules_of

from ctrlog.run.parallel.joining_shard import JoiningShard
from ctrlog.run.parallel.pieces import Held, Left, Piece
from ctrlog.run.parallel.range_shard import SettlingShard
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

#: The events of some files; None where another file begins.
Log = Sequence[TrustedEvent | None]
MANY = 1_000_000
#: The fields that events have here, which were decoded without further ones.
OWN = ("query", "user")


@dataclass
class Outcome:
    """What became of a log."""

    ended: Ended = field(default_factory=lambda: Ended([], []))
    counts: Counts = field(default_factory=Counts)
    has_searched: bool = False
    joined: int = 0
    refused: int = 0
    held: int = 0

    def add(self, more: Ended) -> None:
        """Add what ended."""
        self.ended.searches.extend(more.searches)
        self.ended.sessions.extend(more.sessions)


def feed(shard: Shard, log: Log, block: int = 3) -> list[Ended]:
    """Feed a log in blocks."""
    ended: list[Ended] = []
    events: list[TrustedEvent] = []
    for each in [*log, None]:
        if each is not None:
            events.append(each)
        if each is None or len(events) == block:
            ended.append(shard.feed(events))
            events = []
        if each is None:
            shard.new_clock()
    return ended


def whole(log: Log, rules: Rules) -> Outcome:
    """Run a log through one shard."""
    shard, outcome = Shard(rules), Outcome()
    for ended in feed(shard, log):
        outcome.add(ended)
    outcome.add(shard.flush())
    outcome.counts, outcome.has_searched = shard.counts, shard.has_searched
    return outcome


def worked_off(log: Log, rules: Rules, first_number: int, block: int) -> tuple[list[Piece], Left]:
    """Let a range's own shard take it; all that comes of it can be sent to another process."""
    shard = SettlingShard(rules, first_number, MANY)
    shard.new_clock()
    pieces: list[Piece] = []
    events: list[TrustedEvent] = []
    for place, each in enumerate([*log, None]):
        if each is not None:
            events.append(each)
        if each is None or len(events) == block:
            ended = shard.feed(events)
            pieces += [*shard.take_pieces(), ended]
            events = []
        if each is None and place < len(log):
            shard.new_clock()
    pieces += shard.take_pieces()
    left = shard.leave()
    return pickle.loads(pickle.dumps((pieces, left)))  # type: ignore[no-any-return]  # noqa: S301


def in_ranges(log: Log, cuts: Sequence[int], rules: Rules, block: int = 3) -> Outcome:
    """Run a log through in ranges, each by itself."""
    shard, outcome = JoiningShard(rules), Outcome()
    bounds = sorted({0, *cuts, len(log)})
    for number, (start, end) in enumerate(pairwise(bounds)):
        range_ = log[start:end]
        goes_on = range_[0] is not None
        if not goes_on:
            shard.new_clock()
            range_ = range_[1:]
        pieces, left = worked_off(range_, rules, number << 40, block)
        outcome.held += sum(len(piece.rows) for piece in pieces if isinstance(piece, Held))
        if start and shard.bears_out(left.first_time, goes_on=goes_on):
            outcome.joined += 1
            for ended in shard.join(pieces, left):
                outcome.add(ended)
        else:
            outcome.refused += bool(start)
            shard.number_from(number << 40)
            feed_on(shard, range_, outcome)
    outcome.add(shard.flush())
    outcome.counts, outcome.has_searched = shard.counts, shard.has_searched
    return outcome


def feed_on(shard: Shard, log: Log, outcome: Outcome) -> None:
    """Feed a log that goes on."""
    for each in log:
        if each is None:
            shard.new_clock()
        else:
            outcome.add(shard.feed([each]))


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Draw the events of some files."""
    log: list[TrustedEvent | None] = []
    for number, content in enumerate(draw(strategies.several_logs())):
        log += [None] if number else []
        log += decoded(content)
    return log


def test_any_ranges_give_the_same() -> None:
    """Cut anywhere and processed apart, a log gives the records and counts of one shard."""
    found: Counter[str] = Counter()

    @given(logs(), strategies.options(), st.data())
    def in_any_ranges(log: Log, options: reference.Options, data: st.DataObject) -> None:
        found.update(compare(log, options, data))

    in_any_ranges()
    assert found["joined"] > found["refused"]


def compare(log: Log, options: reference.Options, data: st.DataObject) -> Counter[str]:
    """Compare a log in ranges with the whole, and return how many ranges were joined."""
    filter_ = Filter(
        options.since, options.until, tuple(pair for pair in options.where if pair[0] in OWN)
    )
    rules = rules_of(options, filter_.selector())
    rules = replace(rules, max_user_searches=None)  # with it, one process works on a log
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=5))
    block = data.draw(st.integers(1, 10))
    expected, found = whole(log, rules), in_ranges(log, cuts, rules, block)
    assert found.ended.searches == expected.ended.searches
    assert found.ended.sessions == expected.ended.sessions
    assert found.counts == expected.counts
    assert found.has_searched == expected.has_searched
    return Counter(joined=found.joined, refused=found.refused)
