"""The frames of a picture: one, the moments of an animation, or the pages of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.media.types import MediaType
from services.processor.images.kept_metadata import KeptTags
from services.processor.images.raster import Raster


class Disposal(IntEnum):
    """How a frame is removed when its time is over; the numbers are GIF's."""

    UNSAID = 0
    KEEP = 1
    CLEAR = 2
    RESTORE = 3


@dataclass(slots=True)
class Frame:
    """The picture of one moment, over the whole canvas."""

    raster: Raster
    duration_ms: int = 0
    disposal: Disposal = Disposal.UNSAID
    few_colours: NDArray[np.uint32] | None = None
    """Its colours as 0xRRGGBB before anything was covered, where a palette holds them all."""


class PictureSource(Protocol):
    """An opened picture whose header was read and whose pixels were not.

    Promises: `frames` decodes from the start each time it is called, one frame at a time; `write` takes the same
    number of frames and holds no more of them than the format's encoder needs. What was wrong and did not stop it
    is in `warnings` once all frames were read.
    """

    media_type: MediaType
    frame_count: int
    is_animated: bool
    """The frames are moments of one picture, and not pages."""
    warnings: list[str]
    icc_profile: bytes | None
    kept: KeptTags
    """The metadata that `write` and `strip` put into the output, as far as the format holds it."""

    def frames(self) -> Iterator[Frame]:
        """Decode frame after frame."""
        ...

    def write(self, frames: Iterable[Frame]) -> bytes:
        """Encode as the input was, without its metadata."""
        ...

    def strip(self) -> bytes | None:
        """The coded picture as it is, without metadata; None where that cannot be had without encoding again."""
        ...


class FrameDelta:
    """Follows what a viewer has on its canvas, so that a frame need hold only what changes.

    A frame that is cleared afterwards is written whole: what it clears is what it was written on.
    """

    def __init__(self, width: int, height: int) -> None:
        self._whole = (0, 0, width, height)
        self._shown: NDArray[np.uint32] | None = None

    def unchanged(self, frame: Frame) -> NDArray[np.bool_]:
        """The pixels of an RGBA frame that the canvas shows already."""
        numbers = _numbers(frame)
        return np.zeros(numbers.shape, np.bool_) if self._shown is None else self._shown == numbers

    def rectangle(self, frame: Frame, unchanged: NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """The part to write, as left, top, right and bottom; never empty."""
        if self._shown is None or frame.disposal is Disposal.CLEAR:
            return self._whole
        columns = np.flatnonzero(~unchanged.all(axis=0))
        rows = np.flatnonzero(~unchanged.all(axis=1))
        if not len(columns):
            return 0, 0, 1, 1
        left, top = int(columns[0]), int(rows[0])
        return left, top, int(columns[-1]) + 1, int(rows[-1]) + 1

    def advance(self, frame: Frame) -> None:
        """Take in that the frame was written and its time is over."""
        if frame.disposal is Disposal.CLEAR:
            self._shown = np.zeros_like(_numbers(frame))
        elif frame.disposal is not Disposal.RESTORE:
            self._shown = _numbers(frame)
        elif self._shown is None:
            self._shown = np.zeros_like(_numbers(frame))


def _numbers(frame: Frame) -> NDArray[np.uint32]:
    return np.ascontiguousarray(frame.raster.pixels).view(np.uint32)[..., 0]
