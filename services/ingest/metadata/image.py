"""An image's metadata, from its header alone."""

from __future__ import annotations

import io
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final

from PIL import Image, ImageCms
from PIL.AvifImagePlugin import AvifImageFile
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from services.common.media.images.gif_blocks import IMAGE, gif_blocks
from services.common.media.images.parsers import parse_header
from services.common.media.model import Metadata
from services.common.media.refusals import DamagedMedia, MediaRefused, TooManyPixels
from services.common.media.types import GIF, HEIC, TIFF, MediaType
from services.ingest.metadata.bounded_file import BoundedFile
from services.ingest.metadata.exif import read_exif
from services.ingest.metadata.limits import MediaLimits, check_dimensions
from services.ingest.metadata.media_metadata import MetadataReading

_TRANSPOSED: Final = frozenset({5, 6, 7, 8})
_MAX_WARNINGS: Final = 20
MAX_BLOCKS: Final = 500_000
_PIECE_BYTES: Final = 1024 * 1024


def read_image(file: BinaryIO, media_type: MediaType, limits: MediaLimits) -> MetadataReading:
    """Read the header of an image; nothing is decoded.

    One call at a time per process: Pillow reports damage through Python's warnings, which are global to the process.
    """
    file.seek(0)
    with python_warnings.catch_warnings(record=True) as caught, _pillow_limit(limits.max_pixels):
        python_warnings.simplefilter("always")
        image = _open(file, media_type, limits)
        check_dimensions(media_type.format, *image.size, limits)
        found: list[str] = []
        metadata = _read(image, media_type, found)
        if media_type is GIF:
            metadata = replace(metadata, frames=_gif_frames(file, limits.max_animation_frames))
    found += [f"EXIF: {' '.join(str(warning.message).split())}" for warning in caught]
    return MetadataReading(metadata, tuple(dict.fromkeys(found))[:_MAX_WARNINGS])


@contextmanager
def _pillow_limit(max_pixels: int) -> Iterator[None]:
    """Has Pillow, which makes room for some formats' pixels while it opens them, keep to our limit."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _open(file: BinaryIO, media_type: MediaType, limits: MediaLimits) -> ImageFile:
    try:
        return parse_header(BoundedFile(file, media_type.format), media_type)
    except MediaRefused:
        raise
    except DecompressionBombError as error:
        raise TooManyPixels(limits.max_pixels, None) from error
    except Exception as error:  # A library may raise any exception on a sender's bytes: the header is unreadable.
        raise DamagedMedia(media_type.format, str(error) or type(error).__name__) from error


def _read(image: ImageFile, media_type: MediaType, found: list[str]) -> Metadata:
    width, height = image.size
    try:
        exif = image.getexif()
    except MediaRefused:
        raise
    except Exception as error:  # noqa: BLE001 - as above, but what stands beside the EXIF block is still good.
        found.append(f"EXIF cannot be read: {error}")
        return Metadata(width, height, color_space=_profile(image, found))
    if image.info.get("exif") and not len(exif):
        found.append("EXIF cannot be read: it holds no tags")
    metadata = read_exif(exif, image.size, found)
    if media_type is TIFF and metadata.orientation in _TRANSPOSED:
        # Pillow gives a TIFF's upright dimensions; the promise is the stored ones.
        metadata = replace(metadata, width=height, height=width)
    color_space = metadata.color_space
    if color_space in (None, "Uncalibrated"):
        color_space = _profile(image, found) or color_space
    return replace(
        metadata,
        orientation=None if media_type is HEIC else metadata.orientation,
        color_space=color_space,
        frames=_frames(image, found),
    )


def _frames(image: ImageFile, found: list[str]) -> int | None:
    if not isinstance(image, PngImageFile | WebPImageFile | AvifImageFile):
        return None
    try:
        frames: int = getattr(image, "n_frames", 1)
    except MediaRefused:
        raise
    except Exception as error:  # noqa: BLE001 - as above.
        found.append(f"the frames cannot be counted: {error}")
        return None
    return frames if frames > 1 else None


def _gif_frames(file: BinaryIO, most: int) -> int | None:
    """How many frames there are, or one more than `most`; a library would take two reads for each 255 bytes."""
    file.seek(0)
    data = file.read(_PIECE_BYTES)
    # Small frames by the thousand show in the first piece.
    if len(data) == _PIECE_BYTES and _count_frames(data, most) <= most:
        data += b"".join(iter(partial(file.read, _PIECE_BYTES), b""))
    frames = _count_frames(data, most)
    return frames if frames > 1 else None


def _count_frames(data: bytes, most: int) -> int:
    frames = 0
    for number, (kind, _) in enumerate(gif_blocks(data)):
        if number == MAX_BLOCKS:
            raise DamagedMedia(GIF.format, "it has too many segments")
        frames += kind == IMAGE
        if frames > most:
            break
    return frames


def _profile(image: ImageFile, found: list[str]) -> str | None:
    if "srgb" in image.info:
        return "sRGB"
    profile = image.info.get("icc_profile")
    if not profile:
        return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()[:256] or None
    except Exception as error:  # noqa: BLE001 - as above.
        found.append(f"the colour profile cannot be read: {error}")
        return None
