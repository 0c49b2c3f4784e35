from __future__ import annotations

import numpy as np
import pytest

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.tracking.appearance import Appearance, MeanAppearance, appearances
from services.processor.vision.detections import Detection, Picture

RED, BLUE, WHITE, BLACK = (30, 30, 200), (200, 60, 30), (240, 240, 240), (10, 10, 10)


def person(*colors: tuple[int, int, int], light: float = 1.0) -> Picture:
    """A picture of bands of colours, from top to bottom."""
    bands = [np.full((60 // len(colors), 40, 3), color, np.float64) for color in colors]
    return np.clip(np.concatenate(bands) * light, 0, 255).astype(np.uint8)


def look(picture: Picture, object_class: ObjectClass = ObjectClass.PERSON, box: Box | None = None) -> Appearance:
    height, width = picture.shape[:2]
    (found,) = appearances(picture, [Detection(object_class, 0.9, box or Box(0, 0, width, height))])
    return found


def alike(one: Appearance, other: Appearance) -> float:
    return float(np.minimum(one, other).sum())


def test_the_same_colours_in_the_same_places_are_alike_in_other_light() -> None:
    usual = look(person(RED, BLUE, BLACK))
    assert usual.sum() == pytest.approx(1)
    assert alike(usual, look(person(RED, BLUE, BLACK, light=0.8))) > 0.8
    assert alike(usual, look(person(BLUE, RED, WHITE))) < 0.3
    assert alike(look(person(WHITE)), look(person(BLACK))) < 0.1


def test_a_face_is_known_by_the_clothes_below_it() -> None:
    faces = [person(WHITE, cloth, cloth) for cloth in (RED, BLUE, RED)]
    red, blue, again = (look(one, ObjectClass.FACE, Box(10, 0, 30, 20)) for one in faces)
    assert alike(red, again) == pytest.approx(1)
    assert alike(red, blue) < 0.5


@pytest.mark.parametrize("box", [Box(-5, -5, 1, 1), Box(39, 59, 80, 90), Box(5, 5, 5.1, 5.1)])
def test_a_box_at_the_edge_or_of_no_size_has_a_look_too(box: Box) -> None:
    for object_class in ObjectClass:
        assert look(person(RED), object_class, box).sum() == pytest.approx(1)


def test_the_mean_counts_every_sight_the_same() -> None:
    mean = MeanAppearance()
    assert mean.mean is None
    for picture in (person(RED), person(RED), person(BLUE)):
        mean.add(look(picture))
    assert mean.mean == pytest.approx((2 * look(person(RED)) + look(person(BLUE))) / 3)
