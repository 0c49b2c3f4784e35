"""Deleting the raw bytes of drops, and measurements: what goes, what stays, and what a second call answers."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.ingest_service_pb2 import (
    DeleteMeasurementRequest,
    DeleteMeasurementsRequest,
    DeleteMeasurementsResponse,
    DeleteReceiptRequest,
)
from dropmesh.v1.measurement_pb2 import Receipt as ReceiptMessage

from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS, to_timestamp
from services.common.catalog import Range
from services.common.drops.measurements import LINEAGE, Measurement, Measurements
from services.common.drops.names import NamedMeasurement
from services.common.drops.receipt import Receipt, ReceiptState, check_raw_kept
from services.common.drops.receipts import INLINE_BYTES, Receipts
from services.common.rpc.identity import Caller, Scope
from services.common.stores.open import Stores
from services.ingest.drops import deletes
from services.ingest.drops.deletes import DropDeletes
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules, drop_result
from tests.support.calls import ANN, BOB, call_of

NOW_NS = 1_700_000_000_000_000_000
TEN_NS = 1_556_704_800_000_000_000
RULES = DropRules(DropLimits(), "test")


class Drops:
    """Drops as they are kept and processed."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.receipts = Receipts(stores.catalog, stores.objects)
        self.measurements = Measurements(stores.catalog)
        self.deletes = DropDeletes(self.receipts, self.measurements, now_ns=lambda: NOW_NS)

    async def keep(self, raw: bytes, caller: Caller = ANN, source: str = "") -> Receipt:
        sha256 = hashlib.sha256(raw).digest()
        receipt, _ = await self.receipts.keep(caller, raw, sha256, source=source, now_ns=NOW_NS)
        return receipt

    async def process(self, raw: bytes, caller: Caller = ANN, source: str = "") -> Receipt:
        receipt = await self.keep(raw, caller, source)
        result = drop_result(receipt, raw, RULES, NOW_NS)
        await self.measurements.write(result.measurements)
        await self.receipts.settle([result.receipt])
        return await self.receipts.get(caller, receipt.id)

    async def delete_receipt(self, receipt: Receipt, caller: Caller = ANN, **fields: Any) -> ReceiptMessage:
        request = DeleteReceiptRequest(name=f"receipts/{receipt.id}", **fields)
        return await self.deletes.DeleteReceipt(request, call_of(caller))

    async def delete_measurement(self, second: int = 0, caller: Caller = ANN, **fields: Any) -> None:
        request = DeleteMeasurementRequest(name=f"measurements/2019-05-01T10:00:{second:02d}Z", **fields)
        await self.deletes.DeleteMeasurement(request, call_of(caller))

    async def delete_range(
        self, start_ns: int, end_ns: int, caller: Caller = ANN, **fields: Any
    ) -> DeleteMeasurementsResponse:
        request = DeleteMeasurementsRequest(start=to_timestamp(start_ns), end=to_timestamp(end_ns), **fields)
        return await self.deletes.DeleteMeasurements(request, call_of(caller))

    async def seconds(self, caller: Caller = ANN) -> list[int]:
        found, _ = await self.measurements.by_time(
            caller.owner, None, Range(), descending=False, after=None, limit=1000
        )
        return [(one.time_ns - TEN_NS) // SECOND_NS for one in found]

    async def measurement(self, time_ns: int = TEN_NS) -> Measurement:
        return await self.measurements.get(ANN, NamedMeasurement("ann", "", time_ns))

    async def lineage(self) -> list[str]:
        return [entry["receipt"] for entry in await self.stores.catalog.find(LINEAGE, "by_measurement")]


@pytest.fixture
def drops(all_stores: Stores) -> Drops:
    return Drops(all_stores)


def reading(second: int = 0, value: float = 1) -> bytes:
    return f'{{"time_stamp": "2019-05-01T10:00:{second:02d}Z", "data": [{value}]}}'.encode()


async def reason(awaited: object) -> str:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_the_bytes_of_a_drop_go_and_its_receipt_says_when(drops: Drops) -> None:
    for raw in (reading(), reading(1).ljust(INLINE_BYTES + 1)):
        receipt = await drops.process(raw)
        deleted = await drops.delete_receipt(receipt)
        assert (deleted.state, deleted.raw_delete_time) == (ReceiptMessage.DELETED, to_timestamp(NOW_NS))
        assert (deleted.sha256, deleted.measurement_count) == (hashlib.sha256(raw).hexdigest(), 1)
        # The same answer again, while the receipt lasts.
        assert await drops.delete_receipt(receipt) == deleted
        kept = await drops.receipts.get(ANN, receipt.id)
        assert (kept.raw, kept.object_key) == (None, None)
        with pytest.raises(DropmeshError) as caught:
            check_raw_kept(kept)
        assert (caught.value.reason, caught.value.http_status) == (reasons.RECEIPT_DELETED, 410)
    assert await drops.stores.objects.list("drops/") == []
    # Its measurements stay, and so does their lineage.
    assert await drops.seconds() == [0, 1]
    assert len(await drops.lineage()) == 2


async def test_a_deleted_drop_is_neither_processed_nor_replayed(drops: Drops) -> None:
    quarantined = await drops.process(b'{"time_stamp": "the secret", "data": [1]}')
    assert quarantined.state is ReceiptState.QUARANTINED
    deleted = await drops.delete_receipt(quarantined)
    # The text of the failed check quoted the drop.
    assert (deleted.failure_count, list(deleted.failures)) == (1, [])
    assert await reason(drops.receipts.replay(ANN, quarantined.id, now_ns=NOW_NS)) == "RECEIPT_DELETED"
    new = await drops.keep(reading())
    await drops.delete_receipt(new)
    assert await drops.receipts.waiting_since(2**62, limit=10) == []
    # A worker that read it before writes nothing over the deletion.
    await drops.receipts.settle([drop_result(new, reading(), RULES, NOW_NS).receipt])
    assert (await drops.receipts.get(ANN, new.id)).state is ReceiptState.DELETED


async def test_the_measurements_of_a_drop_go_with_it_where_that_is_asked(drops: Drops) -> None:
    many = b"[" + b",".join(reading(second) for second in range(50)) + b"]"
    hundreds = b"[" + b",".join(reading(1).replace(b"10:00", b"11:%02d" % minute) for minute in range(60)) + b","
    hundreds += b",".join(reading(1).replace(b"10:00", b"12:%02d" % minute) for minute in range(60)) + b"]"
    first, second = await drops.process(many), await drops.process(hundreds)
    newer = await drops.process(reading(7, value=2))
    await drops.delete_receipt(first, delete_measurements=True)
    await drops.delete_receipt(second, delete_measurements=True)
    # A later drop wrote this one.
    assert await drops.seconds() == [7]
    kept = await drops.measurement(TEN_NS + 7 * SECOND_NS)
    assert (kept.receipt, kept.mean) == (newer.id, 2)
    assert sorted(await drops.lineage()) == sorted([first.id, newer.id])


async def test_a_measurement_is_deleted_with_its_lineage(drops: Drops) -> None:
    await drops.process(reading())
    receipt = await drops.process(reading())
    assert await reason(drops.delete_measurement(etag='"0"')) == "ETAG_MISMATCH"
    await drops.delete_measurement(etag=(await drops.measurement()).etag)
    assert (await drops.seconds(), await drops.lineage()) == ([], [])
    assert (await drops.receipts.get(ANN, receipt.id)).raw == reading()
    assert await reason(drops.delete_measurement()) == "MEASUREMENT_NOT_FOUND"
    await drops.delete_measurement(allow_missing=True)


async def test_measurements_go_by_range_of_time(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletes, "DELETED_MOST", 3)
    await drops.process(b"[" + b",".join(reading(second) for second in range(10)) + b"]")
    await drops.process(reading(5), BOB)
    answer = await drops.delete_range(TEN_NS + 2 * SECOND_NS, TEN_NS + 6 * SECOND_NS)
    assert (answer.deleted_count, answer.more) == (3, True)
    assert await drops.seconds() == [0, 1, 5, 6, 7, 8, 9]
    answer = await drops.delete_range(TEN_NS + 2 * SECOND_NS, TEN_NS + 6 * SECOND_NS)
    assert (answer.deleted_count, answer.more) == (1, False)
    assert await drops.seconds() == [0, 1, 6, 7, 8, 9]
    assert len(await drops.lineage()) == 7
    assert await drops.seconds(BOB) == [5]
    assert await drops.delete_range(0, 1) == DeleteMeasurementsResponse()


async def test_a_range_of_one_source_goes_alone_and_an_administrator_names_the_owner(drops: Drops) -> None:
    for source in ("", "pump-3"):
        await drops.process(reading(), source=source)
    assert (await drops.delete_range(0, 2**62, source="pump-3")).deleted_count == 1
    assert await drops.seconds() == [0]
    assert await reason(drops.delete_range(0, 2**62, BOB, owner="ann")) == "SCOPE_MISSING"
    admin = Caller("root", "root", frozenset({Scope.ADMIN}))
    assert (await drops.delete_range(0, 2**62, admin, owner="ann", source="default")).deleted_count == 1
    assert await drops.seconds() == []


async def test_what_is_another_owners_is_not_there(drops: Drops) -> None:
    receipt = await drops.process(reading())
    assert await reason(drops.delete_receipt(receipt, BOB)) == "RECEIPT_NOT_FOUND"
    assert await reason(drops.delete_measurement(caller=BOB)) == "MEASUREMENT_NOT_FOUND"
    assert (await drops.delete_range(0, 2**62, BOB)).deleted_count == 0
    assert await drops.seconds() == [0]


async def test_a_drop_that_takes_a_measurement_over_keeps_its_lineage(drops: Drops) -> None:
    await drops.process(reading())
    before = await drops.measurement()
    newer = await drops.process(reading(value=2))
    assert await drops.measurements.delete([before]) == 0
    assert await drops.seconds() == [0]
    assert await drops.lineage() == [newer.id]
    await asyncio.gather(*(drops.delete_measurement(allow_missing=True) for _ in range(5)))
    assert (await drops.seconds(), await drops.lineage()) == ([], [])


async def test_the_etag_of_a_deleted_measurement_deletes_no_later_one(drops: Drops) -> None:
    await drops.process(reading())
    etag = (await drops.measurement()).etag
    await drops.delete_measurement()
    await drops.process(reading(value=2))
    assert await reason(drops.delete_measurement(etag=etag)) == "ETAG_MISMATCH"
    assert (await drops.measurement()).mean == 2
