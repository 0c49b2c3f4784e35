"""Reads of measurements and of their lineage."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dropmesh.v1 import measurement_pb2, query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.instants import from_timestamp
from services.common.catalog import Range
from services.common.drops.measurements import Measurements
from services.common.drops.messages import lineage_messages, measurement_message, named_instant
from services.common.drops.receipts import Receipts
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.query.drops.export import export_format, exported

DESCENDING = "time desc"


class MeasurementReads:
    """Reads of measurements."""

    def __init__(self, measurements: Measurements, receipts: Receipts) -> None:
        self._measurements = measurements
        self._receipts = receipts

    async def GetMeasurement(
        self, request: query_service_pb2.GetMeasurementRequest, call: Call
    ) -> measurement_pb2.Measurement:
        """Returns the measurement of an instant, in any notation of its offset."""
        return measurement_message(await self._measurements.get(call.caller.owner, named_instant(request.name, "name")))

    async def ListMeasurements(
        self, request: query_service_pb2.ListMeasurementsRequest, call: Call
    ) -> query_service_pb2.ListMeasurementsResponse:
        """Lists measurements by time."""
        owner = call.caller.owner
        page, end = await self._measurements.by_time(
            owner,
            _range(request),
            descending=request.order_by == DESCENDING,
            after=page_start(request, owner),
            limit=page_size(request.page_size),
        )
        return query_service_pb2.ListMeasurementsResponse(
            measurements=map(measurement_message, page),
            next_page_token="" if end is None else page_token(request, owner, end),
        )

    async def ExportMeasurements(
        self, request: query_service_pb2.ExportMeasurementsRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends every measurement of a time range, by time, for analytics."""
        form = export_format(request.format)
        pages = self._measurements.all_by_time(
            call.caller.owner, _range(request), descending=request.order_by == DESCENDING
        )
        call.answer_with(200, {"content-disposition": f'attachment; filename="measurements.{form.extension}"'})
        content_type = form.content_type
        async for chunk in exported(pages, form):
            yield HttpBody(content_type=content_type, data=chunk)
            content_type = ""

    async def ListLineage(
        self, request: query_service_pb2.ListLineageRequest, call: Call
    ) -> query_service_pb2.ListLineageResponse:
        """Lists every receipt that ever wrote a measurement, newest first."""
        owner = call.caller.owner
        measurement = await self._measurements.get(owner, named_instant(request.parent, "parent"))
        page, end = await self._measurements.lineage(
            measurement, after=page_start(request, owner), limit=page_size(request.page_size)
        )
        receipts = await self._receipts.get_many([entry.receipt for entry in page])
        return query_service_pb2.ListLineageResponse(
            entries=lineage_messages(page, receipts, measurement),
            next_page_token="" if end is None else page_token(request, owner, end),
        )


def _range(request: query_service_pb2.ListMeasurementsRequest | query_service_pb2.ExportMeasurementsRequest) -> Range:
    return Range(
        low=from_timestamp(request.start) if request.HasField("start") else None,
        high=from_timestamp(request.end) if request.HasField("end") else None,
    )
