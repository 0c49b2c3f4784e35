"""Devices that share an owner, on embedded stores and on MongoDB: each source has measurements of its own."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dropmesh.v1.measurement_pb2 import Receipt as ReceiptMessage
from dropmesh.v1.query_service_pb2 import ListReceiptsRequest

from services.common.base.errors import AlreadyExists, NotFound
from services.common.caching.recent import Recent
from services.common.catalog import Catalog, Range
from services.common.drops.measurements import Measurements
from services.common.drops.names import NamedMeasurement, named_measurement
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import Receipts
from services.common.drops.sources import Source, Sources
from services.common.rest.reads.kept import KeptAnswers
from services.common.rpc.identity import Caller, Scope
from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules, drop_result
from services.query.drops.receipts import ReceiptReads
from tests.support.calls import call_of

ANNA = Caller("anna", "anna", frozenset({Scope.READ, Scope.WRITE}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
TEN_NS = 1_556_704_800_000_000_000
ALL = Range()


@dataclass
class Fleet:
    catalog: Catalog
    receipts: Receipts
    measurements: Measurements
    sources: Sources

    async def drop(self, source: str, value: float, second: int = 0, caller: Caller = ANNA) -> Receipt:
        raw = f'{{"time_stamp": "2019-05-01T10:00:{second:02d}Z", "data": [{value}]}}'.encode()
        receipt, _ = await self.receipts.keep(caller, raw, hashlib.sha256(raw).digest(), source=source, now_ns=1)
        result = drop_result(receipt, raw, DropRules(DropLimits(), "test"), 2)
        await self.measurements.write(result.measurements)
        await self.receipts.settle([result.receipt])
        return await self.receipts.get(caller, receipt.id)


@pytest.fixture(params=["embedded", "mongodb"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    settings = Settings(data=tmp_path)
    if request.param == "mongodb":
        address = request.getfixturevalue("mongo_url").rstrip("/")
        settings = Settings(data=tmp_path, catalog=f"{address}/sources_{uuid.uuid4().hex}", queue="embedded")
    stores: Stores = await open_stores(settings)
    yield Fleet(
        stores.catalog, Receipts(stores.catalog, stores.objects), Measurements(stores.catalog), Sources(stores.catalog)
    )
    await stores.close()


async def test_two_devices_at_one_instant_are_two_measurements(fleet: Fleet) -> None:
    for source, value in (("", 1.0), ("pump-3", 2.0), ("pump-4", 3.0)):
        await fleet.drop(source, value)
    found, end = await fleet.measurements.by_time("anna", None, ALL, descending=False, after=None, limit=10)
    assert [(one.source, one.mean) for one in found] == [("", 1.0), ("pump-3", 2.0), ("pump-4", 3.0)]
    assert end is None
    for one in found:
        named = NamedMeasurement("anna", one.source, TEN_NS)
        assert await fleet.measurements.get(ANNA, named) == one
        lineage, _ = await fleet.measurements.lineage(one, after=None, limit=10)
        assert [entry.receipt for entry in lineage] == [one.receipt]


async def test_receipts_are_listed_by_source(fleet: Fleet) -> None:
    bob = Caller("bob", "bob", frozenset({Scope.READ, Scope.WRITE}))
    made = [(source, (await fleet.drop(source, 1.0)).id) for source in ("", "pump-3", "pump-4", "pump-3", "")]
    await fleet.drop("pump-3", 1.0, caller=bob)
    waiting, _ = await fleet.receipts.keep(ANNA, b"[]", b"x" * 32, source="pump-3", now_ns=1)
    reads = ReceiptReads(fleet.receipts, KeptAnswers(fleet.catalog, Recent(1_000_000)))

    async def listed(caller: Caller, source: str, state: str = "", size: int = 0) -> list[str]:
        request = ListReceiptsRequest(source=source, page_size=size, state=ReceiptMessage.State.Value(state or "NEW"))
        if not state:
            request.ClearField("state")
        names: list[str] = []
        while True:
            page = (await reads.ListReceipts(request, call_of(caller))).message()
            assert len(page.receipts) <= (size or 50)
            names += [receipt.name.removeprefix("receipts/") for receipt in page.receipts]
            if not page.next_page_token:
                return names
            request.page_token = page.next_page_token

    of = {source: [key for found, key in reversed(made) if found == source] for source, _ in made}
    for size in (0, 1):
        assert await listed(ANNA, "pump-3", size=size) == [waiting.id, *of["pump-3"]]
        assert await listed(ANNA, "pump-3", "PROCESSED", size) == of["pump-3"]
        assert await listed(ANNA, "pump-3", "NEW", size) == [waiting.id]
        assert await listed(ANNA, "default", size=size) == of[""]
        assert await listed(ANNA, "pump-5", size=size) == []
        assert len(await listed(ADMIN, "pump-3", size=size)) == 4
        assert len(await listed(bob, "pump-3", size=size)) == 1


async def test_a_later_drop_replaces_within_its_source_alone(fleet: Fleet) -> None:
    await fleet.drop("pump-3", 1.0)
    other = await fleet.drop("pump-4", 2.0)
    later = await fleet.drop("pump-3", 3.0)
    found, _ = await fleet.measurements.by_time("anna", None, ALL, descending=False, after=None, limit=10)
    assert [(one.source, one.mean, one.receipt) for one in found] == [
        ("pump-3", 3.0, later.id),
        ("pump-4", 2.0, other.id),
    ]
    assert later.source == "pump-3"


async def test_the_measurements_of_one_source_are_listed_by_time(fleet: Fleet) -> None:
    for second in range(5):
        await fleet.drop("pump-3", second, second)
        await fleet.drop("pump-33", 10 + second, second)
        await fleet.drop("", 20 + second, second)
    for source, first in (("pump-3", 0), ("pump-33", 10), ("", 20)):
        pages, after = [], None
        while True:
            page, after = await fleet.measurements.by_time("anna", source, ALL, descending=True, after=after, limit=2)
            pages.append([one.mean for one in page])
            if after is None:
                break
        assert [mean for page in pages for mean in page] == [first + second for second in (4, 3, 2, 1, 0)]
        within = Range(low=TEN_NS + 1_000_000_000, high=TEN_NS + 3_000_000_000)
        inside, _ = await fleet.measurements.by_time("anna", source, within, descending=False, after=None, limit=9)
        assert [one.mean for one in inside] == [first + 1, first + 2]


async def test_sources_are_listed_with_their_counts_and_times(fleet: Fleet) -> None:
    for source, seconds in (("b", (3,)), ("", (1, 2)), ("a", (4, 5, 6)), ("a.b", (7,)), ("a-b", (8,)), ("A", (9,))):
        for second in seconds:
            await fleet.drop(source, 1.0, second)
    await fleet.drop("c", 1.0, caller=Caller("bert", "bert", frozenset()))
    found, after = [], None
    while True:
        page, after = await fleet.sources.list("anna", after=after, limit=2)
        found += page
        if after is None:
            break

    def source(name: str, count: int, first: int, latest: int) -> Source:
        return Source("anna", name, count, TEN_NS + first * 1_000_000_000, TEN_NS + latest * 1_000_000_000)

    assert found == [
        source("", 2, 1, 2),
        source("A", 1, 9, 9),
        source("a", 3, 4, 6),
        source("a-b", 1, 8, 8),
        source("a.b", 1, 7, 7),
        source("b", 1, 3, 3),
    ]
    assert await fleet.sources.get("anna", "a") == found[2]
    assert await fleet.sources.get("anna", "c") is None


async def test_two_owners_at_one_instant_have_two_names_for_an_administrator(fleet: Fleet) -> None:
    await fleet.drop("pump-3", 1.0)
    await fleet.drop("pump-3", 2.0, caller=ADMIN)
    of = "sources/pump-3/measurements/2019-05-01T10:00:00Z"
    own = await fleet.measurements.get(ADMIN, named_measurement(of, "name", ADMIN))
    hers = await fleet.measurements.get(ADMIN, named_measurement(f"owners/anna/{of}", "name", ADMIN))
    assert (own.mean, hers.mean) == (2.0, 1.0)
    with pytest.raises(NotFound) as refusal:
        await fleet.measurements.get(ANNA, named_measurement(f"owners/root/{of}", "name", ANNA))
    assert refusal.value.metadata == {"name": f"owners/root/{of}"}
    assert await fleet.measurements.get(ANNA, named_measurement(f"owners/anna/{of}", "name", ANNA)) == hers


async def test_a_request_id_is_refused_for_another_source(fleet: Fleet) -> None:
    async def keep(source: str) -> Receipt:
        receipt, _ = await fleet.receipts.keep(ANNA, b"{}", b"x" * 32, source=source, now_ns=1, request_id="6b1c2f1e")
        return receipt

    assert await keep("pump-3") == await keep("pump-3")
    with pytest.raises(AlreadyExists):
        await keep("pump-4")
