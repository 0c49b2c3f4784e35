"""The blocks of a GIF: walked to count its frames before any pixel is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from services.processor.images.errors import PictureUnreadable
from services.processor.images.formats import ImageFormat
from services.processor.images.frames import Disposal

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
HAS_TABLE = 0x80


@dataclass(frozen=True, slots=True)
class GifHeader:
    """What a GIF says of itself besides its pixels."""

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
        raise PictureUnreadable(ImageFormat.GIF, "it has no pixels")
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
        raise PictureUnreadable(ImageFormat.GIF, "it has no pixels")
    return GifHeader(width, height, loops, tuple(durations), tuple(disposals), complete)


def gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Each block's kind and where its content starts; an extension's kind is its label."""
    at = 13 + table_size(data[10])
    while at < len(data):
        kind = data[at]
        if kind == EXTENSION and at + 2 < len(data):
            yield data[at + 1], at + 2
            at = skip_sub_blocks(data, at + 2)
        elif kind == IMAGE and at + 10 < len(data):
            yield kind, at + 1
            at = skip_sub_blocks(data, at + 11 + table_size(data[at + 9]))
        elif kind == TRAILER:
            yield kind, at
            return
        else:
            at += 1


def table_size(flags: int) -> int:
    """How many bytes the colour table takes that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & HAS_TABLE else 0


def skip_sub_blocks(data: bytes, at: int) -> int:
    """Where the sub-blocks that start here end."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
