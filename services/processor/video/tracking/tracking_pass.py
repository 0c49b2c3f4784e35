"""The first pass over a video: where its objects are, looking at as few frames as the budget asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from av.video.frame import VideoFrame

from services.common.media.vocabulary import ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.video.limits import VideoLimits
from services.processor.video.orientation import Orientation
from services.processor.video.source import VideoSource, display_matrix
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.cadence import Cadence, LookBudget, share_of
from services.processor.video.tracking.camera import Camera
from services.processor.video.tracking.frame_detection import Eye, VideoDetector
from services.processor.video.tracking.object_path import ObjectPath
from services.processor.video.tracking.tracker import Tracker
from services.processor.vision.detections import Detection, Share


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass found; boxes are in pixels of the frames as they are coded."""

    timeline: Timeline
    paths: list[ObjectPath]
    """The objects that were found with certainty at least once, in the order in which they were first seen."""
    display_matrix: tuple[int, ...] | None
    orientation: Orientation
    looks: int
    look_seconds: float


def survey_video(
    source: VideoSource,
    options: AnonymizeOptions,
    detector: VideoDetector,
    limits: VideoLimits,
    budget: LookBudget,
    threads: int,
    advance: Callable[[int], None],
) -> Survey:
    """Follow the objects through the whole video; `advance` is called with the number of frames done, after each."""
    thresholds = {kind: score for kind, score in detector.thresholds.items() if kind in options.object_classes}
    thresholds |= options.thresholds
    with ThreadPoolExecutor(threads, "video-look") as workers:
        surveyor = _Surveyor(source, options.object_classes, thresholds, detector, budget, workers, threads)
        for number, (pts, frame) in enumerate(source.frames()):
            surveyor.advance(number, pts, frame)
            limits.check_length(number + 1, surveyor.timeline.seconds(number))
            advance(number + 1)
        return surveyor.finish()


@dataclass(frozen=True, slots=True)
class _Look:
    frame: int
    result: Future[tuple[list[Detection], float]]


class _Surveyor:
    """Looks at some frames, beside the decoding of the next ones, and takes in what was seen in their order."""

    def __init__(
        self,
        source: VideoSource,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float],
        detector: VideoDetector,
        budget: LookBudget,
        workers: ThreadPoolExecutor,
        most_pending: int,
    ) -> None:
        header = source.header
        self.timeline = Timeline(header.time_base)
        self._header = header
        self._classes = classes
        self._thresholds = thresholds
        self._detector = detector
        self._workers = workers
        self._most_pending = most_pending
        self._camera = Camera(header.width, header.height)
        self._tracker = Tracker(self.timeline)
        self._cadence = Cadence(float(header.rate), header.width, header.height, budget)
        self._matrix: tuple[int, ...] | None = None
        self._orientation = Orientation()
        self._eye: Eye | None = None
        self._pending: deque[_Look] = deque()
        self._widest_gap_seconds = budget.widest_gap_seconds
        self._passed: tuple[int, VideoFrame] | None = None
        self._last_look = 0
        self._next_look = 0
        self._looks = 0
        self._look_seconds = 0.0

    def advance(self, number: int, pts: int, frame: VideoFrame) -> None:
        """Take the next frame."""
        motion = self._camera.advance(frame)
        self.timeline.append(pts, motion.dx, motion.dy, motion.is_cut)
        if motion.is_cut:
            self._look_at_passed()
        waited = self.timeline.seconds(number) - self.timeline.seconds(self._last_look)
        if number >= self._next_look or waited >= self._widest_gap_seconds or motion.is_cut:
            self._look(number, frame, None if motion.is_cut else share_of(self._looks, waited))
        else:
            self._passed = number, frame

    def finish(self) -> Survey:
        """Say what was found, after the last frame."""
        self._look_at_passed()
        self._take_in(0)
        paths = [path for path in self._tracker.finish() if path.best_score >= self._thresholds[path.object_class]]
        return Survey(self.timeline, paths, self._matrix, self._orientation, self._looks, self._look_seconds)

    def _look_at_passed(self) -> None:
        """A scene's last frame is always looked at: what shows in it first, no later look would find."""
        if self._passed is not None:
            self._look(*self._passed, None)

    def _look(self, number: int, frame: VideoFrame, share: Share | None) -> None:
        eye = self._eye or self._open_eye(frame)
        self._pending.append(_Look(number, self._workers.submit(eye.look, eye.show(frame), share)))
        # The first look tells what looks cost, so it is waited for.
        self._take_in(self._most_pending if self._looks else 0)
        self._looks += 1
        self._passed = None
        self._last_look = number
        self._next_look = number + self._cadence.stride

    def _open_eye(self, frame: VideoFrame) -> Eye:
        self._matrix = display_matrix(frame)
        if self._matrix is not None:
            self._orientation = Orientation.of_display_matrix(self._matrix)
        width, height = self._header.width, self._header.height
        self._eye = Eye(width, height, self._orientation, self._detector, self._classes, self._thresholds)
        return self._eye

    def _take_in(self, most_pending: int) -> None:
        while len(self._pending) > most_pending:
            look = self._pending.popleft()
            detections, cost_seconds = look.result.result()
            self._look_seconds += cost_seconds
            self._tracker.look(look.frame, detections)
            self._cadence.learn(cost_seconds, self._tracker.sizes_per_second)
