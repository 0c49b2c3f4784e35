from __future__ import annotations

import numpy as np
import pytest

from services.common.series.points import Points, grid_times


@pytest.mark.parametrize("rate", [1 / 86_400, 1.0, 3.0, 25_600.0, 44_100.0, 1e8])
def test_instants_of_a_rate_are_the_same_whichever_part_is_computed(rate: float) -> None:
    whole = grid_times(1_700_000_000_000_000_000, rate, 0, 10_000)
    parts = [grid_times(1_700_000_000_000_000_000, rate, start, 1000) for start in range(0, 10_000, 1000)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert (np.diff(whole) > 0).all()
    assert whole[-1] - whole[0] == round(9999 * 1e9 / rate)


def test_a_range_holds_its_start_and_not_its_end() -> None:
    points = Points(np.array([10, 20, 30]), (np.array([1.0, 2.0, 3.0]),))
    assert points.within(20, 30).times_ns.tolist() == [20]
    assert points.within(None, None) is points
    assert len(points.within(31, None)) == len(points.within(30, 10)) == 0
