"""The logs that are measured on: lifelike, in order of time, the same for everyone."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

USERS = 20_000
SEED = 1
COMPRESSION_LEVEL = 6  # what gzip does unless told otherwise


def make_log(path: Path, events: int) -> None:
    """Write a log.

    Args:
        path: Where to.
        events: How many events it is to have.

    Raises:
        subprocess.CalledProcessError: The simulation failed.
    """
    counts = ("--events", str(events), "--users", str(USERS), "--seed", str(SEED))
    simulate = (sys.executable, "-m", "ctrlog", "simulate", *counts, "-o", str(path))
    subprocess.run(simulate, check=True)


def log_file(folder: Path, events: int) -> Path:
    """Return the log of so many events in a folder; make it if it is not there."""
    log = folder / f"events-{events}-users-{USERS}-seed-{SEED}.jsonl"
    if not log.exists():
        print(f"making {log.name} …", file=sys.stderr)
        part = log.with_suffix(".part")
        make_log(part, events)
        part.rename(log)
    return log


def compressed(log: Path) -> Path:
    """Return a log compressed by gzip, beside it; make that if it is not there."""
    target = log.with_suffix(f"{log.suffix}.gz")
    if not target.exists():
        print(f"making {target.name} …", file=sys.stderr)
        part = target.with_suffix(".part")
        with log.open("rb") as plain, gzip.open(part, "wb", COMPRESSION_LEVEL) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        part.rename(target)
    return target
