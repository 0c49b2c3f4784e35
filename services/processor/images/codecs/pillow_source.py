"""The formats that Pillow reads and writes whole: TIFF with its pages, BMP, AVIF, HEIC, and PNG that is animated."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from PIL import Image, TiffImagePlugin

from services.common.media.types import AVIF, HEIC, PNG, TIFF, MediaType
from services.processor.images.codecs.deep_tiff import is_deep, read_deep_page, write_deep_page
from services.processor.images.codecs.pillow import (
    BROKEN,
    PICTURES_DROPPED,
    TRUNCATED,
    load_image,
    open_image,
    seek_frame,
    to_image,
    to_raster,
    unreadable,
)
from services.processor.images.codecs.png import colour_chunks, insert_chunks
from services.processor.images.frames import Disposal, Frame
from services.processor.images.kept_metadata import NO_TAGS
from services.processor.images.limits import ImageLimits
from services.processor.images.orientation import UPRIGHT, read_orientation
from services.processor.images.raster import Channels, Raster

DEPTH_LOST: Final = "more than 8 bits a channel came out as 8"
_ORIENTATION_TAG, _BITS_TAG = 0x0112, 0x0102
_LOSSY_QUALITY = {AVIF: 85, HEIC: 75}
_TIFF_COMPRESSIONS = frozenset({"raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "zstd"})


class PillowSource:
    """An opened picture in one of these formats."""

    def __init__(self, data: bytes, media_type: MediaType, limits: ImageLimits) -> None:
        self.media_type = media_type
        self._data = data
        self._image = open_image(data, media_type)
        limits.check(*self._image.size)
        self.icc_profile: bytes | None = self._image.info.get("icc_profile")
        count = self._count(limits)
        self.frame_count = 1 if media_type is HEIC else count
        self.is_animated = self.frame_count > 1 and media_type is not TIFF
        limits.check(*self._image.size, self.frame_count)
        self.kept = NO_TAGS
        self.warnings = [PICTURES_DROPPED] if count > self.frame_count else []

    def frames(self) -> Iterator[Frame]:
        """Decode frame after frame; frames of a damaged file are decoded as far as they go."""
        if self.frame_count == 1:
            image, complete = load_image(self._data, self.media_type)
            if not complete:
                self._warn(TRUNCATED)
            yield self._frame(image, 0)
            return
        image = open_image(self._data, self.media_type)
        for index in range(self.frame_count):
            try:
                seek_frame(image, index)
            except BROKEN as error:
                if index == 0:
                    raise unreadable(self.media_type, error) from error
                self._warn(TRUNCATED)
                return
            yield self._frame(image, index)

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode as the input was, as far as Pillow can."""
        if self.media_type is TIFF:
            return self._write_pages(frames)
        if self.is_animated:
            return self._write_animation(frames)
        (frame,) = frames
        output = io.BytesIO()
        to_image(frame.raster).save(output, self._image.format, **self._still_options(frame.raster))
        return output.getvalue()

    def strip(self) -> None:
        """Nothing: their containers have too many places for metadata."""
        return

    def _count(self, limits: ImageLimits) -> int:
        if self.media_type is not TIFF:
            return int(getattr(self._image, "n_frames", 1))
        # A TIFF's pages are a chain: each has to be looked at, and they may go in circles.
        pages = 0
        try:
            while pages <= limits.max_frames:
                seek_frame(self._image, pages, load=False)
                limits.check(*self._image.size)
                pages += 1
        except EOFError:
            self._image.seek(0)
        except BROKEN as error:
            raise unreadable(self.media_type, error) from error
        return pages

    def _frame(self, image: Image.Image, index: int) -> Frame:
        disposal = Disposal.CLEAR if image.info.get("disposal") == 1 else Disposal.KEEP
        raster = to_raster(image, self._orientation(image))
        if self._bits(image) > 8 and image.mode in {"RGB", "RGBA", "CMYK"}:
            deep = read_deep_page(self._data, index, image) if self.media_type is TIFF else None
            if deep is None:
                self._warn(DEPTH_LOST)
            else:
                raster = Raster(deep, Channels(image.mode), raster.orientation)
        return Frame(raster, round(float(image.info.get("duration", 0))), disposal)

    def _orientation(self, image: Image.Image) -> int:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            value = image.getexif().get(_ORIENTATION_TAG, UPRIGHT)
            return value if value in range(1, 9) else UPRIGHT
        return read_orientation(image.info.get("exif"))

    def _bits(self, image: Image.Image) -> int:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            bits = image.tag_v2.get(_BITS_TAG, 8)
            return max(bits) if isinstance(bits, tuple) else int(bits)
        return int(image.info.get("bit_depth") or 8)

    def _still_options(self, raster: Raster) -> Mapping[str, Any]:
        shown = {"icc_profile": self.icc_profile}
        if self.media_type is AVIF:
            return {**shown, "quality": _LOSSY_QUALITY[AVIF], "speed": 8, "exif": self.kept.block(raster.orientation)}
        if self.media_type is HEIC:
            # The decoder turned the pixels upright.
            exif = {"exif": block} if (block := self.kept.exif(UPRIGHT)) else {}
            return {**shown, "quality": _LOSSY_QUALITY[HEIC], "enc_params": {"preset": "ultrafast"}, **exif}
        return {}

    def _write_pages(self, frames: Iterable[Frame]) -> bytes:
        output = io.BytesIO()
        with TiffImagePlugin.AppendingTiffWriter(output, new=True) as pages:
            for number, frame in enumerate(frames):
                # Pillow does not move the blocks of later pages to their place.
                exif = (NO_TAGS if number else self.kept).block(frame.raster.orientation)
                if is_deep(frame.raster):
                    write_deep_page(pages, frame.raster, exif, self.icc_profile)
                    pages.newFrame()
                    continue
                image = to_image(frame.raster)
                compression = self._image.info.get("compression")
                if compression not in _TIFF_COMPRESSIONS or (compression == "jpeg" and image.mode not in {"L", "RGB"}):
                    compression = "tiff_lzw"
                lossy = {"quality": 95} if compression == "jpeg" else {}
                image.save(pages, "TIFF", compression=compression, exif=exif, icc_profile=self.icc_profile, **lossy)
                pages.newFrame()
        return output.getvalue()

    def _write_animation(self, frames: Iterable[Frame]) -> bytes:
        durations: list[int] = []
        disposals: list[int] = []

        def images() -> Iterator[Image.Image]:
            for frame in frames:
                durations.append(frame.duration_ms)
                disposals.append(1 if frame.disposal is Disposal.CLEAR else 0)
                yield to_image(frame.raster)

        rest = images()
        first = next(rest)
        others = list(rest)
        output = io.BytesIO()
        shared: dict[str, Any] = {"save_all": True, "append_images": others, "duration": durations}
        if self.media_type is AVIF:
            exif = self.kept.block(read_orientation(self._image.info.get("exif")))
            shared |= {"quality": _LOSSY_QUALITY[AVIF], "speed": 8, "exif": exif}
            shared |= {"icc_profile": self.icc_profile}
        else:
            shared |= {"loop": self._image.info.get("loop", 0), "disposal": disposals, "blend": 0}
        first.save(output, self._image.format, **shared)
        if self.media_type is not PNG:
            return output.getvalue()
        orientation = read_orientation(self._image.info.get("exif"))
        return insert_chunks(output.getvalue(), colour_chunks(self._data), self.kept.exif(orientation))

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)
