from __future__ import annotations

import numpy as np

from scripts.measuring.evaluation.canvases import Crop, draw_canvas
from services.common.media.vocabulary import Box, ObjectClass

FACE, PLATE = ObjectClass.FACE, ObjectClass.LICENSE_PLATE
WHITE = np.full((90, 90, 3), 255, np.uint8)
CROPS = [Crop(WHITE, FACE, Box(30, 30, 60, 60)), Crop(WHITE, PLATE, Box(30, 40, 60, 50))]
DARK = [np.zeros((40, 50, 3), np.uint8)]


def test_objects_have_the_lengths_asked_for_and_lie_where_their_boxes_say():
    canvas = draw_canvas(400, 300, (15, 30), CROPS, DARK, seed=1)
    assert sorted((one.object_class, one.length) for one in canvas.objects) == [
        (FACE, 15),
        (FACE, 30),
        (PLATE, 15),
        (PLATE, 30),
    ]
    for one in canvas.objects:
        assert max(one.box.width, one.box.height) == one.length
        inside = canvas.picture[round(one.box.top) : round(one.box.bottom), round(one.box.left) : round(one.box.right)]
        assert inside.min() == 255


def test_crops_neither_overlap_nor_grow_beyond_their_sharpness():
    canvas = draw_canvas(400, 300, (30,) * 20 + (200,), CROPS, DARK, seed=1)
    assert len(canvas.crops) == len(canvas.objects) >= 4
    assert {one.length for one in canvas.objects} == {30}
    for number, crop in enumerate(canvas.crops):
        assert not any(crop.intersection(other) for other in canvas.crops[:number])


def test_a_canvas_turns_with_its_objects():
    canvas = draw_canvas(400, 300, (30,), CROPS, DARK, seed=3)
    turned = canvas.turned(1)
    assert turned.picture.shape == (400, 300, 3)
    for one in turned.objects:
        inside = turned.picture[round(one.box.top) : round(one.box.bottom), round(one.box.left) : round(one.box.right)]
        assert inside.min() == 255
    again = turned.turned(3)
    assert again.objects == canvas.objects
    assert np.array_equal(again.picture, canvas.picture)
