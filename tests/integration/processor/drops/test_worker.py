"""The way of a drop on embedded stores: kept, queued, worked on, and what happens when something on it fails."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.base.errors import AlreadyExists, FailedPrecondition, NotFound
from services.common.base.instants import AgeClock, to_ns
from services.common.base.telemetry import Metrics
from services.common.catalog import Upsert
from services.common.catalog.documents import to_document
from services.common.drops.measurements import Measurement, Measurements
from services.common.drops.names import NamedMeasurement
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import INLINE_BYTES, RECEIPTS, Receipts
from services.common.drops.topics import DROPS, message
from services.common.queue.outbox import Outbox
from services.common.rpc.identity import Caller, Scope
from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from services.ingest.drops.outcomes import DropOutcomes
from services.ingest.drops.unqueued import LOST_AFTER, drop_outbox
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules
from services.processor.drops.worker import DropWorker

ANNA = Caller("anna", "anna", frozenset({Scope.READ, Scope.WRITE}))
BERT = Caller("bert", "bert", frozenset({Scope.READ, Scope.WRITE}))
TEN_NS = 1_556_704_800_000_000_000


def reading(value: float = 1, second: int = 0) -> bytes:
    return f'{{"time_stamp": "2019-05-01T10:00:{second:02d}Z", "data": [{value}]}}'.encode()


@dataclass
class Dropzone:
    stores: Stores
    receipts: Receipts
    measurements: Measurements
    outbox: Outbox[Receipt]
    now_ns: int = 1_700_000_000_000_000_000

    async def keep(self, raw: bytes, caller: Caller = ANNA, request_id: str = "") -> Receipt:
        self.now_ns += 1
        sha256 = hashlib.sha256(raw).digest()
        receipt, _ = await self.receipts.keep(caller, raw, sha256, now_ns=self.now_ns, request_id=request_id)
        return receipt

    def worker(self, limits: DropLimits | None = None) -> DropWorker:
        rules = DropRules(limits or DropLimits(), "test")
        return DropWorker(self.stores.queue, self.receipts, self.measurements, rules, Metrics())

    async def work(self, until_settled: list[Receipt], worker: DropWorker | None = None) -> list[Receipt]:
        """Lets a worker run until these receipts are settled."""
        worker = worker or self.worker()
        stopping = asyncio.Event()
        running = [asyncio.create_task(loop(stopping)) for loop in (worker.run, worker.run_large, self.outbox.run)]
        outcomes = DropOutcomes(self.receipts)
        settled = await asyncio.gather(*(outcomes.wait_for(receipt, 20) for receipt in until_settled))
        stopping.set()
        await asyncio.gather(*running)
        return settled


@pytest.fixture
async def zone(tmp_path: Path) -> AsyncIterator[Dropzone]:
    stores = await open_stores(Settings(data=tmp_path))
    receipts = Receipts(stores.catalog, stores.objects)
    zone = Dropzone(stores, receipts, Measurements(stores.catalog), None)  # type: ignore[arg-type]
    zone.outbox = drop_outbox(stores.queue, receipts, lambda: zone.now_ns)
    yield zone
    await stores.close()


async def test_a_receipt_is_what_was_kept_however_it_is_read(zone: Dropzone) -> None:
    for raw in (reading(), reading().ljust(INLINE_BYTES + 1)):
        receipt = await zone.keep(raw)
        assert (await zone.receipts.get_many([receipt.id])) == {receipt.id: receipt}
        assert b"".join([chunk async for chunk in zone.receipts.read_raw(receipt)]) == raw


async def test_a_larger_number_is_the_newer_drop(zone: Dropzone) -> None:
    receipts = [await zone.keep(reading(value)) for value in range(5)]
    assert [one.sequence for one in receipts] == sorted({one.sequence for one in receipts})
    # Worked on in the wrong order, and twice.
    for receipt in (receipts[4], receipts[0], receipts[2], receipts[4]):
        await zone.stores.queue.publish(DROPS, [message([receipt.id])])
    await zone.stores.queue.publish(DROPS, [message([one.id for one in receipts])])
    await zone.work(receipts)
    measurement = await zone.measurements.get(ANNA, NamedMeasurement("anna", "", TEN_NS))
    assert (measurement.mean, measurement.receipt) == (4.0, receipts[4].id)
    lineage, end = await zone.measurements.lineage(measurement, after=None, limit=10)
    assert [entry.receipt for entry in lineage] == [one.id for one in reversed(receipts)]
    assert end is None


async def test_an_older_drop_never_takes_the_place_of_a_newer_one(zone: Dropzone) -> None:
    def one(sequence: int) -> Measurement:
        receipt = f"r{sequence}"
        return Measurement("anna//7", "anna", "", 7, 1, 1.0 * sequence, 0.0, None, 1.0, 1.0, receipt, sequence, 1, 1)

    for sequence in (2, 3, 1, 3):
        await zone.measurements.write([one(sequence)])
    assert (await zone.measurements.get(ANNA, NamedMeasurement("anna", "", 7))).receipt == "r3"


async def test_each_owner_has_measurements_of_an_own(zone: Dropzone) -> None:
    mine, yours = await zone.keep(reading(1)), await zone.keep(reading(2), BERT)
    zone.outbox.add(mine)
    zone.outbox.add(yours)
    await zone.work([mine, yours])
    assert (await zone.measurements.get(ANNA, NamedMeasurement("anna", "", TEN_NS))).mean == 1.0
    assert (await zone.measurements.get(BERT, NamedMeasurement("bert", "", TEN_NS))).mean == 2.0
    with pytest.raises(NotFound):
        await zone.receipts.get(ANNA, yours.id)


async def test_a_request_id_gives_the_first_answer_to_its_owner_alone(zone: Dropzone) -> None:
    request_id = "6b1c2f1e-0d1e-4d59-8a55-0b6a7e1f7f2a"
    first = await zone.keep(reading(), request_id=request_id)
    assert await zone.keep(reading(), request_id=request_id) == first
    with pytest.raises(AlreadyExists):
        await zone.keep(reading(2), request_id=request_id)
    assert (await zone.keep(reading(2), BERT, request_id=request_id)).id != first.id


async def test_the_bytes_of_a_large_retry_are_not_kept_twice(zone: Dropzone) -> None:
    raw = reading().ljust(INLINE_BYTES + 1)
    for _ in range(3):
        await zone.keep(raw, request_id="6b1c2f1e-0d1e-4d59-8a55-0b6a7e1f7f2a")
    assert len(await zone.stores.objects.list("drops/")) == 1


async def test_bytes_without_a_receipt_are_swept_and_no_others(zone: Dropzone) -> None:
    kept = await zone.keep(reading().ljust(INLINE_BYTES + 1))
    writer = await zone.stores.objects.create("drops/0123456789.abcdef")
    await writer.write(b"x")
    await writer.commit()
    assert await zone.receipts.sweep_objects(1, after=None) is None
    assert len(await zone.stores.objects.list("drops/")) == 2
    await zone.receipts.sweep_objects(2**62, after=None)
    assert [one.key for one in await zone.stores.objects.list("drops/")] == [kept.object_key]


async def test_what_the_queue_was_never_told_of_is_found_by_the_sweep(zone: Dropzone) -> None:
    receipt = await zone.keep(reading())
    assert await zone.outbox.sweep() == 0
    zone.now_ns += to_ns(LOST_AFTER + timedelta(seconds=1))
    assert await zone.outbox.sweep() == 1
    assert await zone.outbox.sweep() == 0
    (settled,) = await zone.work([receipt])
    assert settled.state is ReceiptState.PROCESSED


async def test_a_replay_after_a_limit_was_raised_keeps_its_place(zone: Dropzone) -> None:
    many = b'{"time_stamp": "2019-05-01T10:00:00Z", "data": [1, 2, 3]}'
    first = await zone.keep(many)
    zone.outbox.add(first)
    (refused,) = await zone.work([first], zone.worker(DropLimits(max_points=2)))
    assert [failure.reason for failure in refused.failures] == ["TOO_MANY_POINTS"]
    newer = await zone.keep(reading(9))
    zone.outbox.add(newer)
    await zone.work([newer])
    replayed = await zone.receipts.replay(ANNA, first.id, now_ns=zone.now_ns)
    assert (replayed.state, replayed.sequence, replayed.failures) == (ReceiptState.NEW, first.sequence, ())
    zone.outbox.add(replayed)
    (settled,) = await zone.work([replayed])
    assert settled.state is ReceiptState.PROCESSED
    assert (await zone.measurements.get(ANNA, NamedMeasurement("anna", "", TEN_NS))).receipt == newer.id
    with pytest.raises(FailedPrecondition):
        await zone.receipts.replay(ANNA, first.id, now_ns=zone.now_ns)


async def test_a_fault_of_the_processor_quarantines_its_drop_by_name_and_stops_no_other(zone: Dropzone) -> None:
    broken, good = await zone.keep(reading(1)), await zone.keep(reading(2, second=1))
    # What no drop can do: bytes that are none make the parser fail.
    await zone.stores.catalog.batch([Upsert(RECEIPTS, {**to_document(broken), "raw": "text"})])
    await zone.stores.queue.publish(DROPS, [message([broken.id, good.id])])
    found, other = await zone.work([broken, good])
    assert [failure.reason for failure in found.failures] == ["PROCESSOR_FAULT"]
    assert other.state is ReceiptState.PROCESSED


@pytest.mark.parametrize(("data", "reason"), [(None, "CONTENT_MISSING"), (b"other bytes", "CONTENT_DAMAGED")])
async def test_a_drop_whose_bytes_are_lost_is_quarantined_and_repaired_by_the_same_drop(
    zone: Dropzone, data: bytes | None, reason: str
) -> None:
    raw, request_id = reading().ljust(INLINE_BYTES + 1), "6b1c2f1e-0d1e-4d59-8a55-0b6a7e1f7f2a"
    large, good = await zone.keep(raw, request_id=request_id), await zone.keep(reading(2, second=1))
    assert large.object_key is not None
    if data is None:
        await zone.stores.objects.delete([large.object_key])
    else:
        await zone.stores.objects.put(large.object_key, data)
    await zone.stores.queue.publish(DROPS, [message([large.id, good.id])])
    lost, other = await zone.work([large, good])
    assert other.state is ReceiptState.PROCESSED
    assert (lost.state, [failure.reason for failure in lost.failures]) == (ReceiptState.QUARANTINED, [reason])

    again, late = await asyncio.gather(*(zone.keep(raw, request_id=request_id) for _ in range(2)))
    assert {(one.id, one.sequence, one.state) for one in (again, late)} == {
        (large.id, large.sequence, ReceiptState.NEW)
    }
    assert len(await zone.stores.objects.list("drops/")) == 1
    zone.outbox.add(again)
    (repaired,) = await zone.work([again])
    assert (repaired.state, repaired.failures) == (ReceiptState.PROCESSED, ())
    assert await zone.keep(raw, request_id=request_id) == repaired


async def test_a_lost_message_is_found_while_the_queue_is_busy(zone: Dropzone) -> None:
    lost, waiting = await zone.keep(reading()), await zone.keep(reading(second=1))
    await zone.stores.queue.publish(DROPS, [message([waiting.id])], delay=timedelta(minutes=1))
    zone.now_ns += to_ns(LOST_AFTER + timedelta(seconds=1))
    assert await zone.outbox.sweep() == 0
    # A drop that came so much later is done: the queue has passed it.
    zone.now_ns += to_ns(LOST_AFTER)
    later = await zone.keep(reading(second=2))
    zone.outbox.add(later)
    await zone.work([later])
    assert await zone.outbox.sweep() == 2
    (settled,) = await zone.work([lost])
    assert settled.state is ReceiptState.PROCESSED


async def test_a_clock_that_is_set_back_changes_no_order_and_set_forward_sweeps_nothing_new(zone: Dropzone) -> None:
    hour_ns = to_ns(timedelta(hours=1))
    first = await zone.keep(reading(1))
    zone.now_ns -= hour_ns
    second = await zone.keep(reading(2))
    zone.outbox.add(second)
    zone.outbox.add(first)
    await zone.work([first, second])
    assert (await zone.measurements.get(ANNA, NamedMeasurement("anna", "", TEN_NS))).receipt == second.id
    # Stored, and not yet named by a receipt.
    await zone.stores.objects.put("drops/0123456789.abcdef", b"x")
    wall_ns = time.time_ns()
    clock = AgeClock(lambda: wall_ns, lambda: 0)
    wall_ns += 2 * hour_ns
    await zone.receipts.sweep_objects(clock() - hour_ns, after=None)
    assert len(await zone.stores.objects.list("drops/")) == 1


async def test_a_receipt_is_settled_once(zone: Dropzone) -> None:
    receipt = await zone.keep(reading())
    done = replace(receipt, state=ReceiptState.PROCESSED, new_since_ns=None, process_time_ns=5)
    await zone.receipts.settle([done])
    await zone.receipts.settle([replace(receipt, state=ReceiptState.QUARANTINED, process_time_ns=6)])
    assert (await zone.receipts.get(ANNA, receipt.id)).process_time_ns == 5
    assert await zone.receipts.waiting_since(2**62, limit=10) == []
