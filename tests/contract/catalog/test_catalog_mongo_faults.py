"""What callers see when the way to a MongoDB server breaks, and after it is whole again."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.catalog import Catalog, Insert, Upsert
from services.common.catalog.opening import open_catalog
from tests.contract.catalog.collections import COLLECTIONS, EVENTS, NOTES, insert
from tests.servers.toxiproxy import Link, Toxiproxy

# A client that is closed while it connects leaves its socket to the garbage collector, which complains.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
async def _sockets_of_this_test_alone() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0.1)
    gc.collect()


@pytest.fixture
def name() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def link(toxiproxy: Toxiproxy, mongo_url: str) -> Iterator[Link]:
    with toxiproxy.before(mongo_url) as opened:
        yield opened


@pytest.fixture
async def catalog(link: Link, name: str) -> AsyncIterator[Catalog]:
    opened = await open_catalog(f"{link.url.rstrip('/')}/{name}?serverSelectionTimeoutMS=1000", COLLECTIONS)
    yield opened
    link.heal()
    await opened.close()


@pytest.fixture
async def direct(mongo_url: str, name: str) -> AsyncIterator[Catalog]:
    opened = await open_catalog(f"{mongo_url.rstrip('/')}/{name}", COLLECTIONS)
    yield opened
    await opened.close()


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_a_broken_way_fails_clearly_and_heals_by_itself(catalog: Catalog, link: Link, fault: str) -> None:
    await insert(catalog, {"_id": "before"})
    getattr(link, fault)()
    with pytest.raises(StoreUnavailable):
        await catalog.batch([Insert(NOTES, {"_id": "during"})])
    with pytest.raises(StoreUnavailable):
        await catalog.batch([Upsert(NOTES, {"_id": "during"})])
    with pytest.raises(StoreUnavailable):
        await catalog.get(NOTES, "before")
    with pytest.raises(StoreUnavailable):
        await catalog.get_many(NOTES, ["before"])
    with pytest.raises(StoreUnavailable):
        await catalog.find(NOTES, "by_rank")
    link.heal()
    assert await catalog.get(NOTES, "before") == {"_id": "before", "_version": 1}
    await insert(catalog, {"_id": "after"})


async def test_a_slow_way_is_waited_for(catalog: Catalog, link: Link) -> None:
    # Longer than the time in which a server has to be found.
    link.delay(1.2)
    await insert(catalog, {"_id": "a"}, {"_id": "b"})
    assert await catalog.get(NOTES, "a") == {"_id": "a", "_version": 1}


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_nothing_acknowledged_is_lost_while_the_way_breaks_again_and_again(
    catalog: Catalog, direct: Catalog, link: Link, fault: str
) -> None:
    acknowledged: list[str] = []
    news: asyncio.Queue[str] = asyncio.Queue()

    async def write(caller: int) -> None:
        for turn in range(1_000_000):
            key = f"{caller}-{turn}"
            with suppress(StoreUnavailable):
                (outcome,) = await catalog.batch([Insert(EVENTS, {"_id": key})])
                assert outcome.applied
                news.put_nowait(key)

    writers = [asyncio.create_task(write(caller)) for caller in range(10)]
    for _ in range(4):
        acknowledged += [await news.get() for _ in range(30)]
        getattr(link, fault)()
        await asyncio.sleep(0.2)
        link.heal()
    while not news.empty():
        acknowledged.append(news.get_nowait())
    acknowledged += [await news.get() for _ in range(30)]
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    stored = await direct.get_many(EVENTS, acknowledged)
    assert sorted(stored) == sorted(acknowledged)


async def test_a_server_that_is_not_there(link: Link, name: str) -> None:
    link.cut()
    with pytest.raises(StoreUnavailable):
        await open_catalog(f"{link.url.rstrip('/')}/{name}?serverSelectionTimeoutMS=300", COLLECTIONS)


async def test_an_address_without_a_database() -> None:
    with pytest.raises(ValueError, match="mongodb://host/database"):
        await open_catalog("mongodb://127.0.0.1:1", COLLECTIONS)


async def test_a_call_that_gets_no_connection_ends_before_those_that_hold_them(link: Link, name: str) -> None:
    options = "maxPoolSize=1&serverSelectionTimeoutMS=1000&socketTimeoutMS=15000"
    opened = await open_catalog(f"{link.url.rstrip('/')}/{name}?{options}", COLLECTIONS)
    collection = COLLECTIONS[0]
    await opened.get(collection, "any")
    link.swallow()
    calls = [asyncio.create_task(opened.get(collection, key)) for key in ("holds the connection", "waits for it")]
    done, hanging = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert done == {calls[1]}
    assert isinstance(calls[1].exception(), StoreUnavailable)
    link.heal()
    for call in hanging:
        call.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    await opened.close()
