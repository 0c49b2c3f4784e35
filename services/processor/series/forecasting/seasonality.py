"""The season of a series: how many points it has, and how each of them differs from the points around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processor.series.spectrum import local_maxima

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
    start, slope = fitted_line(points)
    level = points - start - slope * np.arange(len(points))
    power = float(np.dot(level, level))
    # Of a straight line, rounding errors alone are left.
    if power <= len(points) * (np.finfo(np.float64).eps * float(np.max(np.abs(points))) * len(points)) ** 2:
        return 1
    correlation = _products(level, longest + 2) / power
    peaks = local_maxima(correlation)
    good = peaks[(peaks >= SHORTEST) & (correlation[peaks] > 0)]
    good = good[[_prominence(correlation, peak) >= LEAST_PROMINENCE for peak in good.tolist()]]
    if len(good) == 0:
        return 1
    return int(good[correlation[good] >= NEARLY_BEST * np.max(correlation[good])][0])


def fitted_line(points: Points) -> tuple[float, float]:
    """Returns the first value and the slope of the line with the least squares."""
    middle = (len(points) - 1) / 2
    places = np.arange(len(points)) - middle
    slope = float(np.dot(places, points) / np.dot(places, places))
    return float(np.mean(points)) - slope * middle, slope


def moving_mean(points: Points, season: int) -> Points:
    """Returns the mean of a season around each point, without the first and last `season // 2` points."""
    # Of an even number of points, the two at the ends count half, so that the mean has a point in its middle.
    weights = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    return np.convolve(points, weights / season, "valid")


def seasonal_factors(points: Points, season: int, *, is_product: bool) -> Points:
    """Returns what each place of the season adds to the moving mean, or what it is multiplied by."""
    neutral = 1.0 if is_product else 0.0
    if season == 1:
        return np.array([neutral])
    means = moving_mean(points, season)
    inner = points[season // 2 : season // 2 + len(means)]
    shares = inner / means if is_product else inner - means
    factors = np.array([np.mean(shares[(place - season // 2) % season :: season]) for place in range(season)])
    return np.asarray(factors / np.mean(factors) if is_product else factors - np.mean(factors))


def _products(level: Points, lags: int) -> Points:
    """Returns the sum of the products of points that are 0, 1, 2… apart."""
    size = 1 << (len(level) + lags - 1).bit_length()
    transform = np.fft.rfft(level, size)
    return np.fft.irfft(transform * transform.conj(), size)[:lags]


def _prominence(heights: Points, peak: int) -> float:
    """Returns how far one has to go down from a peak before a higher point is reached, or an end."""
    lowest = []
    for side in (heights[:peak][::-1], heights[peak + 1 :]):
        higher = np.flatnonzero(side > heights[peak])
        lowest.append(float(np.min(side[: higher[0]] if len(higher) else side)))
    return float(heights[peak]) - max(lowest)
