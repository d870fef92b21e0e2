"""What `ctrlog check` tells of a recorded log, against figures counted straight from its JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from logs import LOG

from ctrlog.times import parse_time

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the recorded log is not at hand")


@cache
def documents(application: str | None = "Chorus") -> list[dict[str, Any]]:
    """Return the documents of an application, in the order in which they stand there."""
    found = [json.loads(line) for line in LOG.read_text().split("\n") if line]
    return [
        each for each in found if "index" not in each and application in {None, each["application"]}
    ]


def queries() -> list[dict[str, Any]]:
    """Return the documents of queries."""
    return [each for each in documents() if "action_name" not in each]


def events(*names: str) -> list[dict[str, Any]]:
    """Return the documents of events, those of some names or all."""
    named = [each for each in documents() if "action_name" in each]
    return [each for each in named if not names or each["action_name"] in names]


def ids(found: list[dict[str, Any]]) -> set[str]:
    """Return the ids of queries that documents name."""
    return {each["query_id"] for each in found if each["query_id"] is not None}


def item(event: dict[str, Any]) -> tuple[str, str]:
    """Return the query and the item that an event is about."""
    return event["query_id"], event["event_attributes"]["object"]["object_id"]


@cache
def told(*options: str) -> dict[str, Any]:
    """Run the check on the recorded log; it makes click-through wrong."""
    command = [sys.executable, "-m", "ctrlog", "check", "--format", "json", "-q", *options]
    done = subprocess.run([*command, LOG], stdout=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def chorus(name: str) -> dict[str, Any]:
    """Return a finding about the application of which people's use was recorded."""
    found: dict[str, Any]
    (found,) = [each for each in chorus_told()["findings"] if each["name"] == name]
    return found


def chorus_told() -> dict[str, Any]:
    """Return what is told of that application."""
    return told("--where", "application=Chorus")


@cache
def summed_up(*options: str) -> dict[str, Any]:
    """Return what the summary says of it, diagnostics included."""
    lines = [json.dumps(each) + "\n" for each in documents()]
    command = [sys.executable, "-m", "ctrlog", "summary", "--schema", "ubi", "--format", "json"]
    found = json.loads(subprocess.check_output([*command, *options], input="".join(lines).encode()))
    return {**found, **found["diagnostics"]}


def test_the_schema_is_found_and_no_line_is_bad() -> None:
    """Instructions for a bulk upload are half of the lines."""
    found = told()
    assert found["schema"] == "ubi"
    assert (found["lines"], found["instructions"]) == (len(documents(None)),) * 2
    assert found["bad_lines"] == 0


def test_each_kind_of_event_is_counted() -> None:
    """By what the log calls it; an executed query has no name."""
    counted = {(each["kind"], each["name"]): each["events"] for each in chorus_told()["kinds"]}
    names = Counter(each.get("action_name") for each in documents())
    assert {name: number for (_, name), number in counted.items()} == names
    assert counted["Typing", "search"] == names["search"] == 506
    assert counted["ClickResult", "click"] == names["click"] == 227
    assert counted["Search", None] == names[None] == 273
    assert chorus_told()["users"] == len({each["client_id"] for each in documents()}) == 15


def test_executed_queries_are_searches_once_each() -> None:
    """84 of them, 44.0 % of them clicked."""
    clicked = ids(events("click")) & ids(queries())
    found = chorus_told()["by_ids"]
    assert found["searches"] == len(ids(queries())) == 84
    assert found["clicked_searches"] == len(clicked)
    assert found["ctr"] == len(clicked) / 84
    assert f"{found['ctr']:.1%}" == "44.0%"


def test_counting_each_keystroke_gives_far_less() -> None:
    """506 search events, and 7.7 % if each id that the log has were a search."""
    keystrokes = chorus("keystrokes")
    every, clicked = ids(documents()), ids(events("click"))
    assert keystrokes["count"] == len(events("search")) == 506
    assert keystrokes["figures"]["ids"] == len(every)
    assert keystrokes["figures"]["clicked_ids"] == len(clicked)
    assert f"{len(clicked) / len(every):.1%}" == "7.7%"
    assert "(7.7 %)" in keystrokes["what"]
    assert "(44.0 %)" in keystrokes["what"]


