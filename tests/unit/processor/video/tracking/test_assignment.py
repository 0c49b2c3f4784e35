from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from services.processor.video.tracking.assignment import cheapest_pairs
from services.processor.video.tracking.tracker import FARTHEST

FORBIDDEN = 2 * FARTHEST


def check(costs: np.ndarray) -> None:
    """The pairs are one to one, as many as can be, in order, and cost what SciPy's cost."""
    pairs = cheapest_pairs(costs)
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    assert rows == sorted(set(rows))
    assert len(set(columns)) == len(pairs) == min(costs.shape)
    assert costs[rows, columns].sum() == pytest.approx(costs[linear_sum_assignment(costs)].sum())


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.sampled_from([0.0, 0.3, 0.6, 0.95, 1.0]))
def test_the_pairs_cost_as_little_as_scipys(seed, rows, columns, forbidden):
    random = np.random.default_rng(seed)
    costs = random.uniform(0, FORBIDDEN, (rows, columns))
    check(np.where(random.random(costs.shape) < forbidden, FORBIDDEN, costs))


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 8))
def test_equal_and_negative_costs_are_costs_too(seed, rows, columns):
    check(np.random.default_rng(seed).integers(-2, 3, (rows, columns)).astype(np.float64))


def test_a_crowd_is_assigned_as_scipy_does():
    random = np.random.default_rng(0)
    seen = random.uniform(0, 10, (60, 2))
    found = (seen + random.normal(0, 0.3, seen.shape))[random.permutation(60)][:50]
    costs = np.minimum(np.square(seen[:, None] - found[None]).sum(axis=-1), FORBIDDEN)
    check(costs)
    assert [column for _, column in cheapest_pairs(costs.T)] == linear_sum_assignment(costs.T)[1].tolist()


@pytest.mark.parametrize("cost", [np.nan, np.inf])
def test_costs_that_are_no_numbers_are_refused(cost):
    with pytest.raises(ValueError, match="finite"):
        cheapest_pairs(np.array([[1.0, cost], [2.0, 3.0]]))
