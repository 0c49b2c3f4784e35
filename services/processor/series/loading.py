"""The points that a computation looks at, out of the stores."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition, NotFound
from services.common.series.model import Channel, Series
from services.common.series.points import Points, joined

if TYPE_CHECKING:
    from services.common.series.reading import SeriesPoints

# They take a second and 100 MB: imported with the first call, and not on the event loop.
HEAVY = (
    "services.common.series.reading",
    "services.common.series.downsampling",
    "services.processor.series.channel_metrics",
)


async def import_heavy() -> None:
    """Imports what reads points and computes; the imports of methods find them afterwards."""
    if HEAVY[-1] not in sys.modules:
        await asyncio.to_thread(lambda: [import_module(name) for name in HEAVY])


async def load_points(
    reading: SeriesPoints,
    series: Series,
    start_ns: int | None,
    end_ns: int | None,
    *,
    most: int,
    channel: Channel | None = None,
) -> Points:
    """The points of a range, of one channel or of all; FailedPrecondition where there are too many."""
    count = sum(chunk.point_count for chunk in series.overlapping(start_ns, end_ns))
    names = None if channel is None else [channel.name]
    parts = []
    loaded = 0
    async for part in reading.parts(series, start_ns, end_ns, names):
        loaded += len(part)
        if loaded > most:
            raise FailedPrecondition(
                reasons.SERIES_TOO_LONG,
                f"start, end: {count} points, and at most {most} are looked at; ask for a shorter range",
                metadata={"points": str(count), "limit": str(most)},
            )
        parts.append(part)
    return joined(parts, len(series.channels) if channel is None else 1)


async def load_last(reading: SeriesPoints, series: Series, channel: Channel, most: int) -> Points:
    """The last points of one channel, at most so many."""
    parts: list[Points] = []
    for chunk in reversed(series.chunks):
        parts.insert(0, await reading.chunk(series, chunk, [channel.name]))
        if sum(map(len, parts)) >= most:
            break
    points = joined(parts, 1)
    return points.part(max(0, len(points) - most), len(points))


def chosen_channel(series: Series, name: str) -> Channel:
    """The channel of a name, or the first one."""
    for channel in series.channels:
        if name in ("", channel.name):
            return channel
    raise NotFound(
        reasons.SERIES_CHANNEL_NOT_FOUND,
        f"channel: series/{series.id} has no channel {name!r}",
        metadata={"channel": name},
    )


def too_short(count: int, needed: int) -> FailedPrecondition:
    """Fewer points than a computation needs."""
    return FailedPrecondition(
        reasons.SERIES_TOO_SHORT,
        f"the series has {count} points, and this needs {needed}",
        metadata={"points": str(count), "needed": str(needed)},
    )
