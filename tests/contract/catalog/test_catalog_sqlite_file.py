"""What only a file has: no room, no permission, an older shape, other tools that read it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.base.errors import StoreCorrupt, StoreFull, StoreUnavailable
from services.common.catalog import Collection, Delete, Index, Insert
from services.common.catalog.opening import open_catalog
from services.common.catalog.sqlite.catalog import SqliteCatalog
from tests.contract.catalog.collections import COLLECTIONS, EVENTS, NOTES, insert
from tests.contract.catalog.processes import ROOT


async def test_a_full_store_says_so_and_takes_what_fits_again(tmp_path: Path) -> None:
    catalog = await SqliteCatalog.open(tmp_path / "catalog.db", COLLECTIONS)
    await insert(catalog, {"_id": "small"})
    await catalog.database.write(lambda connection: connection.execute("PRAGMA max_page_count = 60").fetchall())
    large = {"_id": "large", "raw": b"x" * 1_000_000}
    fates = await asyncio.gather(
        catalog.batch([Insert(NOTES, large)]), catalog.get(NOTES, "small"), return_exceptions=True
    )
    assert isinstance(fates[0], StoreFull)
    assert fates[1] == {"_id": "small", "_version": 1}
    await insert(catalog, {"_id": "fits"})
    await catalog.database.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    await insert(catalog, large)
    await catalog.close()


@pytest.mark.parametrize("place", ["a file/catalog.db", "folder"])
async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable) as raised:
        await SqliteCatalog.open(tmp_path / place, COLLECTIONS)
    assert str(tmp_path / place) in raised.value.cause
    assert str(tmp_path) not in raised.value.message


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"this is a letter to my aunt, and by no means a database " * 100)
    with pytest.raises(StoreCorrupt) as raised:
        await SqliteCatalog.open(path, COLLECTIONS)
    assert str(path) in raised.value.cause
    assert path.read_bytes().startswith(b"this is a letter")


async def test_a_closed_catalog_says_so(tmp_path: Path) -> None:
    catalog = await SqliteCatalog.open(tmp_path / "catalog.db", COLLECTIONS)
    await catalog.close()
    await catalog.close()
    with pytest.raises(StoreUnavailable):
        await insert(catalog, {"_id": "a"})
    with pytest.raises(StoreUnavailable):
        await catalog.get(NOTES, "a")


async def test_an_older_file_gets_new_collections_fields_and_indexes(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    older = Collection("notes", (Index("by_rank", ("owner",)), Index("gone", ("x",))))
    catalog = await SqliteCatalog.open(path, [older])
    await insert(catalog, *({"_id": f"{n}", "owner": "o", "rank": 9 - n} for n in range(10)), collection=older)
    await catalog.close()
    catalog = await SqliteCatalog.open(path, COLLECTIONS)
    await insert(catalog, {"_id": "new", "rank": 4.5})
    page = await catalog.find(NOTES, "by_rank", limit=7)
    assert [note["_id"] for note in page] == ["9", "8", "7", "6", "5", "new", "4"]
    await catalog.close()


async def test_numbers_are_not_given_twice_after_deletions_and_restarts(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    catalog = await SqliteCatalog.open(path, COLLECTIONS)
    (first,) = await insert(catalog, {"_id": "a"}, collection=EVENTS)
    await catalog.batch([Delete(EVENTS, "a")])
    await catalog.close()
    catalog = await SqliteCatalog.open(path, COLLECTIONS)
    (second,) = await insert(catalog, {"_id": "a"}, collection=EVENTS)
    assert first.document is not None
    assert second.document is not None
    assert second.document["number"] > first.document["number"]
    await catalog.close()


async def test_every_search_is_one_seek_in_its_index(tmp_path: Path) -> None:
    catalog = await SqliteCatalog.open(tmp_path / "catalog.db", COLLECTIONS)
    plans: list[str] = []

    def explained(connection: sqlite3.Connection, sql: str) -> None:
        if sql.startswith("SELECT") and "INDEXED BY" in sql:
            plans.extend(row[3] for row in sqlite3.connect(catalog.database.path).execute(f"EXPLAIN QUERY PLAN {sql}"))

    await catalog.database.read(
        lambda connection: connection.set_trace_callback(lambda sql: explained(connection, sql))
    )
    for descending in (False, True):
        await catalog.find(NOTES, "by_owner", ["o"], descending=descending, after=("o", 5, "x"))
        await catalog.find(NOTES, "by_owner", ["o"], descending=descending, after=("o", None, "x"))
        await catalog.find(NOTES, "by_owner", descending=descending, after=("o", 5, "x"))
        await catalog.find(NOTES, "by_name", ["o"], descending=descending, after=("o", "n", "x"))
        await catalog.find(NOTES, "by_deadline", descending=descending, after=(5, "x"))
    await catalog.close()
    assert len(plans) > 10
    assert all(re.search(r"SEARCH notes USING INDEX|SCAN notes USING INDEX notes__by_deadline", plan) for plan in plans)
    assert not any("TEMP B-TREE" in plan for plan in plans)


async def test_every_acknowledgement_waited_for_the_disk(tmp_path: Path, tool: Callable[[str], Path]) -> None:
    log = tmp_path / "log"
    traced: list[str | Path] = [tool("strace"), "-f", "-e", "trace=fdatasync,fsync", "-o", log, sys.executable]
    arguments = ["-m", "tests.contract.catalog.child", f"sqlite://{tmp_path}/catalog.db", "number", "x"]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto/python'}"}
    child = await asyncio.create_subprocess_exec(*traced, *arguments, cwd=ROOT, env=environment, stdout=PIPE)
    printed, _ = await child.communicate()
    assert len(printed.splitlines()) == 61
    assert len(re.findall(r"sync\(", log.read_text())) >= 60


async def test_parts_of_a_batch_are_in_one_commit(tmp_path: Path) -> None:
    """Another process sees both or neither."""
    catalog = await open_catalog(f"sqlite://{tmp_path}/catalog.db", COLLECTIONS)
    other = await open_catalog(f"sqlite://{tmp_path}/catalog.db", COLLECTIONS)

    async def write() -> None:
        for number in range(200):
            await catalog.batch([Insert(NOTES, {"_id": f"a{number}"})], [Insert(NOTES, {"_id": f"b{number}"})])

    writing = asyncio.create_task(write())
    seen = 0
    while not writing.done():
        found = await other.get_many(NOTES, [f"{part}{seen}" for part in "ab"])
        assert len(found) in (0, 2)
        seen += len(found) // 2
        await asyncio.sleep(0)
    await writing
    await catalog.close()
    await other.close()


async def test_addresses(tmp_path: Path) -> None:
    catalog = await open_catalog(f"sqlite://{tmp_path}/a%20b/new/catalog.db", COLLECTIONS)
    await catalog.close()
    assert (tmp_path / "a b/new/catalog.db").exists()
    with pytest.raises(ValueError, match="sqlite:///"):
        await open_catalog("postgres://x/y", COLLECTIONS)
