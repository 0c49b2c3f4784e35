"""EXIF orientation: read from a block that may be broken, written as a block with nothing else in it."""

from __future__ import annotations

import struct

from services.processor.anonymize.pixels import Pixels

UPRIGHT = 1
_TAG, _SHORT = 0x0112, 3


def read_orientation(exif: bytes | None) -> int:
    """The orientation, 1 to 8, that an EXIF block names; 1 where it names none or cannot be read."""
    if not exif:
        return UPRIGHT
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return UPRIGHT
    try:
        (offset,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, offset)
        for index in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", block, offset + 2 + 12 * index)
            if tag == _TAG and kind == _SHORT:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def orientation_exif(orientation: int) -> bytes:
    """An EXIF block that holds the orientation alone; no bytes for an upright picture."""
    if orientation == UPRIGHT:
        return b""
    return b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _TAG, _SHORT, 1, orientation, 0, 0)


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """The upright picture as a view: what is written to it is written to `pixels`."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels
