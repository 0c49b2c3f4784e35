"""How many points a season has, found in the series itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Points = NDArray[np.float64]
SHORTEST, LONGEST = 2, 366
# A season's peak in the autocorrelation stands out of its surroundings by this much.
LEAST_PROMINENCE = 0.3
# Of lags that correlate nearly as well as the best, the shortest is the season; the others are its multiples.
NEARLY_BEST = 0.9


def season_length(points: Points) -> int:
    """Returns the number of points of a season, or 1 where there is none; a season has to occur three times."""
    longest = min(LONGEST, len(points) // 3)
    if longest < SHORTEST:
        return 1
    level = signal.detrend(points)
    power = float(np.dot(level, level))
    # Of a straight line, rounding errors alone are left.
    if power <= len(points) * (np.finfo(np.float64).eps * float(np.max(np.abs(points))) * len(points)) ** 2:
        return 1
    correlation = signal.correlate(level, level, mode="full", method="fft")[len(level) - 1 :] / power
    peaks, _ = signal.find_peaks(correlation[: longest + 2], prominence=LEAST_PROMINENCE)
    good = peaks[(peaks >= SHORTEST) & (correlation[peaks] > 0)]
    if len(good) == 0:
        return 1
    return int(good[correlation[good] >= NEARLY_BEST * np.max(correlation[good])][0])
