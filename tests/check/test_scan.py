"""`ctrlog check`: what it finds in logs made to have it, and only there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import children
import pytest
import strategies
from hypothesis import given, settings
from making import summed_up

from ctrlog.check.findings import findings
from ctrlog.check.model import Facts, Finding, Severity
from ctrlog.check.page import to_dict, to_text
from ctrlog.check.scan import Choices, check
from ctrlog.outputs.console import Console
from ctrlog.run.pipeline import Pipeline
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

SILENT = Console(None, is_quiet=True)
#: Lines of a file: what JSON is to be written, or the text of a line.
Log: TypeAlias = Sequence[Mapping[str, Any] | str]


def at(seconds: float) -> str:
    """Return the time so many seconds after the beginning of all logs here."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"2024-01-01T{int(hours):02}:{int(minutes):02}:{rest:06.3f}Z"


def search(seconds: float, query: str = "dogs", user: Any = "ann", **more: Any) -> dict[str, Any]:
    """A Search."""
    return {"type": "Search", "user": user, "time": at(seconds), "query": query, **more}


def results(seconds: float, items: list[Any], user: Any = "ann", **more: Any) -> dict[str, Any]:
    """Results."""
    return {"type": "Results", "user": user, "time": at(seconds), "items": items, **more}


def click(seconds: float, item: Any = "a", user: Any = "ann", **more: Any) -> dict[str, Any]:
    """A click."""
    return {"type": "ClickResult", "user": user, "time": at(seconds), "item": item, **more}


#: A log with nothing to find in it but what is good to know.
SOUND = [
    event
    for number in range(12)
    for event in (
        search(number * 100, f"query {number}", f"user {number % 4}"),
        results(number * 100 + 1, [f"{number} a", f"{number} b"], f"user {number % 4}"),
        click(number * 100 + 5, f"{number} a", f"user {number % 4}", rank=1),
    )
]


def looked_at(tmp_path: Path, *logs: Log, choices: Choices | None = None) -> Facts:
    """Check logs, a file each."""
    names = []
    for number, log in enumerate(logs):
        path = tmp_path / f"{number}.jsonl"
        lines = [each if isinstance(each, str) else json.dumps(each) for each in log]
        path.write_text("".join(f"{line}\n" for line in lines))
        names.append(str(path))
    return check(names, choices or Choices(), SILENT)


def found_in(tmp_path: Path, *logs: Log, choices: Choices | None = None) -> dict[str, Finding]:
    """Return what is found in logs, by name."""
    found = findings(looked_at(tmp_path, *logs, choices=choices))
    assert len({finding.name for finding in found}) == len(found)
    for finding in found:
        assert finding.what
        assert finding.why
        assert finding.help
    return {finding.name: finding for finding in found}


def test_nothing_is_found_in_a_sound_log(tmp_path: Path) -> None:
    """Twelve searches of four users, each with results and a click on the first."""
    facts = looked_at(tmp_path, SOUND)
    assert findings(facts) == []
    assert (facts.schema, facts.events, facts.clicks) == ("native", 36, 12)
    assert (facts.searches.searches, facts.searches.clicked_searches) == (12, 12)
    assert facts.checkup.is_exact


def test_an_empty_log_is_told(tmp_path: Path) -> None:
    """Nothing but blank lines is no log."""
    for log in [], ["", "  "]:
        (only,) = found_in(tmp_path, log).values()
        assert (only.name, only.severity) == ("no_events", Severity.WRONG)


# The schema.


