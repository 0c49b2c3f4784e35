"""Colours that a caller names, as the planes of a frame store them: limited range, 8 or 10 bits."""

from __future__ import annotations

from typing import Final

from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from services.processor.anonymize.colours import rgb_shares

_BT601: Final = (0.299, 0.114)
_BT709: Final = (0.2126, 0.0722)
_BT2020: Final = (0.2627, 0.0593)
_WEIGHTS: Final = {
    int(Colorspace.ITU709): _BT709,
    int(Colorspace.ITU601): _BT601,
    6: _BT601,  # SMPTE 170M, which PyAV has no name for.
    int(Colorspace.BT2020): _BT2020,
}
_HIGH_DEFINITION_HEIGHT: Final = 720


def weights_of(frame: VideoFrame) -> tuple[float, float]:
    """How much red and blue count in the brightness of this frame's pixels."""
    # Players take large pictures for BT.709 where a file does not say.
    usual = _BT709 if frame.height >= _HIGH_DEFINITION_HEIGHT else _BT601
    return _WEIGHTS.get(int(frame.colorspace), usual)


def plane_value(weights: tuple[float, float], bits: int, plane: int, color: str) -> tuple[float]:
    """A colour, given as #rrggbb, in the plane of luma (0), blue (1) or red (2)."""
    red, green, blue = rgb_shares(color)
    of_red, of_blue = weights
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    level = 1 << bits - 8
    if plane == 0:
        return (round((16 + 219 * luma) * level),)
    share = (blue - luma) / (1 - of_blue) if plane == 1 else (red - luma) / (1 - of_red)
    return (round((128 + 112 * share) * level),)
