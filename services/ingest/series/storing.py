"""Stores points: chunks first, objects that nothing names yet, then the one write that makes them part of a series."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from weakref import WeakValueDictionary

from services.common.base.requests import came_before
from services.common.objects import Objects
from services.common.rpc.identity import Caller
from services.common.series.model import Body, Chunk, Series, body_key, chunk_points
from services.common.series.points import Points
from services.common.series.reading import SeriesPoints
from services.common.series.store import SeriesStore, series_contended
from services.ingest.series.asked import NewSeries
from services.ingest.series.formats.body import ParsedBody
from services.ingest.series.formats.checking import checked_points
from services.ingest.series.formats.refusals import empty_series, too_many_points
from services.ingest.series.formats.sniffing import body_format, parsed_body
from services.ingest.series.layout import checked_append, new_layout
from services.ingest.series.receiving import Received, received_body
from services.ingest.series.replaced import ReplacedObjects
from services.ingest.series.writing import UnnamedObjects, written_chunks

MOST_POINTS_OF_A_BODY = 10_000_000
MOST_POINTS_OF_JSON = 1_000_000
MOST_POINTS = 100_000_000
TRIES = 10


@dataclass(frozen=True, slots=True)
class Incoming:
    """Points on their way in: how to read them, again at each try, and the body that they came in."""

    parse: Callable[[], ParsedBody]
    body: Body
    most_points: int


class SeriesStoring:
    """Creates series and appends to them."""

    def __init__(
        self, store: SeriesStore, objects: Objects, replaced: ReplacedObjects, folder: Path, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._objects = objects
        self._points = SeriesPoints(objects)
        self._replaced = replaced
        self._folder = folder
        self._now_ns = now_ns
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, caller: Caller, new: NewSeries, chunks: AsyncIterator[bytes]) -> tuple[Series, bool]:
        """Stores a series and returns it, and whether it is new: a request id that came before gives the first one."""
        key = body_key(new.id)
        async with (
            UnnamedObjects(self._objects) as unnamed,
            received_body(self._objects, unnamed.added(key), chunks, self._folder) as received,
        ):
            return await self._create(caller, new, await self._incoming(received, new.request_id), unnamed)

    async def append(self, caller: Caller, series_id: str, request_id: str, chunks: AsyncIterator[bytes]) -> Series:
        """Adds points after the last one; a request id that came before adds nothing."""
        key = body_key(series_id)
        async with (
            UnnamedObjects(self._objects) as unnamed,
            received_body(self._objects, unnamed.added(key), chunks, self._folder) as received,
        ):
            incoming = await self._incoming(received, request_id)
            # One at a time here; other processes are found out by the conditional write.
            lock = self._locks.setdefault(series_id, asyncio.Lock())
            async with lock:
                return await self._append(caller, series_id, incoming, unnamed)

    async def _incoming(self, received: Received, request_id: str) -> Incoming:
        form = await asyncio.to_thread(body_format, received.raw)
        most = MOST_POINTS_OF_JSON if form == "json" else MOST_POINTS_OF_A_BODY
        body = Body(
            received.object_key, received.sha256, received.size_bytes, 0, self._now_ns(), form, request_id.lower()
        )
        return Incoming(lambda: parsed_body(received.raw, form, most), body, most)

    async def _create(
        self, caller: Caller, new: NewSeries, incoming: Incoming, unnamed: UnnamedObjects
    ) -> tuple[Series, bool]:
        body, now_ns = await asyncio.to_thread(incoming.parse), self._now_ns()
        layout = new_layout(body, new.asked, now_ns)
        request = incoming.body.request
        series = Series(
            id=new.id,
            owner=caller.owner,
            subject=caller.subject,
            display_name=body.declared.display_name or new.display_name,
            labels={**new.labels, **body.declared.labels},
            channels=layout.channels,
            allow_gaps=layout.allow_gaps,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            spacing_hz=layout.spacing_hz,
            rate_is_known=layout.rate_is_known,
            start_ns=layout.start_ns,
            create_request=None if request is None else request.kept(),
        )
        chunks = await self._written(series, body, incoming, unnamed)
        whole = _with_points(series, (), chunks, incoming.body)
        async with unnamed.naming() as named:
            if await self._store.add(whole):
                named()
                return replace(whole, version=1), True
        return await self._first(caller, new, incoming.body), False

    async def _first(self, caller: Caller, new: NewSeries, body: Body) -> Series:
        first = await self._store.get(caller, new.id)
        came_before(first.known_requests, body.request)
        return first

    async def _append(self, caller: Caller, series_id: str, incoming: Incoming, unnamed: UnnamedObjects) -> Series:
        for attempt in range(TRIES):
            series = await self._store.get(caller, series_id)
            if came_before(series.known_requests, incoming.body.request):
                return series
            body = await asyncio.to_thread(incoming.parse)
            checked_append(body, series)
            last = series.chunks[-1] if series.chunks else None
            is_full = last is None or last.point_count >= chunk_points(len(series.channels))
            kept = series.chunks if is_full else series.chunks[:-1]
            before = [] if last is None or is_full else [await self._last(series, last)]
            chunks = await self._written(series, body, incoming, unnamed, before)
            changed = replace(
                _with_points(series, kept, chunks, incoming.body),
                revision=series.revision + 1,
                update_time_ns=self._now_ns(),
            )
            if changed.point_count > MOST_POINTS:
                raise too_many_points("a series", MOST_POINTS)
            async with unnamed.naming() as named:
                written = await self._store.replace(changed)
                if written is not None:
                    named()
                    self._replaced.add([] if last is None or is_full else [last.object_key])
                    return written
            await unnamed.forget([chunk.object_key for chunk in chunks])
            await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - tries apart, no secret
        raise series_contended(series_id)

    async def _last(self, series: Series, chunk: Chunk) -> Points:
        return await self._points.chunk(series, chunk, [channel.name for channel in series.channels])

    async def _written(
        self,
        series: Series,
        body: ParsedBody,
        incoming: Incoming,
        unnamed: UnnamedObjects,
        before: Sequence[Points] = (),
    ) -> tuple[Chunk, ...]:
        tick = series.next_tick
        points = checked_points(
            body.blocks,
            [channel.name for channel in series.channels],
            allow_gaps=series.allow_gaps,
            most_points=incoming.most_points,
            grid=None if series.spacing_hz is None else (series.start_ns, series.spacing_hz, tick),
            after_ns=series.chunks[-1].last_ns if series.chunks else None,
        )
        repeated = sum(map(len, before))
        chunks = await written_chunks(self._objects, series, chain(before, points), tick - repeated, unnamed)
        if sum(chunk.point_count for chunk in chunks) == repeated:
            raise empty_series()
        return chunks


def _with_points(series: Series, kept: tuple[Chunk, ...], chunks: tuple[Chunk, ...], body: Body) -> Series:
    whole = (*kept, *chunks)
    count = sum(chunk.point_count for chunk in whole)
    return replace(
        series,
        chunks=whole,
        point_count=count,
        size_bytes=sum(chunk.size_bytes for chunk in whole),
        bodies=(*series.bodies, replace(body, point_count=count - series.point_count)),
    )
