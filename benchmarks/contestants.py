"""Who is measured, and how each is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"


class Job(StrEnum):
    """What is to be done with a log."""

    SUMMARY = "summary"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program that does the jobs.

    Attributes:
        name: What to call it.
        requirement: What pip installs for it.
        debian_package: The Debian package it is in, if it is a command.
        version: A command line that prints its version.
        jobs: The jobs it does.
        reads_compressed: Whether it reads compressed logs.
        most_events: The longest log it is given, as longer ones take too long; None for any.
        why_not_all: Why it does not do all jobs.
        how: How it does them.
    """

    name: str
    requirement: str = ""
    debian_package: str = ""
    version: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = tuple(Job)
    reads_compressed: bool = True
    most_events: int | None = None
    why_not_all: str = ""
    how: str = ""

    def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:
        """Return the command line that does a job on a log and writes to the output."""
        raise NotImplementedError

    def takes_part(self, job: Job, events: int, *, is_compressed: bool) -> bool:
        """Tell whether it does a job on a log of so many events."""
        is_short_enough = self.most_events is None or events <= self.most_events
        return job in self.jobs and is_short_enough and (self.reads_compressed or not is_compressed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ctrlog(Contestant):
    """ctrlog itself, with some options.

    Attributes:
        options: The options.
        workers: The number of processes that they ask for; None if they don't say.
    """

    requirement: str = str(ROOT)
    how: str = "one process"
    version: tuple[str, ...] = ("ctrlog", "--version")
    options: tuple[str, ...] = ()
    workers: int | None = None

    def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:
        """Return the command line."""
        format_ = "json" if job is Job.SUMMARY else "csv"
        call = ("ctrlog", job, "--quiet", "--format", format_, "-o", str(output), *self.options)
        return (*call, str(log))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Contestant):
    """Another program that does the same.

    Attributes:
        script: Its file among the peers.
        is_engine: Whether it is one of the engines that ctrlog wants to beat.
    """

    script: str
    is_engine: bool = False

    def command(self, job: Job, log: Path, output: Path) -> Sequence[str]:
        """Return the command line."""
        script = PEERS / self.script
        interpreter = "python" if script.suffix == ".py" else "bash"
        return (interpreter, str(script), job, str(log), str(output))


#: ctrlog's own variants; the first is what the others are compared with, and what the aims are for.
VARIANTS = (
    Ctrlog(name="ctrlog", how="as many processes as there are cores"),
    Ctrlog(name="ctrlog --jobs 1", options=("--jobs", "1"), workers=1),
    Ctrlog(name="ctrlog --jobs 2", options=("--jobs", "2"), workers=2, how="two processes"),
)

PEERS_OF_CTRLOG = (
    Peer(
        name="DuckDB",
        script="duckdb_sql.py",
        requirement="duckdb>=1.4",
        version=("python", "-c", "import duckdb; print(duckdb.__version__)"),
        is_engine=True,
        how="window functions in SQL",
    ),
    Peer(
        name="Polars",
        script="polars_frames.py",
        requirement="polars>=1.30",
        version=("python", "-c", "import polars; print(polars.__version__)"),
        is_engine=True,
        how="expressions, streaming engine",
    ),
    Peer(
        name="ClickHouse",
        script="clickhouse_sql.py",
        requirement="chdb>=3.6",
        version=(
            "python",
            "-c",
            "import chdb; print(f'{chdb.engine_version} (chdb {chdb.__version__})')",
        ),
        is_engine=True,
        how="arrays in SQL, in the process (chdb)",
    ),
    Peer(
        name="Python and orjson",
        script="orjson_loop.py",
        requirement="orjson>=3.10",
        version=("python", "-c", "import orjson; print(orjson.__version__)"),
        how="a plain loop over lines",
    ),
    Peer(
        name="Miller",
        script="miller.sh",
        debian_package="miller",
        version=("mlr", "--version"),
        most_events=400_000,
        how="its own language",
    ),
    Peer(
        name="jq",
        script="jq.sh",
        debian_package="jq",
        version=("jq", "--version"),
        most_events=400_000,
        how="`foreach` over a state",
    ),
    Peer(
        name="Bytewax",
        script="bytewax_flow.py",
        requirement="bytewax>=0.21",
        version=("python", "-c", "import importlib.metadata as m; print(m.version('bytewax'))"),
        jobs=(Job.SUMMARY,),
        reads_compressed=False,
        most_events=40_000,
        why_not_all="a window does not know what closed a search",
        how="session windows, as in its tutorial",
    ),
)
CONTESTANTS: tuple[Contestant, ...] = (*VARIANTS, *PEERS_OF_CTRLOG)
