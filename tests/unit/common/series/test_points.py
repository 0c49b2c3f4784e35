from __future__ import annotations

import numpy as np
import pytest

from services.common.series.points import GatheredPoints, Points, grid_times


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


@pytest.mark.parametrize("expected", [0, 3, 100])
def test_points_are_gathered_in_order_however_many_were_expected(expected: int) -> None:
    gathered = GatheredPoints(expected, 1)
    for start in range(0, 40, 8):
        gathered.add(Points(np.arange(start, start + 8), (np.arange(start, start + 8) / 2,)))
    assert gathered.whole().times_ns.tolist() == list(range(40))
    assert gathered.whole().columns[0].tolist() == [at / 2 for at in range(40)]


def test_pieces_have_so_many_values_at_most_and_all_points_in_order() -> None:
    points = Points(np.arange(10), (np.arange(10.0), np.arange(10.0)))
    pieces = list(points.pieces(12))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert np.concatenate([piece.times_ns for piece in pieces]).tolist() == list(range(10))
