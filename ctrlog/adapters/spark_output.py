"""Folders that Spark writes to, wherever they are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ctrlog.errors import OutputError
from ctrlog.outputs.records import Per

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class RecordFormat(StrEnum):
    """How records are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"


#: The columns of records in Parquet.
RECORD_TYPES = {
    Per.SEARCH: (
        "ctr double, user string, query string, results long, clicks long, first_rank long,"
        " first_click_s double, time timestamp, session_start timestamp, closed_by string,"
        " followed boolean"
    ),
    Per.SESSION: (
        "ctr double, clicks_per_search double, user string, searches long, clicked_searches long,"
        " clicks long, session_start timestamp, session_end timestamp, closed_by string"
    ),
}


def write_records(records: DataFrame, folder: str, per: Per, format_: RecordFormat) -> None:
    """Write records to a new folder.

    Args:
        records: The records as JSON, in one column `value`.
        folder: Where to write.
        per: What they are of.
        format_: How to write them.
    """
    if format_ is RecordFormat.PARQUET:
        _typed(records, per).write.parquet(folder)
    else:
        records.write.text(folder)


def _typed(records: DataFrame, per: Per) -> DataFrame:
    from pyspark.sql import functions  # noqa: PLC0415

    types = dict(column.split() for column in RECORD_TYPES[per].split(", "))
    times = {name for name, type_ in types.items() if type_ == "timestamp"}
    as_written = [f"{name} {'string' if name in times else types[name]}" for name in types]
    parsed = records.select(functions.from_json("value", ", ".join(as_written)).alias("record"))
    return parsed.select(
        *[functions.col(f"record.{name}").cast(types[name]).alias(name) for name in types]
    )


def write_file(spark: SparkSession, path: str, content: bytes) -> None:
    """Write a single file where Spark writes to."""
    file, system = _place(spark, path)
    stream = system.create(file)
    stream.write(bytearray(content))
    stream.close()


def refuse_to_overwrite(spark: SparkSession, out: str) -> None:
    """See that nothing is where records are to go, before hours of work.

    Raises:
        OutputError: If there is.
    """
    folder, system = _place(spark, out)
    if system.exists(folder):
        raise OutputError(f"{out}: is there already; name a new folder, or remove it")


def _place(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Return a path and its file system, as Spark's own libraries know them."""
    java: Any = spark.sparkContext
    place = java._jvm.org.apache.hadoop.fs.Path(path)  # noqa: SLF001  # the only way
    return place, place.getFileSystem(java._jsc.hadoopConfiguration())  # noqa: SLF001
