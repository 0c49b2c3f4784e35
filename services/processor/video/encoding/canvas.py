"""Frames that can be painted on: 8 or 10 bits, 4:2:0, with even sides, and not shared with the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from services.common.media.vocabulary import Box
from services.processor.anonymize.paint import paint_covers
from services.processor.anonymize.plan import Cover
from services.processor.video.encoding.colours import plane_value, weights_of

PIXEL_FORMATS: Final = {8: "yuv420p", 10: "yuv420p10le"}
"""By the bits of a pixel."""
RGB_BECOMES: Final = Colorspace.ITU709
CONVERSION: Final = Interpolation.BICUBIC | Interpolation.ACCURATE_RND


class Canvas:
    """Makes the frames of one video alike, and covers parts of them."""

    def __init__(self, width: int, height: int, bits: int) -> None:
        self._frame_size = width, height
        self._bits = bits
        self.pixel_format = PIXEL_FORMATS[bits]
        self._pixel_type = np.uint8 if bits == 8 else np.uint16
        self.width, self.height = width + width % 2, height + height % 2
        self._reformatter = VideoReformatter()

    def prepare(self, frame: VideoFrame) -> VideoFrame:
        """The frame in the canvas's format and size; the frame itself where it is so already."""
        if frame.format.name != self.pixel_format or (frame.width, frame.height) != self._frame_size:
            frame = self._converted(frame)
        if self._frame_size != (self.width, self.height):
            frame = self._padded(frame)
        frame.pict_type = 0  # Or the encoder would repeat the source's choice of key frames.
        return frame

    def paint(self, frame: VideoFrame, covers: Sequence[Cover]) -> None:
        """Cover parts of a prepared frame; every pixel outside of them stays as it is."""
        if not covers:
            return
        frame.make_writable()
        halved = [_halved(cover) for cover in covers]
        weights = weights_of(frame)
        for number, plane in enumerate(frame.planes):
            paint_covers(
                self._pixels(plane), halved if number else covers, partial(plane_value, weights, self._bits, number)
            )

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        is_full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
        return self._reformatter.reformat(
            frame,
            *self._frame_size,
            format=self.pixel_format,
            interpolation=CONVERSION,
            dst_colorspace=RGB_BECOMES if frame.format.is_rgb else None,
            src_color_range=ColorRange.JPEG if is_full else None,
            dst_color_range=ColorRange.MPEG,
        )

    def _padded(self, frame: VideoFrame) -> VideoFrame:
        """Odd sides get their last row or column twice; the planes of colour have room for it already."""
        padded = VideoFrame(self.width, self.height, self.pixel_format)
        for source, target in zip(frame.planes, padded.planes, strict=True):
            pixels, room = self._pixels(source), self._pixels(target)
            height, width = pixels.shape
            room[...] = np.pad(pixels, ((0, room.shape[0] - height), (0, room.shape[1] - width)), mode="edge")
        padded.pts = frame.pts
        if getattr(frame, "time_base", None) is not None:  # Its type denies it, but a converted frame has none.
            padded.time_base = frame.time_base
        padded.duration = frame.duration
        return padded

    def _pixels(self, plane: VideoPlane) -> NDArray[Any]:
        # A plane is a buffer, which its type can only say from Python 3.12 on.
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        return rows.view(self._pixel_type)[:, : plane.width]


def _halved(cover: Cover) -> Cover:
    box = cover.box
    return replace(cover, box=Box(box.left / 2, box.top / 2, box.right / 2, box.bottom / 2))
