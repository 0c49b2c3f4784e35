"""Pages of a TIFF in colour with 16 bits a channel, which Pillow reads as 8 bits and does not write."""

from __future__ import annotations

import zlib
from typing import IO, Final

import cv2
import numpy as np
from PIL import Image, TiffTags
from PIL import TiffImagePlugin as Tags

from services.processor.anonymize.pixels import Pixels
from services.processor.images.raster import Channels, Raster

_CHANNELS: Final = {"RGB": cv2.COLOR_BGR2RGB, "RGBA": cv2.COLOR_BGRA2RGBA}
_UNASSOCIATED_ALPHA: Final = 2
_ADOBE_DEFLATE: Final = 8
_DIFFERENCES: Final = 2
_RGB: Final = 2
_FAST: Final = 1


def read_deep_page(data: bytes, page: int, shown: Image.Image) -> Pixels | None:
    """The page with all its bits, where OpenCV sees the same picture as Pillow, which shows it in 8 bits."""
    if shown.mode not in _CHANNELS:
        return None
    try:
        _, found = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1))
    except cv2.error:
        return None
    if len(found) != 1 or found[0].dtype != np.uint16 or found[0].shape != (*shown.size[::-1], len(shown.mode)):
        return None
    pixels: Pixels = cv2.cvtColor(found[0], _CHANNELS[shown.mode])
    return pixels if np.array_equal(pixels >> 8, np.asarray(shown)) else None


def is_deep(raster: Raster) -> bool:
    """Whether Pillow would lose bits of it."""
    return raster.pixels.dtype == np.uint16 and raster.channels in {Channels.RGB, Channels.RGBA}


def write_deep_page(file: IO[bytes], raster: Raster, exif: Image.Exif, icc_profile: bytes | None) -> None:
    """Writes one page, its header first; compressed without loss."""
    height, width, samples = raster.pixels.shape
    differences = raster.pixels.astype("<u2")
    differences[:, 1:] -= raster.pixels[:, :-1]
    strip = zlib.compress(differences.tobytes(), _FAST)
    ifd = Tags.ImageFileDirectory_v2()
    for tag in exif:
        ifd[tag] = exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
    ifd[Tags.IMAGEWIDTH], ifd[Tags.IMAGELENGTH] = width, height
    ifd[Tags.BITSPERSAMPLE] = (16,) * samples
    ifd[Tags.COMPRESSION], ifd[Tags.PREDICTOR] = _ADOBE_DEFLATE, _DIFFERENCES
    ifd[Tags.PHOTOMETRIC_INTERPRETATION] = _RGB
    ifd[Tags.SAMPLESPERPIXEL] = samples
    ifd[Tags.PLANAR_CONFIGURATION] = 1
    ifd[Tags.ROWSPERSTRIP] = height
    ifd[Tags.STRIPBYTECOUNTS] = len(strip)
    # Relative to the end of the header: Pillow adds that when it writes.
    ifd[Tags.STRIPOFFSETS] = 0
    if raster.channels is Channels.RGBA:
        ifd[Tags.EXTRASAMPLES] = _UNASSOCIATED_ALPHA
    if icc_profile:
        ifd.tagtype[Tags.ICCPROFILE] = TiffTags.UNDEFINED
        ifd[Tags.ICCPROFILE] = icc_profile
    ifd.save(file)
    file.write(strip)
