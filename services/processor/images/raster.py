"""Pixels in memory at any depth and with any channels, and their picture for a detector."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from services.processor.anonymize.colours import luma, rgb_shares
from services.processor.anonymize.pixels import Pixels
from services.processor.images.orientation import UPRIGHT, turn_upright
from services.processor.vision.detections import Picture


class Channels(StrEnum):
    """The channels of a pixel; the values are Pillow's names for them."""

    GREY = "L"
    GREY_ALPHA = "LA"
    RGB = "RGB"
    RGBA = "RGBA"
    CMYK = "CMYK"


@dataclass(slots=True)
class Raster:
    """The pixels of one picture as they are stored, and which way up they are."""

    pixels: Pixels
    channels: Channels
    orientation: int = UPRIGHT

    @property
    def upright(self) -> Pixels:
        """The upright picture, a view on the stored pixels."""
        return turn_upright(self.pixels, self.orientation)

    def channel_values(self, color: str) -> tuple[float, ...]:
        """An opaque colour, given as #rrggbb, in these channels."""
        full = 1.0 if self.pixels.dtype == np.float32 else float(np.iinfo(self.pixels.dtype).max)
        red, green, blue = (share * full for share in rgb_shares(color))
        grey = luma(red, green, blue)
        brightest = max(red, green, blue)
        return {
            Channels.GREY: (grey,),
            Channels.GREY_ALPHA: (grey, full),
            Channels.RGB: (red, green, blue),
            Channels.RGBA: (red, green, blue, full),
            # As much black as goes: the other inks bring the colour alone.
            Channels.CMYK: (*(full - full * ink / (brightest or full) for ink in (red, green, blue)), full - brightest),
        }[self.channels]

    def as_bytes(self) -> Pixels:
        """The stored pixels in 8 bits a channel."""
        return _to_bytes(self.pixels)

    def turned_upright(self) -> Raster:
        """The same picture stored upright."""
        return Raster(np.ascontiguousarray(self.upright), self.channels)

    def picture(self) -> Picture:
        """The upright picture as detectors take it; colours under transparency are seen too."""
        pixels = self.as_bytes()
        match self.channels:
            case Channels.GREY:
                shown = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
            case Channels.GREY_ALPHA:
                shown = cv2.cvtColor(np.ascontiguousarray(pixels[..., 0]), cv2.COLOR_GRAY2BGR)
            case Channels.RGB:
                shown = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            case Channels.RGBA:
                shown = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR)
            case _:
                shown = _cmyk_to_bgr(pixels)
        return np.ascontiguousarray(turn_upright(shown, self.orientation)).astype(np.uint8, copy=False)


def _to_bytes(pixels: Pixels) -> Pixels:
    if pixels.dtype == np.uint16:
        return cv2.convertScaleAbs(pixels, alpha=1 / 257)
    if pixels.dtype == np.float32:
        low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
        scaled = (np.nan_to_num(pixels, nan=low) - low) * (255 / (high - low) if high > low else 0.0)
        return scaled.astype(np.uint8)
    return pixels


def _cmyk_to_bgr(pixels: Pixels) -> Pixels:
    ink = 255 - pixels.astype(np.uint16)
    mixed = ink[..., 2::-1] * ink[..., 3:] // 255
    return mixed.astype(np.uint8)