def test_the_schema_that_fits_is_found(tmp_path: Path) -> None:
    """By what the lines have, in whatever part of the log they are."""
    query = {"query_id": "q", "client_id": "c", "user_query": "dogs", "timestamp": at(0)}
    attributes = {"object": {"object_id": "a"}, "position": {"ordinal": 1}}
    clicked = {"action_name": "click", "query_id": "q", "client_id": "c", "timestamp": at(1)} | {
        "event_attributes": attributes
    }
    typed = clicked | {"action_name": "search", "message": "dogs"}
    elastic = {"@timestamp": at(0), "event": {"action": "search"}, "user": {"id": 1}}
    elastic["search"] = {"query": "dogs"}
    ga4 = {"event_timestamp": 1, "event_name": "select_item", "user_pseudo_id": "u"} | {
        "items": [{"item_id": "a"}]
    }
    logs: list[tuple[Log, str]] = [
        ([query, clicked], "ubi"),
        ([query], "ubi"),
        ([query, typed, clicked], "ubi"),
        ([typed, clicked], "ubi-events"),
        (['{"index":{}}', elastic], "elastic"),
        ([ga4], "ga4"),
        (SOUND, "native"),
    ]
    for log, name in logs:
        assert looked_at(tmp_path, log).schema == name


def test_a_schema_that_finds_nothing_is_told(tmp_path: Path) -> None:
    """And so is another one that would find more."""
    strange = [{"what": "search", "who": number, "text": "dogs"} for number in range(3)]
    assert found_in(tmp_path, strange)["no_schema"].severity is Severity.WRONG
    as_ubi = found_in(tmp_path, SOUND, choices=Choices(schema="ubi"))["better_schema"]
    assert (as_ubi.severity, as_ubi.help) == (Severity.WRONG, "--schema native")
    fields = [("type", "what"), ("user", "who"), ("query", "text")]
    assert "no_schema" not in found_in(tmp_path, strange, choices=Choices(fields=fields))


def test_a_schema_of_ones_own_is_taken(tmp_path: Path) -> None:
    """A file, as for all other commands."""
    file = tmp_path / "mine.toml"
    file.write_text('user = "who"\n[Search]\nwhen.what = "search"\nquery = "text"\n')
    log = [{"what": "search", "who": 1, "text": "dogs"}]
    facts = looked_at(tmp_path, log, choices=Choices(schema=str(file)))
    assert (facts.schema, facts.searches.searches) == (str(file), 1)
    assert facts.checkup.tally.events == {("Search", "search"): 1}


# Lines and events.


@pytest.mark.parametrize(("bad", "severity"), [(1, Severity.NOTE), (3, Severity.WRONG)])
def test_bad_lines_are_counted_by_reason(tmp_path: Path, bad: int, severity: Severity) -> None:
    """From one in a hundred they make click-through wrong."""
    finding = found_in(tmp_path, [*SOUND * 4, *["{"] * bad])["bad_lines"]
    assert (finding.severity, finding.count, finding.of) == (severity, bad, 144 + bad)
    assert finding.figures == {"by_reason": {"cut off": bad}}


def test_a_log_without_searches_or_clicks_is_told(tmp_path: Path) -> None:
    """Either alone gives no click-through."""
    searches = [event for event in SOUND if event["type"] != "ClickResult"]
    clicks = [event for event in SOUND if event["type"] != "Search"]
    assert found_in(tmp_path, searches)["no_clicks"].severity is Severity.WRONG
    assert found_in(tmp_path, clicks)["no_searches"].severity is Severity.WRONG


def test_a_log_without_results_is_told(tmp_path: Path) -> None:
    """The zero-result rate cannot be told then."""
    log = [event for event in SOUND if event["type"] != "Results"]
    finding = found_in(tmp_path, log)["no_results"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 12, 12)


def test_searches_that_found_nothing_are_counted(tmp_path: Path) -> None:
    """They are good to know of."""
    finding = found_in(tmp_path, [*SOUND, search(2000), results(2001, [])])["zero_results"]
    assert (finding.severity, finding.count, finding.of) == (Severity.NOTE, 1, 13)


