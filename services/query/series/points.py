"""The points of a series on their way out: read chunk by chunk, fewer where that is asked for, in a format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVarTuple

from services.common.caching.recent import Recent
from services.common.drops.measurements import Measurements
from services.common.objects import Objects
from services.common.series.all_points import AllPoints
from services.common.series.downsampling import Downsampler
from services.common.series.model import Series
from services.common.series.points import Points
from services.query.series.asked import AskedPoints
from services.query.series.table import Table
from services.query.series.tables import table_writer
from services.query.series.windows import WindowRollup

Arguments = TypeVarTuple("Arguments")
HANDED_OVER_BYTES = 4 * 1024 * 1024
# What takes less than a millisecond: to pick points among so many bytes, and to write so many values.
SHORT_BYTES = 2 * 1024 * 1024
SHORT_VALUES = 4000


@dataclass(frozen=True, slots=True)
class Summary:
    """Makes a few rows, with these columns, of all points."""

    columns: Sequence[str]
    add: Callable[[Points], None]
    rows: Callable[[], Points]
    is_short: bool
    """Whether the rows have few values."""


class PointDownloads:
    """Reads in threads, and writes there what takes long; memory stays flat however many points there are."""

    def __init__(self, objects: Objects, measurements: Measurements, recent: Recent) -> None:
        self._points = AllPoints(objects, measurements, recent)

    async def sent(self, series: Series, asked: AskedPoints) -> AsyncIterator[bytes]:
        """The answer's bytes; at least one chunk."""
        names = tuple(channel.name for channel in series.channels)
        if asked.window_ns:
            rollup = WindowRollup(asked.window_ns, names)
            summary = Summary(rollup.columns, rollup.add, rollup.rows, is_short=False)
            yield await self._summarized(series, asked, summary)
        elif asked.max_points and series.point_count > asked.max_points:
            sampler = Downsampler(asked.max_points, len(names), series.point_count)
            is_short = asked.max_points * (1 + len(names)) <= SHORT_VALUES
            summary = Summary(names, sampler.add, sampler.picked, is_short=is_short)
            yield await self._summarized(series, asked, summary)
        else:
            async for chunk in self._whole(series, asked, names):
                yield chunk

    async def _summarized(self, series: Series, asked: AskedPoints, summary: Summary) -> bytes:
        """A few rows made of all points."""
        waiting: list[Points] = []
        async for points in self._points.parts(series, asked.start_ns, asked.end_ns):
            if sum(part.size_bytes for part in waiting) >= HANDED_OVER_BYTES:
                await asyncio.to_thread(_add, summary, waiting)
                waiting = []
            waiting.append(points)
        is_short = summary.is_short and sum(part.size_bytes for part in waiting) <= SHORT_BYTES
        return await _done(is_short, _written, series, asked, summary, waiting)

    async def _whole(self, series: Series, asked: AskedPoints, names: tuple[str, ...]) -> AsyncIterator[bytes]:
        is_all = asked.start_ns is None and asked.end_ns is None
        table = Table(series, names, count=series.point_count if is_all else None)
        writer = table_writer(asked.format, table)
        for take in range(writer.passes):
            wanted = writer.wanted(take)
            chosen = None if wanted is None else [names[at] for at in wanted]
            async for points in self._points.parts(series, asked.start_ns, asked.end_ns, chosen):
                for piece in points.pieces(writer.most_values):
                    is_short = len(piece) * (1 + len(piece.columns)) <= SHORT_VALUES
                    if chunk := await _done(is_short, writer.write, take, piece):
                        yield chunk
            if chunk := writer.finish(take):
                yield chunk


async def _done(is_short: bool, function: Callable[[*Arguments], bytes], *arguments: *Arguments) -> bytes:
    """Runs a function, in a thread unless it is short: to hand it over takes half a millisecond."""
    if is_short:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


def _add(summary: Summary, parts: Sequence[Points]) -> None:
    for points in parts:
        summary.add(points)


def _written(series: Series, asked: AskedPoints, summary: Summary, last: Sequence[Points]) -> bytes:
    """Takes the last points, and writes the rows."""
    _add(summary, last)
    rows = summary.rows()
    table = Table(series, tuple(summary.columns), points=rows, is_rollup=asked.window_ns > 0)
    writer = table_writer(asked.format, table)
    whole = []
    for take in range(writer.passes):
        wanted = writer.wanted(take)
        if len(rows):
            columns = rows.columns if wanted is None else tuple(rows.columns[at] for at in wanted)
            whole.append(writer.write(take, Points(rows.times_ns, columns)))
        whole.append(writer.finish(take))
    return b"".join(whole)
