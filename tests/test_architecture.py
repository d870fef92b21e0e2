"""How the modules stand to each other: imports run one way, and the machine is pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ctrlog"

#: Each module may import only from rows above its own. A new module is given a row here.
ROWS = [
    {
        "bulk", "chance", "choices", "click_model", "compression", "cores", "errors", "escaping",
        "interrupts", "intervals", "marks", "sketches", "times", "volume",
    },
    {
        "arrivals", "catalogue", "content", "events", "locks", "outputs", "places", "scenario",
        "terminal", "trees",
    },
    {
        "checkpoint", "exclusion", "fieldnotes", "interleaving", "ledger", "reorder", "reporting",
        "schema", "sinks", "sources", "states", "traces", "truth",
    },
    {
        "beside", "faults", "filters", "folders", "foreign", "inspection", "metrics", "mishaps",
        "preview", "products", "reading", "sessionizer", "user_model",
    },
    {
        "badlines", "byids", "checkup", "foreignfaults", "grouping",
        "keystrokes", "leaves", "rotation", "schemafile", "simulation", "steps",
    },
    {"continuation", "holding", "recognition", "schema_command", "succession", "tabs"},
    {"decoding", "following", "machine"},
    {"fitting", "ranges", "rules"},
    {"facts", "shard"},
    {"checking", "dealing", "pieces", "pipeline"},
    {"__init__", "joining", "journal", "notes", "options", "settling", "summary"},
    {"archive", "readers", "resuming", "simulate_command", "wording", "working"},
    {
        "advice", "checkpage", "clickfindings", "explanation", "logfindings", "partitions",
        "searchfindings", "sharing",
    },
    {"findings", "parallel", "recordfiles", "screen"},
    {"dataflow", "rendering", "runs"},
    {"check_command", "spark"},
    {"cli"},
    {"__main__"},
]  # fmt: skip
ROW = {module: number for number, row in enumerate(ROWS) for module in row}

#: The machine: no input or output, no wall clock, no chance.
PURE = [
    "errors",
    "events",
    "exclusion",
    "filters",
    "intervals",
    "keystrokes",
    "ledger",
    "machine",
    "metrics",
    "reorder",
    "rules",
    "sessionizer",
    "shard",
    "sketches",
    "states",
    "steps",
    "tabs",
    "times",
    "volume",
]
PURE_IMPORTS = {
    "__future__", "collections", "dataclasses", "datetime", "decimal", "enum", "functools",
    "hashlib", "heapq", "json", "math", "msgspec", "operator", "rapidfuzz", "re", "typing",
    "zlib",
}  # fmt: skip
IMPURE_CALLS = {"print", "open", "input", "exec", "eval", "breakpoint", "now", "today", "utcnow"}

#: What each third party is for, so that a start need not wait for what it does not use.
THIRD_PARTIES = {
    "bytewax": {"dataflow", "partitions", "recordfiles"},
    "msgspec": {
        "bulk",
        "checkpoint",
        "dealing",
        "decoding",
        "events",
        "faults",
        "fieldnotes",
        "foreignfaults",
        "holding",
        "leaves",
        "recognition",
        "schema",
        "sessionizer",
        "steps",
        "times",
        "trees",
    },
    "orjson": {"checkpage", "rendering", "sinks"},
    "pyarrow": {"archive", "spark"},
    "pyspark": {"folders", "spark"},
    "rapidfuzz": {"keystrokes"},
    "rich": {"explanation", "screen", "terminal"},
    "typer": {
        "check_command",
        "cli",
        "options",
        "reporting",
        "runs",
        "schema_command",
        "simulate_command",
        "spark",
    },
}

#: What makes logs up and tells the truth of them: nothing that reads logs has a part in it.
SIMULATION = [
    "arrivals",
    "catalogue",
    "chance",
    "click_model",
    "mishaps",
    "scenario",
    "simulation",
    "truth",
    "user_model",
]
#: What it shares with the rest: errors, words and times.
SHARED = {"errors", "events", "times"}
#: What C libraries, and versions of Python, compute in more than one way.
UNSTEADY_CALLS = {"exp", "log", "log1p", "pow", "sin", "sum"}

MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def tree_of(module: str) -> ast.Module:
    """Parse a module."""
    return ast.parse((PACKAGE / f"{module}.py").read_text())


def imported(module: str) -> Iterator[str]:
    """Yield the full name of every module that a module imports, anywhere in it."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            if node.module == "ctrlog":
                yield from (own_name(alias.name) for alias in node.names)
            else:
                yield node.module


def own_name(name: str) -> str:
    """Return the module that `from ctrlog import NAME` imports from."""
    return f"ctrlog.{name}" if name in MODULES else "ctrlog.__init__"


def imported_of_ctrlog(module: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    return {name.removeprefix("ctrlog.") for name in imported(module) if name.startswith("ctrlog.")}


def calls_of(module: str) -> dict[str, int]:
    """Return the names of the functions that a module calls, each with a line of it."""
    return {
        getattr(node.func, "id", getattr(node.func, "attr", "")): node.lineno
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
    }


def test_every_module_is_in_the_table() -> None:
    """The package is flat, and each of its modules has one place in the table."""
    assert sorted(ROW) == MODULES
    assert sum(map(len, ROWS)) == len(ROW)
    assert [path.name for path in PACKAGE.iterdir() if path.is_dir()] in ([], ["__pycache__"])


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_down_the_table(module: str) -> None:
    """A module imports only from rows above its own, also for types and inside functions."""
    for other in imported_of_ctrlog(module):
        assert ROW[other] < ROW[module], f"{module} imports {other}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_stands_as_high_as_it_can(module: str) -> None:
    """The table says no more than the imports: a module is in the row below its lowest import."""
    below = {ROW[other] for other in imported_of_ctrlog(module)}
    expected = max(below, default=-1) + 1
    assert ROW[module] == expected, f"{module} could stand in row {expected}"


@pytest.mark.parametrize("module", PURE)
def test_the_machine_is_pure(module: str) -> None:
    """Neither input nor output, nor the machine's clock, nor chance has a part in a result."""
    outside = {name.split(".")[0] for name in imported(module)} - {"ctrlog"}
    assert outside <= PURE_IMPORTS
    assert imported_of_ctrlog(module) <= set(PURE)
    for called, line in calls_of(module).items():
        assert called not in IMPURE_CALLS, f"{module} calls {called} in line {line}"


@pytest.mark.parametrize("module", SIMULATION)
def test_a_simulation_shares_nothing_with_what_it_tests(module: str) -> None:
    """Neither the machine nor the metrics tell it the truth; nor is anything read or printed."""
    assert imported_of_ctrlog(module) <= {*SIMULATION, *SHARED}
    outside = {name.split(".")[0] for name in imported(module)} - {"ctrlog"}
    assert outside <= PURE_IMPORTS | {"bisect", "functools", "itertools", "random"}
    called = set(calls_of(module))
    assert not called & IMPURE_CALLS
    if module != "truth":  # which adds up integers
        assert not called & UNSTEADY_CALLS


def test_each_third_party_is_used_where_it_belongs() -> None:
    """Nothing but the listed modules imports what is not of Python itself."""
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for name in imported(module):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top != "ctrlog":
                found.setdefault(top, set()).add(module)
    assert found == THIRD_PARTIES


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    """A module begins with a docstring."""
    assert ast.get_docstring(tree_of(module))
