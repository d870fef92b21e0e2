"""The schemas that come with ctrlog, on documents as their makers describe them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from foreignlogs import said

from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.loader import load_schema
from ctrlog.schemas.reference import Reason

AT = datetime(2025, 1, 22, 14, 57, 24, 305_000, tzinfo=UTC)


def events(preset: str, *documents: dict[str, Any] | str) -> list[dict[str, Any]]:
    """Return what the events of good lines say, without what is None."""
    lines = [each if isinstance(each, str) else json.dumps(each) for each in documents]
    decoded = Decoder(load_schema(preset), 2**20).decode("\n".join(lines).encode())
    assert decoded.bad == []
    return [
        {name: value for name, value in said(event).items() if value is not None}
        for event in decoded.events
    ]


# OpenSearch User Behavior Insights.

QUERY = {
    "application": "Chorus",
    "query_id": "q1",
    "client_id": "c1",
    "user_query": "laptop",
    "query_attributes": {},
    "object_id_field": "asin",
    "timestamp": "2025-01-22T14:57:24.305+0000",
    "query_response_id": "r1",
    "query_response_hit_ids": ["a", "b", "c"],
}
CLICK = {
    "application": "Chorus",
    "action_name": "click",
    "query_id": "q1",
    "session_id": "s1",
    "client_id": "c1",
    "user_id": "",
    "timestamp": "2025-01-22T14:57:24.305Z",
    "message_type": "CLICK_THROUGH",
    "message": "a laptop (undefined)",
    "event_attributes": {
        "object": {"object_id": "b", "object_id_field": "asin"},
        "position": {"ordinal": 2},
    },
    "user_query": "laptop",
}
SEARCH = {"type": "Search", "user": "c1", "time": AT, "query": "laptop", "search_id": "q1"}
CLICKED = {"type": "ClickResult", "user": "c1", "time": AT, "search_id": "q1"}


def test_an_executed_query_is_a_search_with_its_results() -> None:
    """A line is one event, whatever it says."""
    assert events("ubi", QUERY) == [SEARCH | {"items": ["a", "b", "c"]}]


@pytest.mark.parametrize("name", ["query_response_object_ids", "query_response_objects_ids"])
def test_older_names_of_results_are_known(name: str) -> None:
    """They were called otherwise before; where both are there, the present name counts."""
    older = {**QUERY, name: ["x", 5]}
    assert events("ubi", older)[0]["items"] == ["a", "b", "c"]
    del older["query_response_hit_ids"]
    assert events("ubi", older)[0]["items"] == ["x", "5"]
    assert events("ubi", older | {"query_response_hit_ids": None})[0]["items"] == ["x", "5"]


@pytest.mark.parametrize("missing", [{}, {"query_response_hit_ids": None}])
def test_a_query_without_results_is_a_search_only(missing: dict[str, Any]) -> None:
    """What was shown is not known then; an empty list is another thing: nothing was found."""
    bare = {name: value for name, value in QUERY.items() if "hit_ids" not in name} | missing
    assert events("ubi", bare) == [SEARCH]
    assert events("ubi", bare | {"query_response_hit_ids": []}) == [SEARCH | {"items": []}]


@pytest.mark.parametrize("name", ["click", "click_through", "item_click"])
def test_a_click_has_an_item_and_a_rank(name: str) -> None:
    """The client names both, and the query that it belongs to."""
    expected = CLICKED | {"item": "b", "rank": 2}
    assert events("ubi", CLICK | {"action_name": name}) == [expected]
    older = {"event_attributes": {"data": {"object_id": 7}, "position": None}}
    assert events("ubi", CLICK | older) == [CLICKED | {"item": 7}]


@pytest.mark.parametrize(
    "time",
    [
        *["2025-01-22T14:57:24.305Z", "2025-01-22T14:57:24.305+0000", 1737557844305],
        *["2025-01-22T15:57:24.305+01:00", "2025-01-22T14:57:24.305", 1737557844.305],
    ],
)
def test_all_spellings_of_a_time_are_read(time: str | float) -> None:
    """With Z, +0000 or another offset, without one, or as a number since 1970."""
    assert events("ubi", CLICK | {"timestamp": time})[0]["time"] == AT


def test_ids_and_attributes_may_be_null() -> None:
    """An event need not say to which query it belongs; a search need not have attributes."""
    assert "search_id" not in events("ubi", CLICK | {"query_id": None})[0]
    assert "search_id" not in events("ubi", QUERY | {"query_id": None})[0]
    typed = CLICK | {"action_name": "search", "event_attributes": None, "message": "lap"}
    del typed["user_query"]
    expected = {"type": "Typing", "user": "c1", "time": AT, "query": "lap", "search_id": "q1"}
    assert events("ubi", typed) == [expected]
    assert events("ubi-events", typed) == [expected | {"type": "Search"}]


def test_an_older_log_names_users_otherwise() -> None:
    """The client, else the user; one that is empty is none."""
    assert events("ubi", CLICK | {"client_id": None, "user_id": "u"})[0]["user"] == "u"
    assert events("ubi", CLICK | {"client_id": "", "user_id": 5})[0]["user"] == 5


def test_what_was_on_the_screen_and_all_else_is_activity() -> None:
    """Impressions, and any other action, are not even taken for one of ctrlog's own."""
    for name, type_ in ("impression", "Impression"), ("view", "view"), ("Search", "other Search"):
        assert events("ubi", CLICK | {"action_name": name})[0]["type"] == type_
    decoder = Decoder(load_schema("ubi").without_watched(), 1000)
    seen = decoder.decode(json.dumps(CLICK | {"action_name": "impression"}).encode())
    assert [event.type for event in seen.events] == ["impression"]


