"""The header of a GIF and of its frames, read without decoding a pixel."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from services.common.media.images.gif_blocks import APPLICATION, CONTROL, IMAGE, TRAILER, gif_blocks
from services.common.media.refusals import DamagedMedia
from services.common.media.types import GIF
from services.processor.images.frames import Disposal


@dataclass(frozen=True, slots=True)
class GifHeader:
    """The size, frames and loop count of a GIF."""

    width: int
    height: int
    loops: int | None
    """How often it plays again; 0 for ever, None when it does not say."""
    durations_ms: tuple[int, ...]
    """Of each frame."""
    disposals: tuple[Disposal, ...]
    complete: bool


def read_gif_header(data: bytes, max_frames: int) -> GifHeader:
    """Walk the blocks; no pixel is decoded, and after one frame too many there is nothing more to know."""
    if len(data) < 13:
        raise DamagedMedia(GIF.format, "it has no pixels")
    width, height = struct.unpack_from("<HH", data, 6)
    loops: int | None = None
    durations, disposals = [], []
    delay, disposal, complete = 0, Disposal.UNSAID, False
    for kind, at in gif_blocks(data):
        if kind == CONTROL and len(data) >= at + 4:
            disposal = Disposal(min(data[at + 1] >> 2 & 7, Disposal.RESTORE))
            (delay,) = struct.unpack_from("<H", data, at + 2)
        elif kind == APPLICATION and data[at + 1 : at + 14] == b"NETSCAPE2.0\3\1":
            loops = int.from_bytes(data[at + 14 : at + 16], "little")
        elif kind == IMAGE:
            left, top, frame_width, frame_height = struct.unpack_from("<4H", data, at)
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            durations.append(10 * delay)
            disposals.append(disposal)
            delay, disposal = 0, Disposal.UNSAID
            if len(durations) > max_frames:
                break
        elif kind == TRAILER:
            complete = True
    if not durations or width < 1 or height < 1:
        raise DamagedMedia(GIF.format, "it has no pixels")
    return GifHeader(width, height, loops, tuple(durations), tuple(disposals), complete)
