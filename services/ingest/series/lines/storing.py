"""Stores the points of lines: a series for each measurement, its tags and a field, created with its first point."""

from __future__ import annotations

import asyncio
import hashlib
import random
from base64 import b32hexencode
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

from services.common.objects import Objects
from services.common.rpc.identity import Caller
from services.common.series.model import LONE_CHANNEL, Channel, Chunk, Series
from services.common.series.points import Points
from services.common.series.reading import SeriesPoints
from services.common.series.store import SeriesStore, series_contended
from services.ingest.series.formats.refusals import too_many_points
from services.ingest.series.lines.merging import in_order, is_same, merged, steps
from services.ingest.series.lines.parsing import LineKey
from services.ingest.series.replaced import ReplacedObjects
from services.ingest.series.writing import UnnamedObjects, written_chunks

MOST_POINTS = 100_000_000
TRIES = 10
AT_ONCE = 8


class LineStoring:
    """Writes many series at once. A write that is repeated stores nothing anew."""

    def __init__(
        self, store: SeriesStore, objects: Objects, replaced: ReplacedObjects, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._objects = objects
        self._points = SeriesPoints(objects)
        self._replaced = replaced
        self._now_ns = now_ns
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(self, caller: Caller, bucket: str, points: dict[LineKey, Points]) -> None:
        """Stores all points; what is stored when it fails stays, and a retry stores the rest."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(key: LineKey, written: Points) -> None:
            async with turns:
                series_id = line_series_id(caller.owner, bucket, key)
                # One at a time here; other processes are found out by the conditional write.
                lock = self._locks.setdefault(series_id, asyncio.Lock())
                async with lock:
                    await self._write(caller, bucket, key, series_id, in_order(written))

        # The others go on where one fails: a retry finds more of the points stored.
        outcomes = await asyncio.gather(*(one(*item) for item in points.items()), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _write(self, caller: Caller, bucket: str, key: LineKey, series_id: str, points: Points) -> None:
        for attempt in range(TRIES):
            stored = await self._store.find(series_id)
            if stored is not None and stored.deleting_since_ns is not None:
                # Its objects are being deleted, by their common prefix.
                break
            series = stored or self._new_series(caller, bucket, key, series_id)
            async with UnnamedObjects(self._objects) as unnamed:
                chunks = await self._with(series, points, unnamed)
                if chunks == series.chunks:
                    return
                changed = self._changed(series, chunks, is_new=stored is None)
                async with unnamed.naming() as named:
                    if await self._put(changed, is_new=stored is None):
                        named()
                        kept = {chunk.object_key for chunk in chunks}
                        self._replaced.add([one.object_key for one in series.chunks if one.object_key not in kept])
                        return
            await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - tries apart, no secret
        raise series_contended(series_id)

    async def _with(self, series: Series, points: Points, unnamed: UnnamedObjects) -> tuple[Chunk, ...]:
        """The chunks of the series once it has the points; the same ones where it has them already."""
        chunks: list[Chunk] = []
        done = 0
        for step in steps(series.chunks, points):
            chunks += series.chunks[done : step.first]
            replaced = series.chunks[step.first : step.last]
            done = step.last
            whole = step.points
            for chunk in replaced:
                before = await self._points.chunk(series, chunk, [LONE_CHANNEL])
                whole = merged(before, whole)
                if is_same(before, whole):
                    break
            else:
                chunks += await written_chunks(self._objects, series, [whole], 0, unnamed)
                continue
            chunks += replaced
        return (*chunks, *series.chunks[done:])

    async def _put(self, series: Series, *, is_new: bool) -> bool:
        return await self._store.add(series) if is_new else await self._store.replace(series) is not None

    def _new_series(self, caller: Caller, bucket: str, key: LineKey, series_id: str) -> Series:
        now_ns = self._now_ns()
        named = {"_measurement": key.measurement, "_field": key.field, **({"_bucket": bucket} if bucket else {})}
        return Series(
            id=series_id,
            owner=caller.owner,
            subject=caller.subject,
            display_name=f"{key.measurement}.{key.field}"[:200],
            labels={**dict(key.tags), **named},
            channels=(Channel(),),
            allow_gaps=False,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )

    def _changed(self, series: Series, chunks: tuple[Chunk, ...], *, is_new: bool) -> Series:
        count = sum(chunk.point_count for chunk in chunks)
        if count > MOST_POINTS:
            raise too_many_points("a series", MOST_POINTS)
        return replace(
            series,
            chunks=chunks,
            point_count=count,
            size_bytes=sum(chunk.size_bytes for chunk in chunks),
            revision=series.revision + (not is_new),
            update_time_ns=self._now_ns(),
        )


def line_series_id(owner: str, bucket: str, key: LineKey) -> str:
    """The id of the series of a measurement, its tags and a field: the same for each write, and no other owner's."""
    parts = (owner, bucket, key.measurement, key.field, *(part for tag in key.tags for part in tag))
    digest = hashlib.sha256(b"lines" + b"".join(b"\0" + part.encode() for part in parts)).digest()
    return b32hexencode(digest[:20]).decode().lower()
