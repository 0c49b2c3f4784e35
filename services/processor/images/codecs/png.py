"""PNG: its chunks, decoding at full depth, and encoding with nothing kept but what colours need."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from services.common.media.refusals import DamagedMedia
from services.common.media.types import PNG
from services.processor.images.codecs.pillow import TRUNCATED, load_image, to_image, to_raster
from services.processor.images.frames import Frame
from services.processor.images.kept_metadata import NO_TAGS
from services.processor.images.limits import ImageLimits
from services.processor.images.orientation import read_orientation
from services.processor.images.raster import Channels, Raster

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_CHUNKS = frozenset({b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI"})
_GREY_ALPHA = 4
_MOST_DEFLATED = 1032
"""A byte of deflated data is at most so many bytes, each of at most 8 pixels."""
_LARGEST_PROFILE_BYTES = 4 << 20


class PngSource:
    """An opened PNG with one picture, or the first picture of one that Pillow cannot play."""

    media_type = PNG
    frame_count = 1
    is_animated = False

    def __init__(self, data: bytes, limits: ImageLimits) -> None:
        self._data = data
        self._exif, self._complete, self._grey_alpha = b"", False, False
        self._colours: list[bytes] = []
        self.icc_profile: bytes | None = None
        width = height = packed_bytes = 0
        for kind, span in png_chunks(data):
            body = data[span.start + 8 : span.stop - 4]
            if kind == b"IHDR" and len(body) >= 13:
                width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
                self._grey_alpha = body[9] == _GREY_ALPHA
            elif kind == b"IDAT":
                packed_bytes += len(body)
            elif kind == b"eXIf":
                self._exif = body
            elif kind in _COLOUR_CHUNKS:
                self._colours.append(data[span])
                if kind == b"iCCP":
                    self.icc_profile = _profile(body)
            elif kind == b"IEND":
                self._complete = True
        if width < 1 or height < 1:
            raise DamagedMedia(self.media_type.format, "it has no pixels")
        limits.check(width, height)
        if self._complete and width * height // 8 > _MOST_DEFLATED * (packed_bytes + 1):
            raise DamagedMedia(self.media_type.format, f"its data is far too short for {width} x {height} pixels")
        self.warnings = [] if self._complete else [TRUNCATED]
        self.kept = NO_TAGS

    def frames(self) -> Iterator[Frame]:
        """Decode at the depth it has; palettes become colours, and rows that are missing stay black."""
        yield Frame(self._decode())

    def _decode(self) -> Raster:
        orientation = read_orientation(self._exif)
        pixels = None
        if self._complete and not self._grey_alpha:
            pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            image, whole = load_image(self._data, self.media_type)
            if not whole and not self.warnings:
                self.warnings.append(TRUNCATED)
            return to_raster(image, orientation)
        if pixels.ndim == 2:
            return Raster(pixels, Channels.GREY, orientation)
        if pixels.shape[2] == 3:
            return Raster(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), Channels.RGB, orientation)
        return Raster(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), Channels.RGBA, orientation)

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode losslessly, with the chunks that say how colours are meant."""
        (frame,) = frames
        return insert_chunks(_encode(frame.raster), self._colours, self.kept.exif(frame.raster.orientation))

    def strip(self) -> None:
        """Nothing: encoding again loses nothing, and leaves no place for data behind the pixels."""
        return


def png_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Each whole chunk's kind and where it lies, from its length to its checksum."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        kind = data[at + 4 : at + 8]
        yield kind, slice(at, end)
        if kind == b"IEND":
            return
        at = end


def insert_chunks(png: bytes, chunks: Sequence[bytes], exif: bytes) -> bytes:
    """Put chunks and EXIF into a PNG that has none."""
    exif = exif.removeprefix(b"Exif\0\0")
    first_end = len(_SIGNATURE) + 12 + 13
    return b"".join((png[:first_end], *chunks, _chunk(b"eXIf", exif) if exif else b"", png[first_end:]))


def colour_chunks(data: bytes) -> list[bytes]:
    """The whole chunks of a PNG that say how its colours are meant."""
    return [data[span] for kind, span in png_chunks(data) if kind in _COLOUR_CHUNKS]


def animation_frames(data: bytes) -> int:
    """How many frames a PNG says it has; 1 for one that is not animated."""
    for kind, span in png_chunks(data):
        if kind == b"acTL":
            return max(1, int.from_bytes(data[span.start + 8 : span.start + 12], "big"))
        if kind == b"IDAT":
            break
    return 1


def _profile(body: bytes) -> bytes | None:
    """The profile of an iCCP chunk, unless it is broken or a bomb."""
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(body[body.index(0) + 2 :], _LARGEST_PROFILE_BYTES)
    except (ValueError, zlib.error):
        return None
    return profile if unpacker.eof else None


def _encode(raster: Raster) -> bytes:
    pixels = raster.pixels
    if raster.channels is Channels.GREY_ALPHA:
        output = io.BytesIO()
        to_image(raster).save(output, "PNG", compress_level=3)
        return output.getvalue()
    if raster.channels is Channels.RGB:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    elif raster.channels is Channels.RGBA:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(".png", pixels)[1].tobytes()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
