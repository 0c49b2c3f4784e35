"""Which points a computation may look at, and whether they are evenly spaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError
from services.common.series.measured import CHANNELS, MeasuredSeries
from services.common.series.model import Series
from services.common.series.points import Points
from services.processor.series.loading import MOST_MEASUREMENTS, checked_count, even_rate_hz, load_points

MEASURED = MeasuredSeries("", "ann", "", "pump-3", {}, CHANNELS, True, 0, 0, viewed_as="sources/pump-3/series")
STORED = Series("s", "ann", "ann", "", {}, CHANNELS[:1], False, 1, 1)


class Reading:
    """Points of any number, in parts of 3."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def most_points(self, *_: Any) -> int:
        return self.count

    async def parts(self, *_: Any) -> AsyncIterator[Points]:
        for start in range(0, self.count, 3):
            times = np.arange(start, min(start + 3, self.count))
            yield Points(times, (times.astype(np.float64),))


def at(*times_ns: int) -> Points:
    return Points(np.array(times_ns, np.int64), (np.zeros(len(times_ns)),))


async def test_more_measurements_than_a_call_has_time_for_are_refused_unread() -> None:
    reading: Any = Reading(MOST_MEASUREMENTS + 1)
    with pytest.raises(DropmeshError) as refusal:
        await checked_count(reading, MEASURED, None, None)
    assert refusal.value.reason == reasons.SERIES_TOO_LONG
    assert refusal.value.metadata == {"points": str(MOST_MEASUREMENTS + 1), "limit": str(MOST_MEASUREMENTS)}
    assert await checked_count(reading, STORED, None, None) == MOST_MEASUREMENTS + 1


async def test_points_up_to_the_limit_are_read() -> None:
    reading: Any = Reading(7)
    points = await load_points(reading, STORED, None, None, most=7)
    assert points.columns[0].tolist() == list(range(7))
    with pytest.raises(DropmeshError) as refusal:
        await load_points(reading, STORED, None, None, most=6)
    assert refusal.value.reason == reasons.SERIES_TOO_LONG


def test_measurements_have_a_rate_where_each_comes_as_long_after_the_one_before() -> None:
    assert even_rate_hz(MEASURED, at(0, 10**8, 2 * 10**8)) == 10.0
    assert even_rate_hz(MEASURED, at(0, 10**8, 2 * 10**8 + 1)) is None
    assert even_rate_hz(MEASURED, at(0)) is None
    stored = replace(STORED, spacing_hz=2.0, rate_is_known=True)
    assert even_rate_hz(stored, at(0, 5)) == 2.0
    assert even_rate_hz(STORED, at(0, 10**8, 2 * 10**8)) is None
