"""Generated pictures, and a detector that finds what it is told to."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.vision.detections import Detection, Picture, TileShare

WIDTH, HEIGHT = 160, 120
SECRET = b"do-not-publish-0042"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CORNER = Box(0, 0, 30, 30)
FACE = Box(40, 30, 80, 80)
AROUND_FACE = Box(20, 8, 100, 102)
"""Further than the cover of FACE reaches with the default options."""


class FakeDetector:
    """Finds the same faces in every picture, and keeps what it was shown."""

    def __init__(self, *boxes: Box) -> None:
        self._boxes = boxes
        self.seen: list[Picture] = []
        self.shares: list[TileShare] = []
        self.limited: Mapping[ObjectClass, float] = {}

    @property
    def versions(self) -> Mapping[str, str]:
        return {"fake": "0" * 12}

    @property
    def classes(self) -> frozenset[ObjectClass]:
        return frozenset({ObjectClass.FACE})

    def detect(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None = None,
    ) -> list[Detection]:
        self.seen.append(picture)
        return [Detection(ObjectClass.FACE, 0.9, box) for box in self._boxes if ObjectClass.FACE in classes]

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
        return self.limited

    def detect_frame(
        self,
        picture: Picture,
        classes: frozenset[ObjectClass],
        thresholds: Mapping[ObjectClass, float] | None,
        tile_share: TileShare | None,
    ) -> list[Detection]:
        if tile_share is not None:
            self.shares.append(tile_share)
        return self.detect(picture, classes, thresholds)


def paint(shift: int = 0) -> Image.Image:
    """Smooth spots of many colours, moved sideways."""
    spots = np.random.default_rng(7).integers(0, 256, (HEIGHT // 10, WIDTH // 10, 3), np.uint8)
    smooth = cv2.resize(spots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.roll(smooth, shift, axis=1).astype(np.uint8))


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def decode(content: bytes, frame: int = 0, mode: str = "RGB") -> NDArray[np.int16]:
    """The pixels that a plain reader shows, in the orientation that they are stored in."""
    image = Image.open(io.BytesIO(content))
    image.seek(frame)
    return np.asarray(image.convert(mode)).astype(np.int16)


def worst_outside(one: NDArray[np.int16], other: NDArray[np.int16], box: Box = AROUND_FACE) -> int:
    """The largest difference of a pixel outside the box."""
    difference = np.abs(one - other)
    difference[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 0
    return int(difference.max())


def mean_inside(one: NDArray[np.int16], other: NDArray[np.int16], box: Box = FACE) -> float:
    """The mean difference of the pixels inside the box."""
    inside = np.abs(one - other)[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
    return float(inside.mean())


def tagged(format: str, orientation: int = 1) -> bytes:
    """A picture of this format with the secret in each place that the format has for texts."""
    shared = {"exif": _exif(orientation), "icc_profile": PROFILE}
    match format:
        case "JPEG":
            return encode(paint(), format, **shared, comment=SECRET, xmp=SECRET, quality=95)
        case "PNG":
            texts = PngImagePlugin.PngInfo()
            texts.add_text("Comment", SECRET.decode(), zip=False)
            texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
            return encode(paint(), format, **shared, pnginfo=texts)
        case "TIFF":
            tags = {0x010E: SECRET.decode(), 0x0112: orientation}
            return encode(paint(), format, tiffinfo=tags, icc_profile=PROFILE, compression="tiff_lzw")
        case "GIF":
            return encode(paint(), format, comment=SECRET)
        case _:
            return encode(paint(), format, **shared, xmp=SECRET, quality=95)


def _exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = SECRET.decode()
    block.get_ifd(0x8825)[1] = "N"
    block.get_ifd(0x8825)[2] = (48.0, 8.0, 15.0)
    return block
