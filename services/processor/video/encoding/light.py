"""How bright an HDR10 video was mastered: its display's colours and its brightest pixels, which a player asks for."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, cast

from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame

_COLOR_UNITS: Final = 50_000
_LUMINANCE_UNITS: Final = 10_000


@dataclass(frozen=True, slots=True)
class MasteringLight:
    """As the encoder takes it; a part that the video does not have is empty."""

    display: str = ""
    """The red, green, blue and white of the display, and its brightest and darkest."""
    content: str = ""
    """The brightest pixel, and the brightest average of a frame."""

    @classmethod
    def of_frame(cls, frame: VideoFrame) -> MasteringLight:
        """Reads what was stored with a frame."""
        display, content = (_bytes(frame, kind) for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"))
        return cls(_display(display) if display else "", _content(content) if content else "")


UNKNOWN_LIGHT: Final = MasteringLight()


def _bytes(frame: VideoFrame, kind: str) -> bytes:
    data = frame.side_data.get(kind)
    return bytes(cast("SideData", data)) if data is not None else b""


def _display(data: bytes) -> str:
    """Of FFmpeg's AVMasteringDisplayMetadata: ten fractions, and whether the colours and the luminances are known."""
    *numbers, has_colors, has_luminance = struct.unpack_from("22i", data)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not (has_colors and has_luminance) or any(denominator <= 0 for _, denominator in pairs):
        return ""
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (
        round(_COLOR_UNITS * numerator / denominator) for numerator, denominator in pairs[:8]
    )
    darkest, brightest = (round(_LUMINANCE_UNITS * numerator / denominator) for numerator, denominator in pairs[8:])
    return (
        f"G({green_x},{green_y})B({blue_x},{blue_y})R({red_x},{red_y})WP({white_x},{white_y})L({brightest},{darkest})"
    )


def _content(data: bytes) -> str:
    brightest_pixel, brightest_average = struct.unpack_from("2I", data)
    return f"{brightest_pixel},{brightest_average}"
