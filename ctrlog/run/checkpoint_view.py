"""What is in a checkpoint, in words and as plain values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ctrlog.escaping import escape_controls
from ctrlog.outputs.phrases import counted
from ctrlog.run.checkpoint import Saved, SavedInput
from ctrlog.times import format_times, from_micros


def contents(saved: Saved, holder: str | None) -> dict[str, Any]:
    """Return what a checkpoint tells, as plain values.

    Args:
        saved: What is in it.
        holder: Who writes it at present; None for nobody.
    """
    about = dict(saved.about)
    pipeline = saved.state["pipeline"]
    sessions = pipeline["shard"]["sessions"]
    return {
        "command": about.pop("command"),
        "ctrlog": about.pop("ctrlog"),
        "saved": about.pop("saved"),
        "in_use_by": holder,
        "options": about,
        "lines": pipeline["lines"],
        "events": pipeline["shard"]["counts"]["events"],
        "bad_lines": sum(pipeline["bad_lines"].values()),
        "open_sessions": len(sessions),
        "open_searches": pipeline["shard"]["open_searches"],
        "inputs": [_input_contents(each) for each in saved.inputs],
        "outputs": [{"path": each.path, "length": each.length} for each in saved.outputs],
    }


def _input_contents(saved: SavedInput) -> dict[str, Any]:
    clock, *_ = saved.rest
    (time,) = format_times([None if clock is None else from_micros(clock)])
    return {
        "name": saved.name,
        "path": saved.path,
        "offset": saved.mark.offset,
        "lines": saved.line - 1,
        "clock": time,
        "is_there": _is_there(saved),
    }


def _is_there(saved: SavedInput) -> bool:
    """Tell whether the very file is under its name."""
    try:
        status = Path(saved.path).stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == saved.mark.file


def as_json(path: Path, found: dict[str, Any]) -> str:
    """Write the contents of a checkpoint as JSON."""
    return json.dumps({"checkpoint": str(path), **found}, indent=2, ensure_ascii=False) + "\n"


def as_text(path: Path, found: dict[str, Any]) -> str:
    """Write the contents of a checkpoint in words."""
    options = " ".join(f"{name} {value}".rstrip() for name, value in found["options"].items())
    lines = [
        f"{path}: saved {found['saved']} by ctrlog {found['command']} {found['ctrlog']}",
        *([f"in use by {found['in_use_by']}"] if found["in_use_by"] else []),
        f"options: {options}",
        "",
        f"{found['events']:,} events of {found['lines']:,} lines, {found['bad_lines']:,} bad",
        (
            f"open: {counted(found['open_sessions'], 'session')},"
            f" {counted(found['open_searches'], 'search')}"
        ),
        "",
        "inputs, as far as they were read:",
    ]
    for each in found["inputs"]:
        gone = "" if each["is_there"] else "; no longer there"
        clock = f", clock {each['clock']}" if each["clock"] else ""
        lines.append(
            f"  {each['path']}: {each['offset']:,} bytes, {each['lines']:,} lines{clock}{gone}"
        )
    if found["outputs"]:
        lines += ["", "outputs, as far as they count:"]
    lines += [f"  {each['path']}: {each['length']:,} bytes" for each in found["outputs"]]
    # Names may have ends of lines in them.
    return "".join(escape_controls(line.replace("\n", r"\n")) + "\n" for line in lines)
