"""Prints what writes to MongoDB cost in groups, as the catalog sends them, and as one plain call for each operation.

Both ways take turns against one server: DROPMESH_TEST_MONGODB names it, or the one of scripts/servers is started.
"""

# The way beside the catalog's own needs its parts:
# ruff: noqa: SLF001

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from scripts.measuring.benchmarks.concurrent_writes import Way, compare, receipt_insert
from services.common.catalog import Collection, Increment, Insert, Operation, Upsert
from services.common.catalog.documents import to_document
from services.common.catalog.mongo.catalog import MongoCatalog
from services.common.drops.measurements import MEASUREMENTS, Measurement
from services.common.drops.receipts import RECEIPTS
from tests.servers.mongodb import mongodb

COUNTERS = Collection("bench_counters")
# What the number of a receipt costs shows beside insertions that get none.
UNNUMBERED = Collection("bench_unnumbered", RECEIPTS.indexes)


def main() -> int:
    """Prints a line for each kind of write, number of callers and way."""
    parser = argparse.ArgumentParser(prog="scripts/bench mongo_writes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    arguments = parser.parse_args()
    given = os.environ.get("DROPMESH_TEST_MONGODB")
    with nullcontext(given) if given else mongodb() as server:
        asyncio.run(_run(f"{server.rstrip('/')}/bench_{os.getpid()}", arguments.seconds))
    return 0


async def _run(url: str, seconds: float) -> None:
    catalog = await MongoCatalog.open(url, (RECEIPTS, UNNUMBERED, MEASUREMENTS, COUNTERS))

    async def plain(operations: Sequence[Operation]) -> None:
        for operation in operations:
            await catalog._writes.apply([operation])

    ways: dict[str, Way] = {"groups": catalog.batch, "plain calls": plain}
    kinds: dict[str, Callable[[str], Operation]] = {
        "insert of a receipt": receipt_insert,
        "the same without a number": lambda key: Insert(UNNUMBERED, receipt_insert(key).document),
        "upsert of a measurement": _measurement,
        "count in one document": lambda _: Increment(COUNTERS, "all", {"n": 1}),
    }
    for kind, make in kinds.items():
        for callers in (1, 16, 64):
            await compare(kind, ways, make, callers, seconds)
    await catalog._client.drop_database(catalog._client.get_default_database().name)
    await catalog.close()


def _measurement(key: str) -> Operation:
    measurement = Measurement(key, "bench", "", 0, 4, 0.5, 0.1, 0.1, 0.0, 1.0, key, 1, 0, 0)
    return Upsert(MEASUREMENTS, to_document(measurement), newer_by="sequence")


if __name__ == "__main__":
    sys.exit(main())
