"""Makes reference tracks: every frame at twice its size, by all models together, followed in both directions.

Slow, and so run once. Tracks that are no faces or cars to the eye (hands, ears) were taken out of the file by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from scripts.measuring.evaluation.video.references import BoxTrack, Reference
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.detect.detector import ComposedDetector
from services.processor.vision.detections import Picture

ENLARGED: Final = 2
CERTAIN: Final = 0.6
FOLLOWED: Final = 0.25
"""A score from which a detection begins an object, and one from which it continues it."""
SAME_IOU: Final = 0.3
LONGEST_GAP: Final = 6
FEWEST_FRAMES: Final = 2


@dataclass(slots=True, eq=False)
class _Found:
    box: Box
    score: float
    is_taken: bool = False


def make_reference(
    clip: str, path: Path, object_class: ObjectClass, frames: int, detectors: Sequence[ComposedDetector]
) -> Reference:
    """Finds the objects of one class in the first frames of a clip."""
    found = [_detect(picture, object_class, detectors) for picture in first_pictures(path, frames)]
    return Reference(clip, object_class, len(found), _link(found))


def first_pictures(path: Path, frames: int) -> Iterator[Picture]:
    """Decodes the first frames of a video."""
    with av.open(str(path)) as container:
        for frame in islice(container.decode(video=0), frames):
            yield frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def first_part(path: Path, target: Path, frames: int) -> Path:
    """Writes the first frames of a clip, nearly as they are; returns the clip itself where it has no more."""
    with av.open(str(path)) as source:
        if source.streams.video[0].frames <= frames:
            return path
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        pictures = source.streams.video[0]
        stream = container.add_stream("libx264", rate=pictures.average_rate, options={"crf": "12"})
        stream.width, stream.height = pictures.width, pictures.height
        for frame in islice(source.decode(pictures), frames):
            frame.pict_type = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target


def _detect(picture: Picture, object_class: ObjectClass, detectors: Sequence[ComposedDetector]) -> list[_Found]:
    large = cv2.resize(picture, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    found: list[_Found] = []
    for detector in detectors:
        for one in detector.detect_frame(large, frozenset({object_class}), {object_class: FOLLOWED}, None):
            sides = (side / ENLARGED for side in (one.box.left, one.box.top, one.box.right, one.box.bottom))
            box = Box(*sides)
            same = next((other for other in found if other.box.iou(box) >= SAME_IOU), None)
            if same is None:
                found.append(_Found(box, one.score))
            else:
                # Two models that agree are more certain than either.
                same.score = 1 - (1 - same.score) * (1 - one.score)
    return found


def _link(found: Sequence[Sequence[_Found]]) -> list[BoxTrack]:
    seeds = [
        (one.score, -frame, number)
        for frame, objects in enumerate(found)
        for number, one in enumerate(objects)
        if one.score >= CERTAIN
    ]
    tracks = []
    for _, negative_frame, number in sorted(seeds, reverse=True):
        seed = found[-negative_frame][number]
        if seed.is_taken:
            continue
        seed.is_taken = True
        track = {-negative_frame: seed.box}
        for step in (1, -1):
            _follow(found, track, -negative_frame, step)
        if len(track) >= FEWEST_FRAMES:
            tracks.append(_filled(track))
    return sorted(tracks, key=min)


def _follow(found: Sequence[Sequence[_Found]], track: dict[int, Box], start: int, step: int) -> None:
    last = start
    frame = start + step
    while 0 <= frame < len(found) and abs(frame - last) <= LONGEST_GAP:
        best = max(
            (one for one in found[frame] if not one.is_taken),
            key=lambda one: one.box.iou(track[last]),
            default=None,
        )
        if best is not None and best.box.iou(track[last]) >= SAME_IOU:
            best.is_taken = True
            track[frame] = best.box
            last = frame
        frame += step


def _filled(track: dict[int, Box]) -> BoxTrack:
    """The track with the frames between its detections."""
    frames = sorted(track)
    whole = dict(track)
    for before, after in pairwise(frames):
        for frame in range(before + 1, after):
            whole[frame] = track[before].mixed(track[after], (frame - before) / (after - before))
    return dict(sorted(whole.items()))
