from __future__ import annotations

import numpy as np
import pytest

from services.common.media.vocabulary import Box
from services.processor.video.tracking.novelty import NEW_DIFFERENCE, shows_something_new

SIZE = 640, 360


def changed(row: int, column: int, difference: float = 2 * NEW_DIFFERENCE) -> np.ndarray:
    """A frame of 20 x 11 parts, of which one changed: each is 32 pixels wide and 33 high."""
    changes = np.zeros((11, 20), np.uint8)
    changes[row, column] = difference
    return changes


def test_a_change_where_nothing_is_expected_is_new() -> None:
    assert shows_something_new(changed(5, 10), *SIZE, [])
    assert shows_something_new(changed(5, 10), *SIZE, [Box(0, 0, 100, 100)])


def test_noise_is_not_new() -> None:
    assert not shows_something_new(changed(5, 10, NEW_DIFFERENCE - 1), *SIZE, [])


@pytest.mark.parametrize("box", [Box(310, 150, 360, 210), Box(360, 150, 420, 210), Box(-100, -100, 700, 400)])
def test_a_change_at_or_beside_an_expected_object_is_not_new(box: Box) -> None:
    assert not shows_something_new(changed(5, 10), *SIZE, [box])
