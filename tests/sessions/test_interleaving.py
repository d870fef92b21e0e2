"""Inputs that are taken together, in order of time."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import at, event

from ctrlog.run.pipeline import Pipeline
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.exclusion import Exclusion
from ctrlog.sessions.interleaving import interleaved
from ctrlog.sessions.shard import Shard

#: Times in seconds, None for an event without one.
TIMES = st.lists(st.one_of(st.integers(0, 9), st.none()), max_size=8)


def cut(events: list[TrustedEvent], places: list[int]) -> list[list[TrustedEvent]]:
    """Cut events into parts, some of them empty."""
    borders = [0, *sorted(min(place, len(events)) for place in places), len(events)]
    return [events[a:b] for a, b in pairwise(borders)]


@given(st.lists(st.tuples(TIMES, st.lists(st.integers(0, 8), max_size=3)), max_size=4))
def test_the_next_event_is_the_earliest_of_the_next_ones(
    inputs: list[tuple[list[int | None], list[int]]],
) -> None:
    """Told slowly: of the inputs' next events the one with the least time, the first of equals."""
    logs = [
        [event("x", None if time is None else at(time), f"{number}") for time in times]
        for number, (times, _) in enumerate(inputs)
    ]
    parts = [cut(log, places) for log, (_, places) in zip(logs, inputs, strict=True)]
    found = [each for batch in interleaved(parts) for each in batch]
    before = [at(-1)] * len(logs)
    expected: list[TrustedEvent] = []
    rest = [[*log] for log in logs]
    while any(rest):
        keys = [(log[0].time or before[number], number) for number, log in enumerate(rest) if log]
        time, number = min(keys)
        before[number] = time
        expected.append(rest[number].pop(0))
    assert found == expected


@given(strategies.event_dicts(max_events=20), st.data())
def test_a_log_in_order_that_is_dealt_to_files_is_as_it_was(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever line is in whatever file, taken together they are the log that they were."""
    whole = [{**each, "time": 1704067200 + number} for number, each in enumerate(events)]
    dealt: list[list[dict[str, Any]]] = [[], [], []]
    for each in whole:
        dealt[data.draw(st.integers(0, 2))].append(each)
    expected = searches_of([whole], interleaves=False)
    assert searches_of(dealt, interleaves=True) == expected


def searches_of(logs: list[list[dict[str, Any]]], *, interleaves: bool) -> list[Any]:
    """Run logs through, a file each."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(logs))]
        for path, log in zip(paths, logs, strict=True):
            path.write_text("".join(json.dumps(each) + "\n" for each in log))
        pipeline = Pipeline(Shard(), interleaves=interleaves)
        return [search for ended in pipeline.run(map(str, paths)) for search in ended.searches]


def test_bad_lines_have_their_places(tmp_path: Path) -> None:
    """A bad line is told with its file and number, and the others are taken."""
    good = '{"type":"Search","user":1,"query":"dogs","time":%d}\n'
    (tmp_path / "a").write_text(good % 5 + "bad\n" + good % 7)
    (tmp_path / "b").write_text("worse\n" + good % 6)
    told: list[str] = []
    pipeline = Pipeline(Shard(), interleaves=True, on_failure=lambda error: told.append(str(error)))
    pipeline.bad_lines._show = told.append
    names = [str(tmp_path / name) for name in ("a", "none", "b")]
    searches = [each for ended in pipeline.run(names) for each in ended.searches]
    assert [search.time for search in searches] == [
        at(seconds - 1704067200) for seconds in (5, 6, 7)
    ]
    assert {message.split(":")[0].removeprefix(f"{tmp_path}/") for message in told} == {
        "a", "b", "none",
    }  # fmt: skip
    assert pipeline.bad_lines.total == 2
    assert pipeline.lines == 5


def run(folder: Path, logs: list[str], exclusion: Exclusion | None = None, **options: Any) -> Any:
    """Take logs together, and return the CTR of each search."""
    names = []
    for number, log in enumerate(logs):
        path = folder / str(number)
        path.write_text(log)
        names.append(str(path))
    pipeline = Pipeline(Shard(), interleaves=True, exclusion=exclusion, **options)
    return [search.ctr for ended in pipeline.run(names) for search in ended.searches]


SEARCH = '{"type":"Search","user":"u","query":"q"%s}\n'
CLICK = '{"type":"ClickResult","user":"u","item":"i","time":%d}\n'


def test_an_excluded_user_moves_no_event_of_others(tmp_path: Path) -> None:
    """A search without a time comes where it would if the log had no line of theirs."""
    bot = '{"type":"AppOpen","user":"bot","time":1700000200}\n'
    click = CLICK % 1700000150
    exclusion = Exclusion(["bot"])
    assert run(tmp_path, [bot + SEARCH % "", click], exclusion) == [1.0]
    assert exclusion.events == 1
    assert run(tmp_path, [SEARCH % "", click]) == [1.0]


def test_each_file_is_sorted_before_files_are_taken_together(tmp_path: Path) -> None:
    """A search that is late in its own file comes before its click in another."""
    late = '{"type":"AppOpen","user":"z","time":1700000100}\n' + SEARCH % ',"time":1700000050'
    click = CLICK % 1700000060
    assert run(tmp_path, [late, click]) == [0.0]
    assert run(tmp_path, [late, click], reorder=timedelta(minutes=2)) == [1.0]