def test_lines_that_come_twice_are_counted(tmp_path: Path) -> None:
    """Byte for byte the same, wherever they stand; a few do no harm."""
    twice = found_in(tmp_path, [*SOUND, *SOUND[:2]])["repeated_lines"]
    assert (twice.severity, twice.count, twice.of) == (Severity.WRONG, 2, 38)
    few = found_in(tmp_path, [*SOUND, SOUND[0], *[search(5000 + n, str(n)) for n in range(200)]])
    assert (few["repeated_lines"].severity, few["repeated_lines"].count) == (Severity.NOTE, 1)


# Time.


def test_events_without_times_are_counted(tmp_path: Path) -> None:
    """If some have one, or none has."""
    untimed = [{name: value for name, value in event.items() if name != "time"} for event in SOUND]
    some = found_in(tmp_path, [*SOUND, *untimed[:3]])["missing_times"]
    assert (some.severity, some.count, some.of) == (Severity.DOUBTFUL, 3, 39)
    assert found_in(tmp_path, untimed)["missing_times"].severity is Severity.NOTE


def test_steps_back_in_time_are_counted(tmp_path: Path) -> None:
    """Neighbours that are out of order, how far behind the clock, and what sorts them."""
    log = [*SOUND[:3], search(200, "b", "bob"), *SOUND[3:6], *SOUND[6:]]
    finding = found_in(tmp_path, log)["time_order"]
    # After 200 s come 100, 101, 105 and then again 200: one step back, three behind the clock.
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 1, 36)
    assert finding.figures["behind_the_clock"] == 3
    assert finding.figures["late"] == 0
    assert finding.figures["largest_step_back_s"] == 100
    assert finding.help.startswith("--reorder 1m40s ")
    late = found_in(tmp_path, [search(4000, "late", "bob"), *SOUND])["time_order"]
    assert (late.severity, late.figures["late"]) == (Severity.WRONG, 36)
    assert late.help.startswith("--reorder 67m ") or late.help.startswith("--reorder 1h7m ")


def test_each_file_has_a_clock_of_its_own(tmp_path: Path) -> None:
    """Files of several hosts may follow one another, unless users go on in both."""
    others = [event | {"user": f"{event['user']} of another host"} for event in SOUND]
    assert found_in(tmp_path, SOUND, others) == {}
    searches = [event for event in SOUND if event["type"] == "Search"]
    rest = [event for event in SOUND if event["type"] != "Search"]
    finding = found_in(tmp_path, searches, rest)["overlapping_files"]
    assert (finding.severity, finding.count, finding.of) == (Severity.WRONG, 1, 2)
    assert finding.figures == {"users_going_on": 4}
    assert finding.help.startswith("--interleave ")


# Searches.


def test_searches_that_are_typed_are_counted(tmp_path: Path) -> None:
    """Each that is typed on from within two seconds, in whatever order they are logged."""
    typed = [search(2000, "d"), search(2000.1, "do"), search(2000.3, "dogs"), search(2000.2, "dog")]
    finding = found_in(tmp_path, [*SOUND, *typed, click(2001)])["typed_searches"]
    assert (finding.severity, finding.count, finding.of) == (Severity.WRONG, 3, 16)
    slowly = [search(2000, "d"), search(2003, "do"), search(2006, "dogs")]
    another = [search(3000, "cat"), search(3001, "dog"), search(3002, "dog"), search(3003, "")]
    clicked = [search(4000, "d"), click(4001), search(4001.5, "do")]
    others = [search(5000, "d"), search(5001, "do", "bob")]
    assert "typed_searches" not in found_in(
        tmp_path, [*SOUND, *slowly, *another, *clicked, *others]
    )


def test_one_id_in_several_lines_is_one_search(tmp_path: Path) -> None:
    """By order, each line would be a search: that is wrong for a log that has ids."""
    log = [event | {"search_id": event["time"][:17]} for event in SOUND]
    again = [event | {"items": []} if "items" in event else event for event in log[:6]]
    finding = found_in(tmp_path, [*log, *again])["ids_in_several_lines"]
    assert (finding.severity, finding.count, finding.of) == (Severity.WRONG, 2, 12)
    assert finding.figures["empty_lists"] == 2
    assert finding.figures["searches_without_results"] == 0


