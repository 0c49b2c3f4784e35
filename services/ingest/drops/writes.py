"""Drops on their way in: durable before the answer, looked into by the workers."""

from __future__ import annotations

from collections.abc import Callable

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2, measurement_pb2

from services.common.base.errors import FieldViolation, InvalidArgument
from services.common.base.instants import SECOND_NS, from_duration
from services.common.base.names import resource_id
from services.common.base.requests import named_request
from services.common.drops.measurements import Measurements
from services.common.drops.messages import fill_receipt, measurement_message, receipt_message
from services.common.drops.names import stored_source
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import Receipts
from services.common.queue.outbox import Outbox
from services.common.rpc.call import Call
from services.ingest.drops.outcomes import DropOutcomes
from services.ingest.drops.raw import check_size, sha256_of

# A call's status travels in headers, of which a gRPC client takes 8 KiB; the receipt has all that was found.
VIOLATIONS_BYTES = 4096


class DropWrites:
    """Takes drops, and replays quarantined ones."""

    def __init__(
        self,
        receipts: Receipts,
        measurements: Measurements,
        outbox: Outbox[Receipt],
        outcomes: DropOutcomes,
        *,
        max_drop_bytes: int,
        now_ns: Callable[[], int],
    ) -> None:
        self._receipts = receipts
        self._measurements = measurements
        self._drop_outbox = outbox
        self._drop_outcomes = outcomes
        self._max_drop_bytes = max_drop_bytes
        self._now_ns = now_ns

    async def DropMeasurements(
        self, request: ingest_service_pb2.DropMeasurementsRequest, call: Call
    ) -> ingest_service_pb2.DropMeasurementsResponse:
        """Stores a raw JSON drop and has its measurements computed."""
        raw = request.body.data
        check_size("body", raw, self._max_drop_bytes)
        sha256 = await sha256_of(raw)
        receipt, is_waiting = await self._receipts.keep(
            call.caller,
            raw,
            sha256,
            source=stored_source(request.source),
            now_ns=self._now_ns(),
            request_id=request.request_id,
        )
        if is_waiting:
            self._drop_outbox.add(receipt)
        if request.HasField("wait"):
            with call.waiting() as may_wait:
                seconds = from_duration(request.wait) / SECOND_NS if may_wait else 0.0
                receipt = await self._drop_outcomes.wait_for(receipt, seconds)
        if receipt.state is ReceiptState.QUARANTINED and request.HasField("wait"):
            raise _quarantined(receipt)
        response = ingest_service_pb2.DropMeasurementsResponse()
        viewer = call.caller.owner
        fill_receipt(receipt, response.receipt, viewer)
        if receipt.state is ReceiptState.PROCESSED and request.HasField("wait"):
            found = await self._measurements.get_many(receipt.owner, receipt.source, receipt.measurement_times_ns)
            response.measurements.extend(measurement_message(one, viewer) for one in found)
        else:
            call.answer_with(202)
        return response

    async def ReplayReceipt(
        self, request: ingest_service_pb2.ReplayReceiptRequest, call: Call
    ) -> measurement_pb2.Receipt:
        """Has a quarantined drop looked into again, say after a limit was raised."""
        receipt = await self._receipts.replay(
            call.caller, resource_id(request.name), now_ns=self._now_ns(), request=named_request(request)
        )
        if receipt.state is ReceiptState.NEW:
            self._drop_outbox.add(receipt)
        call.answer_with(202)
        return receipt_message(receipt, call.caller.owner)


def _quarantined(receipt: Receipt) -> InvalidArgument:
    name = f"receipts/{receipt.id}"
    violations: list[FieldViolation] = []
    size_bytes = 0
    for failure in receipt.failures:
        violation = FieldViolation(failure.path, failure.message, failure.reason)
        size_bytes += (
            sum(len(text.encode()) for text in (violation.field, violation.description, violation.reason)) + 10
        )
        if size_bytes > VIOLATIONS_BYTES:
            break
        violations.append(violation)
    more = receipt.failure_count - len(violations)
    found = "; ".join(f"{one.field}: {one.description} ({one.reason})"[:200] for one in violations[:1])
    others = receipt.failure_count - 1
    rest = f"; and {others} more failure{'s' if others > 1 else ''}" if others else ""
    rest += f"; GET /v1/{name} lists the first 100" if more else ""
    return InvalidArgument(
        reasons.DROP_QUARANTINED,
        f"the drop failed quality checks and is kept as {name}: {found}{rest}",
        metadata={"receipt": name},
        violations=violations,
    )
