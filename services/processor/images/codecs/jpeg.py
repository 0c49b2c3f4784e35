"""JPEG: its segments, its coding kept from input to output, and copies without metadata that lose nothing.

What copying saves: docs/decisions/metadata-strip.md.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import JpegImagePlugin

from services.common.media.refusals import DamagedMedia
from services.common.media.types import JPEG
from services.processor.images.codecs.pillow import (
    PICTURES_DROPPED,
    TRUNCATED,
    load_image,
    open_image,
    to_image,
    to_raster,
)
from services.processor.images.frames import Frame
from services.processor.images.kept_metadata import NO_TAGS
from services.processor.images.limits import ImageLimits
from services.processor.images.orientation import read_orientation
from services.processor.images.raster import Channels, Raster

_SOS, _EOI, _APP0, _APP2, _APP14, _COMMENT = 0xDA, 0xD9, 0xE0, 0xE2, 0xEE, 0xFE
_STUFFING, _FILLING, _RESTARTS = 0x00, 0xFF, range(0xD0, 0xD8)
_FALLBACK_QUALITY = 95
SCANS_MOST = 1000
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_TABLES = frozenset({0xC4, 0xDB, 0xDD})


class JpegDamaged(Exception):
    """The segments cannot be followed to the end of the picture."""


@dataclass(frozen=True, slots=True)
class JpegCoding:
    """How a JPEG was coded, as far as it can be coded so again."""

    tables: tuple[tuple[int, ...], ...]
    """Quantisation tables by component, in natural order; the last one serves the components after it.

    None where the file is damaged and lacks one.
    """
    subsampling: int
    progressive: bool
    keep_rgb: bool


class JpegSource:
    """An opened JPEG; of several pictures in one file it is the first."""

    media_type = JPEG
    frame_count = 1
    is_animated = False

    def __init__(self, data: bytes, limits: ImageLimits) -> None:
        self._data = data
        image = open_image(data, self.media_type)
        if not isinstance(image, JpegImagePlugin.JpegImageFile):
            raise DamagedMedia(self.media_type.format, "its header is damaged")
        self._image = image
        limits.check(*self._image.size)
        self._orientation = read_orientation(self._image.info.get("exif"))
        self.icc_profile: bytes | None = image.info.get("icc_profile")
        self._complete = _is_complete(data)
        self.warnings = [] if self._complete else [TRUNCATED]
        # The index of the pictures behind the first one, such as those of a stereo camera.
        if "mp" in self._image.info:
            self.warnings.append(PICTURES_DROPPED)
        self.kept = NO_TAGS

    def frames(self) -> Iterator[Frame]:
        """Decode as much as there is; what is missing is grey."""
        yield Frame(self._decode())

    def _decode(self) -> Raster:
        mode = self._image.mode
        if self._complete and mode in {"L", "RGB"}:
            flag = cv2.IMREAD_GRAYSCALE if mode == "L" else cv2.IMREAD_COLOR_RGB
            pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
            if pixels is not None and pixels.shape[1::-1] == self._image.size:
                return Raster(pixels, Channels(mode), self._orientation)
        image, whole = load_image(self._data, self.media_type)
        if not whole and TRUNCATED not in self.warnings:
            self.warnings.append(TRUNCATED)
        return to_raster(image, self._orientation)

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode with the input's own tables and subsampling."""
        (frame,) = frames
        coding = read_coding(self._image)
        output = io.BytesIO()
        to_image(frame.raster).save(
            output,
            "JPEG",
            qtables=[list(table) for table in coding.tables] or None,
            quality=-1 if coding.tables else _FALLBACK_QUALITY,
            subsampling=coding.subsampling,
            progressive=coding.progressive,
            keep_rgb=coding.keep_rgb,
            icc_profile=self.icc_profile,
            exif=self.kept.exif(self._orientation),
        )
        return output.getvalue()

    def strip(self) -> bytes | None:
        """The same tables and scans, bit for bit."""
        try:
            return strip_jpeg(self._data, self.kept.exif(self._orientation)) if self._complete else None
        except JpegDamaged:
            return None


