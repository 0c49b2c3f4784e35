from __future__ import annotations

import numpy as np
import pytest

from scripts.measuring.evaluation.attack import chance_among


@pytest.mark.parametrize(
    ("number", "best", "chance"),
    [(0, 1, 1.0), (3, 1, 0.0), (3, 4, 1.0), (1, 1, 0.0), (1, 2, 0.5), (2, 3, 1.0)],
)
def test_candidates_of_equal_distance_are_drawn_by_lot(number: int, best: int, chance: float) -> None:
    assert chance_among(np.array([0.0, 1.0, 1.0, 2.0]), number, best) == chance
