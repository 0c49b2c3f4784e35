from __future__ import annotations

import numpy as np
import pytest

from services.processor.series.scaling import LARGEST, enlarged, scaled


@pytest.mark.parametrize("points", [[1e308, -1.7e308, np.nan], [1e-300, 3e-301], [1.5, -2.0], [0.0, np.nan], [5e-324]])
def test_points_come_back_with_every_digit(points):
    small, exponent = scaled(np.array(points))
    assert np.isfinite(small[~np.isnan(small)] ** 4).all()
    np.testing.assert_array_equal(enlarged(small, exponent), points)


def test_numbers_beyond_the_largest_are_the_largest():
    assert enlarged(np.array([2.0, -2.0, 0.25]), 1024).tolist() == [LARGEST, -LARGEST, 2.0**1022]
