"""Where fields are in a line, and the decoder made for it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from making import at

from ctrlog.errors import UsageError
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import FIELD_TYPES, Schema, check, parse_path
from ctrlog.schemas.reference import Reason
from ctrlog.sessions.events import TrustedEvent, unpack_items

FIELDS = tuple(FIELD_TYPES)


def values(event: TrustedEvent) -> list[Any]:
    """Return what an event says, its items unpacked."""
    shown = [getattr(event, name) for name in FIELDS]
    return [unpack_items(value) if isinstance(value, tuple) else value for value in shown]


def only_event(schema: Schema, line: str | bytes) -> TrustedEvent:
    """Decode a good line."""
    decoded = Decoder(schema, 2**20).decode(line if isinstance(line, bytes) else line.encode())
    assert decoded.bad == []
    (event,) = decoded.events
    return event


def test_the_native_schema_is_the_default() -> None:
    """Without renaming each field is found by its own name at the top."""
    assert Schema.native() == Schema()
    assert dict(Schema().paths) == {name: (name,) for name in FIELDS}
    assert FIELDS == ("type", "user", "time", "query", "items", "item", "rank", "search_id")


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("user", ("user",)),
        ("event.action", ("event", "action")),
        ("a.b.c", ("a", "b", "c")),
        (r"a\.b", ("a.b",)),
        (r"a\.b.c", ("a.b", "c")),
        ("caf\u00e9 \u2028", ("caf\u00e9 \u2028",)),
        ("a b", ("a b",)),
    ],
)
def test_a_place_is_keys_joined_by_dots(place: str, path: tuple[str, ...]) -> None:
    r"""Keys go from the outside in; `\.` is a dot that is part of a key."""
    assert parse_path(place) == path


@pytest.mark.parametrize("place", ["", ".", "a.", ".a", "a..b"])
def test_a_place_has_no_empty_keys(place: str) -> None:
    """An empty key is a slip of the hand."""
    with pytest.raises(UsageError, match="is not the place of a field: write key or outer"):
        parse_path(place)


@pytest.mark.parametrize("name", ["User", "username", "extra", ""])
def test_only_fields_of_an_event_can_be_placed(name: str) -> None:
    """A field that does not exist is refused, and those that do are named."""
    with pytest.raises(UsageError, match="the fields are type, user, time, query, items, item"):
        Schema.native([(name, "x")])


@pytest.mark.parametrize(
    "renamed",
    [
        [("user", "id"), ("item", "id")],
        [("user", "query")],
        [("user", "a.b"), ("item", "a.b")],
        [("user", "a"), ("item", "a.b")],
        [("user", "a.b"), ("item", "a")],
        [("user", "a.b.c"), ("item", "a.b")],
        [("user", "query.id")],
    ],
    ids=str,
)
def test_two_fields_from_the_same_place_are_refused(renamed: list[tuple[str, str]]) -> None:
    """No field may be where another one is, nor inside it."""
    with pytest.raises(UsageError, match="two fields cannot both be read from"):
        Schema.native(renamed).decoder()


def test_fields_may_swap_places() -> None:
    """What counts is where the fields are in the end."""
    schema = Schema.native([("user", "item"), ("item", "user")])
    event = only_event(schema, '{"type":"click","user":"a","item":1}')
    assert (event.user, event.item) == (1, "a")


def test_the_message_names_the_whole_place() -> None:
    """A refused place is named as it was written."""
    with pytest.raises(UsageError, match=r"'a\.b\.c'"):
        Schema.native([("user", "a.b"), ("item", "a.b.c")]).decoder()


# Nested fields.

NESTED = Schema.native(
    [
        *[("user", "who.id"), ("time", "meta.at.utc"), ("rank", "meta.rank")],
        *[("item", "what.item"), ("query", "what.text"), ("items", "what.shown")],
    ]
)


def test_nested_fields_are_found() -> None:
    """Each field is read from inside its objects; other keys there do no harm."""
    line = json.dumps({
        "type": "click", "user": "not this", "who": {"id": 7, "name": [1]}, "text": 1,
        "meta": {"at": {"utc": "2024-01-01T00:00:01Z", "local": None}, "rank": 3},
        "what": {"item": "x", "id": {}},
    })  # fmt: skip
    assert values(only_event(NESTED, line)) == ["click", 7, at(1), None, None, "x", 3, None]


@pytest.mark.parametrize("meta", ["null", "{}", '{"at":null}', '{"at":{}}', '{"at":{"utc":null}}'])
@pytest.mark.parametrize("what", ["null", "{}", '{"item":null}', "5", '"x"', "[]", "true"])
def test_an_inner_object_that_is_not_there_has_no_fields(meta: str, what: str) -> None:
    """Where an object on the way is absent, null or no object, an optional field is missing."""
    line = f'{{"type":"scroll","who":{{"id":1}},"meta":{meta},"what":{what}}}'
    assert values(only_event(NESTED, line)) == ["scroll", 1, None, None, None, None, None, None]
    without = '{"type":"scroll","who":{"id":1}}'
    assert values(only_event(NESTED, without)) == ["scroll", 1, None, None, None, None, None, None]


@pytest.mark.parametrize("meta", ["5", '"x"', "[]", "false", '{"at":5}', '{"at":["utc"]}'])
def test_an_inner_value_of_another_type_has_no_fields(meta: str) -> None:
    """A string or number where an object was expected is as no object there."""
    line = f'{{"type":"scroll","who":{{"id":1}},"meta":{meta}}}'
    assert values(only_event(NESTED, line)) == ["scroll", 1, None, None, None, None, None, None]


@pytest.mark.parametrize(
    "what", ["", ',"what":null', ',"what":{}', ',"what":5', ',"what":{"text":null}']
)
def test_a_nested_field_that_is_needed_and_missing_is_a_fault(what: str) -> None:
    """A Search whose query is not there, at any depth, is bad; its whole place is named."""
    line = f'{{"type":"Search","who":{{"id":1}}{what}}}'
    decoded = Decoder(NESTED, 2**20).decode(line.encode())
    (bad,) = decoded.bad
    assert bad.reason is Reason.FIELD_MISSING
    assert '"what.text"' in bad.detail


@pytest.mark.parametrize("who", [',"who":5', ',"who":{"id":null}', ',"who":[]'])
def test_a_nested_user_that_is_null_is_a_fault(who: str) -> None:
    """Every event needs a user, wherever the log has it."""
    decoded = Decoder(NESTED, 2**20).decode(f'{{"type":"scroll"{who}}}'.encode())
    assert [bad.reason for bad in decoded.bad] == [Reason.FIELD_MISSING]


@pytest.mark.parametrize("field", ["user", "type"])
@pytest.mark.parametrize("outer", ["", ',"outer":null', ',"outer":{}'])
def test_a_nested_user_or_type_that_is_missing_is_a_fault(field: str, outer: str) -> None:
    """Every event needs a type and a user, also where the object they are in is missing."""
    schema = Schema.native([(field, "outer.inner")])
    other = '"user":1' if field == "type" else '"type":"scroll"'
    decoded = Decoder(schema, 2**20).decode(f"{{{other}{outer}}}".encode())
    assert [bad.reason for bad in decoded.bad] == [Reason.FIELD_MISSING]


#: For each field the objects it is in, from outside in.
OUTER_KEYS = st.lists(
    st.lists(st.sampled_from(["a", "b", "x.y", "é"]), max_size=3),
    min_size=len(FIELDS),
    max_size=len(FIELDS),
)


@given(strategies.event_dicts(max_events=12), OUTER_KEYS)
def test_a_log_that_names_and_nests_fields_differently_says_the_same(
    events: list[dict[str, Any]], outer_keys: list[list[str]]
) -> None:
    """Moved to any places, the fields of an event are found there."""
    places = [[*keys, name.upper()] for name, keys in zip(FIELDS, outer_keys, strict=True)]
    moved = []
    for event in events:
        outer: dict[str, Any] = {}
        for name, keys in zip(FIELDS, places, strict=True):
            inner = outer
            for key in keys[:-1]:
                inner = inner.setdefault(key, {})
            if name in event:
                inner[keys[-1]] = event[name]
        moved.append(outer)
    renamed = [
        (name, ".".join(key.replace(".", "\\.") for key in keys))
        for name, keys in zip(FIELDS, places, strict=True)
    ]
    native = Decoder(Schema(), 2**20).decode(b"\n".join(json.dumps(e).encode() for e in events))
    elsewhere = Decoder(Schema.native(renamed), 2**20).decode(
        b"\n".join(json.dumps(e).encode() for e in moved)
    )
    assert [values(event) for event in elsewhere.events] == [values(e) for e in native.events]
    assert elsewhere.bad == native.bad == []


# Further fields.


def test_further_fields_come_in_the_order_asked_for() -> None:
    """An event carries the fields asked for, of any type, None where there is none."""
    schema = Schema.native(extra=["lang", "geo.country"])
    line = '{"type":"x","user":1,"geo":{"country":["DE"]},"lang":{"a":[1,null]}}'
    assert only_event(schema, line).extra == ({"a": [1, None]}, ["DE"])
    assert only_event(schema, '{"type":"x","user":1,"geo":5}').extra == (None, None)


def test_a_further_field_may_be_one_of_the_event() -> None:
    """A place that a field of the event is read from can be asked for as well, and twice."""
    schema = Schema.native([("user", "client.id")], extra=["client.id", "lang", "lang", "rank"])
    line = '{"type":"x","client":{"id":"a"},"lang":"en"}'
    event = only_event(schema, line)
    assert (event.user, event.extra) == ("a", ("a", "en", "en", None))


def test_a_further_field_is_there_whichever_way_the_line_is_read() -> None:
    """A line with an unusual value elsewhere, which is read slowly, has the same extra values."""
    schema = Schema.native(extra=["lang", "geo.country"])
    line = '{"type":"x","user":1,"lang":1.5,"geo":{"country":"DE"}}'
    unusual = line.replace('"user"', '"query":5,"user"')
    assert only_event(schema, unusual).extra == only_event(schema, line).extra == (1.5, "DE")


def test_a_further_field_inside_another_is_refused() -> None:
    """A field cannot be read both whole and in part."""
    with pytest.raises(UsageError, match="two fields cannot both be read from"):
        Schema.native(extra=["geo", "geo.country"]).decoder()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("time", "'time' holds the time of events; use --since and --until"),
        ("items", "'items' holds the items of events"),
    ],
)
def test_a_field_that_is_not_kept_as_it_stands_is_refused(extra: str, message: str) -> None:
    """Times and items are decoded to something else than the line has, so no value is found."""
    with pytest.raises(UsageError) as caught:
        Schema.native(extra=[extra]).decoder()
    assert str(caught.value) == message


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb"])
def test_a_key_that_cannot_be_read_is_refused(key: str) -> None:
    """A key with characters that JSON escapes is a usage error, not a failure."""
    with pytest.raises(UsageError, match="a key with a quote, a backslash or a control character"):
        Schema.native([("user", key)]).decoder()


# Decoding and checking.


def test_the_decoder_takes_only_what_is_asked_for() -> None:
    """What no field is read from is passed over, whatever it holds."""
    decode = Schema().decoder()
    event = decode(b'{"type":"x","user":1,"b":{"user":[1e9999]},"time":1.5,"z":"\\ud83d\\ude00"}')
    assert [event.type, event.user, event.time, event.query] == ["x", 1, 1.5, None]


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{}", b'{"type":"x"}', b'{"user":1}', b'{"type":5,"user":1}', b"{"]
)
def test_the_decoder_refuses_what_has_no_type_and_user(line: bytes) -> None:
    """A line that is no event is an error of msgspec's."""
    with pytest.raises(msgspec.MsgspecError):
        Schema().decoder()(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"Search","user":1}',
        b'{"type":"search","user":1,"query":null}',
        b'{"type":"Results","user":1}',
        b'{"type":"results","user":1,"items":null}',
        b'{"type":"results","user":1,"items":"a"}',
        b'{"type":"results","user":1,"items":[1.5]}',
        b'{"type":"click","user":1}',
        b'{"type":"ClickResult","user":1,"item":null}',
        b'{"type":"scroll","user":1,"time":1e20}',
        b'{"type":"scroll","user":1,"time":-99999999999999}',
    ],
)
def test_events_without_what_they_need_are_refused(line: bytes) -> None:
    """`check` refuses an event that lacks the field of its type or has no real time."""
    good = Schema().decoder()(b'{"type":"scroll","user":1}')
    with pytest.raises(ValueError, match=r".+"):
        check([good, Schema().decoder()(line)])


