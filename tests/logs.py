"""Logs and users that several tests use."""

from __future__ import annotations

from pathlib import Path

LOG = (
    Path(__file__).resolve().parent.parent.parent
    / "shared/data/ubi/chorus_ubi_queries_events.ndjson"
)


USERS: list[str | int] = [
    *[1, 0, -1, 3, 10**20],
    *["1", "0", "-1", "3", str(10**20)],
    *["01", "-0", "+1", " 1", "1 ", "1.0", "1_0", "--1", "-", "", "1e0"],
    *["\u0663", "\uff11", "\u00b9", "x1", "None", "True"],
]
