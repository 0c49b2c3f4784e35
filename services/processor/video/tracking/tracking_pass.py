"""The first pass over a video: finds and follows its objects, with detections in as few frames as the budget asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from av.video.frame import VideoFrame

from services.common.media.vocabulary import ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.video.encoding.light import UNKNOWN_LIGHT, MasteringLight
from services.processor.video.limits import VideoLimits
from services.processor.video.orientation import Orientation
from services.processor.video.source import VideoSource, display_matrix
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.cadence import Cadence, DetectionBudget, tile_share
from services.processor.video.tracking.camera import Camera, SceneMotion
from services.processor.video.tracking.frame_detection import FrameDetections, FrameDetector, VideoDetector
from services.processor.video.tracking.novelty import shows_something_new
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.video.tracking.tracker import Tracker
from services.processor.vision.detections import TileShare

MOST_PENDING: Final = 2
"""Frames that wait for their detections. A constant: how fast objects are seen to move depends on it."""


@dataclass(frozen=True, slots=True)
class TrackedVideo:
    """The result of the first pass; boxes are in pixels of the frames as they are coded."""

    timeline: Timeline
    paths: list[ObjectPath]
    """The objects that were found with certainty at least once, in the order in which they were first seen."""
    display_matrix: tuple[int, ...] | None
    orientation: Orientation
    detected_frames: int
    detection_seconds: float
    light: MasteringLight = UNKNOWN_LIGHT


def track_objects(
    source: VideoSource,
    options: AnonymizeOptions,
    detector: VideoDetector,
    limits: VideoLimits,
    budget: DetectionBudget,
    threads: int,
    advance: Callable[[int], None],
) -> TrackedVideo:
    """Follows the objects through the whole video; `advance` is called after each frame with the number done."""
    thresholds = {kind: score for kind, score in detector.thresholds.items() if kind in options.object_classes}
    thresholds |= options.thresholds
    with ThreadPoolExecutor(threads, "video-detect") as workers:
        tracking_pass = _TrackingPass(source, options.object_classes, thresholds, detector, budget, workers)
        for number, (pts, frame) in enumerate(source.frames()):
            tracking_pass.advance(number, pts, frame)
            limits.check_length(number + 1, tracking_pass.timeline.seconds(number))
            advance(number + 1)
        return tracking_pass.finish()


@dataclass(frozen=True, slots=True)
class _PendingDetection:
    frame: int
    result: Future[FrameDetections]


class _TrackingPass:
    """Detects in some frames while the next ones are decoded, and tracks the results in their order."""

    def __init__(
        self,
        source: VideoSource,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float],
        detector: VideoDetector,
        budget: DetectionBudget,
        workers: ThreadPoolExecutor,
    ) -> None:
        header = source.header
        self.timeline = Timeline(header.time_base)
        self._header = header
        self._classes = classes
        self._thresholds = thresholds
        self._detector = detector
        self._workers = workers
        self._camera = Camera(header.width, header.height)
        self._tracker = Tracker(self.timeline)
        self._budget = budget
        self._cadence: Cadence | None = None
        self._matrix: tuple[int, ...] | None = None
        self._orientation = Orientation()
        self._light = UNKNOWN_LIGHT
        self._frame_detector: FrameDetector | None = None
        self._pending: deque[_PendingDetection] = deque()
        self._widest_gap_seconds = budget.widest_gap_seconds
        self._passed: tuple[int, VideoFrame] | None = None
        self._last_detection = 0
        self._next_detection = 0
        self._last_extra = -2
        self._detected_frames = 0
        self._detection_seconds = 0.0

    def advance(self, number: int, pts: int, frame: VideoFrame) -> None:
        """Take the next frame."""
        motion = self._camera.advance(frame)
        self.timeline.append(pts, motion.dx, motion.dy, motion.is_cut)
        if motion.is_cut:
            self._detect_in_passed()
        waited = self.timeline.seconds(number) - self.timeline.seconds(self._last_detection)
        if number >= self._next_detection or waited >= self._widest_gap_seconds or motion.is_cut:
            self._detect(number, frame, None if motion.is_cut else tile_share(self._detected_frames, waited))
        elif self._affords_new(number, motion):
            self._detect(number, frame, None)
        else:
            self._passed = number, frame

    def _affords_new(self, number: int, motion: SceneMotion) -> bool:
        if self._cadence is None or not self._cadence.affords_extra() or motion.changes is None:
            return False
        # What showed for one frame changes the next one too, by being gone.
        if number == self._last_extra + 1:
            return False
        expected = self._tracker.expected(number)
        is_new = shows_something_new(motion.changes, self._header.width, self._header.height, expected)
        if is_new:
            self._cadence.spend_extra()
            self._last_extra = number
        return is_new

    def finish(self) -> TrackedVideo:
        """Returns the result, after the last frame."""
        self._detect_in_passed()
        self._take_in(0)
        paths = [path for path in self._tracker.finish() if path.best_score >= self._thresholds[path.object_class]]
        return TrackedVideo(
            self.timeline,
            paths,
            self._matrix,
            self._orientation,
            self._detected_frames,
            self._detection_seconds,
            self._light,
        )

    def _detect_in_passed(self) -> None:
        """Detects in a scene's last frame: an object that first shows there would not be found later."""
        if self._passed is not None:
            self._detect(*self._passed, None)

    def _detect(self, number: int, frame: VideoFrame, share: TileShare | None) -> None:
        frame_detector = self._frame_detector or self._open_frame_detector(frame)
        cadence = self._cadence or self._open_cadence(frame_detector)
        self._pending.append(
            _PendingDetection(
                number, self._workers.submit(frame_detector.detect, frame_detector.picture_of(frame), share)
            )
        )
        self._take_in(MOST_PENDING)
        self._detected_frames += 1
        self._passed = None
        self._last_detection = number
        self._next_detection = number + cadence.stride

    def _open_frame_detector(self, frame: VideoFrame) -> FrameDetector:
        self._matrix = display_matrix(frame)
        self._light = MasteringLight.of_frame(frame)
        if self._matrix is not None:
            self._orientation = Orientation.of_display_matrix(self._matrix)
        width, height = self._header.width, self._header.height
        self._frame_detector = FrameDetector(
            width, height, self._orientation, self._detector, self._classes, self._thresholds
        )
        return self._frame_detector

    def _open_cadence(self, frame_detector: FrameDetector) -> Cadence:
        header, budget = self._header, self._budget
        frames = header.frames or (round(header.seconds * float(header.rate)) if header.seconds else None)
        # Tiles take turns where frames are close to each other, so this is the cost of a usual detection.
        cost_seconds = frame_detector.cost_seconds(tile_share(1, budget.widest_gap_seconds))
        affordable_seconds = budget.per_frame(header.width, header.height, frames)
        self._cadence = Cadence(float(header.rate), cost_seconds, affordable_seconds, budget)
        return self._cadence

    def _take_in(self, most_pending: int) -> None:
        while len(self._pending) > most_pending:
            pending = self._pending.popleft()
            found = pending.result.result()
            self._detection_seconds += found.cost_seconds
            self._tracker.update(pending.frame, found.detections, found.appearances)
            if self._cadence is not None:
                self._cadence.learn(self._tracker.sizes_per_second)