def test_checked_events_are_complete() -> None:
    """`check` packs items and brings times to UTC."""
    decode = Schema().decoder()
    events = [
        decode(b'{"type":"results","user":1,"items":["a", 2],"time":"2024-01-01T05:30:00+05:30"}'),
        decode(b'{"type":"scroll","user":1,"items":5,"time":1704067200}'),
        decode(b'{"type":"scroll","user":1,"time":"2024-01-01T00:00:00"}'),
    ]
    check(events)
    assert [event.time for event in events] == [at(0)] * 3
    assert events[0].items == (2, msgspec.Raw(b'["a", 2]'))


# The ids of searches.

ID_LINE = '{"type":"click","user":1,"item":"a","search_id":%s}'


@pytest.mark.parametrize(
    ("written", "search_id"),
    [("7", "7"), ('"7"', "7"), ('"q-1"', "q-1"), ("null", None), ('""', None), ("-1", "-1")],
)
@pytest.mark.parametrize("unusual", ["", '"query":5,'])
def test_an_id_is_text_whichever_way_the_line_is_read(
    written: str, search_id: str | None, unusual: str
) -> None:
    """1 and "1" are the same id, and an empty one is none."""
    line = (ID_LINE % written).replace('"user"', f'{unusual}"user"')
    assert only_event(Schema(), line).search_id == search_id
    nested = Schema.native([("search_id", "q.id")])
    assert only_event(nested, line.replace("search_id", "x")).search_id is None
    moved = line.replace(f'"search_id":{written}', f'"q":{{"id":{written}}}')
    assert only_event(nested, moved).search_id == search_id