def test_an_id_of_several_searches_is_told(tmp_path: Path) -> None:
    """Of several texts, or of several users."""
    texts = [search(1, "dogs", search_id="1"), search(2, "cats", search_id="1")]
    users = [search(3, search_id="2"), click(4, user="bob", search_id="2")]
    finding = found_in(tmp_path, [*texts, *users])["repeated_ids"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 1, 2)
    assert "several texts: 1 of 2 (50.0 %); that are used by several users: 1 of 2" in finding.what


def test_searches_without_an_id_are_counted(tmp_path: Path) -> None:
    """In a log whose searches have ids, and whose schema goes by them."""
    queries = [
        {"query_id": query_id, "client_id": "c", "user_query": "dogs", "timestamp": at(n)}
        for n, query_id in enumerate(["q1", None, "q2", "q2"])
    ]
    finding = found_in(tmp_path, queries)["searches_without_id"]
    assert (finding.severity, finding.count, finding.of) == (Severity.WRONG, 1, 3)
    by_order = found_in(tmp_path, [*SOUND, search(2000, search_id="1")])
    assert "searches_without_id" not in by_order


# Clicks.


def test_clicks_without_a_search_are_counted(tmp_path: Path) -> None:
    """By the order of events, or by the ids that they name."""
    finding = found_in(tmp_path, [*SOUND, click(2000, user="bob")])["clicks_without_search"]
    assert (finding.count, finding.of) == (1, 13)
    queries = [
        {"query_id": f"q{n}", "client_id": "c", "user_query": "dogs", "timestamp": at(n)}
        for n in range(3)
    ]
    clicks = [
        {
            "action_name": "click", "query_id": query_id, "client_id": "c", "timestamp": at(9),
            "event_attributes": {"object": {"object_id": "a"}},
        }
        for query_id in ("q1", "q9", None)
    ]  # fmt: skip
    finding = found_in(tmp_path, [*clicks, *queries])["clicks_without_search"]
    assert (finding.count, finding.of) == (3, 3)  # each comes before its search
    assert "clicks that name a search that is not in the log: 1; clicks that name none: 1" in (
        finding.what
    )
    finding = found_in(tmp_path, [*queries, *clicks])["clicks_without_search"]
    assert (finding.count, finding.of) == (2, 3)


def test_clicks_on_what_was_never_shown_are_counted(tmp_path: Path) -> None:
    """Items that are not among the results of the user's search."""
    log = [*SOUND, search(2000), results(2001, ["a", 7]), click(2002, "x"), click(2003, "7")]
    finding = found_in(tmp_path, log)["items_never_shown"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 1, 14)
    further = [*log[:-2], results(2001.5, ["x"]), *log[-2:]]
    assert "items_never_shown" not in found_in(tmp_path, further)


def test_ranks_from_zero_are_told(tmp_path: Path) -> None:
    """All of them, or some only; and where a schema counts from 0 but the log does not."""
    from_zero = [event | {"rank": 0} if "rank" in event else event for event in SOUND]
    finding = found_in(tmp_path, from_zero)["ranks_from_zero"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 12, 12)
    mixed = found_in(tmp_path, [*SOUND, search(2000), results(2001, ["a"]), click(2002, rank=0)])
    assert mixed["ranks_mixed"].count == 1
    too_high = [event | {"rank": 2} if "rank" in event else event for event in SOUND]
    assert found_in(tmp_path, too_high)["ranks_too_high"].count == 12


def test_repeated_clicks_are_counted(tmp_path: Path) -> None:
    """Clicks on an item that was clicked in the same search before."""
    again = [*SOUND, search(2000), results(2001, ["a", "b"]), *[click(2002 + n) for n in range(3)]]
    again += [click(2010, "b"), search(2020, "cats"), results(2021, ["a"]), click(2022)]
    finding = found_in(tmp_path, again)["repeated_clicks"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 2, 17)


