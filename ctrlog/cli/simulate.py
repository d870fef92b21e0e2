"""The command `ctrlog simulate`."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from ctrlog.cli.exit_codes import reporting
from ctrlog.cli.options import OutputFile, Quiet, parsed
from ctrlog.errors import UsageError
from ctrlog.outputs.files import Write, open_output
from ctrlog.simulate.scenario import DEFAULT_SCENARIO, MAX_QUERIES, MAX_USERS, Scenario
from ctrlog.times import parse_time


def parse_share(text: str) -> float:
    """Read a share: `0.01` or `1%`.

    Raises:
        ValueError: If it is none from 0 to below 1.
    """
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = float("nan")
    share = number / 100 if text.endswith("%") else number
    if not 0 <= share < 1:
        raise ValueError(f"{text!r} is not a share from 0 to below 1: write 0.01 or 1%")
    return share


def simulate(
    events: Annotated[
        int, typer.Option("--events", min=0, metavar="N", help="How many events.")
    ] = DEFAULT_SCENARIO.events,
    users: Annotated[
        int,
        typer.Option(
            "--users", min=1, max=MAX_USERS, metavar="N", help="How many users there are."
        ),
    ] = DEFAULT_SCENARIO.users,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Another seed gives another log.")
    ] = DEFAULT_SCENARIO.seed,
    start: Annotated[
        datetime,
        parsed("--start", parse_time, "TIME", "When it begins; 2024-03-04, a Monday, unless told."),
    ] = DEFAULT_SCENARIO.start,
    days: Annotated[
        Optional[float],
        typer.Option(
            "--days",
            metavar="DAYS",
            help="About how many days it lasts; unless told, as many as it takes if each user"
            " comes 1.2 times a day.",
        ),
    ] = DEFAULT_SCENARIO.days,
    queries: Annotated[
        int,
        typer.Option(
            "--queries",
            min=1,
            max=MAX_QUERIES,
            metavar="N",
            help="How many different queries users may make.",
        ),
    ] = DEFAULT_SCENARIO.queries,
    orphans: Annotated[
        float,
        parsed(
            "--orphans",
            parse_share,
            "SHARE",
            "Share of events that are clicks and results with no search open.",
        ),
    ] = DEFAULT_SCENARIO.orphans,
    disorder: Annotated[
        float,
        parsed(
            "--disorder",
            parse_share,
            "SHARE",
            "Share of events that are written late, by up to 2m.",
        ),
    ] = DEFAULT_SCENARIO.disorder,
    bad_lines: Annotated[
        float,
        parsed("--bad-lines", parse_share, "SHARE", "Bad lines per event, which come on top."),
    ] = DEFAULT_SCENARIO.bad_lines,
    truth: Annotated[
        Optional[Path],
        typer.Option(
            "--truth",
            metavar="FILE",
            help="Write what is true of the log here, as `ctrlog summary --format json` names it.",
        ),
    ] = None,
    output: OutputFile = None,
    quiet: Quiet = False,
) -> None:
    """Write a made-up log, like a real one, of any size, and what is true of it.

    The same options write the same bytes. docs/simulation.md says how users behave. Write a
    share as 0.01 or 1%.
    """
    # Loaded here, so that no other command need wait for it.
    from ctrlog.simulate.simulation import Simulation  # noqa: PLC0415

    with reporting(lambda: events, output, unit="events", is_quiet=quiet) as console:
        _refuse_one_file(output, truth)
        simulation = Simulation(
            Scenario(events, users, seed, start, days, queries, orphans, disorder, bad_lines)
        )
        with _truth_opened(truth) as write_truth:
            with open_output(output) as write:
                done = 0
                for block in simulation.blocks():
                    write(block)
                    console.advance(simulation.truth.events - done)
                    done = simulation.truth.events
            write_truth(json.dumps(simulation.truth.to_dict(), indent=2).encode() + b"\n")


def _refuse_one_file(output: Path | None, truth: Path | None) -> None:
    if truth is None:
        return
    if os.path.realpath(output or "-") == os.path.realpath(truth):
        raise UsageError("the log and its truth cannot go to one file")


def _truth_opened(path: Path | None) -> AbstractContextManager[Write]:
    if path is None:
        return nullcontext(lambda _: None)
    return open_output(None if path == Path("-") else path)
