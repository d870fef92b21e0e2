"""Noise for simulated logs: late and malformed lines."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.schemas.reference import Reason
from ctrlog.simulate.draws import draws
from ctrlog.simulate.noise import CORRUPTIONS, LATE_MS, delay_lines, insert_bad_lines
from ctrlog.simulate.truth import Truth

LINES = [
    '{"type":"AppOpen","user":1,"time":"2024-03-04T00:00:00.000Z"}\n',
    '{"type":"Search","user":22,"time":"2024-03-04T00:00:01.500Z","query":"9\\" café table"}\n',
    '{"type":"Results","user":3,"time":"2024-03-04T00:00:02.000Z","items":["a","b"]}\n',
    '{"type":"Results","user":3,"time":"2024-03-04T00:00:03.000Z","items":[]}\n',
    '{"type":"ClickResult","user":4,"time":"2024-03-04T00:00:04.000Z","item":"a","rank":1}\n',
]

#: Steps from one line to the next, cut into blocks.
timed_blocks = st.lists(st.lists(st.integers(0, 60_000), max_size=30), max_size=5)


def disordered(
    blocks: list[list[int]], share: float, seed: int = 1
) -> tuple[list[int], list[int], Truth]:
    """Delay lines of some blocks; return their times before and after, and the truth."""
    time_ms, timed = 1_700_000_000_000, []
    for steps in blocks:
        times = []
        for step in steps:
            time_ms += step
            times.append(time_ms)
        timed.append((times, [f"{time}\n" for time in times]))
    truth = Truth(users=1)
    written = delay_lines(timed, share, draws(seed, "test"), truth)
    return (
        [time for times, _ in timed for time in times],
        [int(line) for block in written for line in block],
        truth,
    )


@given(timed_blocks, st.floats(0, 1), st.integers(0, 100))
def test_no_line_is_lost_or_later_than_it_may_be(
    blocks: list[list[int]], share: float, seed: int
) -> None:
    """The lines are the same, and none is later than the longest delay."""
    before, after, truth = disordered(blocks, share, seed)
    assert sorted(after) == before
    clock, behind = 0, []
    for time in after:
        behind += [clock - time] if time < clock else []
        clock = max(clock, time)
    assert truth.out_of_order == len(behind)
    assert truth.largest_step_back_ms == max(behind, default=0) <= LATE_MS[1]


@given(timed_blocks)
def test_without_a_share_nothing_changes(blocks: list[list[int]]) -> None:
    """With a share of 0 the lines keep their order, also those of equal times."""
    before, after, _ = disordered(blocks, 0.0)
    assert before == after


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_disorder_comes_in_its_share(share: float) -> None:
    """In a dense log the stated share of lines is late, half of them by less than 16 s."""
    _, after, truth = disordered([[100] * 20_000], share)
    assert truth.out_of_order / 20_000 == pytest.approx(share, rel=0.1)
    clock, behind = 0, []
    for time in after:
        behind += [clock - time] if time < clock else []
        clock = max(clock, time)
    assert sum(step < 16_000 for step in behind) / len(behind) == pytest.approx(0.5, abs=0.1)
    assert 110_000 < max(behind) < 120_000


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("reason", CORRUPTIONS)
def test_a_corrupted_line_has_the_fault_by_which_it_is_counted(reason: str, seed: int) -> None:
    """The decoder reports the same reason, wherever a line is cut."""
    draw = draws(seed, reason)
    for line in LINES:
        corrupted = CORRUPTIONS[reason](line, draw)
        assert corrupted.endswith("\n")
        decoded = Decoder(Schema(), 1000).decode(corrupted.encode(errors="surrogateescape"))
        assert [bad.reason for bad in decoded.bad] == [reason]
        assert decoded.lines == 1


def test_every_reason_of_the_decoder_occurs() -> None:
    """All reasons of the decoder occur, except lines that are too long."""
    assert {*CORRUPTIONS} == {reason.value for reason in Reason} - {"line too long"}


def test_bad_lines_are_additional_and_have_their_share() -> None:
    """Every good line is still there, and each kind of bad line occurs equally often."""
    truth = Truth(users=1)
    blocks = [LINES * 500] * 4
    written = [
        line for block in insert_bad_lines(blocks, 0.05, draws(1, "test"), truth) for line in block
    ]
    good = [line for line in written if line in LINES]
    assert good == LINES * 2_000
    assert len(written) - len(good) == truth.bad_lines.total()
    assert truth.bad_lines.total() == pytest.approx(500, rel=0.1)
    assert max(truth.bad_lines.values()) - min(truth.bad_lines.values()) <= 1
    assert Counter(truth.bad_lines).keys() == CORRUPTIONS.keys()


def test_a_bad_line_comes_before_its_original() -> None:
    """With a share close to 1 nearly every line has its bad copy before it."""
    truth = Truth(users=1)
    (written,) = insert_bad_lines([LINES], 0.999999, draws(1, "test"), truth)
    assert written[1::2] == LINES
    assert truth.bad_lines.total() == len(LINES)
