"""DuckDB, in this process: for an archive that one machine can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from batch.engines import Rows


def run(files: Mapping[str, Sequence[Path]], queries: Sequence[str]) -> list[Rows]:
    """See `answers`."""
    with duckdb.connect() as connection:
        for table, paths in files.items():
            connection.read_parquet([str(path) for path in paths]).create_view(table)
        return [connection.execute(query).fetchall() for query in queries]