def test_who_searches_like_no_person_is_told(tmp_path: Path) -> None:
    """Only far more often than all others."""
    robot = [search(2000 + n * 10, f"query {n}", "robot") for n in range(150)]
    finding = found_in(tmp_path, [*SOUND, *robot])["robots"]
    assert (finding.severity, finding.count, finding.of) == (Severity.WRONG, 150, 162)
    assert finding.figures == {"users": ["robot"]}
    assert finding.help == "--exclude-users FILE, or --max-user-searches 100"
    busy = [search(2000 + n * 10, f"query {n}", f"user {n % 4}") for n in range(600)]
    assert "robots" not in found_in(tmp_path, [*SOUND, *busy])


# Parts of a log.


def test_a_part_of_a_log_can_be_looked_at(tmp_path: Path) -> None:
    """Only events that have a value, and only their fields."""
    other = [click(n, user="bob", app="b", only=1) for n in range(5)]
    log = [*[event | {"app": "a"} for event in SOUND], *other]
    facts = looked_at(tmp_path, log, choices=Choices(where=(("app", "a"),)))
    assert facts.events == 36
    assert "only" not in facts.checkup.fields.notes
    assert looked_at(tmp_path, log).checkup.fields.notes["only"].lines == 5


def test_a_file_that_cannot_be_read_is_told_and_others_are_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As with all other commands."""
    console = Console(None)
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in SOUND))
    facts = check([str(tmp_path / "none"), str(path), str(tmp_path)], Choices(), console)
    assert facts.events == 36
    assert console.has_failed
    told = capfd.readouterr().err
    assert told.count("none: No such file or directory") == 1
    assert told.count("is a directory") == 1


# The numbers are those of the summary.


@settings(max_examples=60)
@given(strategies.several_logs())
def test_the_figures_are_those_of_the_summary(logs: list[bytes]) -> None:
    """Whatever the log, what both say of users, searches, clicks and lines is one number."""
    with TemporaryDirectory() as folder:
        names = []
        for number, log in enumerate(logs):
            path = Path(folder, f"{number}.jsonl")
            path.write_bytes(log)
            names.append(str(path))
        facts = check(names, Choices(schema="native"), SILENT)
        pipelines = [
            Pipeline(Shard(Rules(dedupe_clicks=once)), Decoder(Schema().without_ids(), 2**24))
            for once in (False, True)
        ]
        expected, deduped = [summed_up(pipeline, names).to_dict() for pipeline in pipelines]
    found = findings(facts)
    told = to_dict(facts, found)
    diagnostics = expected["diagnostics"]
    in_both = {*told} & {*expected, *diagnostics} - {"lines"}  # of which blank ones are some
    assert in_both >= {"events", "users", "sessions", "searches", "ctr", "clicks", "all_clicks"}
    assert in_both >= {"bad_lines", "first_time", "last_time", "zero_result_rate"}
    assert {name: told[name] for name in in_both} == {
        name: (expected | diagnostics)[name] for name in in_both
    }
    counts = {finding.name: (finding.count, finding.of) for finding in found}
    for name, count, of in (
        ("zero_results", expected["zero_results"], None),
        ("clicks_without_search", diagnostics["orphan_clicks"], diagnostics["all_clicks"]),
        ("repeated_clicks", deduped["diagnostics"]["repeated_clicks"], expected["clicks"]),
        ("bad_lines", diagnostics["bad_lines"], told["lines"]),
    ):
        assert counts.get(name, (0, of))[0] == count, name
        assert of is None or counts.get(name, (0, of))[1] == of, name


@pytest.mark.parametrize("options", [(), ("--schema", "ubi-events")], ids=["found", "named"])
def test_the_figures_of_a_log_with_ids_are_those_of_the_summary(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Also where clicks find their search by the id that they name, in whatever order."""
    clicked = {
        "action_name": "click", "client_id": "c", "timestamp": at(50),
        "event_attributes": {"object": {"object_id": "a"}, "position": {"ordinal": 1}},
    }  # fmt: skip
    queries = [
        {"query_id": f"q{n % 7}", "client_id": "c", "user_query": "dogs", "timestamp": at(n)}
        for n in range(10)
    ]
    typed = [clicked | {"action_name": "search", "message": "d", "query_id": "q1"}]
    clicks = [clicked | {"query_id": name} for name in ("q1", "q1", "q2", "q9", None)]
    path = tmp_path / "log.jsonl"
    lines = [json.dumps(each) for each in [clicks[2], *queries, *typed, *clicks]]
    path.write_text("".join(f"{line}\n" for line in lines))
    said = json.loads(children.run("check", "--format", "json", *options, path).out)
    schema = ("--schema", said["schema"])
    summary = children.run("summary", "--format", "json", *schema, path).out
    expected = json.loads(summary) | json.loads(summary)["diagnostics"]
    in_both = {*said} & {*expected} - {"lines"}
    assert {name: said[name] for name in in_both} == {name: expected[name] for name in in_both}


