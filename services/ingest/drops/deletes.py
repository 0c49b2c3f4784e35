"""Deletion of drops: the raw bytes of a receipt, and measurements with their lineage."""

from __future__ import annotations

from collections.abc import Callable

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, measurement_pb2
from google.protobuf.empty_pb2 import Empty

from services.common.base.errors import Aborted, NotFound
from services.common.base.instants import from_timestamp
from services.common.base.names import resource_id
from services.common.catalog import Range
from services.common.drops.measurements import Measurement, Measurements
from services.common.drops.messages import measurement_message, receipt_message
from services.common.drops.names import named_measurement, stored_source
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import Receipts
from services.common.rpc.call import Call

DELETED_MOST = 10_000
PAGE = 1000


class DropDeletes:
    """Deletes receipts' bytes and measurements."""

    def __init__(self, receipts: Receipts, measurements: Measurements, *, now_ns: Callable[[], int]) -> None:
        self._receipts = receipts
        self._measurements = measurements
        self._now_ns = now_ns

    async def DeleteReceipt(
        self, request: ingest_service_pb2.DeleteReceiptRequest, call: Call
    ) -> measurement_pb2.Receipt:
        """Deletes the raw bytes of a drop and keeps its receipt."""
        receipt = await self._receipts.get(call.caller, resource_id(request.name))
        deleted = await self._receipts.delete_raw(receipt, now_ns=self._now_ns())
        if request.delete_measurements:
            await self._delete_written_by(receipt)
        return receipt_message(deleted, call.caller.owner)

    async def DeleteMeasurement(self, request: ingest_service_pb2.DeleteMeasurementRequest, call: Call) -> Empty:
        """Deletes the measurement of an instant."""
        named = named_measurement(request.name, "name", call.caller)
        try:
            found = await self._measurements.get(call.caller, named)
            _check_etag(found, request, call)
            # A later drop may write it in between: then that is deleted.
            while not await self._measurements.delete([found]):
                found = await self._measurements.get(call.caller, named)
                _check_etag(found, request, call)
        except NotFound:
            if not request.allow_missing:
                raise
        return Empty()

    async def DeleteMeasurements(
        self, request: ingest_service_pb2.DeleteMeasurementsRequest, call: Call
    ) -> ingest_service_pb2.DeleteMeasurementsResponse:
        """Deletes the measurements of a time range, as many as one call may."""
        within = Range(from_timestamp(request.start), from_timestamp(request.end))
        owner = call.caller.asked_owner(request.owner)
        source = stored_source(request.source) if request.source else None
        deleted, end = 0, None
        while deleted < DELETED_MOST:
            page, end = await self._measurements.by_time(
                owner, source, within, descending=False, after=end, limit=min(PAGE, DELETED_MOST - deleted)
            )
            deleted += await self._measurements.delete(page)
            if end is None:
                break
        return ingest_service_pb2.DeleteMeasurementsResponse(deleted_count=deleted, more=end is not None)

    async def _delete_written_by(self, receipt: Receipt) -> None:
        if receipt.measurement_count <= len(receipt.measurement_times_ns):
            times_ns = receipt.measurement_times_ns
            found = await self._measurements.get_many(receipt.owner, receipt.source, times_ns)
            await self._measurements.delete([one for one in found if one.receipt == receipt.id])
            return
        # The receipt names the first 100 alone.
        async for page in self._measurements.all_by_time(receipt.owner, receipt.source, Range(), descending=False):
            await self._measurements.delete([one for one in page if one.receipt == receipt.id])


def _check_etag(measurement: Measurement, request: ingest_service_pb2.DeleteMeasurementRequest, call: Call) -> None:
    current = measurement_message(measurement, call.caller.owner)
    if request.etag and request.etag.strip('"') != current.etag.strip('"'):
        raise Aborted(
            reasons.ETAG_MISMATCH,
            f"etag: {request.name} changed since {request.etag}",
            metadata={"etag": current.etag},
        )
