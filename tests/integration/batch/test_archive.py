"""The archive, and the statistics that engines compute from it."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio.subprocess import PIPE
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from batch.archive.job import archive
from batch.archive.tables import TABLES
from batch.engines import answers
from batch.recompute import SQL, fetch_archive, recompute
from services.common.archive.days import TABLES as ARCHIVED_TABLES
from services.common.archive.days import ArchivedDays
from services.common.base.instants import utc_day
from services.common.catalog import Delete
from services.common.erasures.store import Erasure, Erasures
from services.common.media.store import MEDIA, MediaStore
from services.common.media.transitions import delete
from services.common.media.vocabulary import MediaState
from services.common.objects import ObjectInfo, Objects
from tests.integration.batch.conftest import DAY_NS, Filled

ROOT = Path(__file__).resolve().parents[3]


def first_day() -> date:
    return datetime.now(UTC).date() - timedelta(days=3)


async def run_archive(filled: Filled) -> None:
    assert await archive(filled.stores, filled.settings, filled.arguments(days=8, since=first_day())) == 0


async def test_duckdb_over_the_archive_agrees_with_the_services_to_the_last_count(filled, capsys) -> None:
    await filled.add_media(150)
    await filled.add_measurements(40)
    await run_archive(filled)
    assert await recompute(filled.stores, filled.settings, filled.arguments(engine="duckdb")) == 0
    said = capsys.readouterr().out
    assert "duckdb over the archive agrees with the services" in said
    expected = defaultdict(list)
    for one in {one.id: one for one in filled.measurements}.values():
        expected[utc_day(one.time_ns), one.owner].append(one)
    for (day, owner), some in expected.items():
        points, receipts = sum(one.count for one in some), sum(2 - one.sequence % 2 for one in some)
        least, greatest = min(one.min for one in some), max(one.max for one in some)
        numbers = f"{len(some)} measurements of {points} numbers from {least} to {greatest}"
        assert f"{day} {owner}: {numbers}, written by {receipts} receipts" in said


async def test_a_media_that_changed_after_the_archive_is_a_difference_until_it_is_archived_again(
    filled, capsys
) -> None:
    media = await filled.add_media(20)
    await run_archive(filled)
    first = next(one for one in media if not one.is_deleted)
    deleted = partial(delete, now_ns=filled.now_ns, purge_after_ns=DAY_NS)
    await MediaStore(filled.stores.catalog).change(first.id, deleted)
    capsys.readouterr()
    assert await recompute(filled.stores, filled.settings, filled.arguments(engine="duckdb")) == 1
    said = capsys.readouterr().out
    assert f"{first.owner}: states deleted: stored " in said
    assert "differences" in said
    await run_archive(filled)
    assert await recompute(filled.stores, filled.settings, filled.arguments(engine="duckdb")) == 0


async def test_the_archive_has_a_file_for_each_table_owner_and_day_and_running_it_again_changes_nothing(
    filled, tmp_path, capsys
) -> None:
    media = await filled.add_media(60)
    await filled.add_measurements(10)
    await run_archive(filled)
    parts = await ArchivedDays(filled.stores.objects).parts()
    stored = [part for some in parts.values() for part in some if part.table == "media"]
    counted = Counter((one.owner, utc_day(one.create_time_ns)) for one in media)
    assert {(part.owner, part.key.split("/")[2]): part.rows for part in stored} == counted
    capsys.readouterr()
    await run_archive(filled)
    assert "0 of them changed" in capsys.readouterr().out
    assert await ArchivedDays(filled.stores.objects).parts() == parts
    # An erasure looks into these.
    assert sorted(table.name for table in TABLES) == sorted(ARCHIVED_TABLES)

    await filled.stores.objects.fetch(stored[0].key, tmp_path / "part.parquet")
    rows = pq.read_table(tmp_path / "part.parquet").to_pylist()
    assert {row["owner"] for row in rows} == {stored[0].owner}


async def test_a_day_that_changed_is_replaced_and_its_old_files_go_a_day_later(filled) -> None:
    await filled.add_media(30)
    await run_archive(filled)
    before = await ArchivedDays(filled.stores.objects).parts()
    await filled.add_media(30, seed=2)
    await run_archive(filled)
    days = ArchivedDays(filled.stores.objects)
    after = await days.parts()
    changed = [day for day in after if after[day] != before.get(day)]
    assert changed
    (day,) = changed[:1]
    gone = {part.key for part in before[day]} - {part.key for part in after[day]}
    assert await days.clean(day, now_ns=filled.now_ns) == 0
    # The lists before the last one: one that made the day known, and the first.
    assert await days.clean(day, now_ns=filled.now_ns + 2 * DAY_NS) == len(gone) + 2
    assert await days.parts() == after


class ErasingObjects:
    """Objects that have a media's owner erased, from the request to the end, before the first file of that owner."""

    def __init__(self, filled: Filled, owner: str) -> None:
        self._filled = filled
        self._owner = owner
        self._is_done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._filled.stores.objects, name)

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        if f"/{self._owner}/" in key and not self._is_done:
            self._is_done = True
            await self._erase()
        return await self._filled.stores.objects.put(key, data)

    async def _erase(self) -> None:
        catalog = self._filled.stores.catalog
        for state in MediaState:
            found = await catalog.find(MEDIA, "by_owner_state", (self._owner, state.value))
            await catalog.batch([Delete(MEDIA, media["_id"]) for media in found])
        now_ns = time.time_ns()
        await Erasures(catalog).begin(Erasure("of-a-test", None, False, now_ns, end_time_ns=now_ns))


async def test_rows_that_were_read_before_their_owner_was_erased_do_not_stay(filled) -> None:
    await filled.add_media(60)
    racing = replace(filled.stores, objects=cast(Objects, ErasingObjects(filled, "ann")))
    assert await archive(racing, filled.settings, filled.arguments(days=8, since=first_day())) == 0
    days = ArchivedDays(filled.stores.objects)
    assert {part.owner for parts in (await days.parts()).values() for part in parts} == {"bob", "eve/ und Söhne"}
    for day in await days.days():
        owned = await days.of_owner(day, "ann")
        assert (owned.lists, owned.parts) == ((), ()), day


# Both read the archive's files, whichever stores they were made from.
@pytest.mark.parametrize("filled", ["embedded"], indirect=True)
async def test_spark_and_duckdb_answer_the_same_text_alike(filled, tool, tmp_path: Path) -> None:
    spark = tool("spark").parent / "python"
    await filled.add_media(60)
    await filled.add_measurements(20)
    await run_archive(filled)
    (tmp_path / "archive").mkdir()
    files = await fetch_archive(filled.stores.objects, tmp_path / "archive")
    queries = [(SQL / f"{name}.sql").read_text() for name in ("statistics", "days")]
    asked = {"files": {table: [str(path) for path in paths] for table, paths in files.items()}, "queries": queries}
    engine = await asyncio.create_subprocess_exec(
        str(spark), "-m", "batch.engines.spark", cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    said, errors = await engine.communicate(json.dumps(asked).encode())
    assert engine.returncode == 0, errors.decode()
    answered = [[tuple(row) for row in rows] for rows in json.loads(said)]
    assert answered == answers("duckdb", files, queries)
    assert answered[0]
