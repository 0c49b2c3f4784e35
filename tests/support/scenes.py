"""Small videos made here, and a detector that knows what is in them: blue squares before a pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from services.common.media.vocabulary import Box, Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.video.anonymize_video import VideoResult, anonymize_video
from services.processor.video.limits import VideoLimits
from services.processor.video.tracking.cadence import DetectionBudget
from services.processor.vision.detections import Detection, Picture, TileShare

BLUE_BGR = (230, 40, 40)
SIDE = 24
FRAME_TIME = Fraction(1, 30)
RARE_LOOKS = DetectionBudget(seconds_per_frame=1e-9, seconds_per_megapixel=0.0)
"""So little that frames are skipped as often as ever allowed."""

Place = Callable[[int], tuple[float, float] | None]
"""Where the square's top left corner is in a frame; None where it is not there."""


def moving(frame: int) -> tuple[float, float] | None:
    """Two pixels a frame to the right."""
    return 10.0 + 2 * frame, 40.0


def resting(_: int) -> tuple[float, float] | None:
    """Always in the same place."""
    return 60.0, 40.0


def pattern(width: int, height: int, seed: int = 1) -> Picture:
    """Something to see everywhere, and nothing blue."""
    coarse = np.random.default_rng(seed).integers(30, 140, (height // 8 + 2, width // 8 + 2), dtype=np.uint8)
    grey = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a video shows; `camera` says by how much the whole picture is shifted in a frame."""

    place: Place = moving
    size: tuple[int, int] = (160, 120)
    frames: int = 45
    camera: Callable[[int], tuple[int, int]] = lambda _: (0, 0)
    seed: Callable[[int], int] = lambda _: 1

    def picture(self, frame: int) -> Picture:
        """The picture of a frame, as it is stored."""
        width, height = self.size
        picture = pattern(width, height, self.seed(frame))
        corner = self.place(frame)
        if corner is not None:
            x, y = round(corner[0]), round(corner[1])
            picture[max(0, y) : y + SIDE, max(0, x) : x + SIDE] = BLUE_BGR
        return np.roll(picture, self.camera(frame)[::-1], axis=(0, 1))


@dataclass(frozen=True, slots=True)
class Storage:
    """How a video is stored."""

    codec: str = "libx264"
    pixels: str = "yuv420p"
    times: Sequence[int] | None = None
    """The frames' times, in units of `time_base`; None is one after the other."""
    time_base: Fraction = FRAME_TIME
    clockwise: int = 0
    sound: str | None = None
    layout: str = "mono"
    heard: Sequence[tuple[float, float]] | None = None
    """From when to when there is sound, in seconds; None is all the time."""
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


def write_video(path: Path, scene: Scene, storage: Storage | None = None) -> Path:
    """Encode the scene; the container is the one of the path's suffix."""
    storage = storage or Storage()
    with av.open(str(path), "w", options={"movflags": "+faststart+use_metadata_tags"}) as container:
        container.metadata.update(storage.tags)
        stream = container.add_stream(
            storage.codec,
            rate=1 / storage.time_base,
            width=scene.size[0],
            height=scene.size[1],
            pix_fmt=storage.pixels,
            time_base=storage.time_base,
            options=dict(storage.options),
        )
        assert isinstance(stream, VideoStream)
        stream.codec_context.time_base = storage.time_base
        stream.bit_rate = 4_000_000
        if storage.clockwise:
            stream.set_display_rotation(-storage.clockwise)
        sound = (
            # FFmpeg's own encoder of Vorbis is experimental.
            container.add_stream(storage.sound, rate=48_000, layout=storage.layout, options={"strict": "experimental"})
            if storage.sound
            else None
        )
        for number in range(scene.frames):
            frame = av.VideoFrame.from_ndarray(scene.picture(number), format="bgr24")
            frame.pts = storage.times[number] if storage.times else number
            frame.time_base = storage.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            assert isinstance(sound, AudioStream)
            _write_tone(container, sound, storage.heard or [(0.0, float(scene.frames * storage.time_base))])
    return path


def _write_tone(
    container: av.container.OutputContainer, sound: AudioStream, heard: Sequence[tuple[float, float]]
) -> None:
    for start, end in heard:
        times = np.arange(round(48_000 * start), round(48_000 * end)) / 48_000
        tone = (np.sin(times * 2 * np.pi * 440) * 8000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), round(48_000 * start)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


class BlueDetector:
    """Finds the blue square; blind in looks for which `sees` is false. Remembers the pictures' sizes."""

    versions: Mapping[str, str] = {"blue": "0" * 12}

    def __init__(
        self,
        sees: Callable[[int], bool] = lambda _: True,
        score: Callable[[int], float] = lambda _: 0.9,
        *,
        object_class: ObjectClass = ObjectClass.FACE,
    ) -> None:
        self.classes = frozenset({object_class})
        self.thresholds: Mapping[ObjectClass, float] = {object_class: 0.5}
        self._object_class = object_class
        self._sees = sees
        self._score = score
        self.looks: list[tuple[int, int]] = []

    def detect(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[Detection]:
        look = len(self.looks)
        self.looks.append((picture.shape[1], picture.shape[0]))
        score = self._score(look)
        if (
            not self._sees(look)
            or self._object_class not in classes
            or score < (thresholds or self.thresholds)[self._object_class]
        ):
            return []
        rows, columns = np.nonzero(is_blue(picture))
        if len(rows) < 16:
            return []
        box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        return [Detection(self._object_class, score, box)]

    def detect_batch(
        self,
        pictures: Sequence[Picture],
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[list[Detection]]:
        return [self.detect(picture, classes, thresholds) for picture in pictures]

    def limited_sizes(
        self, width: int, height: int, classes: frozenset[ObjectClass], *, is_frame: bool = False, shrink: float = 1.0
    ) -> Mapping[ObjectClass, float]:
        return {}

    def detect_frame(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[Detection]:
        return self.detect(picture, classes, thresholds)

    def frame_cost(
        self, width: int, height: int, classes: frozenset[ObjectClass], tile_share: TileShare | None
    ) -> float:
        return 0.001


class PartDetector(BlueDetector):
    """Sees the square in the first of three parts alone; remembers how much it was shown, None being all."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[TileShare | None] = []

    def detect_frame(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[Detection]:
        self.shares.append(tile_share)
        if tile_share is not None and tile_share.turn % min(3, tile_share.most):
            return []
        return super().detect(picture, classes, thresholds)


def is_blue(picture: Picture) -> NDArray[np.bool_]:
    """Which pixels belong to a square."""
    blue, green, red = (picture[..., channel].astype(np.int16) for channel in range(3))
    return (blue - green > 80) & (blue - red > 80)


SOLID_FACES = AnonymizeOptions(object_classes=frozenset({ObjectClass.FACE}), mode=Mode.SOLID)


def anonymize(
    source: Path,
    target: Path,
    detector: BlueDetector | None = None,
    options: AnonymizeOptions = SOLID_FACES,
    *,
    limits: VideoLimits | None = None,
    budget: DetectionBudget | None = None,
) -> VideoResult:
    """Anonymize with one thread, so that looks come in order."""
    return anonymize_video(
        source,
        target,
        options,
        detector or BlueDetector(),
        limits=limits or VideoLimits(),
        progress=lambda done, total: None,
        cancelled=lambda: False,
        threads=1,
        budget=budget,
    )


def pictures(path: Path) -> list[Picture]:
    """The frames of a video, as they are stored."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24").astype(np.uint8) for frame in container.decode(video=0)]


def blue_pixels(path: Path) -> list[int]:
    """How much is left of the square, in each frame."""
    return [int(is_blue(picture).sum()) for picture in pictures(path)]