def test_pages_of_results_are_one_search(tmp_path: Path) -> None:
    """Two of ten searches found nothing, however many pages the others have."""
    log: list[dict[str, Any]] = []
    for number in range(10):
        start = number * 100
        log += [search(start, f"query {number}"), click(start + 50, "a")]
        pages = [[f"{page} a"] for page in range(5)] if number < 8 else [[]]
        log += [results(start + 1 + page, items) for page, items in enumerate(pages)]
    found = found_in(tmp_path, log)["zero_results"]
    assert (found.count, found.of) == (2, 10)
    further = [event for number in range(10) for event in
               (search(number * 100), results(number * 100 + 1, ["a"]),
                results(number * 100 + 2, []))]  # fmt: skip
    assert "zero_results" not in found_in(tmp_path, further)


def test_a_click_after_the_session_is_in_no_search(tmp_path: Path) -> None:
    """It is an orphan, and neither a repeated click nor one on what was not shown."""
    log = [
        *SOUND,
        search(2000),
        results(2001, ["a"]),
        click(2002),
        {"type": "AppClose", "user": "ann", "time": at(2003)},
        click(2004),
        click(2005, "never shown"),
    ]
    found = found_in(tmp_path, log)
    assert found["clicks_without_search"].count == 2
    assert "repeated_clicks" not in found
    assert "items_never_shown" not in found


@pytest.mark.parametrize(
    ("searches", "limit"),
    [(100, 90), (101, 100), (1_000, 900), (2_001, 2_000), (10_000, 9_000), (20_000, 10_000)],
)
def test_the_limit_that_is_advised_leaves_people_in(
    tmp_path: Path, searches: int, limit: int
) -> None:
    """Only the robot searches more often than that, also if it does so a round number of times."""
    robot = [search(2000 + n, f"query {n}", "robot") for n in range(searches)]
    finding = found_in(tmp_path, [*SOUND, *robot])["robots"]
    assert finding.help.endswith(f"--max-user-searches {limit}")


def test_the_limit_that_is_advised_leaves_people_in_among_many_users(tmp_path: Path) -> None:
    """Where there are too many users to count each for certain, what may be missing is added."""
    people = [search(number, user=f"user {number % 2000}") for number in range(26_000)]
    robot = [search(30_000 + n, f"query {n}", "robot") for n in range(1_001)]
    finding = found_in(tmp_path, [*people, *robot])["robots"]
    assert finding.figures == {"users": ["robot"]}
    assert 13 <= int(finding.help.rpartition(" ")[2]) < 1_001


