"""Student's t distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
# So many values of the integrand give its integral to 13 digits, up to 200 degrees of freedom.
NODES = 64
MOST_STEPS = 50


def student_reach(level: float, freedom: Numbers) -> Numbers:
    """Returns how far from 0 a variable stays with the probability `level`, for each number of degrees of freedom.

    With t = sqrt(freedom) / tan(angle), the density is that of sin(angle) to the power of freedom - 1, which is smooth.
    """
    places, weights = np.polynomial.legendre.leggauss(NODES)
    places, weights = (places[:, None] + 1) / 2, weights[:, None] / 2

    def outside(angles: Numbers) -> Numbers:
        return np.asarray(angles * np.sum(weights * np.sin(angles * places) ** (freedom - 1), axis=0))

    wanted = (1 - level) * outside(np.full_like(freedom, math.pi / 2))
    # An angle is at least its sine; from below, Newton's steps on logarithms only rise.
    angles = (freedom * wanted) ** (1 / freedom)
    for _ in range(MOST_STEPS):
        found = outside(angles)
        steps = np.log(wanted / found) * found / (angles * np.sin(angles) ** (freedom - 1))
        angles *= np.exp(steps)
        if np.max(np.abs(steps)) < 1e-13:
            break
    return np.sqrt(freedom) / np.tan(angles)
