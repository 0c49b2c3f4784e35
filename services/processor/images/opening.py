"""Opening a picture of any format that is taken: its header is read and held against the limits, and no more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from services.common.media.types import GIF, IMAGE_TYPES, JPEG, PNG, SNIFF_BYTES, WEBP, MediaType, sniff
from services.common.media.vocabulary import KeptMetadata
from services.processor.images.codecs.gif import GifSource
from services.processor.images.codecs.jpeg import JpegSource
from services.processor.images.codecs.pillow import read_exif
from services.processor.images.codecs.pillow_source import PillowSource
from services.processor.images.codecs.png import PngSource, animation_frames
from services.processor.images.codecs.webp import WebpSource
from services.processor.images.frames import PictureSource
from services.processor.images.kept_metadata import read_kept
from services.processor.images.limits import ImageLimits

# The formats with a codec of their own; Pillow reads and writes the others whole.
_SOURCES: Final[dict[MediaType, Callable[[bytes, ImageLimits], PictureSource]]] = {
    JPEG: JpegSource,
    PNG: PngSource,
    WEBP: WebpSource,
    GIF: GifSource,
}


def open_picture(data: bytes, limits: ImageLimits, keep: Collection[KeptMetadata] = ()) -> PictureSource:
    """Open a picture whose output keeps this metadata; raises a refusal of `services.common.media.refusals`."""
    media_type = sniff(data[:SNIFF_BYTES], IMAGE_TYPES)
    opened = _SOURCES.get(media_type)
    source: PictureSource
    if opened is None or (media_type is PNG and animation_frames(data) > 1):
        source = PillowSource(data, media_type, limits)
    else:
        source = opened(data, limits)
    if keep:
        source.kept = read_kept(read_exif(data, media_type), keep)
    return source
