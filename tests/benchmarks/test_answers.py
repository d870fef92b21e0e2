"""Tests of how the benchmark compares answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.answers import (
    COLUMNS,
    NUMBERS,
    OtherAnswerError,
    Rows,
    different_rows,
    read_answer,
    read_rows,
    require_same,
)
from benchmarks.contestants import Job
from ctrlog.outputs.records import Format, Per, make_sink

HEADER = ",".join(COLUMNS)
CLICKED = "1.0,7,dogs,10,2,1,4.826,2024-03-04T00:00:42.79Z,2024-03-04T00:00:37Z,close,true"
UNCLICKED = "0.0,7,cats,,0,,,2024-03-04T00:01:00Z,2024-03-04T00:00:37Z,end,false"


def written(path: Path, *rows: str, header: str = HEADER) -> Path:
    """Write CSV."""
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def summarized(path: Path, **numbers: float) -> Path:
    """Write a summary in which every number is 1000, but for those given."""
    path.write_text(json.dumps(dict.fromkeys(NUMBERS, 1000) | numbers))
    return path


def test_columns_are_those_of_ctrlog() -> None:
    """What is compared are all fields of `ctrlog run`."""
    assert make_sink(Format.CSV, Per.SEARCH).header.decode().strip() == HEADER


@pytest.mark.parametrize(
    "row",
    [
        "1,7,dogs,10.0,2,1.0,4.8260000000000005,2024-03-04 00:00:42.79,2024-03-04 00:00:37,close,1",
        '1.0,"7",dogs,10,2,1,4.826,"2024-03-04T01:00:42.790+01:00",2024-03-04T00:00:37+00:00,close,True',
    ],
)
def test_values_count_and_not_how_they_are_written(tmp_path: Path, row: str) -> None:
    """Engines write numbers and times each in a way of their own."""
    (expected,) = read_rows(written(tmp_path / "expected", CLICKED))
    assert list(read_rows(written(tmp_path / "found", row))) == [expected]


def test_rows_may_be_in_any_order(tmp_path: Path) -> None:
    """Answers are compared as multisets."""
    found = read_answer(Job.RUN, written(tmp_path / "found", CLICKED, UNCLICKED))
    expected = read_answer(Job.RUN, written(tmp_path / "expected", UNCLICKED, CLICKED))
    assert isinstance(found.content, Rows)
    assert found.content.count == 2
    require_same(found, expected)


@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_every_column_is_compared(tmp_path: Path, column: int) -> None:
    """A row that differs in any one value is another."""
    other = ["0.0", "8", "cats", "9", "1", "2", "4.825", "2024-03-05", "2024-03-03", "gap", "false"]
    values = CLICKED.split(",")
    values[column] = other[column]
    found = read_answer(Job.RUN, written(tmp_path / "found", ",".join(values)))
    expected = read_answer(Job.RUN, written(tmp_path / "expected", CLICKED))
    with pytest.raises(OtherAnswerError, match="1 rows are wrong, 1 are missing"):
        require_same(found, expected)


@pytest.mark.parametrize(
    ("found", "expected", "told"),
    [
        ([CLICKED], [CLICKED, CLICKED], "0 rows are wrong, 1 are missing; missing: 1.000000, 7"),
        ([CLICKED, UNCLICKED], [CLICKED], "1 rows are wrong, 0 are missing; wrong: 0.000000, 7"),
    ],
)
def test_rows_that_differ_are_told(
    tmp_path: Path, found: Sequence[str], expected: Sequence[str], told: str
) -> None:
    """How often a row is there counts, too."""
    files = written(tmp_path / "found", *found), written(tmp_path / "expected", *expected)
    assert different_rows(*files).startswith(told)
    with pytest.raises(OtherAnswerError):
        require_same(*(read_answer(Job.RUN, file) for file in files))


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_compared(tmp_path: Path, name: str) -> None:
    """A summary that differs in any one number is another; a quantile by more than 0.5 %."""
    expected = read_answer(Job.SUMMARY, summarized(tmp_path / "expected"))
    found = read_answer(Job.SUMMARY, summarized(tmp_path / "found", **{name: 1006}))
    with pytest.raises(OtherAnswerError, match=f"^{name} is 1006, not 1000$"):
        require_same(found, expected)


def test_only_quantiles_may_be_a_little_different(tmp_path: Path) -> None:
    """Of the others, one apart is another answer."""
    expected = read_answer(Job.SUMMARY, summarized(tmp_path / "expected"))
    for name in NUMBERS:
        found = read_answer(Job.SUMMARY, summarized(tmp_path / "found", **{name: 1001}))
        if name.endswith(("_p50", "_p90")):
            require_same(found, expected)
        else:
            with pytest.raises(OtherAnswerError):
                require_same(found, expected)


@pytest.mark.parametrize("job", Job)
@pytest.mark.parametrize("text", ["", "{}", "a,b\n1,2\n", "[1]", "null"])
def test_what_is_no_answer_is_told(tmp_path: Path, job: Job, text: str) -> None:
    """A file that isn't there or has something else in it is no crash."""
    output = tmp_path / "output"
    with pytest.raises(OtherAnswerError, match="no answer"):
        read_answer(job, output)
    output.write_text(text)
    with pytest.raises(OtherAnswerError, match="no answer"):
        read_answer(job, output)
