"""Tests of the benchmark's environment, and of the command as a whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__ as command
from benchmarks.contestants import Contestant, Peer
from benchmarks.environment import Environment, machine
from benchmarks.measuring import CommandError


class Here(Environment):
    """What the tests are run with; nothing is installed."""

    def __init__(self, folder: Path) -> None:
        """Take it as it is."""
        super().__init__(folder)
        places = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
        self.variables["PATH"] = os.pathsep.join(places)

    def _make(self) -> None:
        self._venv.mkdir(exist_ok=True)

    def install(self, contestant: Contestant) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A new environment."""
    return Environment(tmp_path_factory.mktemp("environment"))


def test_programs_are_those_of_the_environment(environment: Environment) -> None:
    """Python is not the one that runs the tests, and sees nothing of what is installed there."""
    program, *arguments = environment.call(("python", "-c", "pass"))
    assert arguments == ["-c", "pass"]
    assert program == str(environment._venv / "bin" / "python")
    sees = Peer(name="ctrlog", script="", version=("python", "-c", "import ctrlog"))
    with pytest.raises(CommandError, match="No module named 'ctrlog'"):
        environment.version(sees)


def test_environment_is_kept(environment: Environment) -> None:
    """A second run finds what the first has made."""
    mark = environment._venv / "mark"
    mark.touch()
    Environment(environment._venv.parent)
    assert mark.exists()


def test_version_is_told_without_the_name(environment: Environment) -> None:
    """`jq-1.7` and `mlr 6.0` say their own names."""
    script = "import sys; print(sys.argv[1])"
    peer = Peer(name="", script="", version=("python", "-c", script, "python-1.7"))
    assert environment.version(peer) == "1.7"


@pytest.mark.parametrize(
    "peer",
    [
        Peer(name="lost", script="", requirement="/no/such/package"),
        Peer(name="lost", script="", version=("no-such-program", "--version")),
    ],
    ids=["requirement", "program"],
)
def test_who_cannot_be_installed_is_told(environment: Environment, peer: Peer) -> None:
    """The benchmark goes on without it."""
    there = Peer(name="there", script="", version=("python", "-c", "print(3)"))
    versions, missing = command.prepare(environment, [peer, there])
    assert versions == {"there": "3"}
    assert list(missing) == ["lost"]
    assert "no" in missing["lost"]


def test_machine_is_described() -> None:
    """Everything has a value."""
    assert {"processor", "cores", "memory", "system", "Python", "commit of ctrlog"} == set(
        machine()
    )
    assert all(machine().values())


def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes logs, measures who is there, and writes the report."""
    pytest.importorskip("duckdb")
    monkeypatch.setattr(command, "Environment", Here)
    monkeypatch.setattr(command, "START_ROUNDS", 1)
    monkeypatch.setattr(command, "SHORT", 1_000)
    output = tmp_path / "RESULTS.md"
    arguments: list[Any] = ["--events", 20_000, "--rounds", 1, "--only", "DuckDB", "-o", output]
    assert command.main([*map(str, arguments), "--cache", str(tmp_path / "cache")]) == 0
    text = output.read_text()
    for title in ("`summary` of 20,000 events", "`run` of 20,000 events", "compressed by gzip"):
        assert title in text
    assert text.count("| **ctrlog** |") == text.count("\n| DuckDB | ") - 1 == 3
    assert " find searches " in text
    assert "Polars" not in text.partition("## Aims")[2]
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"logs", "outputs", "venv"}
    assert not list((tmp_path / "cache" / "outputs").iterdir())
