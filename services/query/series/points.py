"""The points of a series on their way out: read chunk by chunk, fewer where that is asked for, in a format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from services.common.drops.measurements import Measurements
from services.common.objects import Objects
from services.common.series.all_points import AllPoints
from services.common.series.downsampling import Downsampler
from services.common.series.model import Series
from services.common.series.points import Points
from services.query.series.asked import AskedPoints
from services.query.series.tables import Table, table_writer
from services.query.series.windows import WindowRollup


class PointDownloads:
    """Reads and writes in threads; memory stays flat however many points there are."""

    def __init__(self, objects: Objects, measurements: Measurements) -> None:
        self._points = AllPoints(objects, measurements)

    async def sent(self, series: Series, asked: AskedPoints) -> AsyncIterator[bytes]:
        """The answer's bytes; at least one chunk."""
        table = await self._table(series, asked)
        writer = await asyncio.to_thread(table_writer, asked.format, table)
        for take in range(writer.passes):
            async for points in self._parts(table, asked, writer.wanted(take)):
                if chunk := await asyncio.to_thread(writer.write, take, points):
                    yield chunk
            if chunk := await asyncio.to_thread(writer.finish, take):
                yield chunk

    async def _table(self, series: Series, asked: AskedPoints) -> Table:
        if asked.window_ns:
            return await self._rolled_up(series, asked)
        if asked.max_points and series.point_count > asked.max_points:
            return await self._fewer(series, asked)
        names = tuple(channel.name for channel in series.channels)
        is_all = asked.start_ns is None and asked.end_ns is None
        return Table(series, names, count=series.point_count if is_all else None)

    async def _parts(self, table: Table, asked: AskedPoints, wanted: Sequence[int] | None) -> AsyncIterator[Points]:
        if table.points is None:
            names = None if wanted is None else [table.columns[at] for at in wanted]
            async for points in self._points.parts(table.series, asked.start_ns, asked.end_ns, names):
                yield points
        elif len(table.points):
            columns = table.points.columns
            chosen = columns if wanted is None else tuple(columns[at] for at in wanted)
            yield Points(table.points.times_ns, chosen)

    async def _fewer(self, series: Series, asked: AskedPoints) -> Table:
        sampler = Downsampler(asked.max_points, len(series.channels), series.point_count)
        async for points in self._points.parts(series, asked.start_ns, asked.end_ns):
            await asyncio.to_thread(sampler.add, points)
        picked = await asyncio.to_thread(sampler.picked)
        return Table(series, tuple(channel.name for channel in series.channels), points=picked)

    async def _rolled_up(self, series: Series, asked: AskedPoints) -> Table:
        rollup = WindowRollup(asked.window_ns, [channel.name for channel in series.channels])
        async for points in self._points.parts(series, asked.start_ns, asked.end_ns):
            await asyncio.to_thread(rollup.add, points)
        return Table(series, rollup.columns, points=rollup.rows(), is_rollup=True)
