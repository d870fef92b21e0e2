"""Filters for the searches to report: `--since`, `--until` and `--where`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from making import US, at

from ctrlog.errors import UsageError
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.events import TrustedEvent
from ctrlog.sessions.filters import Filter


def passes(filter_: Filter, time: datetime | None = None, **fields: Any) -> bool:
    """Return whether a Search event with these fields, as a decoder makes it, is selected."""
    extra = tuple(fields.get(name) for name in filter_.extra_fields)
    search = TrustedEvent(
        "Search", fields.get("user", 1), time, fields.get("query", "dogs"), extra=extra
    )
    select = filter_.selector()
    return select is None or select(search)


def where(*pairs: tuple[str, str]) -> Filter:
    """Return a filter on fields alone."""
    return Filter(where=pairs)


def test_no_filter_is_no_selector() -> None:
    """A filter without conditions has no selector."""
    assert Filter().selector() is None
    assert passes(Filter())


@pytest.mark.parametrize(
    ("time", "is_selected"),
    [(at(10) - US, False), (at(10), True), (at(20) - US, True), (at(20), False), (None, False)],
)
def test_since_is_inclusive_and_until_is_not(time: datetime | None, is_selected: bool) -> None:  # noqa: FBT001
    """A search is selected from since on and before until; one without a time is left out."""
    assert passes(Filter(since=at(10), until=at(20)), time) is is_selected


@pytest.mark.parametrize(
    ("seconds", "since", "until"), [(0, False, True), (10, True, False), (99, True, False)]
)
def test_one_bound_alone_is_enough(seconds: float, since: bool, until: bool) -> None:  # noqa: FBT001
    """Since without until has no end, until without since no beginning."""
    assert passes(Filter(since=at(10)), at(seconds)) is since
    assert passes(Filter(until=at(10)), at(seconds)) is until


@pytest.mark.parametrize("filter_", [Filter(since=at(0)), Filter(until=at(0))])
def test_a_search_without_a_time_is_left_out_by_a_bound(filter_: Filter) -> None:
    """A search without a time is neither before nor after a bound."""
    assert not passes(filter_)


def test_a_field_named_twice_may_have_either_value() -> None:
    """Values of one field are alternatives; several fields must all match."""
    filter_ = where(("lang", "en"), ("query", "dogs"), ("lang", "fr"))
    assert passes(filter_, lang="en")
    assert passes(filter_, lang="fr")
    assert not passes(filter_, lang="de")
    assert not passes(filter_, lang="en", query="cats")


def test_bounds_and_fields_must_all_hold() -> None:
    """A search must be within the bounds and have the value."""
    filter_ = Filter(since=at(0), where=(("lang", "en"),))
    assert passes(filter_, at(0), lang="en")
    assert not passes(filter_, at(0), lang="fr")
    assert not passes(filter_, at(0) - US, lang="en")


def test_only_other_fields_are_read_from_the_log() -> None:
    """Fields of every Search are not read twice, and a repeated field is read once."""
    filter_ = where(("lang", "en"), ("user", "1"), ("type", "Search"), ("geo.country", "DE"),
                    ("query", "dogs"), ("lang", "fr"))  # fmt: skip
    assert filter_.extra_fields == ("lang", "geo.country")
    assert passes(filter_, None, **{"lang": "fr", "geo.country": "DE"})
    assert not passes(filter_, None, **{"lang": "fr", "geo.country": "AT"})


@pytest.mark.parametrize("user", [1, "1"])
def test_a_user_is_found_however_written(user: str | int) -> None:
    """`--where user=1` selects the user 1 and the user "1"."""
    assert passes(where(("user", "1")), user=user)
    assert not passes(where(("user", "2")), user=user)


@pytest.mark.parametrize(
    ("found", "wanted", "matches"),
    [
        ("en", "en", True),
        ("en", "EN", False),
        ("", "", True),
        (None, "", False),
        (None, "null", False),
        (["en"], "en", False),
        ({"a": 1}, "1", False),
        (1, "1", True),
        (1, "1.0", True),
        (1, "1e0", True),
        (1, "01", False),
        (1, "+1", False),
        (1, "one", False),
        (1.0, "1", True),
        (0.1, "0.1", True),
        (-0.0, "0", True),
        ("1", "1.0", False),
        (True, "true", True),
        (True, "1", False),
        (True, "True", False),
        (False, "false", True),
        (False, "0", False),
        ("true", "true", True),
        (10**30, str(10**30), True),
        (10**400, str(10**400), True),
        (1, "inf", False),
        (1, "\u0661", False),
    ],
    ids=repr,
)
def test_a_value_matches_what_is_written(found: object, wanted: str, matches: bool) -> None:  # noqa: FBT001
    """A text matches itself, a number any way to write it, true and false their names."""
    assert passes(where(("x", wanted)), x=found) is matches


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 1e3, -2.0, 1e-7]),
    st.text("01.e-+ntrue", max_size=5), st.lists(st.integers(), max_size=1),
)  # fmt: skip


@given(VALUES, st.text("01.e-+ntrue", max_size=5) | VALUES.map(json.dumps))
def test_a_value_matches_as_in_the_reference(found: object, wanted: str) -> None:
    """Any value and any text match exactly if they match in the reference."""
    assert passes(where(("x", wanted)), x=found) is reference.has_value(found, wanted)


def selected(filter_: Filter, line: str) -> bool:
    """Return whether the Search on a line is selected after decoding."""
    (search,) = (
        Decoder(Schema.native(extra=filter_.extra_fields), 2**20).decode(line.encode()).events
    )
    select = filter_.selector()
    return select is None or select(search)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("geo.country", "DE"),
        ("geo.codes.tel", "49"),
        ("ab\\.test", "B"),
        ("item", "7"),
        ("rank", "3"),
    ],
)
def test_any_field_of_the_line_can_be_named(field: str, value: str) -> None:
    """Nested fields, keys with dots, and fields that other events use can be filtered by."""
    line = json.dumps({
        "type": "Search", "user": 1, "query": "dogs", "item": 7, "rank": 3, "ab.test": "B",
        "geo": {"country": "DE", "codes": {"tel": 49}},
    })  # fmt: skip
    assert selected(where((field, value)), line)
    assert not selected(where((field, value + "x")), line)


def test_filtering_by_the_time_field_is_refused() -> None:
    """Filtering by the time field is refused, and the message names --since and --until."""
    filter_ = Filter(where=(("time", "2024-01-01T00:00:00Z"),))
    with pytest.raises(UsageError, match="--since and --until"):
        Schema.native(extra=filter_.extra_fields).decoder()


@pytest.mark.parametrize("wanted", ["1e99999999999999999999", "-1e-99999999999999999999"])
def test_a_number_of_any_exponent_can_be_asked_for(wanted: str) -> None:
    """A number with a huge exponent matches nothing, without an error."""
    assert not passes(where(("x", wanted)), x=1)