def read_coding(image: JpegImagePlugin.JpegImageFile) -> JpegCoding:
    """The coding of an opened JPEG."""
    chosen = [component[3] for component in image.layer]
    # Components that share a table shall share it again, and not have a copy each.
    while len(chosen) > 1 and chosen[-1] == chosen[-2]:
        chosen.pop()
    known = image.quantization
    complete = all(number in known for number in chosen)
    return JpegCoding(
        tables=tuple(tuple(known[number]) for number in chosen) if complete else (),
        # A subsampling that Pillow cannot write is replaced by none, which loses nothing.
        subsampling=max(JpegImagePlugin.get_sampling(image), 0),
        progressive=bool(image.info.get("progressive")),
        keep_rgb=image.mode == "RGB" and image.info.get("adobe_transform") == 0,
    )


def _is_complete(data: bytes) -> bool:
    """Whether the picture's data goes on to its end marker; refuses more scans than any encoder writes."""
    scans = 0
    try:
        for marker, _ in _segments(data):
            scans += marker == _SOS
            if scans > SCANS_MOST:
                # Each may change every pixel, so that a small file keeps a decoder busy for long.
                raise DamagedMedia(JPEG.format, f"it has more than {SCANS_MOST} scans")
            if marker == _EOI:
                return True
    except JpegDamaged:
        pass
    return False


def strip_jpeg(data: bytes, exif: bytes) -> bytes:
    """The same coded picture without metadata, bit for bit; raises `JpegDamaged` where that cannot be had.

    Kept are the tables and scans and the colour profile; `exif` is the only metadata. Thumbnails, comments, everything
    that an application wrote and everything behind the end of the picture go.
    """
    kept = [b"\xff\xd8"]
    if exif:
        kept.append(_segment(0xE1, exif))
    for marker, span in _segments(data):
        payload = data[span.start + 4 : span.stop]
        if marker == _EOI:
            kept.append(b"\xff\xd9")
            return b"".join(kept)
        if marker == _APP0:
            # JFIF's version, density and no thumbnail: the order of the colour channels hangs on its being there.
            if payload.startswith(b"JFIF\0") and len(payload) >= 14:
                kept.append(_segment(_APP0, payload[:12] + b"\0\0"))
        elif _is_kept(marker, payload):
            kept.append(data[span.start : span.stop])
        elif not (_APP0 <= marker <= 0xEF or marker == _COMMENT):
            raise JpegDamaged(f"marker {marker:#x}")
    raise JpegDamaged("no end")


def _is_kept(marker: int, payload: bytes) -> bool:
    if marker == _APP2:
        return payload.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return payload.startswith(b"Adobe")
    return marker == _SOS or marker in _FRAMES or marker in _TABLES


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def _segments(data: bytes) -> Iterator[tuple[int, slice]]:
    """Each marker with where its segment lies; a scan's coded data belongs to its segment."""
    at = 2
    while True:
        while data[at : at + 1] == b"\xff" == data[at + 1 : at + 2]:
            at += 1
        head = data[at : at + 4]
        if len(head) < 2 or head[0] != 0xFF:
            raise JpegDamaged(f"no marker at {at}")
        marker = head[1]
        if marker == _EOI:
            yield marker, slice(at, at + 2)
            return
        if len(head) < 4:
            raise JpegDamaged("cut off")
        end = at + 2 + int.from_bytes(head[2:4], "big")
        if marker == _SOS:
            end = _scan_end(data, end)
        if end > len(data):
            raise JpegDamaged("cut off")
        yield marker, slice(at, end)
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded data that goes on here ends: at the first marker that is not part of it."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        follower = data[at + 1]
        if follower == _STUFFING or follower in _RESTARTS:
            at += 2
        elif follower == _FILLING:
            at += 1
        else:
            return at
    raise JpegDamaged("cut off")
