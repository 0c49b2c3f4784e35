from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from services.common.media.vocabulary import Box, Mode, Shape
from services.processor.anonymize.paint import paint_covers
from services.processor.anonymize.pixels import Pixels
from services.processor.anonymize.plan import Cover


def noise() -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (90, 120, 3)).astype(np.uint8)


def covered(pixels: Pixels, *boxes: Box) -> Pixels:
    copy = pixels.copy()
    paint_covers(copy, [Cover(box, Shape.BOX, Mode.GRADIENT) for box in boxes], lambda _: (7, 8, 9))
    return copy


def test_a_gradient_leads_from_the_colours_of_one_side_to_those_of_the_other() -> None:
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[:, :50], pixels[:, 50:] = (200, 100, 0), (0, 100, 50)
    row = covered(pixels, Box(20, 10, 80, 70))[40, 20:80].astype(int)
    assert np.array_equal(row[0], (200, 100, 0))
    assert np.array_equal(row[-1], (0, 100, 50))
    assert (np.diff(row, axis=0) * (-1, 1, 1) >= 0).all()
    assert len(np.unique(row, axis=0)) > 20


@pytest.mark.parametrize("area", [Box(0, 0, 40, 90), Box(0, 0, 120, 30), Box(30, 60, 120, 90)])
def test_a_gradient_at_the_edge_of_the_picture_takes_the_colours_that_there_are(area: Box) -> None:
    pixels = np.full((90, 120, 3), 255, np.uint8)
    assert (covered(pixels, area) == 255).all()


def test_a_gradient_over_the_whole_picture_is_black() -> None:
    assert (covered(noise(), Box(0, 0, 120, 90)) == (7, 8, 9)).all()


@pytest.mark.parametrize(
    "boxes",
    [
        (Box(20, 20, 50, 50), Box(50, 20, 80, 50)),
        (Box(20, 20, 50, 50), Box(51, 30, 80, 60), Box(40, 48, 60, 70)),
        (Box(30, 30, 40, 40), Box(10, 10, 100, 80)),
        (Box(0, 0, 60, 90), Box(60, 0, 120, 90)),
    ],
)
def test_no_object_shows_in_the_cover_of_its_neighbour(boxes: tuple[Box, ...]) -> None:
    before = noise()
    for order in permutations(boxes):
        for box in boxes:
            other = before.copy()
            inside = np.s_[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
            other[inside] = 255 - other[inside]
            assert np.array_equal(covered(before, *order), covered(other, *order))