@pytest.mark.parametrize("written", ["1.5", "true", "[1]", '{"a":1}'])
def test_an_id_of_another_type_is_bad_only_where_ids_are_looked_at(written: str) -> None:
    """A schema without ids passes over whatever a log calls so."""
    line = (ID_LINE % written).encode()
    (bad,) = Decoder(Schema(), 2**20).decode(line).bad
    assert bad.reason is Reason.WRONG_TYPE
    assert bad.detail == '"search_id" must be a string or an integer'
    for schema in (Schema().without_ids(), Schema.native([("item", "item")]).without_ids()):
        assert not schema.has_ids
        assert only_event(schema, line).search_id is None


def test_an_id_of_another_type_is_passed_over_where_no_id_is_used() -> None:
    """An event that belongs to no search may have anything there."""
    assert only_event(Schema(), '{"type":"scroll","user":1,"search_id":[]}').search_id is None


def test_without_ids_their_place_is_free() -> None:
    """What is called `search_id` can be another field, and be compared."""
    schema = Schema.native([("item", "search_id")], extra=["search_id"]).without_ids()
    event = only_event(schema, '{"type":"click","user":1,"search_id":7}')
    assert (event.item, event.search_id, event.extra) == (7, None, (7,))
    compared = Schema.native(extra=["search_id", "lang"])
    event = only_event(compared, '{"type":"scroll","user":1,"search_id":7,"lang":"en"}')
    assert (event.search_id, event.extra) == ("7", (7, "en"))
