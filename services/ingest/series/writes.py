"""Writes of series: store, append, rename, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropmesh.v1 import ingest_service_pb2, series_pb2
from google.protobuf.empty_pb2 import Empty

from services.common.base.errors import InvalidField
from services.common.base.ids import new_id
from services.common.base.instants import from_timestamp
from services.common.base.labels import read_labels
from services.common.base.names import resource_id
from services.common.base.requests import request_key
from services.common.media.refusals import BodyInterrupted
from services.common.objects import Objects
from services.common.rpc.call import Call
from services.common.series.computed.store import ComputedStore
from services.common.series.messages import check_etag, series_message
from services.common.series.model import Series
from services.common.series.store import SeriesStore
from services.ingest.media.uploads import whole_body
from services.ingest.series.asked import Asked, NewSeries
from services.ingest.series.deletion import SeriesDeletion
from services.ingest.series.formats.refusals import invalid_field
from services.ingest.series.outbox import SeriesOutbox
from services.ingest.series.replaced import ReplacedObjects

if TYPE_CHECKING:
    from services.ingest.series.point_deletion import PointDeletion
    from services.ingest.series.storing import SeriesStoring

CREATED = 201
# Imported with the first call that needs them: pyarrow takes 60 MB of the process.
HEAVY = (
    "services.ingest.series.storing",
    "services.ingest.series.point_deletion",
    "services.ingest.series.formats.typed_points",
)


class SeriesWrites:
    """Takes series."""

    def __init__(
        self,
        store: SeriesStore,
        objects: Objects,
        deletion: SeriesDeletion,
        replaced: ReplacedObjects,
        computed: ComputedStore,
        outbox: SeriesOutbox,
        *,
        folder: Path,
        now_ns: Callable[[], int],
    ) -> None:
        self._series = store
        self._series_objects = objects
        self._series_deletion = deletion
        self._replaced = replaced
        self._computed = computed
        self._series_outbox = outbox
        self._series_folder = folder
        self._now_ns = now_ns
        self._loaded: tuple[SeriesStoring, PointDeletion] | None = None

    async def CreateSeries(
        self, requests: AsyncIterator[ingest_service_pb2.CreateSeriesRequest], call: Call
    ) -> series_pb2.Series:
        """Stores a series."""
        messages = aiter(requests)
        first = await anext(messages, None) or ingest_service_pb2.CreateSeriesRequest()
        owner = call.caller.owner
        new = NewSeries(
            id=request_key("series", owner, first.request_id) if first.request_id else new_id(self._now_ns()),
            display_name=first.display_name,
            labels=read_labels(first.labels),
            asked=Asked(
                channels=tuple(first.channels),
                units=tuple(first.unit),
                sample_rate_hz=first.sample_rate_hz or None,
                start_ns=from_timestamp(first.start_time) if first.HasField("start_time") else None,
                allow_gaps=first.allow_gaps,
            ),
            request_id=first.request_id,
        )
        storing, _ = await self._points_writers()
        series, _ = await storing.create(call.caller, new, _body(first, messages, call, tuple(first.channels)))
        self._series_outbox.add(series.id)
        call.answer_with(CREATED)
        return series_message(series)

    async def AppendSeries(
        self, requests: AsyncIterator[ingest_service_pb2.AppendSeriesRequest], call: Call
    ) -> series_pb2.Series:
        """Adds points after the last one of a series."""
        messages = aiter(requests)
        first = await anext(messages, None) or ingest_service_pb2.AppendSeriesRequest()
        names = tuple(one.name for one in (await self._series.get(call.caller, resource_id(first.name))).channels)
        storing, _ = await self._points_writers()
        series = await storing.append(
            call.caller, resource_id(first.name), first.request_id, _body(first, messages, call, names)
        )
        self._series_outbox.add(series.id)
        return series_message(series)

    async def UpdateSeries(self, request: ingest_service_pb2.UpdateSeriesRequest, call: Call) -> series_pb2.Series:
        """Changes a series' display name and labels."""
        given = {name for name in ("display_name", "labels") if getattr(request, name)}
        named = set(request.update_mask.paths) or given

        def edit(series: Series) -> Series:
            check_etag(series, request.etag)
            return replace(
                series,
                display_name=request.display_name if "display_name" in named else series.display_name,
                labels=dict(request.labels) if "labels" in named else series.labels,
                update_time_ns=self._now_ns(),
            )

        return series_message(await self._series.change(call.caller, resource_id(request.name), edit))

    async def DeleteSeries(self, request: ingest_service_pb2.DeleteSeriesRequest, call: Call) -> Empty:
        """Deletes a series with its points and raw bytes."""
        await self._series_deletion.delete(
            call.caller, resource_id(request.name), request.etag, allow_missing=request.allow_missing
        )
        return Empty()

    async def DeleteSeriesPoints(
        self, request: ingest_service_pb2.DeleteSeriesPointsRequest, call: Call
    ) -> series_pb2.Series:
        """Deletes the points of a time range."""
        await self._series.get(call.caller, resource_id(request.name))
        for field in ("start", "end"):
            if not request.HasField(field):
                raise InvalidField(field, "is missing; to delete all points, delete the series")
        deletion = await self.point_deletion()
        start_ns, end_ns = from_timestamp(request.start), from_timestamp(request.end)
        series = await deletion.delete(call.caller, resource_id(request.name), start_ns, end_ns)
        self._series_outbox.add(series.id)
        return series_message(series)

    async def point_deletion(self) -> PointDeletion:
        """The deletion of points; its libraries are loaded with the first call that needs them."""
        _, deletion = await self._points_writers()
        return deletion

    async def _points_writers(self) -> tuple[SeriesStoring, PointDeletion]:
        if self._loaded is None:
            # Two calls at once may both make them; the conditional write keeps their appends apart.
            storing, deletion, _ = await asyncio.to_thread(lambda: [import_module(name) for name in HEAVY])
            self._loaded = (
                storing.SeriesStoring(
                    self._series, self._series_objects, self._replaced, self._series_folder, self._now_ns
                ),
                deletion.PointDeletion(self._series, self._computed, self._series_objects, self._now_ns),
            )
        return self._loaded


async def _body(first: Any, rest: AsyncIterator[Any], call: Call, channels: tuple[str, ...]) -> AsyncIterator[bytes]:
    """The bytes of a body, or what typed points are as bytes."""
    carriers = _carriers(first, rest)
    leading = await anext(carriers, first)
    if not isinstance(leading, type(first)) or not leading.HasField("points"):
        async for chunk in whole_body(leading, carriers, call):
            yield chunk
        return
    from services.ingest.series.formats.typed_points import TypedPoints

    typed = TypedPoints(leading.points, channels)
    yield await asyncio.to_thread(typed.written, leading.points)
    async for message in carriers:
        yield await asyncio.to_thread(typed.written, message.points)
    if call.is_cancelled():
        raise BodyInterrupted
    yield typed.finished()


async def _carriers(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The messages with a piece of the body or with points; the first may have the other fields alone."""
    carried: set[str] = set()
    message = first
    while message is not None:
        # A piece of a body that came by REST is no message of the contract.
        is_piece = not isinstance(message, type(first))
        fields = {"body"} if is_piece else {field for field in ("body", "points") if message.HasField(field)}
        carried |= fields
        if len(carried) > 1:
            raise invalid_field("points", "must not be set beside a body")
        if fields:
            yield message
        message = await anext(rest, None)
