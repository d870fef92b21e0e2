"""The Python API: what `import ctrlog` gives."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import ctrlog
from ctrlog import Attribution, DataError, Event, InputError, Rules, Shard, searches, summarize

ROOT = Path(__file__).resolve().parents[2]
#: The modules that have examples in docstrings.
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "ctrlog").rglob("*.py")
    if ">>> " in path.read_text()
)
PUBLIC = [
    "Attribution",
    "CheckpointError",
    "ClosedBy",
    "Counts",
    "CtrlogError",
    "DataError",
    "Ended",
    "Event",
    "InputError",
    "OutputError",
    "Rules",
    "SearchRecord",
    "SessionRecord",
    "Shard",
    "Summary",
    "UsageError",
    "WorkerError",
    "searches",
    "summarize",
]


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_public_names_are_pinned() -> None:
    """A name comes or goes on purpose only."""
    assert ctrlog.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported(name: str) -> None:
    """Each name is there, is what its module calls so, and has a docstring."""
    found: Any = getattr(ctrlog, name)
    assert found is getattr(import_module(found.__module__), name)
    assert found.__module__.startswith("ctrlog.")
    assert found.__doc__


def test_a_star_import_gives_the_public_names() -> None:
    """`from ctrlog import *` works, though names are imported late."""
    names = run_python("from ctrlog import *; print(*sorted(n for n in dir() if n[0] != '_'))")
    assert names.split() == sorted(PUBLIC)


def test_another_name_is_an_attribute_error() -> None:
    """A name that is not there is refused as in any module."""
    with pytest.raises(AttributeError, match="module 'ctrlog' has no attribute 'nothing'"):
        _ = ctrlog.nothing


def test_importing_the_package_is_cheap() -> None:
    """`import ctrlog` loads none of its modules and none of what they need."""
    code = "import sys, ctrlog; print([m for m in sys.modules if m.startswith('ctrlog.')], "
    code += "any(m in sys.modules for m in ('msgspec', 'orjson', 'typer', 'rich')))"
    assert run_python(code) == "[] False\n"


def test_the_machine_needs_neither_a_command_line_nor_a_terminal() -> None:
    """A program that feeds a shard does not load typer, rich or orjson."""
    code = "import sys; from ctrlog import Event, Shard, searches; "
    code += "print([m for m in ('orjson', 'typer', 'rich') if m in sys.modules])"
    assert run_python(code) == "[]\n"


def test_the_package_is_typed_and_has_a_version() -> None:
    """Type checkers find the types; the version is one."""
    assert (ROOT / "ctrlog" / "py.typed").exists()
    assert re.fullmatch(r"\d+\.\d+\.\d+", ctrlog.__version__)


def test_errors_have_one_base() -> None:
    """Whoever catches CtrlogError catches all that ctrlog raises on purpose."""
    errors = [getattr(ctrlog, name) for name in PUBLIC if name.endswith("Error")]
    assert len(errors) == 7
    assert all(issubclass(error, ctrlog.CtrlogError) for error in errors)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_hold(module: str) -> None:
    """Each example in a docstring gives the result it shows."""
    results = doctest.testmod(import_module(module))
    assert (results.failed, results.attempted > 0) == (0, True)


def test_the_example_of_the_readme_prints_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The Python block of the README runs, and prints what its comment says."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102  # it is ours
    (comment,) = re.findall(r"print\(.*\)  # (.*)", code)
    assert capsys.readouterr().out == f"{comment}\n"


def test_a_shard_can_be_fed_saved_and_gone_on_with() -> None:
    """The way of the README: feed events, take what is over, stop and go on."""
    shard = Shard(Rules(gap=timedelta(minutes=10)))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    ended = shard.feed(
        [
            Event("Search", user=1, time=start, query="dogs"),
            Event("Results", user=1, time=start, items=["fido", "rover", "buddy"]),
        ]
    )
    assert ended.searches == []
    shard = Shard.restore(shard.save(), shard.rules)
    ended = shard.feed(
        [
            Event("ClickResult", user="1", time=start + timedelta(seconds=1), item="rover"),
            Event("AppClose", user=1),
        ]
    )
    (search,) = ended.searches
    assert (search.query, search.ctr, search.first_rank, search.first_click_s) == (
        "dogs",
        1.0,
        2,
        1.0,
    )
    (session,) = ended.sessions
    assert (session.searches, session.clicks_per_search, session.closed_by) == (1, 1.0, "close")
    assert shard.counts.sessions == 1


def test_logs_can_be_read() -> None:
    """`searches` gives the searches of the first tutorial: two clicked, one not."""
    log = str(ROOT / "sample_logs" / "tutorial_1.jsonl")
    assert [search.ctr for search in searches(log)] == [1.0, 1.0, 0.0]
    other = str(ROOT / "sample_logs" / "tutorial_2.jsonl")
    assert len([*searches(log, other)]) == 5


def test_searches_come_as_soon_as_they_are_over(tmp_path: Path) -> None:
    """The searches of one file are there before the next is opened, which may fail."""
    log = tmp_path / "log"
    log.write_text('{"type":"Search","user":1,"query":"a"}\nbad\n{"type":"AppClose","user":1}\n')
    bad_lines: list[str] = []
    found = searches(str(log), str(tmp_path / "none"), on_bad_line=bad_lines.append)
    assert next(found).query == "a"
    assert bad_lines == [f"{log}:2: not JSON: a value is expected at character 1"]
    with pytest.raises(InputError, match="No such file"):
        next(found)


def test_a_bad_line_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    """It is an error, unless somebody wants to hear of each one."""
    log = tmp_path / "log"
    good = '{"type":"Search","user":1,"query":"a"}\n'
    log.write_text(good + "bad\n" * 30 + good)
    with pytest.raises(DataError, match=r"log:2: not JSON: .*; give on_bad_line"):
        _ = [*searches(str(log))]
    bad_lines: list[str] = []
    assert len([*searches(str(log), on_bad_line=bad_lines.append)]) == 2
    assert len(bad_lines) == 30


def test_logs_can_be_summed_up() -> None:
    """`summarize` has what `ctrlog summary` has."""
    found = summarize(str(ROOT / "sample_logs" / "tutorial_1.jsonl"))
    assert (found.searches.searches, found.searches.ctr) == (3, 2 / 3)
    assert found.to_dict()["searches"] == 3


def test_rules_are_those_asked_for(tmp_path: Path) -> None:
    """`searches` takes rules as a shard does."""
    log = tmp_path / "log"
    log.write_text(
        '{"type":"Search","user":1,"query":"a","time":0}\n{"type":"click","user":1,"item":1,"time":60}\n'
    )
    (inside,) = searches(str(log))
    (outside,) = searches(str(log), rules=Rules(gap=timedelta(seconds=59)))
    assert (inside.ctr, inside.closed_by, outside.ctr, outside.closed_by) == (
        1.0,
        "end",
        0.0,
        "gap",
    )


def test_ids_are_looked_at_if_asked_for(tmp_path: Path) -> None:
    """By id a click goes to the search it names; by order no id makes a line bad."""
    log = tmp_path / "log.jsonl"
    lines = [f'{{"type":"Search","user":1,"query":"{query}","search_id":' for query in "abc"]
    click = '{"type":"click","user":1,"item":"x","search_id":1}\n'
    log.write_text(f"{lines[0]}1}}\n{lines[1]}2}}\n{lines[2]}[]}}\n{click}")
    by_id = Rules(attribution=Attribution.ID)
    assert [(search.query, search.clicks) for search in searches(str(log))] == [
        *[("a", 0), ("b", 0), ("c", 1)]
    ]
    found = searches(str(log), rules=by_id, on_bad_line=print)
    assert [(search.query, search.clicks) for search in found] == [*[("a", 1), ("b", 0)]]
