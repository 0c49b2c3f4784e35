"""The points that a computation looks at, out of the stores."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition
from services.common.series.measured import MeasuredSeries, channel_not_found
from services.common.series.model import Channel, Series
from services.common.series.points import GatheredPoints, Points

if TYPE_CHECKING:
    from services.common.series.all_points import AllPoints

# pyarrow takes 0.3 s and 40 MB: imported with the first call, and not on the event loop.
HEAVY = (
    "services.common.series.all_points",
    "services.common.series.downsampling",
    "services.processor.series.channel_metrics",
)

# The catalog gives some 70,000 measurements a second: more would take longer than a call may.
MOST_MEASUREMENTS = 1_000_000


async def import_heavy() -> None:
    """Imports what reads points and computes; the imports of methods find them afterwards."""
    if HEAVY[-1] not in sys.modules:
        await asyncio.to_thread(lambda: [import_module(name) for name in HEAVY])


async def load_points(
    reading: AllPoints,
    series: Series,
    start_ns: int | None,
    end_ns: int | None,
    *,
    most: int,
    channel: Channel | None = None,
) -> Points:
    """The points of a range, of one channel or of all; FailedPrecondition where there are too many."""
    count = await checked_count(reading, series, start_ns, end_ns)
    names = None if channel is None else [channel.name]
    gathered = GatheredPoints(min(count, most), len(series.channels) if channel is None else 1)
    async for part in reading.parts(series, start_ns, end_ns, names):
        if len(gathered) + len(part) > most:
            raise _too_long(count, most)
        gathered.add(part)
    return gathered.whole()


async def checked_count(reading: AllPoints, series: Series, start_ns: int | None, end_ns: int | None) -> int:
    """How many points a range has at most; FailedPrecondition where they are too many measurements."""
    count = await reading.most_points(series, start_ns, end_ns)
    if isinstance(series, MeasuredSeries) and count > MOST_MEASUREMENTS:
        raise _too_long(count, MOST_MEASUREMENTS)
    return count


def chosen_channel(series: Series, name: str) -> Channel:
    """The channel of a name, or the first one."""
    for channel in series.channels:
        if name in ("", channel.name):
            return channel
    raise channel_not_found(series, name)


def even_rate_hz(series: Series, points: Points) -> float | None:
    """Points a second, where they are evenly spaced at a known rate and none is missing.

    Measurements have no stated rate: theirs is known where each comes as long after the one before it.
    """
    if not isinstance(series, MeasuredSeries):
        return series.sample_rate_hz if series.is_contiguous else None
    distances = points.times_ns[1:] - points.times_ns[:-1]
    return 1e9 / int(distances[0]) if len(distances) and (distances == distances[0]).all() else None


def _too_long(count: int, most: int) -> FailedPrecondition:
    return FailedPrecondition(
        reasons.SERIES_TOO_LONG,
        f"start, end: {count} points, and at most {most} are looked at; ask for a shorter range",
        metadata={"points": str(count), "limit": str(most)},
    )


def too_short(count: int, needed: int) -> FailedPrecondition:
    """Fewer points than a computation needs."""
    return FailedPrecondition(
        reasons.SERIES_TOO_SHORT,
        f"the series has {count} points, and this needs {needed}",
        metadata={"points": str(count), "needed": str(needed)},
    )
