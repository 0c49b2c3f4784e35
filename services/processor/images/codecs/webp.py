"""WebP: written by Pillow; its chunks are read for what Pillow does not say, and copied where nothing is covered.

Figures: docs/decisions/animations.md, metadata-strip.md.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from services.common.media.refusals import DamagedMedia
from services.common.media.types import WEBP
from services.processor.images.codecs.pillow import (
    BROKEN,
    TRUNCATED,
    load_image,
    open_image,
    seek_frame,
    to_image,
    to_raster,
    unreadable,
)
from services.processor.images.frames import Frame
from services.processor.images.kept_metadata import NO_TAGS
from services.processor.images.limits import ImageLimits
from services.processor.images.orientation import read_orientation
from services.processor.images.raster import Channels, Raster

LOSSY_QUALITY = 90
_LOSSLESS_EFFORT, _METHOD = 30, 2
_FLAG_XMP, _FLAG_EXIF = 0x04, 0x08
_PIXEL_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """The header of a WebP."""

    width: int
    height: int
    lossless: bool
    orientation: int
    icc_profile: bytes | None
    loops: int
    durations_ms: tuple[int, ...]
    """Of each frame; none for a still picture."""
    complete: bool


def read_webp_header(data: bytes) -> WebpHeader:
    """Walk the chunks; no pixel is decoded."""
    size: tuple[int, int] | None = None
    lossless, exif, icc, loops = False, b"", None, 0
    durations = []
    for kind, body in _chunks(data[12:]):
        if kind == b"VP8X" and len(body) >= 10:
            size = _number(body, 4, 3) + 1, _number(body, 7, 3) + 1
        elif kind == b"ANMF" and len(body) >= 16:
            durations.append(_number(body, 12, 3))
            lossless = lossless or body[16:20] == b"VP8L"
        elif kind == b"ANIM" and len(body) >= 6:
            loops = _number(body, 4, 2)
        elif kind == b"EXIF":
            exif = body
        elif kind == b"ICCP":
            icc = body
        elif kind in {b"VP8 ", b"VP8L"}:
            size = size or _bitstream_size(kind, body)
            lossless = kind == b"VP8L"
    if size is None or not all(size):
        raise DamagedMedia(WEBP.format, "it has no pixels")
    complete = 8 + _number(data, 4, 4) <= len(data)
    return WebpHeader(*size, lossless, read_orientation(exif), icc, loops, tuple(durations), complete)


class WebpSource:
    """An opened WebP, still or animated."""

    media_type = WEBP

    def __init__(self, data: bytes, limits: ImageLimits) -> None:
        self._data = data
        self._header = read_webp_header(data)
        self.icc_profile = self._header.icc_profile
        self.frame_count = max(1, len(self._header.durations_ms))
        self.is_animated = self.frame_count > 1
        limits.check(self._header.width, self._header.height, self.frame_count)
        self.warnings = [] if self._header.complete else [TRUNCATED]
        self.kept = NO_TAGS

    def frames(self) -> Iterator[Frame]:
        """Decode frame after frame, each with what earlier ones left on the canvas."""
        header = self._header
        if not self.is_animated:
            image, _ = load_image(self._data, self.media_type)
            yield Frame(to_raster(image, header.orientation))
            return
        image = open_image(self._data, self.media_type)
        for index, duration_ms in enumerate(header.durations_ms):
            try:
                seek_frame(image, index)
                pixels = np.array(image.convert("RGBA"))
            except BROKEN as error:
                raise unreadable(self.media_type, error) from error
            yield Frame(Raster(pixels, Channels.RGBA, header.orientation), duration_ms)

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode losslessly where the input was, otherwise at a quality without a visible difference."""
        header = self._header
        images = (to_image(frame.raster) for frame in frames)
        output = io.BytesIO()
        first = next(images)
        first.save(
            output,
            "WEBP",
            lossless=header.lossless,
            quality=_LOSSLESS_EFFORT if header.lossless else LOSSY_QUALITY,
            method=_METHOD,
            exact=True,
            icc_profile=header.icc_profile or b"",
            exif=self.kept.exif(header.orientation),
            save_all=self.is_animated,
            append_images=[_LaterFrames(images, self.frame_count - 1)],
            duration=header.durations_ms,
            loop=header.loops,
        )
        return output.getvalue()

    def strip(self) -> bytes | None:
        """The same coded frames."""
        return strip_webp(self._data, self.kept.exif(self._header.orientation)) if self._header.complete else None


class _LaterFrames:
    """The frames after the first as Pillow's encoder reads them, which would hold all of a list at once."""

    mode = "RGBA"

    def __init__(self, images: Iterator[Image.Image], count: int) -> None:
        self.n_frames = count
        self._images = images

    def seek(self, _: int) -> None:
        """Go to the next frame, the only one that an encoder asks for."""
        self._image = next(self._images)

    def getim(self) -> object:
        """The pixels, as Pillow's encoders take them."""
        return self._image.getim()


def strip_webp(data: bytes, exif: bytes) -> bytes:
    """The same coded picture, still or animated, with this metadata alone."""
    kept = []
    for kind, body in _chunks(data[12:]):
        if kind == b"VP8X":
            flags = body[0] & ~(_FLAG_EXIF | _FLAG_XMP) | (_FLAG_EXIF if exif else 0)
            kept.append(_chunk(kind, bytes((flags, 0, 0, 0)) + body[4:10]))
        elif kind in _PIXEL_CHUNKS or kind in {b"ICCP", b"ANIM"}:
            kept.append(_chunk(kind, body))
        elif kind == b"ANMF":
            pixels = b"".join(_chunk(inner, part) for inner, part in _chunks(body[16:]) if inner in _PIXEL_CHUNKS)
            kept.append(_chunk(kind, body[:16] + pixels))
    if exif:
        kept.append(_chunk(b"EXIF", exif))
    return _riff(kept)


def _bitstream_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == b"VP8L" and len(body) >= 5:
        bits = _number(body, 1, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(body) >= 10:
        return _number(body, 6, 2) & 0x3FFF, _number(body, 8, 2) & 0x3FFF
    return 0, 0


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = _number(data, at + 4, 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + _bytes(len(body), 4) + body + b"\0" * (len(body) % 2)


def _riff(chunks: Iterable[bytes]) -> bytes:
    return _chunk(b"RIFF", b"WEBP" + b"".join(chunks))


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _bytes(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")
