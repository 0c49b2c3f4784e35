from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.series.downsampling import Downsampler
from services.common.series.points import Points


def picked(columns: list[np.ndarray], most: int, cut: int) -> Points:
    count = len(columns[0])
    sampler = Downsampler(most, len(columns), count)
    for start in range(0, count, cut):
        part = slice(start, start + cut)
        sampler.add(Points(np.arange(count)[part] * 10, tuple(column[part] for column in columns)))
    return sampler.picked()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 3000), st.integers(10, 400), st.integers(1, 3), st.booleans())
def test_the_extremes_of_each_channel_are_among_the_points(seed, count, most, channels, with_gaps) -> None:
    random = np.random.default_rng(seed)
    columns = [random.standard_cauchy(count) for _ in range(channels)]
    if with_gaps:
        columns[0][random.integers(0, count, count // 3)] = np.nan
    points = picked(columns, most, 512)
    assert len(points) <= most
    assert (np.diff(points.times_ns) > 0).all()
    for column, kept in zip(columns, points.columns, strict=True):
        if not np.isnan(column).all():
            assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(column), np.nanmax(column))
        whole = dict(zip((np.arange(count) * 10).tolist(), column.view(np.int64).tolist(), strict=True))
        times, values = points.times_ns.tolist(), np.ascontiguousarray(kept).view(np.int64).tolist()
        assert all(whole[time] == value for time, value in zip(times, values, strict=True))


@pytest.mark.parametrize("count", [3, 4, 5, 100])
def test_few_points_stay_as_they_are(count: int) -> None:
    assert len(picked([np.arange(count, dtype=float)], 100, 7)) == count
