"""What the documents are made with: `cog -r README.md docs/*.md` brings them up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from inspect import getdoc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ctrlog.sessions.events import ClosedBy, Kind
from ctrlog.sessions.table import BOUNDARIES, TABLE, State, TableInput, Transition, Variant
from ctrlog.times import format_duration

ROOT = Path(__file__).parent.parent

_BOUNDARY_NAMES = {
    ClosedBy.GAP: "pause over the gap (R2, R7)",
    ClosedBy.MAX: "longest session reached (R10)",
    ClosedBy.END: "end of input (R9)",
}


#: A log recorded by OpenSearch User Behavior Insights, where it is at hand.
RECORDED = ROOT.parent / "shared/data/ubi/chorus_ubi_queries_events.ndjson"


def recorded(command: str) -> str:
    """Run a command line on the recorded log, and return it with what it prints.

    Args:
        command: As for `console`; LOG stands for the log.

    Raises:
        FileNotFoundError: If it is not at hand; the document is to be left out then.
    """
    if not RECORDED.exists():
        raise FileNotFoundError(RECORDED)
    with TemporaryDirectory() as folder:
        log = Path(folder) / RECORDED.name
        log.symlink_to(RECORDED)
        return console(command.replace("LOG", log.name), Path(folder))


def console(command: str, folder: Path = ROOT) -> str:
    """Run a command line and return it with what it prints.

    Args:
        command: A shell command line, in which `ctrlog` is this checkout's, and `python`
            the one that has it.
        folder: Where to run it.

    Returns:
        A fenced block of a console; `…` stands where lines were left out by the command.
    """
    names = f'python() {{ "{sys.executable}" "$@"; }}; ctrlog() {{ python -m ctrlog "$@"; }}'
    output = subprocess.run(
        ["bash", "-c", f"{names}; {command}"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    ).stdout.decode()
    return f"```console\n$ {command}\n{output}```\n"


def state_table() -> str:
    """Return the state table as a Markdown table: a row an input, a column a state."""
    lines = [
        "| | " + " | ".join(f"**{state.value}**" for state in State) + " |",
        "|---|" + "---|" * len(State),
    ]
    for taken in (*Kind, *Variant, *BOUNDARIES):
        cells = [_in_words(TABLE[state][taken], state) for state in State]
        lines.append(f"| {_name(taken)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def state_diagram() -> str:
    """Return the state table as a Mermaid diagram of what changes the state."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, row in TABLE.items():
        for taken, (_, after) in row.items():
            is_as_others = taken in Variant and row[taken] in map(row.__getitem__, Kind)
            if after is not state and not is_as_others:
                arrows.setdefault((state, after), []).append(_name(taken).split(" (")[0])
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in State]
    for (before, after), inputs in arrows.items():
        lines.append(f"    {before.name} --> {after.name}: {', '.join(inputs)}")
    return "\n".join([*lines, "```"]) + "\n"


def habits_table(habits: Any) -> str:
    """Return a dataclass of probabilities as a Markdown table, with the text of its docstring."""
    said = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", getdoc(habits) or "", re.MULTILINE))
    lines = ["| probability | | of what |", "|---|--:|---|"]
    for field in fields(habits):
        text = " ".join(said[field.name].split())
        lines.append(f"| `{field.name}` | {getattr(habits, field.name):g} | {text} |")
    return "\n".join(lines) + "\n"


def waits_table(waits: Mapping[str, Sequence[int]]) -> str:
    """Return tables of times as a Markdown table of their quantiles.

    Args:
        waits: By name, the times in ms in ascending order.
    """
    lines = ["| | least | median | most |", "|---|--:|--:|--:|"]
    for name, table in waits.items():
        times_s = [round(table[place] / 1000, 1) for place in (0, len(table) // 2, -1)]
        cells = [format_duration(timedelta(seconds=time_s)) for time_s in times_s]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _name(taken: TableInput) -> str:
    if isinstance(taken, ClosedBy):
        return _BOUNDARY_NAMES[taken]
    return "any other event" if taken is Kind.OTHER else taken.value


def _in_words(transition: Transition, state: State) -> str:
    actions, after = transition
    words = ", ".join(action.value for action in actions) or "–"
    return words if after is state else f"{words} → *{after.value}*"
