"""Whether two contestants gave the same answer."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import isclose
from pathlib import Path
from typing import TypeAlias

from benchmarks.contestants import Job

#: What a summary has, with how far two may be apart, relatively. Engines define a quantile between
#: two values differently, and ctrlog's are to within 0.1 % of the value; all else is exact.
NUMBERS: dict[str, float] = {
    "events": 0,
    "users": 0,
    "sessions": 0,
    "searches": 0,
    "clicked_searches": 0,
    "ctr": 1e-12,
    "clicks": 0,
    "clicks_per_search": 1e-12,
    "with_results": 0,
    "zero_results": 0,
    "abandoned": 0,
    "reformulated": 0,
    "first_click_s_p50": 0.005,
    "first_click_s_p90": 0.005,
}
#: The columns of `ctrlog run`.
COLUMNS = (
    *("ctr", "user", "query", "results", "clicks", "first_rank", "first_click_s"),
    *("time", "session_start", "closed_by", "followed"),
)

#: A row of a CSV file, its values written in one way, whoever wrote them.
Row: TypeAlias = tuple[str, ...]
_SHOWN_ROWS = 1


class OtherAnswerError(Exception):
    """An answer is not the one expected; says what is different."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A multiset of rows: how many, and the sum of their digests (modulo 2^128)."""

    count: int
    digest: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contestant wrote.

    Attributes:
        output: The file it wrote.
        content: The numbers of a summary, or the rows of a run.
    """

    output: Path
    content: dict[str, float] | Rows


def read_answer(job: Job, output: Path) -> Answer:
    """Read what a contestant wrote.

    Raises:
        OtherAnswerError: It is not what was asked for.
    """
    try:
        if job is Job.RUN:
            return Answer(output, _summed(read_rows(output)))
        numbers = json.loads(output.read_bytes())
        return Answer(output, {name: float(numbers[name]) for name in NUMBERS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OtherAnswerError(f"no answer: {error!r}") from None


def read_rows(output: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file with their values written in one way.

    Numbers are kept to a millionth, times to the microsecond; a time without an offset means UTC.
    """
    with output.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = tuple(next(reader, ()))
        if header != COLUMNS:
            raise ValueError(f"the columns are {header}")
        for row in reader:
            ctr, user, query, results, clicks, rank, click_s, time, start, closed_by, followed = row
            yield (
                _number(ctr),
                user,
                query,
                _number(results),
                _number(clicks),
                _number(rank),
                _number(click_s),
                _time(time),
                _time(start),
                closed_by,
                _BOOLEANS[followed.lower()],
            )


#: How contestants write booleans.
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}


def require_same(found: Answer, expected: Answer) -> None:
    """See that two answers to a job are the same.

    Raises:
        OtherAnswerError: They are not.
    """
    if found.content == expected.content:
        return
    if isinstance(found.content, Rows) or isinstance(expected.content, Rows):
        raise OtherAnswerError(different_rows(found.output, expected.output))
    for name, tolerance in NUMBERS.items():
        number, right = found.content[name], expected.content[name]
        if not isclose(number, right, rel_tol=tolerance):
            raise OtherAnswerError(f"{name} is {number:g}, not {right:g}")


def different_rows(found: Path, expected: Path) -> str:
    """Tell how many rows only one of two files has, and show some. Holds all rows in memory."""
    here, there = Counter(read_rows(found)), Counter(read_rows(expected))
    wrong, missing = here - there, there - here
    examples = "; ".join(
        f"{name} {', '.join(row)}"
        for name, rows in (("wrong:", wrong), ("missing:", missing))
        for row in list(rows)[:_SHOWN_ROWS]
    )
    return f"{wrong.total():,} rows are wrong, {missing.total():,} are missing; {examples}"


def _summed(rows: Iterator[Row]) -> Rows:
    count = digest = 0
    for row in rows:
        count += 1
        text = "\x1f".join(row)
        digest += int.from_bytes(blake2b(text.encode(), digest_size=16).digest())
    return Rows(count, digest % 2**128)


def _number(text: str) -> str:
    return f"{float(text):.6f}" if text else ""


def _time(text: str) -> str:
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
