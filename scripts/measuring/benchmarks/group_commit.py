"""Prints what inserts into SQLite cost when the catalog groups them, and as one function for each batch.

Both ways take turns on one file; group commit by the writing thread is at work in both.
"""

# The way beside the catalog's own needs its parts:
# ruff: noqa: SLF001

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.measuring.benchmarks.concurrent_writes import compare, receipt_insert
from services.common.catalog import Operation
from services.common.catalog.encoding import encoded_document
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.catalog.sqlite.writes import Prepared, apply
from services.common.drops.receipts import RECEIPTS


def main() -> int:
    """Prints a line for each number of callers and way."""
    parser = argparse.ArgumentParser(prog="scripts/bench group_commit", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--folder", type=Path, help="where the file is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        asyncio.run(_run(Path(folder) / "catalog.db", arguments.seconds))
    return 0


async def _run(path: Path, seconds: float) -> None:
    catalog = await SqliteCatalog.open(path, (RECEIPTS,))

    async def one_function_a_batch(operations: Sequence[Operation]) -> None:
        prepared: list[Prepared] = [
            (catalog._tables[operation.collection.name], operation, encoded_document(operation))
            for operation in operations
        ]
        await catalog.database.submit(partial(apply, group=prepared))

    ways: dict[str, Callable[[Sequence[Operation]], Awaitable[object]]] = {
        "grouped": catalog.batch,
        "one function a batch": one_function_a_batch,
    }
    for callers in (1, 16, 64, 256):
        await compare("insert of a receipt", ways, receipt_insert, callers, seconds)
    await catalog.close()


if __name__ == "__main__":
    sys.exit(main())
