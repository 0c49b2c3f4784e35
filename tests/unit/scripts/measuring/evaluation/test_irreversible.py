from __future__ import annotations

import cv2
import numpy as np
import pytest

from scripts.measuring.evaluation.attack import BEST
from scripts.measuring.evaluation.faces import FACE, Face
from scripts.measuring.evaluation.irreversible import ALLOWED, attack_faces, attack_plates
from services.common.media.vocabulary import Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions

PLATES, TARGETS, FACES = 1000, 15, 60
BY_LOT = BEST / PLATES


def drawn_faces() -> list[Face]:
    """Patches of a few smooth colours, which differ more than faces do."""
    rough = np.random.default_rng(3).integers(0, 256, (FACES, 4, 3, 3)).astype(np.uint8)
    size = int(FACE.width), int(FACE.height)
    return [np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR), np.uint8) for patch in rough]


def default(object_class: ObjectClass) -> Mode:
    return AnonymizeOptions().style_of(object_class).mode


@pytest.mark.parametrize("mode", [default(ObjectClass.LICENSE_PLATE), Mode.SOLID])
@pytest.mark.parametrize("uncertain_pixels", [0, 1])
def test_a_plate_cannot_be_read_through_a_cover(mode: Mode, uncertain_pixels: int) -> None:
    assert attack_plates(mode, PLATES, TARGETS, uncertain_pixels).best <= ALLOWED * BY_LOT


@pytest.mark.parametrize("same_photo", [True, False])
def test_a_face_cannot_be_told_from_others_through_a_cover(same_photo: bool) -> None:
    hits = attack_faces(default(ObjectClass.FACE), drawn_faces(), same_photo=same_photo)
    assert hits.best <= ALLOWED * BEST / FACES


def test_the_attack_succeeds_where_a_cover_keeps_enough() -> None:
    assert attack_plates(Mode.MOSAIC, PLATES, TARGETS).best > 0.9
    assert attack_faces(Mode.MOSAIC, drawn_faces(), same_photo=True).first > 0.9
