"""Options that do not come from a command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from making import s

from ctrlog.errors import UsageError
from ctrlog.run.settings import LogOptions
from ctrlog.schemas.bad_lines import Limit


def test_options_are_read_as_on_the_command_line() -> None:
    """Each option has the value that its text has there."""
    read = LogOptions.parse(
        {
            "gap": "1h30m",
            "max_session": "2d",
            "since": "2024-03-04",
            "where": ["country=DE", "mobile=true"],
            "field": {"user": "client_id"},
            "max_bad": "1%",
            "bad_lines": "bad.txt",
            "max_line": "64K",
        }
    )
    assert read == LogOptions(
        gap=s(5400),
        max_session=s(2 * 86400),
        since=datetime(2024, 3, 4, tzinfo=UTC),
        where=[("country", "DE"), ("mobile", "true")],
        field=[("user", "client_id")],
        max_bad=Limit(percent=1),
        bad_lines=Path("bad.txt"),
        max_line=65536,
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("where", {"mobile": True, "age": 3}, [("mobile", "true"), ("age", "3")]),
        ("field", "item=object.id", [("item", "object.id")]),
        ("gap", s(5), s(5)),
        ("strict", True, True),
        ("max_line", 100, 100),
        ("max_bad", 7, Limit(count=7)),
        ("reorder", None, None),
    ],
)
def test_values_may_be_what_they_are(name: str, value: Any, expected: Any) -> None:
    """What is no text is taken as it is, or as JSON writes it."""
    assert getattr(LogOptions.parse({name: value}), name) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("gap", "x"), ("gap", 5), ("strict", 1), ("where", "a"), ("where", 5), ("max_line", "0")],
)
def test_values_that_make_no_sense_are_refused(name: str, value: Any) -> None:
    """The message begins with the name of the option."""
    with pytest.raises(UsageError, match=f"^{name}"):
        LogOptions.parse({name: value})
