"""Computes statistics and daily roll-ups anew from the archive, and compares them with those that the services keep."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq

from batch.archive.tables import TABLES
from batch.engines import Rows, answers
from services.common.archive.days import ArchivedDays
from services.common.base.instants import utc_day
from services.common.objects import Objects
from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore, Totals, totals_after
from services.common.stores.open import Stores

SQL = Path(__file__).parent / "sql"
DAY_NS = 86_400 * 10**9
_OWNED = "owner:"
Amounts = dict[tuple[str, str, str], int]
"""By owner, what is counted, and its name."""


async def recompute(stores: Stores, _settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the roll-ups and each difference; fails when there is one. Days that are not archived are missing."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-archive-") as folder:
        files = await fetch_archive(stores.objects, Path(folder))
        queries = [(SQL / f"{name}.sql").read_text() for name in ("statistics", "days")]
        statistics, days = await asyncio.to_thread(answers, arguments.engine, files, queries)
    for line in _roll_ups(days):
        print(line)
    store = StatisticsStore(stores.catalog)
    while await store.fold(now_ns=time.time_ns()):
        pass
    today = utc_day(time.time_ns())
    kept = {
        scope.removeprefix(_OWNED): totals_after(stored.totals, (), today)
        for scope, stored in (await store.kept()).items()
        if scope.startswith(_OWNED)
    }
    found = differences(as_amounts(statistics), stored_amounts(kept))
    for line in found:
        print(line)
    print(f"{len(found)} differences" if found else f"{arguments.engine} over the archive agrees with the services")
    return 1 if found else 0


async def fetch_archive(objects: Objects, folder: Path) -> dict[str, list[Path]]:
    """The files of each table; a table without any has an empty one, so that queries find its columns."""
    files: dict[str, list[Path]] = {}
    number = 0
    for parts in (await ArchivedDays(objects).parts()).values():
        for part in parts:
            number += 1
            target = folder / f"{number}.parquet"
            await objects.fetch(part.key, target)
            files.setdefault(part.table, []).append(target)
    for table in TABLES:
        if table.name not in files:
            pq.write_table(table.schema.empty_table(), folder / f"{table.name}.parquet")
            files[table.name] = [folder / f"{table.name}.parquet"]
    return files


def as_amounts(rows: Rows) -> Amounts:
    """The rows of statistics.sql, without zeros."""
    return {(str(owner), str(what), str(name)): int(str(amount)) for owner, what, name, amount in rows if amount}


def stored_amounts(kept: Mapping[str, Totals]) -> Amounts:
    """The totals of each owner in the same form."""
    found: Amounts = {}
    for owner, totals in kept.items():
        for field in fields(Totals):
            value = getattr(totals, field.name)
            if isinstance(value, int):
                value = {"": value}
            for name, amount in dict(value).items():
                if amount:
                    found[owner, field.name, name] = amount
    return found


def differences(counted: Amounts, kept: Amounts) -> list[str]:
    """A line for each amount that is not the same."""
    return [
        f"{owner}: {what} {name}: stored {kept.get(key, 0)}, counted {counted.get(key, 0)}"
        for key in sorted(counted.keys() | kept.keys())
        if counted.get(key, 0) != kept.get(key, 0)
        for owner, what, name in (key,)
    ]


def _roll_ups(days: Rows) -> Iterator[str]:
    for owner, day, measurements, points, least, greatest, receipts in days:
        when = utc_day(int(str(day)) * DAY_NS)
        yield (
            f"{when} {owner}: {measurements} measurements of {points} numbers from {least} to {greatest}, "
            f"written by {receipts} receipts"
        )
