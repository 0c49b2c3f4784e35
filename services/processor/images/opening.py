"""Opening a picture of any format that is taken: its header is read and held against the limits, and no more."""

from __future__ import annotations

from services.processor.images.codecs.gif import GifSource
from services.processor.images.codecs.jpeg import JpegSource
from services.processor.images.codecs.pillow_source import PillowSource
from services.processor.images.codecs.png import PngSource, animation_frames
from services.processor.images.codecs.webp import WebpSource
from services.processor.images.errors import PictureUnsupported
from services.processor.images.formats import SNIFF_BYTES, ImageFormat, sniff_format
from services.processor.images.frames import PictureSource
from services.processor.images.limits import ImageLimits


def open_picture(data: bytes, limits: ImageLimits) -> PictureSource:
    """Open a picture; raises `PictureUnsupported`, `PictureUnreadable` or `PictureTooLarge`."""
    image_format = sniff_format(data[:SNIFF_BYTES])
    match image_format:
        case None:
            raise PictureUnsupported
        case ImageFormat.JPEG:
            return JpegSource(data, limits)
        case ImageFormat.WEBP:
            return WebpSource(data, limits)
        case ImageFormat.GIF:
            return GifSource(data, limits)
        case ImageFormat.PNG if animation_frames(data) == 1:
            return PngSource(data, limits)
        case _:
            return PillowSource(data, image_format, limits)