def test_few_orphans_make_no_number_wrong(tmp_path: Path) -> None:
    """A log has clicks outside of results too; only many of them point to a mistake."""
    few = found_in(tmp_path, [*SOUND, click(2000, user="bob")])["clicks_without_search"]
    assert (few.severity, few.count, few.of) == (Severity.DOUBTFUL, 1, 13)
    many = [*SOUND, click(2000, user="bob"), click(2001, user="bob")]
    assert found_in(tmp_path, many)["clicks_without_search"].severity is Severity.WRONG


# Times.


def test_times_without_an_offset_are_counted(tmp_path: Path) -> None:
    """Under whatever key the log has its times, and only there."""

    def naive(event: Mapping[str, Any]) -> dict[str, Any]:
        return {**event, "time": event["time"].removesuffix("Z")}

    log = [*[naive(event) for event in SOUND[:5]], *SOUND[5:]]
    log += [search(3000, "2024-01-01 00:00:00", born="2024-01-01 00:00:00")]
    finding = found_in(tmp_path, log)["times_without_offset"]
    assert (finding.severity, finding.count, finding.of) == (Severity.DOUBTFUL, 5, 37)
    renamed = [{**naive(event), "at": {"when": naive(event)["time"]}} for event in SOUND]
    fields = Choices(fields=[("time", "at.when")])
    assert found_in(tmp_path, renamed, choices=fields)["times_without_offset"].count == 36
    queries = [{"query_id": "q", "client_id": "c", "user_query": "dogs", "timestamp": at(n)[:-1]}
               for n in range(3)]  # fmt: skip
    assert found_in(tmp_path, queries)["times_without_offset"].count == 3


def test_the_first_click_in_no_search_is_named(tmp_path: Path) -> None:
    """By its user and its line, also behind bad and blank lines and in a further file."""
    orphan = click(2000, user="bob", item="x")
    found = found_in(tmp_path, SOUND, ["{", "", search(1999), orphan, orphan])
    finding = found["clicks_without_search"]
    place = f"{tmp_path / '1.jsonl'}:4"
    assert f"The first is of user bob, at {place}." in finding.what
    example = {"user": "bob", "file": str(tmp_path / "1.jsonl"), "line": 4}
    assert finding.figures["example"] == example


def test_a_longer_gap_is_advised_only_if_it_helps(tmp_path: Path) -> None:
    """The gap is doubled and the clicks in no search are counted again."""
    late = [search(10_000), click(10_000 + 50 * 60)]
    helped = found_in(tmp_path, [*SOUND, *late])["clicks_without_search"]
    assert helped.figures["with_gap_doubled"] == 0
    assert helped.help.startswith("--gap 1h; ")
    elsewhere = found_in(tmp_path, [*SOUND, click(2000, user="bob")])["clicks_without_search"]
    assert elsewhere.figures["with_gap_doubled"] == 1
    assert "--gap" not in elsewhere.help


def test_a_part_is_divided_by_that_part(tmp_path: Path) -> None:
    """Whatever part is looked at, no finding counts more than there is to count."""
    other = [event | {"app": "b", "user": "b" + event["user"]} for event in SOUND]
    mine = [event | {"app": "a"} for event in SOUND]
    orphans = [click(3000, user="bob", app="b"), click(3000, user="ann", app="a")]
    log: Log = [*mine, *other, *other[:2], "{", "{", *orphans]
    facts = looked_at(tmp_path, log, choices=Choices(where=(("app", "a"),)))
    found = {finding.name: finding for finding in findings(facts)}
    assert (found["bad_lines"].count, found["bad_lines"].of) == (2, 78)
    assert (found["repeated_lines"].count, found["repeated_lines"].of) == (3, 78)
    finding = found["clicks_without_search"]
    assert (finding.count, finding.of) == (1, 13)
    assert to_dict(facts, [])["users"] == 4
    assert "where app=a; lines are those of the whole log" in to_text(facts, [])
