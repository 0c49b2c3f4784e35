"""Reads of series: one, a list, how many, their points, the bodies they came in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import query_service_pb2, series_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import NotFound
from services.common.base.instants import from_timestamp
from services.common.base.labels import read_labels
from services.common.base.loops import pause
from services.common.base.names import resource_id
from services.common.caching.recent import Recent
from services.common.catalog import Catalog
from services.common.catalog.writes_seen import WritesSeen
from services.common.drops.measurements import Measurements
from services.common.drops.names import DEFAULT_SOURCE
from services.common.objects import Objects
from services.common.objects.checking import whole
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.common.series.measured import SeriesFinder, with_channels
from services.common.series.messages import series_message
from services.common.series.model import PREFIX
from services.common.series.store import SeriesFilter, SeriesStore
from services.query.series.answers import OneSeries
from services.query.series.asked import asked_points

if TYPE_CHECKING:
    from services.query.series.points import PointDownloads

RAW_TYPE = "application/octet-stream"
# Imported where there are series: pyarrow takes 60 MB of the process.
HEAVY = "services.query.series.points"
LOOK_SECONDS = 2.0


class SeriesReads:
    """Reads of series."""

    def __init__(
        self,
        catalog: Catalog,
        finder: SeriesFinder,
        measurements: Measurements,
        objects: Objects,
        recent: Recent,
    ) -> None:
        self._catalog = catalog
        self._series = SeriesStore(catalog)
        self._finder = finder
        self._measurements = measurements
        self._series_objects = objects
        self._recent = recent
        self._downloads: PointDownloads | None = None

    async def prepare_if_any(self) -> bool:
        """Imports what a first reader of points would wait for, if there is a series; returns whether there is one."""
        if not await self._series.has_any():
            return False
        await asyncio.to_thread(import_module, HEAVY)
        return True

    async def prepare(self, stopping: asyncio.Event) -> None:
        """Prepares soon after the first series was stored."""
        writes = WritesSeen(self._catalog)
        while not (await writes.are_new() and await self.prepare_if_any()):
            if await pause(LOOK_SECONDS, stopping):
                return
        await stopping.wait()

    async def GetSeries(self, request: query_service_pb2.GetSeriesRequest, call: Call) -> series_pb2.Series | OneSeries:
        """Returns a series without its points."""
        if request.name.startswith(PREFIX):
            return OneSeries(await self._series.document(call.caller, resource_id(request.name)), self._recent)
        return series_message(await self._finder.get(call.caller, request.name))

    async def ListSeries(
        self, request: query_service_pb2.ListSeriesRequest, call: Call
    ) -> query_service_pb2.ListSeriesResponse:
        """Lists the caller's series."""
        size, wanted = page_size(request.page_size), _filter(request)
        # An administrator's list is another one than that of the same subject without the right.
        whose = f"{call.caller.owner}\0{call.caller.is_admin}"
        response = query_service_pb2.ListSeriesResponse()
        end = None
        async for series, place in self._series.listed(
            call.caller, wanted, after=page_start(request, whose), limit=size + 1
        ):
            if len(response.series) == size:
                response.next_page_token = page_token(request, whose, end or place)
                break
            response.series.append(series_message(series))
            end = place
        first_and_last = not request.page_token and not response.next_page_token
        response.total_size = len(response.series) if first_and_last else await self._series.count(call.caller, wanted)
        return response

    async def CountSeries(
        self, request: query_service_pb2.CountSeriesRequest, call: Call
    ) -> query_service_pb2.CountSeriesResponse:
        """Counts the caller's series."""
        return query_service_pb2.CountSeriesResponse(count=await self._series.count(call.caller, _filter(request)))

    async def GetSeriesPoints(
        self, request: query_service_pb2.GetSeriesPointsRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Sends a series' points."""
        series = with_channels(await self._finder.get(call.caller, request.name), request.channels)
        asked = asked_points(request, call.header("accept") or "")
        if self._downloads is None:
            self._downloads = (await asyncio.to_thread(import_module, HEAVY)).PointDownloads(
                self._series_objects, self._measurements, self._recent
            )
        chunks = self._downloads.sent(series, asked)
        # Read before the headers go: once they are sent, it is too late to say that the points are missing.
        chunk = await anext(chunks, b"")
        name = series.display_name or series.id or DEFAULT_SOURCE
        call.answer_with(200, asked.headers(name))
        yield HttpBody(content_type=asked.content_type, data=chunk)
        async for chunk in chunks:
            yield HttpBody(data=chunk)

    async def GetSeriesRaw(self, request: query_service_pb2.GetSeriesRawRequest, call: Call) -> AsyncIterator[HttpBody]:
        """Returns a body that a series' points came in, exactly as it came."""
        series = await self._series.get(call.caller, resource_id(request.name))
        bodies = [*reversed(series.bodies)]
        if request.sha256 and all(body.sha256 != request.sha256 for body in bodies):
            bodies += [body async for body in self._series.older_bodies(series)]
        found = next((body for body in bodies if request.sha256 in ("", body.sha256)), None)
        if found is None:
            raise NotFound(
                reasons.SERIES_BODY_NOT_FOUND,
                f"{request.name}: has no body with this sha256; deleting points deletes the bodies that contain them",
                metadata={"name": request.name, "sha256": request.sha256},
            )
        content_type = RAW_TYPE
        async for chunk in whole(self._series_objects, found.object_key, found.size_bytes, found.sha256):
            yield HttpBody(content_type=content_type, data=chunk)
            content_type = ""


def _filter(request: query_service_pb2.ListSeriesRequest | query_service_pb2.CountSeriesRequest) -> SeriesFilter:
    return SeriesFilter(
        labels=read_labels(request.labels),
        prefix=request.prefix,
        start_ns=from_timestamp(request.start) if request.HasField("start") else None,
        end_ns=from_timestamp(request.end) if request.HasField("end") else None,
    )
