"""Why ctrlog counts as it does, told for one user."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import reference
import strategies
from hypothesis import given
from making import rules_of
from rich.cells import cell_len

from ctrlog.outputs.explain import ExplainingShard
from ctrlog.run.pipeline import Pipeline
from ctrlog.sessions.ledger import Ended
from ctrlog.sessions.rules import Rules
from ctrlog.sessions.shard import Shard

SAMPLE_LOGS = Path(__file__).parents[2] / "sample_logs"


def run(shard: Shard, *logs: bytes) -> Ended:
    """Run logs through a shard, each as a file of its own."""
    ended = Ended([], [])
    with TemporaryDirectory() as folder:
        names = []
        for number, log in enumerate(logs):
            path = Path(folder, str(number))
            path.write_bytes(log)
            names.append(str(path))
        for more in Pipeline(shard).run(names):
            ended.searches.extend(more.searches)
            ended.sessions.extend(more.sessions)
    return ended


def explained(user: str, *logs: bytes, rules: Rules | None = None) -> list[str]:
    """Explain a user's events in logs."""
    shard = ExplainingShard(user, rules)
    run(shard, *logs)
    return shard.take_lines()


@given(strategies.several_logs(), strategies.options())
def test_an_explained_run_is_no_other_run(logs: list[bytes], options: reference.Options) -> None:
    """To explain changes nothing: records, their order and counts stay; all borders are told."""
    rules = rules_of(replace(options, max_user_searches=None))
    plain, shard = Shard(rules), ExplainingShard("1", rules)
    assert run(shard, *logs) == run(plain, *logs)
    assert shard.counts == plain.counts
    lines = shard.take_lines()
    ended = run(Shard(rules), *logs)
    searches = [search for search in ended.searches if search.user == "1"]
    sessions = [session for session in ended.sessions if session.user == "1"]
    assert sum("search ends" in line for line in lines) == len(searches)
    assert sum("session ends, " in line for line in lines) == len(sessions)
    assert sum("search opens" in line for line in lines) == len(searches)


def test_the_first_tutorial_is_explained() -> None:
    """Each event of a user is told with what it does and the rule."""
    log = (SAMPLE_LOGS / "tutorial_1.jsonl").read_bytes()
    assert [line.removeprefix("–").strip() for line in explained("2", log)] == [
        "AppOpen",
        "session starts (R2)",
        'Search "fruit"',
        "search opens (R3)",
        "AppClose",
        "search ends, CTR 0.0: 0 clicks; closed by close (R4)",
        "session ends, 0 of 1 search clicked; closed by close (R4)",
    ]


def line(type_: str, second: int | None, user: int = 1, rest: str = "") -> str:
    """Write an event."""
    time = "" if second is None else f',"time":{1_700_000_000 + second}'
    return f'{{"type":"{type_}","user":{user}{time}{rest}}}\n'


QUERY = ',"query":"dogs"'


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (
            line("Search", 0, rest=QUERY) + line("scroll", 1801),
            "(R2: a pause longer than the gap)",
        ),
        (
            line("Search", 0, rest=QUERY) + line("scroll", 2101, user=2),
            "(R7: the log's clock has passed the gap and the lateness)",
        ),
        (line("Search", 0, rest=QUERY), "(R9: the input has ended)"),
        (line("Search", 0, rest=QUERY) + line("Timeout", 1), "closed by timeout (R4)"),
        (line("Search", 0, rest=QUERY) * 2, "closed by search (R3)"),
        (line("click", 0, rest=',"item":"a"'), "orphan: no search is open, it counts nowhere (R5)"),
        (line("Results", 0, rest=',"items":[]'), "orphan: no search is open (R5)"),
        (line("AppClose", 0), "no session to end (R4)"),
        (line("AppOpen", 0), "it counts nowhere (R11; R9: the input has ended)"),
        (
            line("AppOpen", 400, user=2) + line("scroll", 0),
            "late: 6m40s behind the log's clock (R8)",
        ),
        (line("AppOpen", None) + line("scroll", None), "activity (R2)"),
    ],
)
def test_each_rule_is_named_where_it_draws_a_border(log: str, told: str) -> None:
    """Whatever ends a search or a session, or makes an event count nowhere, is told."""
    lines = explained("1", log.encode())
    assert all(len(line) <= 80 for line in lines)
    assert told in " ".join(line.strip() for line in lines)


def test_the_longest_session_is_named() -> None:
    """A session that ends because it lasted too long says so."""
    log = "".join(line("Search", second, rest=QUERY) for second in range(0, 3000, 600)).encode()
    rules = Rules(max_session=timedelta(minutes=20))
    assert any("(R10: " in told for told in explained("1", log, rules=rules))


def test_no_line_is_wider_than_a_screen() -> None:
    """Whatever the log says, a line fits 80 columns and does not steer the terminal."""
    for text in ("steer \\u001b[31m" * 40, "幅の広い検索" * 40):
        lines = explained("1", line("Search", 0, rest=f',"query":"{text}"').encode())
        assert all(cell_len(line) <= 80 and line.isprintable() for line in lines)
