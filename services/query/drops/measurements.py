"""Reads of measurements and of their lineage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.instants import from_timestamp
from services.common.caching.recent import Recent
from services.common.catalog import Range
from services.common.drops.measurements import Measurements
from services.common.drops.messages import lineage_messages
from services.common.drops.names import named_measurement, stored_source
from services.common.drops.receipts import Receipts
from services.common.rest.reads.kept import KeptAnswer, KeptAnswers
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.query.drops.answers import MeasurementPage, OneMeasurement
from services.query.drops.export import export_format, exported

DESCENDING = "time desc"
Selection = query_service_pb2.ListMeasurementsRequest | query_service_pb2.ExportMeasurementsRequest


class MeasurementReads:
    """Reads of measurements."""

    def __init__(self, measurements: Measurements, receipts: Receipts, recent: Recent, kept: KeptAnswers) -> None:
        self._measurements = measurements
        self._receipts = receipts
        self._recent = recent
        self._kept = kept

    async def GetMeasurement(self, request: query_service_pb2.GetMeasurementRequest, call: Call) -> KeptAnswer:
        """Returns the measurement of an instant, in any notation of its offset."""
        return await self._kept.answer(request, call, partial(self._one, request, call))

    async def _one(self, request: query_service_pb2.GetMeasurementRequest, call: Call) -> OneMeasurement:
        named = named_measurement(request.name, "name", call.caller)
        return OneMeasurement(await self._measurements.get(call.caller, named), call.caller.owner)

    async def ListMeasurements(self, request: query_service_pb2.ListMeasurementsRequest, call: Call) -> KeptAnswer:
        """Lists measurements by time."""
        return await self._kept.answer(request, call, partial(self._page, request, call))

    async def _page(self, request: query_service_pb2.ListMeasurementsRequest, call: Call) -> MeasurementPage:
        owner = call.caller.asked_owner(request.owner)
        page, end = await self._measurements.stored_by_time(
            owner,
            _source(request),
            _range(request),
            descending=request.order_by == DESCENDING,
            after=page_start(request, owner),
            limit=page_size(request.page_size),
        )
        token = "" if end is None else page_token(request, owner, end)
        return MeasurementPage(page, call.caller.owner, token, self._recent)

    async def ExportMeasurements(
        self, request: query_service_pb2.ExportMeasurementsRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends every measurement of a time range, by time, for analytics."""
        form = export_format(request.format)
        pages = self._measurements.all_by_time(
            call.caller.asked_owner(request.owner),
            _source(request),
            _range(request),
            descending=request.order_by == DESCENDING,
        )
        call.answer_with(200, {"content-disposition": f'attachment; filename="measurements.{form.extension}"'})
        content_type = form.content_type
        async for chunk in exported(pages, form, call.caller.owner):
            yield HttpBody(content_type=content_type, data=chunk)
            content_type = ""

    async def ListLineage(
        self, request: query_service_pb2.ListLineageRequest, call: Call
    ) -> query_service_pb2.ListLineageResponse:
        """Lists every receipt that ever wrote a measurement, newest first."""
        owner = call.caller.owner
        named = named_measurement(request.parent, "parent", call.caller)
        measurement = await self._measurements.get(call.caller, named)
        page, end = await self._measurements.lineage(
            measurement, after=page_start(request, owner), limit=page_size(request.page_size)
        )
        receipts = await self._receipts.get_many([entry.receipt for entry in page])
        return query_service_pb2.ListLineageResponse(
            entries=lineage_messages(page, receipts, measurement),
            next_page_token="" if end is None else page_token(request, owner, end),
        )


def _source(request: Selection) -> str | None:
    return stored_source(request.source) if request.source else None


def _range(request: Selection) -> Range:
    return Range(
        low=from_timestamp(request.start) if request.HasField("start") else None,
        high=from_timestamp(request.end) if request.HasField("end") else None,
    )
