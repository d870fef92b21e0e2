"""A log dealt out to shards: what they find together is what one would."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from itertools import pairwise
from zlib import crc32

import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import at, event, s

from ctrlog.adapters.partitioning import Dealer, Portion, shard_of
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.schemas.reference import Reason
from ctrlog.sessions.events import SearchRecord, SessionRecord, TrustedEvent
from ctrlog.sessions.filters import Filter
from ctrlog.sessions.ledger import Counts, Ended
from ctrlog.sessions.ordering import Reorder
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

MAX_LINE_BYTES = 2**24


@dataclass
class Outcome:
    """What some shards found, by the number of each."""

    searches: dict[int, list[SearchRecord]] = field(default_factory=dict)
    sessions: dict[int, list[SessionRecord]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def add(self, number: int, ended: Ended) -> None:
        """Add what ended in a shard."""
        self.searches.setdefault(number, []).extend(ended.searches)
        self.sessions.setdefault(number, []).extend(ended.sessions)


def rules_of(options: reference.Options) -> tuple[Rules, Decoder]:
    """Return the rules and the decoder for options."""
    filter_ = Filter(options.since, options.until, options.where)
    rules = Rules(options.gap, options.lateness, options.max_session, filter_.selector())
    return rules, Decoder(Schema.native(extra=filter_.extra_fields), MAX_LINE_BYTES)


def as_a_whole(log: bytes, options: reference.Options) -> Outcome:
    """Take a log through one shard."""
    rules, decoder = rules_of(options)
    shard, outcome = Shard(rules), Outcome()
    events = decoder.decode(log).events
    if options.reorder is not None:
        reorder = Reorder(options.reorder)
        events = reorder.feed(events) + reorder.flush()
    outcome.add(0, shard.feed(events))
    outcome.add(0, shard.flush())
    outcome.counts = shard.counts
    return outcome


def dealt_out(
    log: bytes, options: reference.Options, cuts: list[int], number: int, *, stops: bool
) -> Outcome:
    """Deal a log out in blocks; stop and go on after each of them, or not."""
    rules, decoder = rules_of(options)
    shards = [Shard(rules) for _ in range(number)]
    dealer, outcome = Dealer(decoder, number, options.reorder), Outcome()

    def feed(portions: dict[int, Portion]) -> None:
        for each, portion in portions.items():
            if stops:
                shards[each] = Shard.restore(shards[each].save(), rules)
                portion = pickle.loads(pickle.dumps(portion))  # noqa: PLW2901, S301
            outcome.add(each, portion.feed(shards[each]))

    lines = log.split(b"\n")
    bounds = sorted(min(cut, len(lines)) for cut in cuts)
    for start, end in pairwise([0, *bounds, len(lines)]):
        feed(dealer.deal(b"\n".join([*lines[start:end], b""])).portions)
        if stops:
            saved = pickle.dumps(dealer.save())
            feed(dealer.pause())
            dealer = Dealer(decoder, 1, options.reorder)
            dealer.restore(pickle.loads(saved))  # noqa: S301
    feed(dealer.finish())
    for each, shard in enumerate(shards):
        outcome.add(each, shard.flush())
        outcome.counts.merge(shard.counts)
    return outcome


CUTS = st.lists(st.integers(0, 60), max_size=6)


@given(
    strategies.log_bytes(), strategies.options(), CUTS, st.sampled_from([1, 2, 5]), st.booleans()
)
def test_shards_find_what_one_finds(
    log: bytes,
    options: reference.Options,
    cuts: list[int],
    number: int,
    stops: bool,  # noqa: FBT001
) -> None:
    """Dealt out in any blocks, stopped or not, a log has the records and counts that it has."""
    log = log.removeprefix(b"\xef\xbb\xbf")
    whole, parts = as_a_whole(log, options), dealt_out(log, options, cuts, number, stops=stops)
    assert parts.counts == whole.counts
    for shard in range(number):
        for found, expected in (
            (parts.searches.get(shard, []), whole.searches[0]),
            (parts.sessions.get(shard, []), whole.sessions[0]),
        ):
            assert found == [each for each in expected if shard_of(each.user, number) == shard]


@given(strategies.log_bytes(), strategies.options(), CUTS, CUTS)
def test_the_order_in_a_shard_is_one(
    log: bytes, options: reference.Options, cuts: list[int], others: list[int]
) -> None:
    """However a log is cut, each shard finds the same in the same order, so records have ids."""
    one = dealt_out(log, options, cuts, 3, stops=False)
    assert dealt_out(log, options, others, 3, stops=True) == one


def test_a_user_is_always_in_the_same_shard() -> None:
    """The shard of a user is the CRC-32 of the name: in any process, for 1 and for "1"."""
    users: list[str | int] = [1, "1", "é", "", -5, 2**70]
    assert [shard_of(user, 16) for user in users] == [
        crc32(name.encode()) % 16 for name in ("1", "1", "é", "", "-5", str(2**70))
    ]
    # As zlib documents it: the same value in all versions.
    assert shard_of("hello", 2**32) == 0x3610A686


def test_shards_are_of_much_the_same_size() -> None:
    """Thousand users each are spread evenly, within six standard deviations."""
    sizes = dict.fromkeys(range(16), 0)
    for user in range(16_000):
        sizes[shard_of(user, 16)] += 1
    assert all(abs(size - 1000) < 6 * 1000**0.5 for size in sizes.values())


ODD_EVENTS: list[TrustedEvent] = [
    event("Search", at(0), 2**70, query="large"),
    event("Search", None, "x", query="\udcff".encode(errors="replace").decode()),
    event("Results", at(0.000001), "x", items=["a", 5, "é\u2028"]),
    event("ClickResult", at(1), "x", item=5, rank=2**70),
    TrustedEvent("Search", "x", at(2), "q", extra=({"a": [1, None]}, 2**70, 1.5, "t", True)),
    event("Scroll", at(-(10**10)), ""),
]


@pytest.mark.parametrize("odd", ODD_EVENTS, ids=lambda each: each.type)
def test_a_portion_crosses_to_another_process(odd: TrustedEvent) -> None:
    """What comes out is what went in, with all fields, whatever is in them."""
    portion = Portion([(None, [odd]), (at(3), [odd, odd])], at(4))
    crossed: Portion = pickle.loads(pickle.dumps(portion))  # noqa: S301
    assert crossed.clock == at(4)
    assert [clock for clock, _ in crossed.parts] == [None, at(3)]
    assert [len(events) for _, events in crossed.parts] == [1, 2]
    for _, events in crossed.parts:
        for each in events:
            assert fields(each) == fields(odd)


def fields(each: TrustedEvent) -> list[object]:
    """Return the fields of an event, so that they can be compared."""
    items = None if each.items is None else (each.items[0], bytes(each.items[1]))
    values = [getattr(each, name) for name in TrustedEvent.__struct_fields__]
    return [
        items if name == "items" else value
        for name, value in zip(TrustedEvent.__struct_fields__, values, strict=True)
    ]


def test_a_shard_without_events_hears_of_the_clock() -> None:
    """Sessions fall due in a shard that gets nothing, as promptly as the log's second."""
    dealer = Dealer(Decoder(Schema(), MAX_LINE_BYTES), 2)
    shards = [Shard(Rules(s(10), s(5))) for _ in range(2)]
    users = {shard_of(user, 2): user for user in range(10)}
    first, second = (
        b'{"type": "Search", "user": %d, "query": "q", "time": %d}\n' % (users[0], 1000),
        b'{"type": "AppOpen", "user": %d, "time": %d}\n' % (users[1], 1017),
    )
    for block in (first, second):
        ended = [portion.feed(shards[n]) for n, portion in dealer.deal(block).portions.items()]
    assert [[search.closed_by for search in each.searches] for each in ended] == [["gap"], []]


def test_bad_lines_are_handed_back() -> None:
    """Bad lines come out with their numbers; blank ones are counted only."""
    dealt = Dealer(Decoder(Schema(), MAX_LINE_BYTES)).deal(b'\n{"type"\n[]\n', 7)
    assert dealt.lines == 3
    assert [(bad.line, bad.reason) for bad in dealt.bad] == [
        (8, Reason.CUT_OFF),
        (9, Reason.NOT_AN_OBJECT),
    ]
    assert dealt.portions == {}
