from __future__ import annotations

from services.common.catalog import Catalog
from services.common.catalog.writes_seen import WritesSeen
from tests.contract.catalog.collections import insert


async def test_the_first_look_always_finds_something_new(catalog: Catalog) -> None:
    assert await WritesSeen(catalog).are_new()


async def test_a_write_of_any_process_is_seen_once_where_the_catalog_counts_writes(
    catalog: Catalog, other: Catalog
) -> None:
    counts_writes = await catalog.state() is not None
    writes = WritesSeen(catalog)
    await writes.are_new()
    assert await writes.are_new() is not counts_writes
    for writer in (catalog, other):
        await insert(writer, {"_id": f"by {id(writer)}"})
        assert await writes.are_new()
        assert await writes.are_new() is not counts_writes
