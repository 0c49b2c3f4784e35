"""The parser of each image format, for ingest and for the processor: what one can open, the other can."""

from __future__ import annotations

from collections.abc import Callable
from io import RawIOBase
from typing import Any, BinaryIO, Final

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from services.common.media.types import AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF, WEBP, MediaType

# The format's own class, not Image.open: no other parser gets to see the bytes, and the limit on pixels is ours.
_PARSERS: Final[dict[MediaType, Callable[[Any], ImageFile]]] = {
    JPEG: JpegImageFile,
    PNG: PngImageFile,
    WEBP: WebPImageFile,
    GIF: GifImageFile,
    TIFF: TiffImageFile,
    BMP: BmpImageFile,
    AVIF: AvifImageFile,
    HEIC: HeifImageFile,
}


def parse_header(file: BinaryIO | RawIOBase, media_type: MediaType) -> ImageFile:
    """Read the header of an image of this format; no pixel is decoded. Raises what the format's parser raises."""
    return _PARSERS[media_type](file)
