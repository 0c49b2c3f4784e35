"""Opening a picture of any format that is taken: its header is read and held against the limits, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.common.media.types import GIF, IMAGE_TYPES, JPEG, PNG, SNIFF_BYTES, WEBP, MediaType, sniff
from services.processor.images.codecs.gif import GifSource
from services.processor.images.codecs.jpeg import JpegSource
from services.processor.images.codecs.pillow_source import PillowSource
from services.processor.images.codecs.png import PngSource, animation_frames
from services.processor.images.codecs.webp import WebpSource
from services.processor.images.frames import PictureSource
from services.processor.images.limits import ImageLimits

# The formats with a codec of their own; Pillow reads and writes the others whole.
_SOURCES: Final[dict[MediaType, Callable[[bytes, ImageLimits], PictureSource]]] = {
    JPEG: JpegSource,
    PNG: PngSource,
    WEBP: WebpSource,
    GIF: GifSource,
}


def open_picture(data: bytes, limits: ImageLimits) -> PictureSource:
    """Open a picture; raises one of the refusals of `services.common.media.refusals`."""
    media_type = sniff(data[:SNIFF_BYTES], IMAGE_TYPES)
    source = _SOURCES.get(media_type)
    if source is None or (media_type is PNG and animation_frames(data) > 1):
        return PillowSource(data, media_type, limits)
    return source(data, limits)
