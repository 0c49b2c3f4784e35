"""Pictures of the formats without EXIF of their own, with a secret in every place that keeps bytes unseen."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image, TiffImagePlugin

from tests.support.pictures import PROFILE, SECRET, encode, paint

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
_TEXTS = {0x010D: "name", 0x010E: "description", 0x010F: "make", 0x0110: "model", 0x011D: "page", 0x0131: "software"}
_TEXTS |= {0x013B: "artist", 0x013C: "computer", 0x8298: "copyright", 0xA480: "metadata of GDAL", 0xFDE8: "private"}
_BLOCKS = {0x02BC: "XMP", 0x83BB: "IPTC", 0x8649: "Photoshop", 0x935C: "layers of Photoshop", 0xFDE9: "private"}


def gif(frames: int) -> bytes:
    """With comments, a text that is shown, XMP, an application's block, and bytes between the blocks and at the end."""
    others = [paint(10 * number) for number in range(1, frames)]
    plain = encode(paint(), "GIF", save_all=True, append_images=others, duration=100, loop=0)
    table = 13 + (3 << (plain[10] & 7) + 1)
    # What a reader of XMP finds ends with the bytes 255 to 0, which bring every other reader to its end.
    xmp = b"\x21\xff\x0bXMP DataXMP" + _XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    application = b"\x21\xff\x0bSECRETAPP01" + _sub_block(SECRET) + b"\0"
    comment = b"\x21\xfe" + _sub_block(SECRET) + _sub_block(SECRET) + b"\0"
    text = b"\x21\x01\x0c" + bytes(8) + b"\x08\x08\x01\x00" + _sub_block(SECRET) + b"\0"
    planted = comment + xmp + application + text + SECRET
    return b"GIF89a" + plain[6:table] + planted + plain[table:-1] + comment + plain[-1:] + SECRET


def bmp() -> bytes:
    """With bytes between header and pixels, a linked profile's name behind the pixels, and bytes at the end."""
    plain = encode(paint(), "BMP")
    width, height = struct.unpack_from("<2i", plain, 18)
    pixels = plain[14 + 40 :]
    gap = SECRET.ljust(64, b"\0")
    header = struct.pack("<I2i2H6I", 124, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    colours = struct.pack("<4I4s36x12x4I", 0, 0, 0, 0, b"KNIL", 4, 124 + len(gap) + len(pixels), len(SECRET) + 1, 0)
    content = header + colours + gap + pixels + SECRET + b"\0" + SECRET
    start = 14 + 124 + len(gap)
    return b"BM" + struct.pack("<I2HI", 14 + len(content), 0, 0, start) + content


def tiff(pages: int) -> bytes:
    """With texts and blocks of metadata in the directory of each page, and bytes at the end."""
    output = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(output, new=True) as writer:
        for number in range(pages):
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            for tag in _TEXTS:
                tags.tagtype[tag] = 2
                tags[tag] = SECRET.decode()
            for tag in _BLOCKS:
                tags.tagtype[tag] = 7
                tags[tag] = _XMP
            paint(10 * number).save(
                writer, "TIFF", tiffinfo=tags, icc_profile=PROFILE, compression="raw" if number % 2 else "tiff_lzw"
            )
            writer.newFrame()
    return output.getvalue() + SECRET


def _sub_block(content: bytes) -> bytes:
    return bytes((len(content),)) + content


PLANTED: Final[Mapping[str, Callable[[], bytes]]] = {
    "GIF": lambda: gif(1),
    "GIF that is animated": lambda: gif(3),
    "BMP": bmp,
    "TIFF": lambda: tiff(1),
    "TIFF of three pages": lambda: tiff(3),
}


def frames_of(content: bytes) -> int:
    """How many frames or pages a plain reader sees."""
    return int(getattr(Image.open(io.BytesIO(content)), "n_frames", 1))
