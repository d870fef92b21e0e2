"""A log dealt out to shards, so that several can work on it and find what one would.

Whoever reads a log deals each block of it: the events of each user go to the shard of that
user, together with what the shard has to know of the log's clock. That is all of the log
that a shard needs, so shards can be anywhere. What they find together is what one shard
finds in the whole log, and each finds it in the same order, however the log is cut into
blocks.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Raw

from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.reference import BadLine
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.exclusion import Exclusion
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.ordering import Reorder
from ctrlog.sessions.shard import Shard
from ctrlog.times import BEGINNING, from_micros, to_micros

#: Into so many shards a log is dealt unless told otherwise: enough for some machines to
#: share, and few enough that each gets many events of a block.
SHARDS = 16

#: A shard without events hears of the clock when it has moved on by so much.
_TOLD_EVERY = timedelta(seconds=1)


def shard_of(user: str | int, shards: int) -> int:
    """Return the number of a user's shard: the same in every process, and for 1 and "1".

    Args:
        user: The user.
        shards: How many shards there are.
    """
    return crc32(str(user).encode()) % shards


class Portion:
    """What a shard gets of a block.

    Attributes:
        parts: Events in order, each part after the time that the log's clock had before
            it. None stands for that time where the shard needs not be told.
        clock: What the log's clock was in the end; None before the first time.
    """

    __slots__ = ("clock", "parts")

    def __init__(
        self, parts: list[tuple[datetime | None, list[TrustedEvent]]], clock: datetime | None
    ) -> None:
        """Make a portion of its attributes."""
        self.parts = parts
        self.clock = clock

    def feed(self, shard: Shard) -> Ended:
        """Feed a shard with the portion.

        Returns:
            The searches and sessions that ended on the way.
        """
        ended = Ended([], [])
        for clock, events in self.parts:
            if clock is not None:
                _add(ended, shard.advance(clock))
            _add(ended, shard.feed(events))
        if self.clock is not None:
            _add(ended, shard.advance(self.clock))
        return ended

    def __reduce__(self) -> tuple[Callable[[bytes], Portion], tuple[bytes]]:
        """Pack the portion to cross to another process."""
        parts = [(clock, [*map(_to_row, events)]) for clock, events in self.parts]
        try:
            return _unpack, (_encode((parts, self.clock)),)
        except OverflowError:  # a whole number beyond 64 bits
            return _unpack_large, (pickle.dumps((parts, self.clock)),)


def _add(ended: Ended, more: Ended) -> None:
    ended.searches.extend(more.searches)
    ended.sessions.extend(more.sessions)


class _Row(TrustedEvent, gc=False, array_like=True):
    """An event as it is packed: its fields in their order, and the ids of items as bytes."""

    items: tuple[int, bytes] | None = None  # type: ignore[assignment]  # Raw ones, unpacked


def _to_row(event: TrustedEvent) -> tuple[object, ...]:
    items = event.items
    return (
        event.type,
        event.user,
        event.time,
        event.query,
        None if items is None else (items[0], bytes(items[1])),
        event.item,
        event.rank,
        event.search_id,
        event.extra,
    )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[tuple[datetime | None, list[_Row]]], datetime | None])


def _unpack(packed: bytes) -> Portion:
    return _portion_of(*_decode.decode(packed))


def _unpack_large(pickled: bytes) -> Portion:
    parts, clock = pickle.loads(pickled)  # noqa: S301  # by another process of the same flow
    return _portion_of([(told, [_Row(*row) for row in rows]) for told, rows in parts], clock)


def _portion_of(parts: list[tuple[datetime | None, list[_Row]]], clock: datetime | None) -> Portion:
    events: list[TrustedEvent]
    for _, events in parts:  # type: ignore[assignment]  # which they are from here on
        for event in events:
            if event.items is not None:
                event.items = event.items[0], Raw(event.items[1])
    return Portion(parts, clock)  # type: ignore[arg-type]


class Dealt:
    """What comes of a block of lines.

    Attributes:
        portions: What each shard gets, by the shard's number.
        bad: The bad lines, in order.
        lines: The number of lines, blank ones included.
    """

    __slots__ = ("bad", "lines", "portions")

    def __init__(self, portions: dict[int, Portion], bad: list[BadLine], lines: int) -> None:
        """Make it of its attributes."""
        self.portions = portions
        self.bad = bad
        self.lines = lines


class Dealer:
    """Deals a log, block by block, and keeps its clock.

    Attributes:
        shards: How many shards there are.
    """

    def __init__(
        self,
        decoder: Decoder,
        shards: int = SHARDS,
        reorder: timedelta | None = None,
        exclusion: Exclusion | None = None,
    ) -> None:
        """Begin at the beginning of a log.

        Args:
            decoder: Makes events of lines.
            shards: How many shards there are.
            reorder: Events that are up to this much out of order are sorted; None to
                leave them.
            exclusion: Leaves out the events of some users; None to deal all.
        """
        self.shards = shards
        self._exclusion = exclusion
        self._decoder = decoder
        self._window = reorder
        self._reorder = None if reorder is None else Reorder(reorder)
        self._clock = BEGINNING
        self._told = [BEGINNING] * shards

    @property
    def excluded_events(self) -> int:
        """How many events of excluded users there were."""
        return 0 if self._exclusion is None else self._exclusion.events

    def deal(self, block: bytes, line: int = 1) -> Dealt:
        r"""Deal whole lines.

        Args:
            block: Lines, separated by \n.
            line: The number of the first.
        """
        events, bad, lines = self._decoder.decode(block, line)
        if self._exclusion is not None:
            events = self._exclusion.rest(events)
        if self._reorder is not None:
            events = self._reorder.feed(events)
        return Dealt(self._portions(events, _TOLD_EVERY), bad, lines)

    def pause(self) -> dict[int, Portion]:
        """Tell every shard what the clock is, so that what is due by now ends."""
        return self._portions([], timedelta(0))

    def finish(self) -> dict[int, Portion]:
        """Deal what is held to be sorted, at the end of the log, and tell the clock."""
        held = [] if self._reorder is None else self._reorder.flush()
        return self._portions(held, timedelta(0))

    def save(self) -> dict[str, Any]:
        """Return what to go on from; later blocks do not change it."""
        return {
            "shards": self.shards,
            "clock": None if self._clock is BEGINNING else to_micros(self._clock),
            "held": None if self._reorder is None else self._reorder.save(),
            "excluded": None if self._exclusion is None else self._exclusion.save(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where `save` was called; the number of shards is the one of then."""
        self.shards = saved["shards"]
        self._clock = BEGINNING if saved["clock"] is None else from_micros(saved["clock"])
        self._told = [BEGINNING] * self.shards
        if self._exclusion is not None:
            self._exclusion.restore(saved["excluded"])
        if self._window is not None and saved["held"] is not None:
            self._reorder = Reorder.restore(saved["held"], self._window)

    def _portions(self, events: list[TrustedEvent], tell_every: timedelta) -> dict[int, Portion]:
        shards, clock, told = self.shards, self._clock, self._told
        parts: list[list[tuple[datetime | None, list[TrustedEvent]]]]
        parts = [[(None, [])] for _ in range(shards)]
        dealt = [part[0][1] for part in parts]
        for event in events:
            number = crc32(str(event.user).encode()) % shards  # `shard_of`, without a call
            time = event.time
            if time is not None and time >= clock:
                clock = time
            elif clock > told[number]:
                # In a shard, too, the clock is past this event, which may change its session.
                told[number] = clock
                dealt[number] = []
                parts[number].append((clock, dealt[number]))
            dealt[number].append(event)
        self._clock = clock
        portions = {}
        for number, part in enumerate(parts):
            if not part[0][1]:
                del part[0]
            if part or clock - told[number] > tell_every:
                told[number] = clock
                portions[number] = Portion(part, None if clock is BEGINNING else clock)
        return portions
