"""Prints how objects are followed: the tracker beside norfair and beside a plain matcher by overlap.

Each is given the detections of every third frame. A frame of an object is missed where no box of the objects found
covers half of it; an identity switches where an object goes on under another number. Norfair covers where it
predicts the object, the matcher with the last box. Truth: the scenes' own boxes, or detections in every frame of a
video, chained by overlap.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from itertools import count
from pathlib import Path

import av
import numpy as np

from scripts.measuring.benchmarks.images import SHARED
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.detect.detector import open_detector
from services.processor.models.registry import load_registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.tracker import Tracker
from services.processor.vision.detections import Detection
from tests.support.scenes import SIDE, Place, moving, resting

_STRIDE, _RATE, _PATIENCE = 3, 30, 10
Boxes = dict[int, Box]
"""Boxes of one frame by the object's number."""


def main() -> int:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(prog="scripts/bench tracker", description=__doc__)
    parser.add_argument("--video", type=Path, default=SHARED / "media" / "videos" / "faces_stage.mp4")
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--frames", type=int, default=120, help="of the video (120)")
    options = parser.parse_args()
    ways: dict[str, Callable[[list[Boxes]], list[Boxes]]] = {"ours": _ours, "plain overlap": _plain}
    try:
        import_module("norfair")
    except ImportError:
        print("norfair is not installed: pip install norfair")
    else:
        ways["norfair"] = _norfair
    scenes = {name: _scene(*places) for name, places in _SCENES.items()}
    if options.video.exists():
        scenes[options.video.stem] = _video(options.video, options.models, options.frames)
    for name, truth in scenes.items():
        print(f"{name}: {len(truth)} frames, {len({one for boxes in truth for one in boxes})} objects")
        for way, follow in ways.items():
            began = time.process_time()
            found = follow(truth)
            cost = (time.process_time() - began) / len(truth)
            switches, missed = _compare(truth, found)
            shown = sum(map(len, truth))
            print(
                f"  {way:14} {switches} switches, {missed} of {shown} missed, {1e6 * cost:.0f} us CPU a frame",
                flush=True,
            )
    return 0


def _back(frame: int) -> tuple[float, float]:
    return 100.0 - 2 * frame, 46.0


def _hidden(frame: int) -> tuple[float, float] | None:
    return None if 15 <= frame < 24 else (10.0 + 4 * frame, 40.0)


def _fast(frame: int) -> tuple[float, float]:
    return 10.0 + 9 * frame, 40.0


_SCENES: Mapping[str, Sequence[Place]] = {
    "one moves": (moving,),
    "one moves, one rests": (moving, resting),
    "two pass each other": (moving, _back),
    "one is hidden for 9 frames": (_hidden,),
    "one is fast": (_fast,),
}


def _scene(*places: Place) -> list[Boxes]:
    frames: list[Boxes] = []
    for frame in range(45):
        corners = {number: place(frame) for number, place in enumerate(places)}
        frames.append({one: Box(at[0], at[1], at[0] + SIDE, at[1] + SIDE) for one, at in corners.items() if at})
    return frames


def _video(path: Path, models: Path, frames: int) -> list[Boxes]:
    detector = open_detector(
        load_registry(), ModelStore(models), Runtime(Provider.CPU, 1, lambda _name, _seconds: None)
    )
    numbers = count()
    found: list[Boxes] = []
    with av.open(str(path)) as container:
        for _, frame in zip(range(frames), container.decode(video=0), strict=False):
            picture = frame.to_ndarray(format="bgr24").astype(np.uint8)
            boxes = [one.box for one in detector.detect(picture, frozenset({ObjectClass.FACE}))]
            found.append(_match(found[-1] if found else {}, boxes, numbers))
    return found


def _match(before: Boxes, boxes: Sequence[Box], numbers: count[int], least: float = 0.3) -> Boxes:
    """Gives each box the number of the one before that it overlaps most, or a new one."""
    pairs = sorted(
        ((_overlap(old, box), one, at) for one, old in before.items() for at, box in enumerate(boxes)), reverse=True
    )
    taken: dict[int, int] = {}
    for overlap, one, at in pairs:
        if overlap >= least and at not in taken and one not in taken.values():
            taken[at] = one
    return {taken[at] if at in taken else next(numbers): box for at, box in enumerate(boxes)}


def _ours(truth: list[Boxes]) -> list[Boxes]:
    timeline = Timeline(Fraction(1, _RATE))
    for number in range(len(truth)):
        timeline.append(number, 0.0, 0.0, False)
    tracker = Tracker(timeline)
    for number in range(0, len(truth), _STRIDE):
        tracker.update(number, [Detection(ObjectClass.FACE, 0.9, box) for box in truth[number].values()])
    paths = tracker.finish()
    return [
        {
            one: path.box_at(frame, timeline)
            for one, path in enumerate(paths)
            if path.covered_from(timeline) <= frame <= path.covered_to(timeline)
        }
        for frame in range(len(truth))
    ]


def _plain(truth: list[Boxes]) -> list[Boxes]:
    numbers, shown, last = count(), [], Boxes()
    unseen: dict[int, int] = {}
    for number, boxes in enumerate(truth):
        if number % _STRIDE == 0:
            now = _match(last, list(boxes.values()), numbers)
            unseen = {one: 0 if one in now else unseen.get(one, 0) + _STRIDE for one in last | now}
            last = {one: box for one, box in (last | now).items() if unseen[one] <= _PATIENCE}
        shown.append(last)
    return shown


def _norfair(truth: list[Boxes]) -> list[Boxes]:
    norfair = import_module("norfair")
    tracker = norfair.Tracker("iou", 0.7, initialization_delay=0)
    shown: list[Boxes] = []
    for number, boxes in enumerate(truth):
        if number % _STRIDE:
            objects = tracker.update()
        else:
            points = [np.array([[box.left, box.top], [box.right, box.bottom]]) for box in boxes.values()]
            objects = tracker.update([norfair.Detection(one) for one in points], period=_STRIDE)
        shown.append({one.id: Box(*map(float, one.estimate.ravel())) for one in objects})
    return shown


def _compare(truth: list[Boxes], found: list[Boxes]) -> tuple[int, int]:
    switches = missed = 0
    followed: dict[int, int] = {}
    for boxes, answers in zip(truth, found, strict=True):
        for one, box in boxes.items():
            best = max(answers, key=lambda other: _overlap(answers[other], box), default=None)
            if best is None or _share(box, answers[best]) < 0.5:
                missed += 1
                continue
            switches += followed.get(one, best) != best
            followed[one] = best
    return switches, missed


def _shared(one: Box, other: Box) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, width) * max(0.0, height)


def _overlap(one: Box, other: Box) -> float:
    shared = _shared(one, other)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _share(box: Box, cover: Box) -> float:
    return _shared(box, cover) / (box.width * box.height)


if __name__ == "__main__":
    sys.exit(main())
