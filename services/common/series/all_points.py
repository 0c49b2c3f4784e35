"""The points of any series: out of its chunks, or out of the measurements of its source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from services.common.caching.recent import Recent
from services.common.catalog import Document, Range
from services.common.drops.measurements import Measurements
from services.common.objects import Objects
from services.common.series.measured import MeasuredSeries
from services.common.series.model import Series
from services.common.series.points import Points, joined
from services.common.series.reading import SeriesPoints


class AllPoints:
    """Reads points a part at a time."""

    def __init__(self, objects: Objects, measurements: Measurements, recent: Recent | None = None) -> None:
        self._stored = SeriesPoints(objects, recent)
        self._measurements = measurements

    async def parts(
        self,
        series: Series,
        start_ns: int | None = None,
        end_ns: int | None = None,
        channels: Sequence[str] | None = None,
    ) -> AsyncIterator[Points]:
        """The points at or after `start_ns` and before `end_ns`, in parts."""
        if not isinstance(series, MeasuredSeries):
            async for points in self._stored.parts(series, start_ns, end_ns, channels):
                yield points
            return
        names = [channel.name for channel in series.channels] if channels is None else list(channels)
        async for page in self._measurements.pages(series.owner, series.source, Range(start_ns, end_ns)):
            yield _points(page, names)

    async def most_points(self, series: Series, start_ns: int | None, end_ns: int | None) -> int:
        """How many points there are in a range at most."""
        if not isinstance(series, MeasuredSeries):
            return sum(chunk.point_count for chunk in series.overlapping(start_ns, end_ns))
        if start_ns is None and end_ns is None:
            return series.point_count
        return await self._measurements.count(series.owner, series.source, Range(start_ns, end_ns))

    async def last(self, series: Series, channel: str, most: int) -> Points:
        """The last points of one channel, at most so many."""
        parts: list[Points] = []
        count = 0
        if isinstance(series, MeasuredSeries):
            async for page in self._measurements.pages(series.owner, series.source, Range(), descending=True):
                parts.insert(0, _points(page[::-1], [channel]))
                count += len(page)
                if count >= most:
                    break
        else:
            for chunk in reversed(series.chunks):
                parts.insert(0, await self._stored.chunk(series, chunk, [channel]))
                count += len(parts[0])
                if count >= most:
                    break
        points = joined(parts, 1)
        return points.part(max(0, len(points) - most), len(points))


def _points(page: Sequence[Document], channels: Sequence[str]) -> Points:
    times = np.array([document["time_ns"] for document in page], np.int64)
    # One number has no sample deviation: None is a NaN here.
    columns = (np.array([document[name] for document in page], np.float64) for name in channels)
    return Points(times, tuple(columns))
