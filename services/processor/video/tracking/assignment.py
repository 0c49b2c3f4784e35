"""Pairs rows with columns so that the sum of their costs is the least possible.

The method is that of SciPy's linear_sum_assignment, shortest augmenting paths; figures: docs/decisions/tracker.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
NONE = -1


def cheapest_pairs(costs: Costs) -> list[tuple[int, int]]:
    """Returns (row, column) pairs in the order of rows: every row has one, or every column has one."""
    if not np.isfinite(costs).all():
        raise ValueError("every cost must be a finite number")
    if costs.shape[0] > costs.shape[1]:
        return sorted((row, column) for column, row in cheapest_pairs(costs.T))
    # No pair costs less than the prices of its row and its column together; a chosen pair costs exactly that.
    row_prices, column_prices = costs.min(axis=1), np.zeros(costs.shape[1])
    row_of = np.full(costs.shape[1], NONE)
    waiting = []
    for row, column in enumerate(costs.argmin(axis=1)):
        if row_of[column] == NONE:
            row_of[column] = row
        else:
            waiting.append(row)
    for row in waiting:
        _pair(row, costs, row_prices, column_prices, row_of)
    return sorted((int(row), column) for column, row in enumerate(row_of) if row != NONE)


def _pair(row: int, costs: Costs, row_prices: Costs, column_prices: Costs, row_of: NDArray[np.intp]) -> None:
    """Gives a row a column: along the shortest path to a free one, each row leaves its column to the row before."""
    distances = np.full(len(row_of), np.inf)
    column_before = np.full(len(row_of), NONE)
    is_left = np.ones(len(row_of), dtype=bool)
    distance, here, column = 0.0, row, NONE
    while here != NONE:
        from_here = distance + costs[here] - row_prices[here] - column_prices
        is_shorter = is_left & (from_here < distances)
        distances[is_shorter] = from_here[is_shorter]
        column_before[is_shorter] = column
        column = int(np.where(is_left, distances, np.inf).argmin())
        distance, here = float(distances[column]), int(row_of[column])
        is_left[column] = here == NONE
    passed = np.flatnonzero(~is_left)
    gains = distance - distances[passed]
    row_prices[row] += distance
    row_prices[row_of[passed]] += gains
    column_prices[passed] -= gains
    while column_before[column] != NONE:
        before = column_before[column]
        row_of[column] = row_of[before]
        column = before
    row_of[column] = row
