"""GIF: decoded frame by frame, and written so that every frame is kept as it was timed.

Why Pillow does not write it: docs/decisions/animations.md.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.common.media.images.gif_blocks import (
    APPLICATION,
    CONTROL,
    EXTENSION,
    HAS_TABLE,
    IMAGE,
    TRAILER,
    gif_blocks,
    skip_sub_blocks,
    table_size,
)
from services.common.media.types import GIF
from services.processor.images.codecs.gif_header import read_gif_header
from services.processor.images.codecs.palette import TRANSPARENT, Palette, PaletteChooser, few_colours
from services.processor.images.codecs.pillow import BROKEN, TRUNCATED, load_image, open_image, seek_frame
from services.processor.images.frames import Frame, FrameDelta
from services.processor.images.kept_metadata import NO_TAGS
from services.processor.images.limits import ImageLimits
from services.processor.images.raster import Channels, Raster


class GifSource:
    """An opened GIF with one frame or many."""

    media_type = GIF
    icc_profile: bytes | None = None

    def __init__(self, data: bytes, limits: ImageLimits) -> None:
        self._data = data
        self.kept = NO_TAGS
        self._header = read_gif_header(data, limits.max_frames)
        self.frame_count = len(self._header.durations_ms)
        self.is_animated = self.frame_count > 1
        limits.check(self._header.width, self._header.height, self.frame_count)
        self.warnings = [] if self._header.complete else [TRUNCATED]

    def frames(self) -> Iterator[Frame]:
        """Decode frame after frame, each with what earlier ones left on the canvas."""
        header = self._header
        image = open_image(self._data, self.media_type)
        pixels = np.zeros((header.height, header.width, 4), np.uint8)
        for index, (duration_ms, disposal) in enumerate(zip(header.durations_ms, header.disposals, strict=True)):
            shown: Image.Image | None = image
            try:
                seek_frame(image, index)
            except BROKEN:
                self._warn()
                # From a later frame that breaks off on, what was shown before it stays.
                shown = load_image(self._data, self.media_type)[0] if index == 0 else None
            if shown is not None:
                pixels = _on_canvas(np.array(shown.convert("RGBA")), header.width, header.height)
            yield Frame(Raster(pixels.copy(), Channels.RGBA), duration_ms, disposal, few_colours(pixels))

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode frames one by one, each with colours of its own where the first frame's do not do."""
        output = io.BytesIO()
        delta, chooser = FrameDelta(self._header.width, self._header.height), PaletteChooser()
        shared: Palette | None = None
        for frame in frames:
            unchanged = delta.unchanged(frame)
            left, top, right, bottom = delta.rectangle(frame, unchanged)
            delta.advance(frame)
            inside = (slice(top, bottom), slice(left, right))
            palette, indexes = chooser.choose(frame.raster.pixels[inside], frame.few_colours)
            if palette.has_transparent:
                indexes[unchanged[inside]] = TRANSPARENT
            if shared is None:
                shared = palette
                output.write(self._start(palette))
            delay = frame.duration_ms // 10
            output.write(
                struct.pack(
                    "<4BH2B",
                    EXTENSION,
                    CONTROL,
                    4,
                    frame.disposal << 2 | palette.has_transparent,
                    delay,
                    TRANSPARENT,
                    0,
                )
            )
            own = palette.table != shared.table
            flags = HAS_TABLE | 7 if own else 0
            output.write(struct.pack("<B4HB", IMAGE, left, top, right - left, bottom - top, flags))
            output.write((palette.table if own else b"") + _compress(indexes))
        output.write(bytes((TRAILER,)))
        return output.getvalue()

    def strip(self) -> None:
        """Nothing: what a decoder shows is written again, frame by frame."""
        return

    def _start(self, palette: Palette) -> bytes:
        header = self._header
        flags = HAS_TABLE | 0x70 | 7
        screen = b"GIF89a" + struct.pack("<2H3B", header.width, header.height, flags, TRANSPARENT, 0) + palette.table
        if header.loops is None:
            return screen
        return screen + struct.pack("<3B11s2BHB", EXTENSION, APPLICATION, 11, b"NETSCAPE2.0", 3, 1, header.loops, 0)

    def _warn(self) -> None:
        if TRUNCATED not in self.warnings:
            self.warnings.append(TRUNCATED)


def _on_canvas(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if pixels.shape[:2] == (height, width):
        return pixels
    canvas = np.zeros((height, width, 4), np.uint8)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels[:height, :width]
    return canvas


def _compress(indexes: NDArray[np.uint8]) -> bytes:
    """LZW data with its code size, taken from a GIF that Pillow wrote."""
    output = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(indexes)).save(output, "GIF", optimize=False, interlace=False)
    written = output.getvalue()
    descriptor = next(at for kind, at in gif_blocks(written) if kind == IMAGE)
    start = descriptor + 9 + table_size(written[descriptor + 8])
    return written[start : skip_sub_blocks(written, start + 1)]
