"""Deletes the points of a time range; they are gone when that is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.common.base.requests import KEPT_MOST
from services.common.objects import Objects
from services.common.rpc.identity import Caller
from services.common.series.computed.store import ComputedStore
from services.common.series.model import Chunk, Series
from services.common.series.points import Points
from services.common.series.reading import SeriesPoints
from services.common.series.store import SeriesStore, series_contended
from services.ingest.series.writing import UnnamedObjects, written_chunks

TRIES = 10


class PointDeletion:
    """Writes the chunks at both ends of the range anew; those between just go."""

    def __init__(
        self, store: SeriesStore, computed: ComputedStore, objects: Objects, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._computed = computed
        self._objects = objects
        self._points = SeriesPoints(objects)
        self._now_ns = now_ns

    async def delete(self, caller: Caller, series_id: str, start_ns: int, end_ns: int) -> Series:
        """Deletes the points at or after `start_ns` and before `end_ns`, and all raw bodies."""
        for _ in range(TRIES):
            series = await self._store.get(caller, series_id)
            touched = [
                chunk for chunk in series.overlapping(start_ns, end_ns) if chunk.first_ns < end_ns and start_ns < end_ns
            ]
            async with UnnamedObjects(self._objects) as unnamed:
                chunks: list[Chunk] = []
                for chunk in series.chunks:
                    if chunk in touched:
                        chunks += await self._without(series, chunk, start_ns, end_ns, unnamed)
                    else:
                        chunks.append(chunk)
                if sum(chunk.point_count for chunk in chunks) == series.point_count:
                    return series
                changed = _with_chunks(series, tuple(chunks), self._now_ns())
                async with unnamed.naming() as named:
                    written = await self._store.replace(changed)
                    if written is not None:
                        named()
                if written is not None:
                    await self._delete_unnamed(written, series)
                    return written
        raise series_contended(series_id)

    async def _without(
        self, series: Series, chunk: Chunk, start_ns: int, end_ns: int, unnamed: UnnamedObjects
    ) -> list[Chunk]:
        if start_ns <= chunk.first_ns and chunk.last_ns < end_ns:
            return []
        points = await self._points.chunk(series, chunk, [channel.name for channel in series.channels])
        before, after = points.within(None, start_ns), points.within(end_ns, None)
        if len(before) + len(after) == len(points):
            return [chunk]
        kept: list[Chunk] = []
        for part, tick in ((before, chunk.first_tick), (after, chunk.first_tick + len(points) - len(after))):
            if len(part):
                kept += await written_chunks(self._objects, series, [_copied(part)], tick, unnamed)
        return kept

    async def _delete_unnamed(self, written: Series, before: Series) -> None:
        """At once, unlike what an append replaces: a reader on its way finds nothing, as was asked for."""
        named = {chunk.object_key for chunk in written.chunks}
        gone = [chunk.object_key for chunk in before.chunks if chunk.object_key not in named]
        gone += [body.object_key for body in before.bodies]
        gone += [body.object_key async for body in self._store.older_bodies(before)]
        await self._objects.delete(gone)
        await self._store.drop_pages(before)
        await self._computed.forget(before.id)


def _with_chunks(series: Series, chunks: tuple[Chunk, ...], now_ns: int) -> Series:
    return replace(
        series,
        chunks=chunks,
        point_count=sum(chunk.point_count for chunk in chunks),
        size_bytes=sum(chunk.size_bytes for chunk in chunks),
        bodies=(),
        body_pages=0,
        # A retry is recognised although its body is gone.
        requests=series.known_requests[-KEPT_MOST:],
        revision=series.revision + 1,
        update_time_ns=now_ns,
    )


def _copied(points: Points) -> Points:
    return Points(points.times_ns.copy(), tuple(column.copy() for column in points.columns))
