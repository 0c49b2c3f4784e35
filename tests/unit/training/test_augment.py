from __future__ import annotations

import numpy as np
import pytest

from training.augment import PADDING, Sample, compose
from training.data import Picture

SIZE = 128


def picture(boxes: list[list[float]], ignored: list[list[float]] | None = None) -> Picture:
    """A dark picture whose boxes are bright, so that pixels tell where a box went."""
    pixels = np.full((300, 400, 3), 20, np.uint8)
    for _, x1, y1, x2, y2 in boxes:
        pixels[int(y1) : int(y2), int(x1) : int(x2)] = 235
    as_rows = [np.array(rows or [], np.float32).reshape(-1, 5) for rows in (boxes, ignored)]
    return Picture("drawn.png", pixels, as_rows[0], as_rows[1], frozenset({0, 1, 2, 3}))


def composed(pictures: list[Picture], seed: int) -> Sample:
    others = [1 % len(pictures)] * 3 if seed % 2 else []
    return compose(pictures, 0, others, SIZE, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(0, 80, 2))
def test_boxes_stay_on_the_canvas_and_on_their_object(seed: int) -> None:
    sample = composed([picture([[1, 120, 80, 260, 220]])], seed)
    assert sample.pixels.shape == (SIZE, SIZE, 3)
    background = np.ones((SIZE, SIZE), bool)
    for _, x1, y1, x2, y2 in sample.boxes.tolist():
        assert 0 <= x1 < x2 <= SIZE
        assert 0 <= y1 < y2 <= SIZE
        background[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = False
    brightness = sample.pixels.mean(-1)
    scene = background & (sample.pixels != PADDING).any(-1)
    if len(sample.boxes) and scene.any():
        # A cut-out hides at most a quarter of a box, so the median pixel is the object's.
        assert np.median(brightness[~background]) > np.median(brightness[scene]) + 40


def test_the_same_seed_gives_the_same_canvas() -> None:
    pictures = [picture([[0, 10, 10, 90, 90]]), picture([[3, 200, 100, 390, 290]])]
    first, second = composed(pictures, 7), composed(pictures, 7)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_a_mosaic_holds_objects_of_several_pictures() -> None:
    pictures = [picture([[0, 150, 100, 250, 200]]), picture([[3, 150, 100, 250, 200]])]
    classes = {int(c) for seed in range(1, 20, 2) for c in composed(pictures, seed).boxes[:, 0]}
    assert classes == {0, 3}


def test_objects_too_small_to_learn_are_ignored_rather_than_called_background() -> None:
    sample = composed([picture([[2, 200, 150, 203, 152]])], seed=2)
    assert not len(sample.boxes)
    kept = [len(composed([picture([[2, 200, 150, 203, 152]])], seed).ignored) for seed in range(0, 20, 2)]
    assert sum(kept) > 0


def test_ignored_regions_move_with_the_picture() -> None:
    box = [1.0, 120.0, 80.0, 260.0, 220.0]
    for seed in range(0, 20, 2):
        sample = composed([picture([box], [box])], seed)
        for row in sample.boxes:
            assert np.abs(sample.ignored - row).sum(1).min() < 1e-3
