from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from services.processor.series.student import student_reach

FREEDOM = np.arange(1.0, 201.0)


@pytest.mark.parametrize("level", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.999999])
def test_it_is_scipys(level):
    np.testing.assert_allclose(student_reach(level, FREEDOM), stats.t.isf((1 - level) / 2, FREEDOM), rtol=1e-9)


def test_of_one_degree_of_freedom_it_is_that_of_cauchy_and_of_two_a_root():
    level = 0.99
    found = student_reach(level, np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [np.tan(np.pi * level / 2), level * np.sqrt(2 / (1 - level**2))], rtol=1e-12)


def test_no_probability_needs_no_room():
    np.testing.assert_allclose(student_reach(0, FREEDOM), 0, atol=1e-12)
