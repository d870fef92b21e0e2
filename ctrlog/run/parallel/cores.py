"""How many processes can run at once."""

from __future__ import annotations

import os
from contextlib import suppress
from math import ceil
from pathlib import Path

#: Where Linux says how much of the processors a container may use (control groups 2).
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may use, at least 1.

    Args:
        quota: Where it stands how much of their time may be used, if anywhere.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    with suppress(OSError, ValueError):
        allowed, period = quota.read_text().split()
        cores = min(cores, ceil(int(allowed) / int(period)))
    return max(1, cores)
