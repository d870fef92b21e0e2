"""Schemas as TOML: what they may say, and what is told where one is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import strategies
from foreignlogs import said
from hypothesis import given

from ctrlog.errors import UsageError
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.loader import PRESETS, load_schema, parse_schema, preset_text
from ctrlog.schemas.mapping import RESERVED, ForeignSchema
from ctrlog.schemas.native import Schema
from ctrlog.schemas.paths import parse_place
from ctrlog.sessions.events import SPELLINGS

PRESETS_FOLDER = Path(__file__).parents[2] / "ctrlog/schemas/presets"


NATIVE, NATIVE_PRESET = Decoder(Schema(), 2**20), Decoder(load_schema("native"), 2**20)


def parse(*lines: str) -> ForeignSchema:
    """Read a schema of which only some lines matter."""
    return parse_schema("\n".join(['user = "u"', *lines]), "log.toml")


def test_there_is_a_file_for_each_preset() -> None:
    """A schema that comes with ctrlog is a file of it, and no file is forgotten."""
    assert {path.stem for path in PRESETS_FOLDER.glob("*.toml")} == {*PRESETS}


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_compiled(name: str) -> None:
    """What comes with ctrlog is right, and says what it is for."""
    schema = load_schema(name)
    assert schema.name == name
    assert schema.description
    Decoder(schema, 1000)


def test_the_presets_say_how_clicks_find_their_search() -> None:
    """By id where the log has ids."""
    assert {name: load_schema(name).attribute for name in PRESETS} == {
        "native": "order", "ubi": "id", "ubi-events": "id", "elastic": "order", "ga4": "order",
    }  # fmt: skip


@given(strategies.log_bytes())
def test_the_native_preset_is_the_native_schema(log: bytes) -> None:
    """As TOML, ctrlog's own format gives the same events; only a type may be missing there."""
    lines = log.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for line in lines:
        expected = NATIVE.decode(line).events
        for event in expected:
            event.type = SPELLINGS.get(event.type, event.type)
        found = [*map(said, NATIVE_PRESET.decode(line).events)]
        if found != [*map(said, expected)]:
            assert not expected
            assert [event["type"] in RESERVED for event in found] == [False]