def test_instructions_of_bulk_are_no_bad_lines() -> None:
    """They stand between documents, wherever a file or a block of it begins."""
    instruction = '{"index": {"_index": "ubi_queries", "_id": "e7d6"}}'
    assert events("ubi", instruction, CLICK, instruction)[0]["item"] == "b"
    native = Decoder(load_schema("native"), 1000).decode(instruction.encode())
    assert [bad.reason for bad in native.bad] == [Reason.FIELD_MISSING]


def test_a_click_without_an_item_is_a_bad_line() -> None:
    """It is told where the item should be, not lost in silence."""
    line = json.dumps(CLICK | {"event_attributes": None}).encode()
    (bad,) = Decoder(load_schema("ubi"), 1000).decode(line).bad
    assert bad.reason is Reason.FIELD_MISSING
    assert bad.detail == (
        'no "event_attributes.object.object_id" or "event_attributes.data.object_id", and a'
        " ClickResult needs it; if the log calls it NAME, use --field item=NAME"
    )


# Elastic behavioral analytics.

ELASTIC = {
    "@timestamp": "2025-01-22T14:57:24.305Z",
    "data_stream": {"type": "behavioral_analytics", "dataset": "events"},
    "session": {"id": "s1"},
    "user": {"id": "u1"},
}
FOUND = {
    "items": [
        {"document": {"id": "a", "index": "products"}, "page": {"url": {"original": "http://a"}}},
        {"page": {"url": {"original": "http://b"}}},
        {"document": {"id": "c"}},
    ],
    "total_results": 3,
}


def test_an_elastic_search_comes_with_its_results() -> None:
    """A result without a document has its place."""
    search = {"event": {"action": "search"}, "search": {"query": "laptop", "results": FOUND}}
    expected = {"user": "u1", "time": AT}
    assert events("elastic", ELASTIC | search) == [
        {"type": "Search", "query": "laptop", "items": ["a", "", "c"]} | expected
    ]


def test_elastic_results_may_be_pages_only() -> None:
    """Where no result has a document, their addresses are their ids."""
    pages = {"items": [{"page": {"url": {"original": "http://b"}}}]}
    search = {"event": {"action": "search"}, "search": {"query": "laptop", "results": pages}}
    assert events("elastic", ELASTIC | search)[0]["items"] == ["http://b"]
    search["search"] = {"query": "laptop", "results": {"items": []}}
    assert events("elastic", ELASTIC | search)[0]["items"] == []
    search["search"] = {"query": "laptop"}
    assert "items" not in events("elastic", ELASTIC | search)[0]


def test_an_elastic_click_is_on_a_document_or_a_page() -> None:
    """And its user may be known by the session only."""
    click = {"event": {"action": "search_click"}, "search": {"query": "laptop"}}
    page = {"page": {"url": {"original": "http://b"}}}
    clicked = {"type": "ClickResult", "user": "u1", "time": AT}
    assert events("elastic", ELASTIC | click | page | {"document": {"id": "a"}}) == [
        clicked | {"item": "a"}
    ]
    anonymous = {name: value for name, value in ELASTIC.items() if name != "user"}
    assert events("elastic", anonymous | click | page) == [
        clicked | {"item": "http://b", "user": "s1"}
    ]
    assert events("elastic", ELASTIC | {"event": {"action": "pageview"}})[0]["type"] == "pageview"


# Google Analytics 4.

GA4 = {
    "event_date": "20250122",
    "event_timestamp": "1737557844305000",
    "event_name": "view_search_results",
    "event_params": [
        {"key": "ga_session_id", "value": {"int_value": "1737557000"}},
        {"key": "search_term", "value": {"string_value": "laptop"}},
    ],
    "user_pseudo_id": "1234.5678",
    "items": [],
}
ITEM = {"item_id": "SKU_1", "item_name": "a laptop", "item_list_index": "3"}


def test_a_ga4_search_is_in_its_parameters() -> None:
    """Numbers stand in quotes, be it the time or the search; nothing is known of results."""
    expected = {"type": "Search", "user": "1234.5678", "time": AT, "query": "laptop"}
    assert events("ga4", GA4) == [expected]
    number = [{"key": "search_term", "value": {"int_value": "501"}}]
    assert events("ga4", GA4 | {"event_params": number})[0]["query"] == "501"
    unquoted = [{"key": "search_term", "value": {"string_value": None, "int_value": 501}}]
    as_number = {"event_params": unquoted, "event_timestamp": 1737557844305000}
    assert events("ga4", GA4 | as_number) == [expected | {"query": "501"}]


@pytest.mark.parametrize(("index", "rank"), [("0", 1), ("3", 4), (3, 4)])
def test_a_ga4_click_is_on_the_item_selected(index: str | int, rank: int) -> None:
    """Its place is counted from 0."""
    click = {"event_name": "select_item", "items": [ITEM | {"item_list_index": index}]}
    clicked = {"type": "ClickResult", "user": "1234.5678", "time": AT, "item": "SKU_1"}
    assert events("ga4", GA4 | click) == [clicked | {"rank": rank}]


def test_what_ga4_calls_not_set_is_no_rank() -> None:
    """The click counts all the same."""
    click = {"event_name": "select_item", "items": [ITEM | {"item_list_index": "(not set)"}]}
    assert "rank" not in events("ga4", GA4 | click)[0]
    assert events("ga4", GA4 | {"event_name": "scroll"})[0]["type"] == "scroll"
