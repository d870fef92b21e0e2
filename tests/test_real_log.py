"""A log recorded in a demo shop by OpenSearch User Behavior Insights, where it is at hand."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from logs import LOG

FIELDS = [
    "type=action_name",
    "user=client_id",
    "time=timestamp",
    "query=message",
    "item=event_attributes.object.object_id",
    "rank=event_attributes.position.ordinal",
]

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the recorded log is not at hand")


def summary_of(*options: str) -> dict[str, Any]:
    """Sum the recorded log up, with its own names for the fields."""
    fields = [word for field in FIELDS for word in ("--field", field)]
    command = [sys.executable, "-m", "ctrlog", "summary", "--format", "json", "-q"]
    done = subprocess.run(
        [*command, *fields, *options, LOG], stdout=subprocess.PIPE, check=True, timeout=60
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_keystroke_is_a_search_and_no_click_is_lost() -> None:
    """Search events come with each key that is typed: 506, and few of them can end in a click.

    The log has 287 clicks, of which those without an open search are orphans: all 60 of an
    application that logs its searches in another way, and some of 227 of the shop.
    """
    found = summary_of("--where", "application=Chorus")
    orphans = found["diagnostics"]["orphan_clicks"]
    assert found["searches"] == 506
    assert found["clicks"] + orphans == 287
    assert orphans >= 60
    assert 0.05 < found["ctr"] < 0.44  # between a CTR by keystroke and one by query, see its notes
    assert found["users"] <= 15


TYPING = ["--where", "application=Chorus", "--reorder", "3650d"]
IDS = ["--attribute", "id", "--field", "search_id=query_id"]


def test_typing_is_merged_to_what_people_searched_for() -> None:
    """506 searches with each key are some 60 of people, and no click is lost by that.

    Its notes count 62 with a pause of 4 s as the border, and 56 with 30 s and two letters.
    """
    raw = summary_of(*TYPING)
    merged = summary_of(*TYPING, "--merge-typing", "4s")
    assert merged["searches_raw"] == raw["searches"] == 506
    assert merged["ctr_raw"] == raw["ctr"]
    assert (merged["clicked_searches"], merged["clicks"]) == (
        raw["clicked_searches"],
        raw["clicks"],
    )
    assert 55 <= merged["searches"] <= 70
    assert 0.5 < merged["ctr"] < 0.7


def test_clicks_name_their_searches() -> None:
    """Ids give no more clicks than the order of events; those whose search is over are orphans."""
    by_order = summary_of(*TYPING)
    by_id = summary_of(*TYPING, *IDS)
    for found in (by_order, by_id):
        assert found["clicks"] + found["diagnostics"]["orphan_clicks"] == 287
    assert by_id["clicks"] <= by_order["clicks"]
    assert 490 <= by_id["diagnostics"]["searches_with_id"] <= 506
    once = summary_of(*TYPING, *IDS, "--dedupe-clicks")
    assert once["clicks"] + once["diagnostics"]["repeated_clicks"] == by_id["clicks"]
    assert once["clicked_searches"] == by_id["clicked_searches"]
    assert once["clicks"] <= 130  # different pairs of query and item, as its notes count them


def test_lines_that_are_no_events_are_told_apart() -> None:
    """Half of the lines are instructions for a bulk upload, and queries have no action's name."""
    found = summary_of()
    reasons = found["diagnostics"]["bad_lines_by_reason"]
    lines = LOG.read_bytes().count(b"\n")
    assert set(reasons) <= {"field missing", "wrong type"}
    assert found["events"] + found["diagnostics"]["bad_lines"] == lines
    assert reasons["field missing"] >= lines // 2


def test_what_is_out_of_order_is_told_and_mended() -> None:
    """Hundreds of neighbours are out of order of time, which sorting by a day mends."""
    as_logged = summary_of("--where", "application=Chorus")["diagnostics"]
    sorted_ = summary_of("--where", "application=Chorus", "--reorder", "3650d")["diagnostics"]
    assert as_logged["out_of_order"] > 100
    assert sorted_["out_of_order"] == 0