def test_a_file_is_read(tmp_path: Path) -> None:
    """Any file will do; its path is its name."""
    path = tmp_path / "my log.toml"
    path.write_text(preset_text("ga4"))
    schema = load_schema(str(path))
    assert (schema.name, schema.rules) == (str(path), load_schema("ga4").rules)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A name that is neither a preset nor a file is told with what there is."""
    presets = "native, ubi, ubi-events, elastic, ga4"
    with pytest.raises(UsageError) as caught:
        load_schema("ubbi")
    assert str(caught.value) == (
        f"ubbi: No such file or directory; --schema takes a file or one of {presets}"
    )
    (tmp_path / "latin.toml").write_bytes(b"description = '\xff'")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        load_schema(str(tmp_path / "latin.toml"))
    with pytest.raises(UsageError, match=f"there is no schema 'ubbi'; there are {presets}"):
        preset_text("ubbi")


def test_an_event_is_told_by_what_it_has_and_lacks() -> None:
    """Conditions are written in a line, as keys, or as inner tables; all mean the same."""
    ways = [
        '[Search]\nwhen = { "event.name" = "search", v = [1, true] }\nquery = "q"',
        '[[Search]]\nwhen.event.name = "search"\nwhen.v = [1, true]\nquery = "q"',
        '[[Search]]\nquery = "q"\n[Search.when]\nv = [1, true]\nevent = { name = "search" }',
    ]
    places = {parse_place("event.name"): {"search"}, parse_place("v"): {"1", "true"}}
    for way in (ways[0], ways[1]):
        (rule,) = parse(way).rules
        assert dict(rule.when) == places


def test_places_are_told_once_or_for_a_kind() -> None:
    """What is said for all events holds unless a kind says otherwise; several are candidates."""
    schema = parse(
        'time = ["a", "b.c"]',
        'search_id = "id"',
        '[Search]\nhas = "q"\nquery = "q"\ntime = "d"\nuser = "v"',
        "[AppClose]\nwhen.bye = true",
    )
    search, close = schema.rules
    assert schema.places == {"user": (("u",),), "time": (("a",), ("b", "c"))}
    assert (search.places["user"], search.places["time"]) == ((("v",),), (("d",),))
    assert search.places["search_id"] == (("id",),)
    assert close.places == dict(schema.places)


SEARCH = '[Search]\nhas = "q"\nquery = "q"'
WRONG = [
    ("user == 1", "log.toml: not TOML: Invalid value (at line 1, column 7)"),
    ('attribute = "time"', "log.toml: attribute must be order or id"),
    ("bulk = 1", "log.toml: bulk must be true or false"),
    ("description = true", "log.toml: description must be text"),
    ('qurey = "q"', "log.toml: there is no 'qurey'; there are description, attribute"),
    ('[search]\nhas = "q"', "log.toml: there is no 'search'; there are description"),
    ("", "log.toml: no event is described: write [[Search]] and [[ClickResult]]"),
    ("Search = 5", "log.toml: [[Search]]: must be a table"),
    ('[Search]\nquery = "q"', "log.toml: [[Search]]: say how to tell it: when, has or lacks"),
    ('[Search]\nhas = "q"', "log.toml: [[Search]]: say where its query is"),
    ('[ClickResult]\nhas = "q"\nrank = "r"', "log.toml: [[ClickResult]]: say where its item is"),
    (f'{SEARCH}\nitem = "i"', "log.toml: [[Search]]: there is no 'item'; there are when, has"),
    (f"{SEARCH}\nrank_from = 0", "log.toml: [[Search]]: there is no 'rank_from'"),
    (f"{SEARCH}\ntime = 5", "log.toml: [[Search]]: time must be a place, or a list of places"),
    (f'{SEARCH}\ntime = "a..b"', "log.toml: [[Search]]: 'a..b' is not the place of a field"),
    (f'{SEARCH}\ntime = "a[]"', "log.toml: [[Search]]: time is one value: take [0] of the list"),
    (f'{SEARCH}\nitems = "a[].b[]"', "log.toml: [[Search]]: results are one list: there can be"),
    (f"{SEARCH}\nwhen = 5", "log.toml: [[Search]]: when must be a table such as { event_name"),
    (f"{SEARCH}\nwhen = {{}}", "log.toml: [[Search]]: when must be a table such as"),
    (f"{SEARCH}\nwhen.x = 1.5", "log.toml: [[Search]]: when x has a value: text, a whole number"),
    (f"{SEARCH}\nwhen.x = []", "log.toml: [[Search]]: when x has a value"),
    (
        '[ClickResult]\nhas = "i"\nitem = "i"\nrank_from = true',
        "log.toml: [[ClickResult]]: rank_from must be the rank of the first result, such as 0",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    """The file, the table, what is wrong and what may be written there."""
    user = "" if text.startswith("user") else 'user = "u"\n'
    with pytest.raises(UsageError) as caught:
        parse_schema(user + text, "log.toml")
    assert str(caught.value).startswith(message)


def test_every_event_needs_a_user() -> None:
    """A schema that does not say where the user is makes no sense."""
    with pytest.raises(UsageError, match=r"\[\[Search\]\]: say where its user is"):
        parse_schema(SEARCH, "log.toml")


def test_a_value_cannot_be_read_whole_and_in_part() -> None:
    """That two places are one inside the other is told when the schema is compiled."""
    schema = parse(f'{SEARCH}\nsearch_id = "q.id"')
    with pytest.raises(UsageError, match="two fields cannot both be read from"):
        Decoder(schema, 1000)


def test_the_order_of_rules_is_that_of_the_file() -> None:
    """The first rule that fits tells what a line is."""
    click = '[[ClickResult]]\nhas = "x"\nitem = "x"'
    search = '[[Search]]\nhas = "x"\nquery = "x"'
    line = json.dumps({"u": 1, "x": "a"}).encode()
    for first, second, kind in (click, search, "ClickResult"), (search, click, "Search"):
        (event,) = Decoder(parse(first, second), 1000).decode(line).events
        assert event.type == kind
