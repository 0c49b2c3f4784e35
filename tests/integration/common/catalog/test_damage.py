"""A SQLite file or its log that is damaged: said as damage, and what a crash leaves is none."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from services.common.base.errors import StoreCorrupt
from services.common.base.telemetry import Metrics
from services.common.catalog import Collection, Index, Insert
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.objects.directory import DirectoryObjects
from services.common.queue.embedded import EmbeddedQueue
from services.common.stores.open import Stores
from services.common.stores.probes import probed

THINGS = Collection("things", (Index("by_number", ("number",)),))
FRAME_BYTES = 24 + 4096
HEADER_BYTES = 32


async def write(catalog: SqliteCatalog, count: int) -> None:
    for number in range(count):
        await catalog.batch([Insert(THINGS, {"_id": f"{number:04}", "number": number, "text": "x" * 500})])


async def count(catalog: SqliteCatalog) -> int:
    return await catalog.count(THINGS, "by_number")


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """A catalog as kill -9 leaves it: all but the schema is in the log."""
    running = tmp_path / "running" / "catalog.sqlite"
    catalog = await SqliteCatalog.open(running, (THINGS,))
    await write(catalog, 40)
    left = tmp_path / "left" / "catalog.sqlite"
    left.parent.mkdir()
    for end in ("", "-wal"):
        shutil.copyfile(f"{running}{end}", f"{left}{end}")
    await catalog.close()
    return left


def wal(catalog: Path) -> Path:
    return catalog.with_name(f"{catalog.name}-wal")


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x40
    path.write_bytes(data)


async def opened_count(path: Path) -> int:
    catalog = await SqliteCatalog.open(path, (THINGS,))
    try:
        return await count(catalog)
    finally:
        await catalog.close()


async def test_a_crash_loses_nothing(crashed: Path) -> None:
    assert await opened_count(crashed) == 40


async def test_a_last_write_that_power_loss_tore_is_no_damage(crashed: Path) -> None:
    data = wal(crashed).read_bytes()
    wal(crashed).write_bytes(data[: len(data) - FRAME_BYTES - 100])
    assert await opened_count(crashed) == 39


@pytest.mark.parametrize("offset", [HEADER_BYTES + 6 * FRAME_BYTES + 2000, HEADER_BYTES + 6 * FRAME_BYTES + 17, 20, 2])
async def test_damage_in_the_log_before_acknowledged_writes_is_said(crashed: Path, offset: int) -> None:
    flip(wal(crashed), offset)
    with pytest.raises(StoreCorrupt) as caught:
        await opened_count(crashed)
    assert "acknowledged writes" in caught.value.cause


async def test_a_file_of_something_else_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"no database, and longer than a page" * 200)
    with pytest.raises(StoreCorrupt):
        await SqliteCatalog.open(path, (THINGS,))


async def test_a_damaged_page_is_said_and_health_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    catalog = await SqliteCatalog.open(path, (THINGS,))
    await write(catalog, 400)
    await catalog.close()
    data = path.read_bytes()
    # The first pages hold the schema.
    path.write_bytes(data[: len(data) // 2] + b"\xff" * (len(data) - len(data) // 2))
    catalog = await SqliteCatalog.open(path, (THINGS,))
    queue = await EmbeddedQueue.open(catalog.database)
    stores = Stores(catalog, await DirectoryObjects.open(tmp_path / "objects"), queue)
    (probe, *_) = probed(stores, Metrics()).probes
    with pytest.raises(StoreCorrupt):
        await catalog.get_many(THINGS, [f"{number:04}" for number in range(400)])
    stopping = asyncio.Event()
    running = asyncio.create_task(probe.run(stopping))
    async with asyncio.timeout(5):
        while not probe.state.startswith("is damaged: "):  # noqa: ASYNC110 - it is asked again and again
            await asyncio.sleep(0.05)
    stopping.set()
    await running
    await stores.close()


async def test_an_open_catalog_keeps_its_locks_on_the_index_of_the_log(tmp_path: Path) -> None:
    """Without them the next process that opens it truncates the index, and a service that reads it ends by SIGBUS."""
    path = tmp_path / "catalog.sqlite"
    catalog = await SqliteCatalog.open(path, (THINGS,))
    await write(catalog, 3)
    assert locks_on(tmp_path / "catalog.sqlite-shm") != []
    await catalog.close()


def locks_on(file: Path) -> list[str]:
    number = file.stat().st_ino
    return [line for line in Path("/proc/locks").read_text().splitlines() if f":{number} " in line]
