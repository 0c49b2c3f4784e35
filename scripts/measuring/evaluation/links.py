"""Prints how many links between tracks are right, and how many objects that come back are linked.

Of faces too, which services do not link.

Known identities from real clips: an object that was followed without a break is one, and two that were seen together
are two. In each trial no object is detected for some seconds; some of them are shown before, and some after it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from scripts.measuring.evaluation.labelled import SHARED
from scripts.measuring.evaluation.weights import open_weights
from services.common.media.vocabulary import ObjectClass
from services.processor.detect.detector import ComposedDetector
from services.processor.video.limits import VideoLimits
from services.processor.video.orientation import Orientation
from services.processor.video.source import VideoSource
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.camera import Camera
from services.processor.video.tracking.frame_detection import FrameDetections, FrameDetector
from services.processor.video.tracking.links import LONGEST_SECONDS, link_paths
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.video.tracking.tracker import Tracker

CLIPS = (
    ("persons_corridor.mp4", ObjectClass.PERSON),
    ("faces_stage.mp4", ObjectClass.PERSON),
    ("faces_stage.mp4", ObjectClass.FACE),
)
GAPS_SECONDS = (1.5, 4.0, 10.0)
SHOWN_SHARE = 0.7
LOOK_SECONDS = 0.1
LONG_SECONDS = 1.0
"""An object that is followed for less counts for nothing."""
SAME_IOU = 0.9
_ROW = "{:22} {:8} {:>7} {:>8} {:>7} {:>6} {:>6} {:>8} {:>10} {:>8} {:>7}"


@dataclass(slots=True)
class Clip:
    """The detections in a clip, and the object of each."""

    timeline: Timeline
    threshold: float
    looks: dict[int, FrameDetections] = field(default_factory=dict)
    owners: dict[int, list[int | None]] = field(default_factory=dict)
    """For each frame the object of each detection."""
    objects: list[ObjectPath] = field(default_factory=list)

    def are_two(self, one: int, other: int) -> bool:
        """Whether two objects were seen together."""
        first, second = self.objects[one], self.objects[other]
        return first.first <= second.last and second.first <= first.last


def main() -> int:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(prog="scripts/evaluate links", description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of clips and pulled weights")
    parser.add_argument("--weights", choices=("pulled", "bundled"), default="pulled")
    parser.add_argument("--trials", type=int, default=200, help="of each clip and gap (200)")
    options = parser.parse_args()
    clips = options.shared / "media" / "videos"
    if not clips.is_dir():
        sys.exit(f"no clips: there is no folder {clips}; name one with --shared")
    detector = open_weights(options.shared / "models", options.weights)
    heads = "clip", "class", "objects", "out of", "links", "right", "wrong", "unknown", "precision", "returns", "recall"
    print(_ROW.format(*heads))
    for name, object_class in CLIPS:
        clip = read_clip(clips / name, object_class, detector)
        length = clip.timeline.seconds(len(clip.timeline) - 1)
        for gap in GAPS_SECONDS:
            if gap > length / 3:
                continue
            generator, counts = np.random.default_rng(0), Counter[str]()
            for _ in range(options.trials):
                counts += trial(clip, gap, generator)
            _print(name, object_class, clip, gap, counts)
    return 0


def _print(name: str, object_class: ObjectClass, clip: Clip, gap: float, counts: Counter[str]) -> None:
    decided = counts["right"] + counts["wrong"]
    precision = f"{counts['right'] / decided:.3f}" if decided else "-"
    recall = f"{counts['right'] / counts['returns']:.3f}" if counts["returns"] else "-"
    links = (counts["links"], counts["right"], counts["wrong"], counts["unknown"])
    cells = (name, object_class, len(clip.objects), f"{gap:g} s", *links, precision, counts["returns"], recall)
    print(_ROW.format(*cells), flush=True)


def read_clip(path: Path, object_class: ObjectClass, detector: ComposedDetector) -> Clip:
    """Detects in ten frames of each second, and follows what is found through the whole clip."""
    with VideoSource(path, VideoLimits(), 1) as source:
        header, classes = source.header, frozenset({object_class})
        threshold = detector.thresholds[object_class]
        frames = FrameDetector(header.width, header.height, Orientation(), detector, classes, {object_class: threshold})
        clip, camera = Clip(Timeline(header.time_base), threshold), Camera(header.width, header.height)
        next_seconds = 0.0
        for number, (pts, frame) in enumerate(source.frames()):
            motion = camera.advance(frame)
            clip.timeline.append(pts, motion.dx, motion.dy, motion.is_cut)
            if clip.timeline.seconds(number) >= next_seconds or motion.is_cut:
                next_seconds = clip.timeline.seconds(number) + LOOK_SECONDS
                clip.looks[number] = frames.detect(frames.picture_of(frame))
    clip.objects = [path for path in _followed(clip, clip.looks) if _seconds(path, clip.timeline) >= LONG_SECONDS]
    clip.owners = {frame: _owners(clip, frame, clip.objects) for frame in clip.looks}
    return clip


def trial(clip: Clip, gap: float, generator: np.random.Generator) -> Counter[str]:
    """Hides all objects for a while, and some of them before or after that; counts the links."""
    timeline, frames = clip.timeline, list(clip.looks)
    starts = [frame for frame in frames if timeline.seconds(frames[-1]) - timeline.seconds(frame) > gap]
    start = timeline.seconds(int(generator.choice(starts)))
    shown = generator.random((2, len(clip.objects))) < SHOWN_SHARE
    looks = {}
    for frame, look in clip.looks.items():
        seconds = timeline.seconds(frame)
        is_after = seconds >= start + gap
        kept = [
            number
            for number, owner in enumerate(clip.owners[frame])
            if owner is not None and (seconds < start or is_after) and shown[int(is_after), owner]
        ]
        detections = [look.detections[number] for number in kept]
        looks[frame] = FrameDetections(detections, [look.appearances[number] for number in kept], 0.0)
    return _count(clip, _followed(clip, looks))


def _count(clip: Clip, paths: Sequence[ObjectPath]) -> Counter[str]:
    links = link_paths(paths, clip.timeline, tuple(ObjectClass))
    objects = [_object_of(clip, path) for path in paths]
    counts = Counter[str]()
    for one, other in combinations(range(len(paths)), 2):
        first, second = objects[one], objects[other]
        is_linked = other in links[one]
        counts["links"] += is_linked
        if first is None or second is None or (first != second and not clip.are_two(first, second)):
            counts["unknown"] += is_linked
            continue
        away = clip.timeline.seconds(paths[other].first) - clip.timeline.seconds(paths[one].last)
        counts["returns"] += first == second and 0 < away <= LONGEST_SECONDS
        counts["right" if first == second else "wrong"] += is_linked
    return counts


def _followed(clip: Clip, looks: dict[int, FrameDetections]) -> list[ObjectPath]:
    tracker = Tracker(clip.timeline)
    for frame, look in looks.items():
        tracker.update(frame, look.detections, look.appearances)
    return [path for path in tracker.finish() if path.best_score >= clip.threshold]


def _owners(clip: Clip, frame: int, paths: Sequence[ObjectPath]) -> list[int | None]:
    seen = [number for number, path in enumerate(paths) if frame in path.frames]
    boxes = {number: paths[number].box_at(frame, clip.timeline) for number in seen}
    return [
        next((number for number, box in boxes.items() if box.iou(found.box) >= SAME_IOU), None)
        for found in clip.looks[frame].detections
    ]


def _object_of(clip: Clip, path: ObjectPath) -> int | None:
    """The object that most sights of a track are of."""
    found = Counter(_sights(clip, path))
    return found.most_common(1)[0][0] if found else None


def _sights(clip: Clip, path: ObjectPath) -> Iterator[int]:
    for frame in path.frames:
        box = path.box_at(frame, clip.timeline)
        for detection, owner in zip(clip.looks[frame].detections, clip.owners[frame], strict=True):
            if owner is not None and detection.box.iou(box) >= SAME_IOU:
                yield owner


def _seconds(path: ObjectPath, timeline: Timeline) -> float:
    return timeline.seconds(path.last) - timeline.seconds(path.first)


if __name__ == "__main__":
    sys.exit(main())
