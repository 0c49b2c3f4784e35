"""Spark, in local mode, or on the cluster that SPARK_MASTER names: for an archive that takes many machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from batch.engines import Rows


def run(files: Mapping[str, Sequence[Path]], queries: Sequence[str]) -> list[Rows]:
    """See `answers`."""
    session = (
        SparkSession.builder.master(os.environ.get("SPARK_MASTER", "local[2]"))
        .appName("dropmesh")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    try:
        for table, paths in files.items():
            session.read.parquet(*map(str, paths)).createOrReplaceTempView(table)
        return [[tuple(row) for row in session.sql(query).collect()] for query in queries]
    finally:
        session.stop()


def main() -> int:
    """Answers queries from standard input, as JSON, for a caller whose Python has no Spark."""
    asked = json.load(sys.stdin)
    files = {table: [Path(path) for path in paths] for table, paths in asked["files"].items()}
    json.dump(run(files, asked["queries"]), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
