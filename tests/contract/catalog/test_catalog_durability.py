from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from services.common.catalog import Catalog, Collection, Insert
from services.common.catalog.opening import open_catalog
from tests.contract.catalog import processes
from tests.contract.catalog.collections import COLLECTIONS, EVENTS, NOTES, insert


async def test_what_a_killed_process_was_promised_is_there(catalog_url: str, catalog: Catalog) -> None:
    chance = random.Random(5)
    for turn in range(6):
        beside = [await processes.start(catalog_url, "write_forever", f"{name}{turn}") for name in "xy"]
        await asyncio.sleep(chance.uniform(0.1, 0.6))
        for process in beside:
            process.kill()
        for process in beside:
            promised = await processes.lines(process)
            await _check(catalog, EVENTS, {key: value for where, key, value in promised if where == "events"})
            await _check(catalog, NOTES, {key: value for where, key, value in promised if where == "notes"})
        await insert(catalog, {"_id": f"after {turn}"})


async def _check(catalog: Catalog, collection: Collection, promised: dict[str, str]) -> None:
    stored = await catalog.get_many(collection, list(promised))
    for key, value in promised.items():
        # What was under way when the process died may have been done too: a second value, a deletion in a fifth turn.
        if value == "deleted":
            assert key not in stored
        elif collection is EVENTS:
            assert stored[key]["value"] >= int(value)
            assert stored[key]["_version"] == stored[key]["value"]
        else:
            assert key not in stored or stored[key]["value"] == int(value)
            assert key in stored or key.endswith(("4", "9"))


async def test_a_catalog_opened_again_holds_everything(catalog_url: str) -> None:
    first = await open_catalog(catalog_url, COLLECTIONS)
    await insert(first, *({"_id": f"{n}", "rank": n} for n in range(50)))
    await first.close()
    second = await open_catalog(catalog_url, COLLECTIONS)
    assert len(await second.find(NOTES, "by_rank")) == 50
    await second.close()


async def test_closing_waits_for_what_is_under_way(catalog_url: str) -> None:
    first = await open_catalog(catalog_url, COLLECTIONS)
    under_way = [asyncio.create_task(first.batch([Insert(EVENTS, {"_id": f"{n}"})])) for n in range(2500)]
    await asyncio.sleep(0)
    await first.close()
    assert all(outcome.applied for (outcome,) in await asyncio.gather(*under_way))
    second = await open_catalog(catalog_url, COLLECTIONS)
    assert len(await second.find(EVENTS, "by_number", limit=3000)) == 2500
    await second.close()


async def test_many_open_an_empty_catalog_at_once(catalog_url: str) -> None:
    opened = await asyncio.gather(*(open_catalog(catalog_url, COLLECTIONS) for _ in range(8)))
    for n, catalog in enumerate(opened):
        await insert(catalog, {"_id": f"{n}"})
    assert len(await opened[0].get_many(NOTES, [f"{n}" for n in range(8)])) == 8
    await asyncio.gather(*(catalog.close() for catalog in opened))


@pytest.mark.parametrize("catalog_url", ["mongodb"], indirect=True)
async def test_versions_side_by_side_leave_each_others_indexes(catalog_url: str) -> None:
    first, other = NOTES.indexes[0], replace(NOTES.indexes[0], fields=("text",))
    ours, theirs = replace(NOTES, indexes=(first,)), replace(NOTES, indexes=(other,))
    for collection, is_new, expected in ((ours, False, first), (theirs, False, first), (theirs, True, other)):
        opened = await asyncio.gather(
            *(open_catalog(catalog_url, (collection,), replace_indexes=is_new) for _ in range(4))
        )
        client: Any = AsyncMongoClient(catalog_url)
        indexes = [index async for index in await client.get_default_database()[NOTES.name].list_indexes()]
        assert expected.fields[0] in [next(iter(index["key"])) for index in indexes if index["name"] == first.name]
        await client.close()
        await asyncio.gather(*(catalog.close() for catalog in opened))
