"""ctrlog on Spark: whole archives of logs, from any place that Spark reads.

    python -m ctrlog.spark logs/ --out found/
    spark-submit … "$(python -c 'import ctrlog.spark as s; print(s.__file__)')" s3a://… --out …

Events are sorted by time first, so a record is what `ctrlog run` would have printed for
the sorted archive. `docs/cluster.md` tells the rest.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ctrlog.adapters.spark_output import RecordFormat, write_file, write_records
from ctrlog.adapters.spark_stages import (
    DECODED,
    FOUND,
    READ_COLUMNS,
    Finish,
    RowKind,
    as_ddl,
    decode,
    find,
    records_of,
)
from ctrlog.errors import DataError, InputError
from ctrlog.metrics.summary import Summary
from ctrlog.metrics.totals import SearchMetrics
from ctrlog.outputs.formats import SummaryFormat
from ctrlog.outputs.records import Per
from ctrlog.outputs.summary_formats import render
from ctrlog.run.settings import LogOptions
from ctrlog.schemas.bad_lines import SHOWN, BadLines, Limit
from ctrlog.schemas.reference import Reason
from ctrlog.sessions.ledger import Ended
from ctrlog.times import from_micros

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


#: How sessions of ctrlog's own are configured: times in Parquet as all programs read them.
CONFIGURATION: dict[str, bool | float | int | str | None] = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in an archive, kept by Spark until the session stops.

    Attributes:
        records: The records as JSON, in one column `value`.
        bad_lines: The bad lines, each after its place and reason, in one column `value`;
            None if there are none.
        summary: All summed up.
    """

    records: DataFrame
    bad_lines: DataFrame | None
    summary: Summary


def search(
    spark: SparkSession,
    paths: Iterable[str],
    options: LogOptions,
    per: Per = Per.SEARCH,
    partitions: int | None = None,
) -> Found:
    """Find the searches of an archive.

    Args:
        spark: The session to work in.
        paths: Files, folders or patterns, as Spark reads them; of events at one time those
            of an earlier path go first.
        options: As of `ctrlog run`; `reorder` changes nothing, as all is sorted.
        per: What records are of.
        partitions: Into how many parts to sort the users; None for as many as Spark reads
            the archive in.

    Raises:
        InputError: If there is no such input.
        DataError: If there are more bad lines than are allowed.
        UsageError: If an option makes no sense.
    """
    from pyspark import StorageLevel  # noqa: PLC0415  # an extra

    # Read a few times only, so on disk: memory is for sorting.
    rows = _rows(spark, paths, options, per, partitions).persist(StorageLevel.DISK_ONLY)
    splits = rows.where(rows.kind == RowKind.SPLIT.value).collect()  # finds all, and keeps it
    details = [json.loads(split.detail) for split in splits]
    excluded = sum(detail["excluded"] for detail in details)
    bad_lines = _count_bad((detail["bad"] for detail in details), options.limit())
    placed = None
    if bad_lines.total:
        placed = _placed(spark, rows.where(rows.kind == RowKind.BAD.value), splits)
        _show(placed)
    latest = max((split.micros for split in splits if split.micros is not None), default=None)
    finish = Finish(options, None if latest is None else from_micros(latest))
    last = [
        finish.add(pickle.loads(row.text))  # noqa: S301  # by a worker of this very job
        for row in rows.where(rows.kind == RowKind.END.value).toLocalIterator()
    ]
    bad_lines.finish(finish.counts.events + excluded)
    records = rows.where(rows.kind == RowKind.RECORD.value).select(rows.text.cast("string"))
    return Found(
        records=records.toDF("value").unionAll(_still_open(spark, last, per)),
        bad_lines=None if placed is None else placed.select("value"),
        summary=Summary(
            metrics=finish.metrics,
            searches=SearchMetrics.of(finish.metrics.outcomes),
            counts=finish.counts,
            lines=sum(split.line for split in splits),
            bad_lines={reason.value: count for reason, count in bad_lines.counts.items()},
            rules=options.rules(),
            excluded_events=None if options.exclude_users is None else excluded,
            keeps_bad_lines=True,
            chosen=options.chosen,
        ),
    )


def write(found: Found, out: str, per: Per, format_: RecordFormat) -> None:
    """Write what was found to a folder.

    Args:
        found: What was found.
        out: The folder, anywhere that Spark writes to. It gets `records`, `bad_lines` if
            there are any, and `summary.json`.
        per: What the records are of.
        format_: How to write them.
    """
    write_records(found.records, f"{out}/records", per, format_)
    if found.bad_lines is not None:
        found.bad_lines.write.text(f"{out}/bad_lines")
    write_file(found.records.sparkSession, f"{out}/summary.json", render_json(found.summary))


