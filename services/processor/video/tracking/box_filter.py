"""Where an object that was seen is now: a Kalman filter of constant velocity over a box's centre and size."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import Box

MEASURED_SPREAD: Final = 0.05
"""How far a detector's boxes jump, as a share of the object's size."""
UNKNOWN_SPEED: Final = 2.0
UNKNOWN_ACCELERATION: Final = 4.0
"""In sizes of the object, per second and per second squared."""
FEWEST_PIXELS: Final = 1.0

Numbers = NDArray[np.float64]


class BoxFilter:
    """Follows centre x, centre y, width and height apart; all times are seconds."""

    def __init__(self, box: Box, seconds: float) -> None:
        self._seconds = seconds
        self._position = _measure(box)
        self._speed: Numbers = np.zeros(4)
        size = _size(box)
        self._variance = np.full(4, (MEASURED_SPREAD * size) ** 2)
        self._covariance: Numbers = np.zeros(4)
        self._speed_variance = np.full(4, (UNKNOWN_SPEED * size) ** 2)

    def predict(self, seconds: float) -> Box:
        """Where the object is expected at that time."""
        centre_x, centre_y, width, height = self._position + self._speed * (seconds - self._seconds)
        half_width, half_height = max(width, FEWEST_PIXELS) / 2, max(height, FEWEST_PIXELS) / 2
        return Box(
            float(centre_x - half_width),
            float(centre_y - half_height),
            float(centre_x + half_width),
            float(centre_y + half_height),
        )

    def update(self, box: Box, seconds: float) -> None:
        """Take in where the object was seen at that time."""
        passed = seconds - self._seconds
        size = _size(box)
        acceleration = (UNKNOWN_ACCELERATION * size) ** 2
        variance = (
            self._variance
            + 2 * passed * self._covariance
            + passed**2 * self._speed_variance
            + acceleration * passed**4 / 4
        )
        covariance = self._covariance + passed * self._speed_variance + acceleration * passed**3 / 2
        speed_variance = self._speed_variance + acceleration * passed**2
        position = self._position + self._speed * passed
        innovation = _measure(box) - position
        expected = variance + (MEASURED_SPREAD * size) ** 2
        gain, speed_gain = variance / expected, covariance / expected
        self._seconds = seconds
        self._position = position + gain * innovation
        self._speed = self._speed + speed_gain * innovation
        self._variance = (1 - gain) * variance
        self._covariance = (1 - gain) * covariance
        self._speed_variance = speed_variance - speed_gain * covariance

    @property
    def sizes_per_second(self) -> float:
        """How fast the object moves, in its own size."""
        return float(np.hypot(*self._speed[:2]) / max(FEWEST_PIXELS, self._position[2:].mean()))


def _measure(box: Box) -> Numbers:
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2, box.width, box.height])


def _size(box: Box) -> float:
    return max((box.width + box.height) / 2, FEWEST_PIXELS)
