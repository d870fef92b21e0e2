"""What foreign schemas say, and how they are changed."""

from __future__ import annotations

import pytest

from ctrlog.errors import UsageError
from ctrlog.schemas.loader import load_schema, parse_schema
from ctrlog.schemas.mapping import RESERVED, USES, Watched, as_text, fill_ids, other_type, read_rank
from ctrlog.schemas.paths import parse_place
from ctrlog.sessions.events import SPELLINGS, Kind

UBI = load_schema("ubi")


def test_every_kind_has_its_uses() -> None:
    """All kinds that mean something can be told in a schema; another type is what is left."""
    assert set(USES) == {*Kind, *Watched} - {Kind.OTHER}
    assert not set(Watched) & set(SPELLINGS)


def test_a_log_names_its_events_where_most_rules_look() -> None:
    """The place that most rules ask for a text; none if all go by what is there."""
    assert UBI.type_place == ("action_name",)
    assert load_schema("elastic").type_place == ("event", "action")
    by_presence = parse_schema('user="u"\n[Search]\nhas="q"\nquery="q"', "x")
    assert by_presence.type_place is None


def test_only_check_looks_at_what_means_nothing_to_the_machine() -> None:
    """For all else impressions and keystrokes are events of another type."""
    kinds = {rule.kind for rule in UBI.rules}
    assert kinds == {Kind.SEARCH, Kind.CLICK_RESULT, Watched.IMPRESSION, Watched.TYPING}
    assert {rule.kind for rule in UBI.without_watched().rules} == kinds - set(Watched)


def test_a_field_can_be_put_elsewhere_for_all_events() -> None:
    """`--field` goes before the schema, wherever an event uses the field."""
    schema = UBI.with_fields([("user", "who.id"), ("item", "object"), ("items", "hits[].id")])
    assert schema.places["user"] == (("who", "id"),)
    for rule in schema.rules:
        assert rule.places["user"] == (("who", "id"),)
        assert rule.places.get("item", (("object",),)) == (("object",),)
    search, *others = schema.rules
    assert search.places["items"] == (parse_place("hits[].id"),)
    assert not any("items" in rule.places for rule in others)


def test_results_are_only_looked_for_in_searches_that_have_them() -> None:
    """Where a schema has no results in a search, another place for results means others."""
    schema = load_schema("native").with_fields([("items", "hits")])
    places = {rule.kind: rule.places.get("items") for rule in schema.rules}
    assert places[Kind.RESULTS] == (("hits",),)
    assert places[Kind.SEARCH] is None


def test_an_id_can_be_told_where_a_schema_has_none() -> None:
    """A field that an event may have need not be in the schema."""
    schema = load_schema("elastic").with_fields([("search_id", "search.id"), ("rank", "rank")])
    click = schema.rules[-1]
    assert (click.places["search_id"], click.places["rank"]) == ((("search", "id"),), (("rank",),))
    assert "search_id" not in schema.places


def test_the_names_of_events_can_be_elsewhere() -> None:
    """`--field type` moves what all rules ask for, be it there or not."""
    schema = UBI.with_fields([("type", "event.name")])
    assert schema.type_place == ("event", "name")
    assert schema.rules[0].lacks == (("event", "name"),)
    assert all(rule.when[0][0] == ("event", "name") for rule in schema.rules[1:])


def test_a_field_that_is_none_is_refused() -> None:
    """As for ctrlog's own format, what fields there are is told."""
    with pytest.raises(UsageError, match="there is no field 'client'; the fields are type, user"):
        UBI.with_fields([("client", "x")])


@pytest.mark.parametrize(
    ("rank", "rank_from", "expected"),
    [
        *[(1, 1, 1), (0, 0, 1), (9, 0, 10), (0, 1, 0), ("3", 1, 3), ("0", 0, 1), ("-1", 1, -1)],
        *[("", 1, None), ("(not set)", 1, None), ("1.0", 1, None), ("\uff11", 1, None)],
        *[("9" * 19, 1, None)],
    ],
)
def test_a_rank_is_counted_from_one(rank: str | int, rank_from: int, expected: int | None) -> None:
    """Whatever the log counts from; text that is no number is none."""
    assert read_rank(rank, rank_from) == expected


@pytest.mark.parametrize(
    ("ids", "filled"),
    [([], []), (["a", None, 3], ["a", "", 3]), ([None, None], None), (["", None], ["", ""])],
)
def test_a_result_without_an_id_has_its_place(
    ids: list[str | int | None], filled: list[str | int] | None
) -> None:
    """Only if no result has an id, nothing is known of them."""
    assert fill_ids(ids) == filled


def test_values_are_compared_as_text() -> None:
    """Numbers and truth values are what JSON writes."""
    assert [as_text(value) for value in ("A", 1, True, False)] == ["A", "1", "true", "false"]


def test_another_type_never_means_anything() -> None:
    """What a log calls an event is kept, unless ctrlog would take it for its own."""
    assert other_type("scroll") == "scroll"
    assert other_type(None) == "Other"
    for name in RESERVED:
        assert other_type(name) == f"other {name}"
        assert other_type(name) not in RESERVED
