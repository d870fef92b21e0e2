"""What the documents are made with: `cog -r README.md docs/*.md` brings them up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ctrlog.events import ClosedBy, Kind
from ctrlog.states import BOUNDARIES, TABLE, Input, State, Transition

ROOT = Path(__file__).parent.parent

_BOUNDARY_NAMES = {
    ClosedBy.GAP: "pause over the gap (R2, R7)",
    ClosedBy.MAX: "longest session reached (R10)",
    ClosedBy.END: "end of input (R9)",
}


def console(command: str) -> str:
    """Run a command line and return it with what it prints.

    Args:
        command: A shell command line, in which `ctrlog` is this checkout's, and `python`
            the one that has it.

    Returns:
        A fenced block of a console; `…` stands where lines were left out by the command.
    """
    names = f'python() {{ "{sys.executable}" "$@"; }}; ctrlog() {{ python -m ctrlog "$@"; }}'
    output = subprocess.run(
        ["bash", "-c", f"{names}; {command}"],
        cwd=ROOT,
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
    for taken in (*Kind, *BOUNDARIES):
        cells = [_in_words(TABLE[state][taken], state) for state in State]
        lines.append(f"| {_name(taken)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def state_diagram() -> str:
    """Return the state table as a Mermaid diagram of what changes the state."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, row in TABLE.items():
        for taken, (_, after) in row.items():
            if after is not state:
                arrows.setdefault((state, after), []).append(_name(taken).split(" (")[0])
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in State]
    for (before, after), inputs in arrows.items():
        lines.append(f"    {before.name} --> {after.name}: {', '.join(inputs)}")
    return "\n".join([*lines, "```"]) + "\n"


def _name(taken: Input) -> str:
    if isinstance(taken, ClosedBy):
        return _BOUNDARY_NAMES[taken]
    return "any other event" if taken is Kind.OTHER else taken.value


def _in_words(transition: Transition, state: State) -> str:
    actions, after = transition
    words = ", ".join(action.value for action in actions) or "–"
    return words if after is state else f"{words} → *{after.value}*"
