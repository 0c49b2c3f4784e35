"""A clip in which each of some real faces shows for one frame: 40 pixels high, before a street of 640 x 360."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from scripts.measuring.evaluation.labelled import validation_split
from scripts.measuring.evaluation.video.making import first_pictures
from scripts.measuring.evaluation.video.references import Reference
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Picture

FACES: Final = 22
EVERY: Final = 5
SIZE: Final = (640, 360)
FACE_HEIGHT: Final = 40
_AROUND: Final = 0.6
"""How much of the face's surroundings comes with it, as a share of its size."""
_SMALLEST: Final = 28


def write_flashes(path: Path, shared: Path) -> Reference:
    """Writes the clip and returns where its faces are."""
    streets = [
        cv2.resize(one, SIZE, interpolation=cv2.INTER_AREA)
        for one in first_pictures(shared / "media" / "videos" / "street_udacity.mp4", 30)
    ]
    tracks = []
    chosen = np.random.default_rng(16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "12"})
        stream.width, stream.height = SIZE
        faces = list(islice(_faces(shared), FACES))
        for number in range(EVERY * (len(faces) + 1)):
            # Forth and back, so that the street never jumps.
            turn = number % (2 * len(streets) - 2)
            picture = streets[min(turn, 2 * len(streets) - 2 - turn)].copy()
            if number % EVERY == 0 and number:
                face, box = faces[number // EVERY - 1]
                left = int(chosen.integers(0, SIZE[0] - face.shape[1]))
                top = int(chosen.integers(0, SIZE[1] - face.shape[0]))
                picture[top : top + face.shape[0], left : left + face.shape[1]] = face
                tracks.append({number: Box(box.left + left, box.top + top, box.right + left, box.bottom + top)})
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Reference(path.name, ObjectClass.FACE, EVERY * (len(faces) + 1), tracks)


def _faces(shared: Path) -> Iterator[tuple[Picture, Box]]:
    """Faces without masks with their surroundings, and where in them the face is."""
    for labelled in validation_split(shared):
        for label in labelled.labels:
            box = label.box
            if not label.unmasked or min(box.width, box.height) < _SMALLEST:
                continue
            height, width = labelled.picture.shape[:2]
            around = box.expanded(_AROUND).clipped(width, height)
            left, top, right, bottom = (round(side) for side in (around.left, around.top, around.right, around.bottom))
            scale = FACE_HEIGHT / box.height
            size = round((right - left) * scale), round((bottom - top) * scale)
            face = cv2.resize(labelled.picture[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
            if size[1] < SIZE[1] and size[0] < SIZE[0]:
                inside = (box.left - left, box.top - top, box.right - left, box.bottom - top)
                yield face.astype(np.uint8), Box(*(side * scale for side in inside))
