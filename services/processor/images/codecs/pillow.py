"""Pillow, one format at a time, so that bytes are never taken for what they do not say they are."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pillow_heif
from PIL import Image, ImageFile

from services.common.media.images.parsers import parse_header
from services.common.media.refusals import DamagedMedia
from services.common.media.types import MediaType
from services.processor.images.orientation import UPRIGHT
from services.processor.images.raster import Channels, Raster

# The limits here are ImageLimits, held against every header; Pillow's own are in its way.
Image.MAX_IMAGE_PIXELS = None
pillow_heif.register_heif_opener(thumbnails=False)

TRUNCATED = "the data ends early or is damaged: what can be decoded was anonymized"
PICTURES_DROPPED = "of several pictures in the file, only the first is in the output"
BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, RuntimeError, struct.error, zlib.error)
"""The errors that Pillow's plugins raise for malformed data."""
_LENIENT = threading.Lock()
_GREY_16 = {"I;16", "I;16L", "I;16B", "I;16N"}


def open_image(data: bytes, media_type: MediaType) -> ImageFile.ImageFile:
    """Read the header; no pixel is decoded."""
    try:
        with _quiet():
            image = parse_header(io.BytesIO(data), media_type)
    except BROKEN as error:
        raise unreadable(media_type, error) from error
    if image.width < 1 or image.height < 1:
        raise DamagedMedia(media_type.format, "it has no pixels")
    return image


def read_exif(data: bytes, media_type: MediaType) -> Image.Exif:
    """The EXIF of a picture; empty where it cannot be read."""
    try:
        with _quiet():
            return open_image(data, media_type).getexif()
    except (*BROKEN, DamagedMedia):
        return Image.Exif()


def seek_frame(image: Image.Image, frame: int, *, load: bool = True) -> None:
    """Go to a frame and decode it; raises one of `BROKEN` where that cannot be had."""
    with _quiet():
        image.seek(frame)
        if load:
            image.load()


def load_image(data: bytes, media_type: MediaType, frame: int = 0) -> tuple[Image.Image, bool]:
    """Decodes one frame as far as possible; returns whether it was complete."""
    image = open_image(data, media_type)
    try:
        seek_frame(image, frame)
    except BROKEN:
        return _load_leniently(data, media_type, frame), False
    return image, True


def unreadable(media_type: MediaType, error: BaseException) -> DamagedMedia:
    """Translates an error of Pillow's."""
    return DamagedMedia(media_type.format, str(error) or type(error).__name__)


def to_raster(image: Image.Image, orientation: int = UPRIGHT) -> Raster:
    """The pixels of a decoded image, in the nearest form that can be covered."""
    if image.mode in _GREY_16:
        return Raster(np.array(image).astype(np.uint16, copy=False), Channels.GREY, orientation)
    if image.mode in {"F", "I"}:
        return Raster(np.array(image).astype(np.float32, copy=False), Channels.GREY, orientation)
    mode = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}.get(image.mode, image.mode)
    if mode == "PA" or (mode in {"P", "RGB", "L"} and "transparency" in image.info):
        mode = "RGBA"
    elif mode not in set(Channels):
        mode = "RGB"
    return Raster(np.array(image if image.mode == mode else image.convert(mode)), Channels(mode), orientation)


def to_image(raster: Raster) -> Image.Image:
    """The pixels as Pillow writes them."""
    pixels = np.ascontiguousarray(raster.pixels)
    if pixels.dtype != np.uint8:
        return Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    return Image.frombuffer(raster.channels.value, (width, height), pixels, "raw", raster.channels.value, 0, 1)


def _load_leniently(data: bytes, media_type: MediaType, frame: int) -> Image.Image:
    image = open_image(data, media_type)
    with _LENIENT:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            seek_frame(image, frame)
        except BROKEN as error:
            raise unreadable(media_type, error) from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    return image


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of metadata that is damaged; metadata is not kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
