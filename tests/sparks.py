"""Spark on this machine, for tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: What Spark is started with: on this machine only, and without the compiler that pays in
#: long runs only.
ENVIRONMENT = {
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_LOCAL_IP": "127.0.0.1",
}


@contextmanager
def started(folder: Path) -> Iterator[Any]:
    """Start Spark with two cores, for a module of tests; skip it where Spark cannot run."""
    pytest.importorskip("pyspark", reason="pip install -e '.[spark]'")
    if shutil.which("java") is None and "CI" not in os.environ:
        pytest.skip("Spark needs Java: apt-get install openjdk-17-jre-headless")
    from pyspark.sql import SparkSession  # noqa: PLC0415

    from ctrlog.adapters.spark_job import CONFIGURATION  # noqa: PLC0415

    os.environ.update(ENVIRONMENT)
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.log.level": "ERROR",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.config(map=CONFIGURATION).getOrCreate()
    try:
        yield session
    finally:
        session.stop()
