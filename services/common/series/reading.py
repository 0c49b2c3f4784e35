"""A series' points out of its chunks: only those that a range needs, in order, a chunk at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Sequence

from services.common.caching.recent import Recent
from services.common.objects import Objects
from services.common.series.chunks import decoded_chunk, decoded_columns
from services.common.series.model import Chunk, Series
from services.common.series.points import Points, grid_times

READ_AHEAD = 2
VALUE_BYTES = 8


class SeriesPoints:
    """Reads chunks, the next ones while the caller works on one."""

    def __init__(self, objects: Objects, recent: Recent | None = None) -> None:
        self._objects = objects
        self._recent = recent

    async def parts(
        self,
        series: Series,
        start_ns: int | None = None,
        end_ns: int | None = None,
        channels: Sequence[str] | None = None,
    ) -> AsyncIterator[Points]:
        """The points at or after `start_ns` and before `end_ns`, in parts; ObjectMissing where a chunk is gone."""
        names = [channel.name for channel in series.channels] if channels is None else list(channels)
        chunks = list(series.overlapping(start_ns, end_ns))
        size_bytes = sum(chunk.point_count for chunk in chunks) * (1 + len(names)) * VALUE_BYTES
        is_kept = self._recent is not None and self._recent.has_room_for(size_bytes)
        ahead: list[Points | asyncio.Task[Points]] = []
        try:
            while chunks or ahead:
                while chunks and len(ahead) < READ_AHEAD:
                    chunk = chunks.pop(0)
                    kept = self._kept(_key(series, chunk, names))
                    ahead.append(kept or asyncio.create_task(self.chunk(series, chunk, names, is_kept=is_kept)))
                first = ahead.pop(0)
                points = (first if isinstance(first, Points) else await first).within(start_ns, end_ns)
                if len(points):
                    yield points
        finally:
            for one in ahead:
                if not isinstance(one, Points):
                    one.cancel()

    async def chunk(self, series: Series, chunk: Chunk, channels: Sequence[str], *, is_kept: bool = True) -> Points:
        """The points of one chunk; they are kept for the next reader where that is wanted."""
        key = _key(series, chunk, channels)
        points = self._kept(key)
        if points is None:
            data = b"".join([piece async for piece in self._objects.read(chunk.object_key)])
            points = await asyncio.to_thread(_decoded, series, chunk, data, channels)
            if is_kept and self._recent is not None:
                self._recent.keep(key, points, points.size_bytes)
        return points

    def _kept(self, key: Hashable) -> Points | None:
        found: Points | None = None if self._recent is None else self._recent.get(key)
        return found


def _key(series: Series, chunk: Chunk, channels: Sequence[str]) -> Hashable:
    return (chunk.object_key, chunk.first_tick, series.start_ns, series.spacing_hz, *channels)


def _decoded(series: Series, chunk: Chunk, data: bytes, channels: Sequence[str]) -> Points:
    if series.spacing_hz is None:
        return decoded_chunk(data, channels)
    # Computing the instants takes less than reading them.
    times = grid_times(series.start_ns, series.spacing_hz, chunk.first_tick, chunk.point_count)
    return Points(times, decoded_columns(data, channels))
