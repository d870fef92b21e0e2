"""The rooms of the package: which may import which, and what may be imported where."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ctrlog"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))

#: Each room may import from itself, from the ground (`errors`, `times`, ...) and from these.
MAY_IMPORT: dict[str, set[str]] = {
    "ground": set(),
    "sessions": set(),
    "inputs": set(),
    "schemas": {"sessions"},
    "metrics": {"sessions"},
    "simulate": {"sessions"},
    "outputs": {"metrics", "sessions"},
    "run": {"outputs", "schemas", "inputs", "metrics", "sessions"},
    "check": {"run", "outputs", "schemas", "inputs", "metrics", "sessions"},
    "adapters": {"run", "outputs", "schemas", "inputs", "metrics", "sessions"},
    "cli": {
        "adapters", "check", "run", "simulate", "outputs", "schemas", "inputs", "metrics", "sessions",
    },
}  # fmt: skip

#: Modules that open one room to a user: the package itself and `python -m ctrlog...`.
DOORS = {"__init__.py", "__main__.py", "dataflow.py", "spark.py"}

#: What makes a result depend on anything but the log.
IMPURE = {"os", "pathlib", "random", "socket", "subprocess", "sys", "time"}


def room_of(module: str) -> str:
    """Return the room of `sessions/shard.py` or `ctrlog.sessions.shard`."""
    first, *rest = module.removeprefix("ctrlog.").replace("/", ".").removesuffix(".py").split(".")
    return first if rest or first in MAY_IMPORT else "ground"


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports, wherever in it: `ctrlog.sessions.shard`, `typer`."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            base = str(node.module)
            is_package = (
                base.startswith("ctrlog") and (PACKAGE.parent / base.replace(".", "/")).is_dir()
            )
            yield from (f"{base}.{alias.name}" for alias in node.names) if is_package else (base,)


@pytest.mark.parametrize("module", [module for module in MODULES if module not in DOORS])
def test_imports_run_one_way(module: str) -> None:
    """A module imports from its own room, from the ground and from the rooms that its room may use."""
    room = room_of(module)
    used = {room_of(name) for name in imports(module) if name.startswith("ctrlog.")}
    assert used <= MAY_IMPORT[room] | {room, "ground"}


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_imports_typer(module: str) -> None:
    """What describes a run can be used without a command line."""
    assert module.startswith("cli/") or not {"typer", "click"} & set(imports(module))


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in {"sessions", "metrics"}])
def test_rules_and_metrics_are_pure(module: str) -> None:
    """Records and sums depend on events alone: no files, no clock of the machine, no chance."""
    assert not IMPURE & {name.split(".")[0] for name in imports(module)}


def test_every_room_has_a_map() -> None:
    """A room's docstring says what comes in, what goes out, and where to start reading."""
    for room in MAY_IMPORT.keys() - {"ground"}:
        described = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
        assert all(word in described for word in ("In:", "Out:", "Start with")), room
        named = {path.stem for path in (PACKAGE / room).glob("*.py")} - {"__init__"}
        assert named == {name for name in named if f"`{name}" in described}, room


def test_the_start_loads_only_what_a_command_needs() -> None:
    """`ctrlog run` and `--help` start without the tables, databases and processes of other commands."""
    program = (
        "import sys, ctrlog.cli.app;"
        "print({'rich', 'sqlite3', 'multiprocessing', 'rapidfuzz'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