def render_json(summary: Summary) -> bytes:
    """Write a summary as JSON."""
    return render(summary, SummaryFormat.JSON, width=80)


# Rows: what goes through Spark.


def _rows(
    spark: SparkSession,
    paths: Iterable[str],
    options: LogOptions,
    per: Per,
    partitions: int | None,
) -> DataFrame:
    """Return the rows of `FOUND`."""
    options.rules(), options.decoder()  # would be too late to complain in a worker
    exclusion = options.exclusion()
    excluded = () if exclusion is None else exclusion.users
    lines = [_lines(spark, number, path) for number, path in enumerate(paths)]
    every = reduce(lambda one, other: one.unionAll(other), lines)
    decoded = every.mapInArrow(partial(decode, options=options, excluded=excluded), as_ddl(DECODED))
    if partitions is None:  # as many as it takes to read them, and work for every core
        partitions = max(every.rdd.getNumPartitions(), spark.sparkContext.defaultParallelism)
    of_users = decoded.repartition(partitions, "user")
    in_order = of_users.sortWithinPartitions("micros", "input", "file", "split", "line")
    return in_order.mapInArrow(partial(find, options=options, per=per), as_ddl(FOUND))


def _lines(spark: SparkSession, number: int, path: str) -> DataFrame:
    from pyspark.errors import AnalysisException  # noqa: PLC0415  # an extra
    from pyspark.sql import functions  # noqa: PLC0415

    # Only at a newline: Spark would also cut at a carriage return inside a line.
    reader = spark.read.option("lineSep", "\n")
    try:
        lines = reader.text(path)
    except AnalysisException as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
    value, file, split, input_ = READ_COLUMNS
    return lines.select(
        lines.value.cast("binary").alias(value),
        functions.col("_metadata.file_path").alias(file),
        functions.col("_metadata.file_block_start").alias(split),
        functions.lit(number).alias(input_),
    )


def _still_open(spark: SparkSession, last: Iterable[Ended], per: Per) -> DataFrame:
    """Return the records of what was open until the end, as Spark has the others."""
    lines = [line.decode() for ended in last for line in records_of(ended, per)["text"].to_pylist()]
    return spark.createDataFrame(pa.table({"value": pa.array(lines, pa.string())}))


# Bad lines.


def _count_bad(of_splits: Iterable[Mapping[str, int]], limit: Limit | None) -> BadLines:
    """Count bad lines, and see whether there are too many.

    Args:
        of_splits: How many there are in each split, by reason.
        limit: How many are allowed; None for any number.

    Raises:
        DataError: If there are.
    """
    bad_lines = BadLines(limit=limit)
    for counts in of_splits:
        for reason, count in counts.items():
            bad_lines.counts[Reason(reason)] += count
    if limit is not None and limit.count is not None and bad_lines.total > limit.count:
        allowed = f"more than the {limit.count:,} allowed" if limit.count else "and none is allowed"
        raise DataError(f"bad lines: {bad_lines.total:,}, {allowed}")
    return bad_lines


def _placed(spark: SparkSession, bad: DataFrame, splits: Iterable[Any]) -> DataFrame:
    """Give bad lines the numbers that they have in their files."""
    from pyspark.sql import functions  # noqa: PLC0415

    firsts: list[tuple[int, str, int, int]] = []
    by_file = sorted(splits, key=lambda split: (split.input, split.file, split.split))
    for _, of_file in groupby(by_file, key=lambda split: (split.input, split.file)):
        first = 1
        for split in of_file:
            firsts.append((split.input, split.file, split.split, first))
            first += split.line
    columns = "input int, file string, split long, first long"
    numbered = bad.join(spark.createDataFrame(firsts, columns), ["input", "file", "split"])
    number = functions.col("first") + functions.col("line")
    place = functions.concat_ws(":", "file", number)
    value = functions.concat_ws("\t", place, "reason", numbered.text.cast("string"))
    return numbered.select(
        "input", "file", number.alias("number"), "reason", "detail", value.alias("value")
    )


def _show(placed: DataFrame) -> None:
    for row in placed.orderBy("input", "file", "number").limit(SHOWN).collect():
        print(f"{row.file}:{row.number}: {row.reason}: {row.detail}", file=sys.stderr)


# Sessions.


@contextmanager
def closing_session() -> Iterator[SparkSession]:
    """Give a session, and stop it at the end, however that comes."""
    spark = session()
    try:
        yield spark
    finally:
        spark.stop()


def session() -> SparkSession:
    """Return the session of `spark-submit`, or a new one."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not by spark-submit, so on this machine
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession  # noqa: PLC0415  # an extra

    return SparkSession.builder.appName("ctrlog").config(map=CONFIGURATION).getOrCreate()
