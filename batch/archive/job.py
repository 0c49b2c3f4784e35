"""Writes days of the catalog into the archive; a day that was archived before is replaced if it changed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from batch.archive.parts import partitions, store_part
from batch.archive.tables import TABLES
from services.common.archive.days import ArchivedDays, Part
from services.common.base.instants import EPOCH, to_ns
from services.common.catalog import Range
from services.common.erasures.store import Erasures
from services.common.settings import Settings
from services.common.stores.open import Stores

ONE_DAY = timedelta(days=1)


async def archive(stores: Stores, _settings: Settings, arguments: argparse.Namespace) -> int:
    """Day by day, so that a run that is stopped goes on with the day where it stopped."""
    now_ns = time.time_ns()
    today = datetime.fromtimestamp(now_ns / 1e9, UTC).date()
    rows = days = changed = 0
    for day in _days(today, arguments.days, arguments.since):
        parts, is_changed = await _archive_day(stores, day)
        days += 1
        rows += sum(part.rows for part in parts)
        changed += is_changed
    print(f"{days} days with {rows} rows are archived; {changed} of them changed")
    return 0


async def _archive_day(stores: Stores, day: date) -> tuple[list[Part], bool]:
    """Archives one day; rows that were read before their owner was erased do not stay."""
    archived, erasures, name = ArchivedDays(stores.objects), Erasures(stores.catalog), day.isoformat()
    await archived.begin(name)
    stored: set[str] = set()
    while True:
        start_ns = time.time_ns()
        parts = await _store_day(stores, day)
        stored |= {part.key for part in parts}
        written = await archived.replace(name, parts, now_ns=time.time_ns())
        # An erasure that begins from here on finds the parts by itself.
        for erasure in await erasures.running():
            await archived.forget(name, erasure.owner or "")
        if not await erasures.ended_since(start_ns):
            break
        if written is not None:
            await stores.objects.delete([written])
    await stores.objects.delete(sorted(stored - {part.key for part in parts}))
    await archived.clean(name, now_ns=time.time_ns())
    return parts, written is not None


async def _store_day(stores: Stores, day: date) -> list[Part]:
    within = day_range(day)
    found = []
    for table in TABLES:
        for owner, rows in (await partitions(table, table.rows(stores, within))).items():
            found.append(await store_part(stores.objects, table, day.isoformat(), owner, rows))
    return found


def day_range(day: date) -> Range:
    """The instants of a day in UTC."""
    start_ns = to_ns(datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH)
    return Range(start_ns, start_ns + to_ns(ONE_DAY))


def _days(today: date, count: int, since: date | None) -> Iterator[date]:
    """Whole days before today; with a first day, all from there on, and today as far as it is."""
    if since is None:
        yield from (today - ONE_DAY * back for back in range(count, 0, -1))
        return
    while since <= today:
        yield since
        since += ONE_DAY
