"""The same small picture or video in every header that a format may have."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

from PIL import Image

from tests.support.media_samples import image_bytes

BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
LAST_BRAND_OFFSET = 508


def picture() -> Image.Image:
    """What the pictures show."""
    return Image.linear_gradient("L").resize((48, 32)).convert("RGB")


def bmp_bytes(header_size: int) -> bytes:
    """A BMP whose second header has this size."""
    whole = image_bytes("bmp")
    header, pixels = whole[14:54], whole[54:]
    if header_size == 12:
        header = struct.pack("<IHHHH", 12, 48, 32, 1, 24)
    else:
        header = struct.pack("<I", header_size) + (header[4:] + bytes(124))[: header_size - 4]
    start = 14 + header_size
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


def tiff_bytes(order: str, *, big: bool) -> bytes:
    """An uncompressed RGB TIFF in this byte order, classic or with the wide offsets of BigTIFF."""
    pixels = picture().tobytes()
    mark = b"II" if order == "<" else b"MM"
    start, wide = (16, "Q") if big else (8, "I")
    head = mark + struct.pack(order + "HHHQ", 43, 8, 0, start) if big else mark + struct.pack(order + "HI", 42, start)
    size_of_entry, tags = (20, 9) if big else (12, 9)
    pixels_at = start + (8 if big else 2) + tags * size_of_entry + (8 if big else 4)
    bits = struct.pack(order + "HHH", 8, 8, 8)
    # Three numbers stand in their entry where it has room for them, else behind the pixels.
    bits_value = bits.ljust(8, b"\0") if big else struct.pack(order + "I", pixels_at + len(pixels))
    entries = (
        (256, 3, 1, _short(order, 48, wide)),
        (257, 3, 1, _short(order, 32, wide)),
        (258, 3, 3, bits_value),
        (259, 3, 1, _short(order, 1, wide)),
        (262, 3, 1, _short(order, 2, wide)),
        (273, 4, 1, _long(order, pixels_at, wide)),
        (277, 3, 1, _short(order, 3, wide)),
        (278, 3, 1, _short(order, 32, wide)),
        (279, 4, 1, _long(order, len(pixels), wide)),
    )
    directory = b"".join(
        struct.pack(order + "HH" + wide, tag, kind, count) + value for tag, kind, count, value in entries
    )
    count = struct.pack(order + ("Q" if big else "H"), tags)
    return head + count + directory + struct.pack(order + wide, 0) + pixels + bits


def with_brands(content: bytes, brands: Sequence[bytes]) -> bytes:
    """A HEIC, AVIF or MP4 file with other brands, the major one first."""
    size = int.from_bytes(content[:4], "big")
    box = struct.pack(">I", 12 + 4 * len(brands)) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    moved = bytearray(box + content[size:])
    _move_items(moved, len(box) - size)
    _move_chunks(moved, len(box) - size)
    return bytes(moved)


def brands_with(brand: bytes, offset: int, filling: bytes) -> list[bytes]:
    """Brands of which this one stands so many bytes behind the file's start."""
    if offset == 8:
        return [brand, filling]
    return [filling] * (1 + (offset - 16) // 4) + [brand]


def avif_sequence() -> bytes:
    """An AVIF of two frames, whose major brand is that of sequences."""
    out = io.BytesIO()
    picture().save(out, "AVIF", save_all=True, append_images=[picture().rotate(90)], duration=100)
    assert out.getvalue()[8:12] == b"avis"
    return out.getvalue()


def gif_bytes(version: str) -> bytes:
    """A GIF that says it is of this version."""
    return b"GIF" + version.encode() + image_bytes("gif")[6:]


def webp_bytes(kind: str) -> bytes:
    """A WebP whose first chunk is of this kind."""
    out = io.BytesIO()
    if kind == "VP8X":
        picture().save(out, "WEBP", save_all=True, append_images=[picture().rotate(90)])
    else:
        picture().save(out, "WEBP", lossless=kind == "VP8L")
    assert out.getvalue()[12:16] == kind.encode().ljust(4)
    return out.getvalue()


def _short(order: str, value: int, wide: str) -> bytes:
    return struct.pack(order + "H", value).ljust(struct.calcsize("<" + wide), b"\0")


def _long(order: str, value: int, wide: str) -> bytes:
    return struct.pack(order + "I", value).ljust(struct.calcsize("<" + wide), b"\0")


def _move_items(content: bytearray, by: int) -> None:
    """Corrects the places of a picture's items after its first box grew."""
    at = content.find(b"iloc")
    if at < 0:
        return
    version, sizes, bases = content[at + 4], content[at + 8], content[at + 9]
    assert (version, sizes, bases & 0x0F) == (0, 0x44, 0)
    has_base = bases == 0x40
    (items,) = struct.unpack_from(">H", content, at + 10)
    at += 12
    for _ in range(items):
        at += 4
        if has_base:
            _add(content, at, by)
            at += 4
        (extents,) = struct.unpack_from(">H", content, at)
        at += 2
        for _ in range(extents):
            if not has_base:
                _add(content, at, by)
            at += 8


def _move_chunks(content: bytearray, by: int) -> None:
    """The same for the frames of a video."""
    at = content.find(b"stco")
    if at >= 0:
        (chunks,) = struct.unpack_from(">I", content, at + 8)
        for number in range(chunks):
            _add(content, at + 12 + 4 * number, by)


def _add(content: bytearray, at: int, by: int) -> None:
    struct.pack_into(">I", content, at, struct.unpack_from(">I", content, at)[0] + by)