def test_most_of_them_are_typed_on_from() -> None:
    """At most those that, in order of time, are followed within 2 s by what they begin."""
    typed = 0
    by_client = defaultdict(list)
    for each in events("search"):
        by_client[each["client_id"]].append((parse_time(each["timestamp"]), each["message"]))
    for searches in by_client.values():
        for (time, text), (next_time, next_text) in pairwise(sorted(searches)):
            is_soon = (next_time - time).total_seconds() <= 2
            typed += is_soon and (text.startswith(next_text) or next_text.startswith(text))
    assert 0.9 * typed <= chorus("keystrokes")["figures"]["typed_on"] <= typed


def test_neighbours_out_of_order_of_time_are_counted() -> None:
    """813 among the events; the queries stand before them, with others of their own."""
    steps = {}
    for name, found in ("named", events()), ("unnamed", queries()):
        times = [parse_time(each["timestamp"]) for each in found]
        steps[name] = sum(later < earlier for earlier, later in pairwise(times))
    assert steps["named"] == 813
    for name, number in steps.items():
        assert chorus("time_order")["figures"][name]["out_of_order"] == number


def test_clicks_on_what_was_never_shown_are_counted() -> None:
    """41 of 227 have no impression; 20 of them name a query that is not in the log."""
    seen = {item(each) for each in events("impression")}
    unseen = [each for each in events("click") if item(each) not in seen]
    found = chorus("items_never_shown")
    assert (found["count"], found["of"]) == (len(unseen), 227)
    assert len(unseen) == 41
    elsewhere = [each for each in events("click") if each["query_id"] not in ids(queries())]
    said = f"clicks that name a search that is not in the log: {len(elsewhere)};"
    assert said in chorus("clicks_without_search")["what"]


def test_the_figures_are_those_of_the_summary() -> None:
    """What both say of the application, in the order in which the documents stand."""
    found, expected = chorus_told(), summed_up()
    in_both = {*found} & {*expected} - {"lines"}
    assert {name: found[name] for name in in_both} == {name: expected[name] for name in in_both}
    orphans = chorus("clicks_without_search")
    assert (orphans["count"], orphans["of"]) == (expected["orphan_clicks"], 227)


def test_rows_that_look_empty_are_told_from_queries_that_are() -> None:
    """Calls for facets come with no results, so 192 of 273 rows are empty, but 6 of 84 queries."""
    empty_rows = [each for each in queries() if not each["query_response_hit_ids"]]
    with_results = ids([each for each in queries() if each["query_response_hit_ids"]])
    found = chorus("ids_in_several_lines")
    assert found["figures"]["empty_lists"] == len(empty_rows) == 192
    assert found["figures"]["lists"] == 273
    without = len(ids(queries()) - with_results)
    assert found["figures"]["searches_without_results"] == without == 6
    rows = Counter(each["query_id"] for each in queries())
    assert found["count"] == sum(number > 1 for number in rows.values())


def test_ids_of_several_texts_are_told() -> None:
    """One id of a query stands for several texts."""
    texts = defaultdict(set)
    for each in queries():
        texts[each["query_id"]].add(each["user_query"])
    assert chorus("repeated_ids")["count"] == sum(len(found) > 1 for found in texts.values())


def test_ranks_are_counted_from_one_and_elsewhere_from_zero() -> None:
    """In the recorded application from 1, in the generated one from 0: together they are mixed."""
    ranks = Counter(each["event_attributes"]["position"]["ordinal"] for each in events("click"))
    assert 0 not in ranks
    assert not [each for each in chorus_told()["findings"] if each["name"].startswith("ranks")]
    generated = told("--where", "application=esci_ubi_sample")["findings"]
    assert "ranks_from_zero" in [each["name"] for each in generated]
    assert "ranks_mixed" in [each["name"] for each in told()["findings"]]
