"""Every peer of the benchmark that is installed here gives the same answer as ctrlog."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.answers import NUMBERS, Answer, Rows, read_answer, require_same
from benchmarks.contestants import CONTESTANTS, PEERS, PEERS_OF_CTRLOG, VARIANTS, Contestant, Job
from benchmarks.logs import compressed, make_log

EVENTS = 20_000
VARIABLES = {
    **os.environ,
    "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lifelike log."""
    path = tmp_path_factory.mktemp("peers") / "log.jsonl"
    make_log(path, EVENTS)
    return path


def is_installed(contestant: Contestant) -> bool:
    """Tell whether a contestant can say its version here."""
    program = shutil.which(contestant.version[0], path=VARIABLES["PATH"])
    if program is None:
        return False
    command = (program, *contestant.version[1:])
    return subprocess.run(command, env=VARIABLES, capture_output=True, check=False).returncode == 0


def answer_of(contestant: Contestant, job: Job, log: Path, folder: Path) -> Answer:
    """Let a contestant do a job."""
    output = folder / f"{contestant.name}.out"
    program, *arguments = contestant.command(job, log, output)
    path = shutil.which(program, path=VARIABLES["PATH"])
    assert path is not None
    subprocess.run((path, *arguments), cwd=folder, env=VARIABLES, check=True)
    return read_answer(job, output)


def jobs_of(*contestants: Contestant) -> list[object]:
    """Return the parameters of a test of each job of each of them."""
    return [
        pytest.param(contestant, job, id=f"{contestant.name} {job}")
        for contestant in contestants
        for job in contestant.jobs
    ]


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(("peer", "job"), jobs_of(*PEERS_OF_CTRLOG, *VARIANTS))
def test_gives_the_same_answer_as_ctrlog(
    peer: Contestant, job: Job, log: Path, tmp_path: Path, *, is_compressed: bool
) -> None:
    """Every number of a summary and every row of a run is the same."""
    if not is_installed(peer):
        pytest.skip(f"{peer.name} is not installed")
    if is_compressed and not peer.reads_compressed:
        pytest.skip(f"{peer.name} reads no compressed logs")
    expected = answer_of(VARIANTS[0], job, log, tmp_path)
    (tmp_path / "found").mkdir()
    found = answer_of(peer, job, compressed(log) if is_compressed else log, tmp_path / "found")
    require_same(found, expected)


def test_the_log_has_something_of_everything(log: Path, tmp_path: Path) -> None:
    """An answer says little of what the log doesn't have."""
    summary = answer_of(VARIANTS[0], Job.SUMMARY, log, tmp_path).content
    assert isinstance(summary, dict)
    assert summary["events"] == EVENTS
    assert all(summary[name] for name in NUMBERS)
    rows = answer_of(VARIANTS[0], Job.RUN, log, tmp_path)
    assert isinstance(rows.content, Rows)
    assert rows.content.count == summary["searches"]
    text = rows.output.read_text()
    for ending in ("search", "close", "timeout", "gap", "end"):
        assert f",{ending}," in text
    assert ',"' in text  # a query that needs quotes


def test_every_program_among_the_peers_takes_part() -> None:
    """No peer lies about unused; names are unique."""
    assert {peer.script for peer in PEERS_OF_CTRLOG} == {
        path.name for path in PEERS.iterdir() if path.is_file()
    }
    names = [contestant.name for contestant in CONTESTANTS]
    assert len(set(names)) == len(names)
