"""Very large and very small points in a unit that is a power of two: squares stay in range, and no digit changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
LARGEST = float(np.finfo(np.float64).max)
# With smaller exponents, powers of many points are in the range of numbers anyway.
USUAL_EXPONENT = 100


def scaled(points: Points) -> tuple[Points, int]:
    """Returns the points in a unit that suits them, and its exponent. Gaps stay."""
    largest = max(float(np.fmax.reduce(points, initial=0)), -float(np.fmin.reduce(points, initial=0)))
    exponent = int(np.frexp(largest)[1])
    return (points, 0) if abs(exponent) <= USUAL_EXPONENT else (np.ldexp(points, -exponent), exponent)


def enlarged(numbers: Points, exponent: int) -> Points:
    """Returns the numbers in their own unit; what leaves the range of numbers is the largest number."""
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(numbers, exponent), -LARGEST, LARGEST)
