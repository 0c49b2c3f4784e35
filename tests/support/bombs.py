"""Small files that unpack to much: more pixels, frames, scans or metadata than any reader should make room for."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping

from PIL import Image

from tests.support.media_samples import image_bytes

# 144 megapixels: above the limit of 100, with every pixel behind them.
SIDE = 12_000
TEXT_BYTES = 200 * 1024 * 1024
FRAMES, SCANS = 1_000_000, 500_000


def png_of_pixels() -> bytes:
    """A PNG of a colour, whose rows pack a thousand to one."""
    pack = zlib.compressobj(1)
    row = bytes(1 + 3 * SIDE)
    packed = b"".join(pack.compress(row) for _ in range(SIDE)) + pack.flush()
    return _png(_chunk(b"IDAT", packed))


def png_of_text() -> bytes:
    """A small PNG with compressed text of 200 MiB."""
    return _small_png(_chunk(b"zTXt", b"Comment\0\0" + _zeros(TEXT_BYTES)))


def png_of_profile() -> bytes:
    """A small PNG whose colour profile unpacks to 200 MiB."""
    return _small_png(_chunk(b"iCCP", b"profile\0\0" + _zeros(TEXT_BYTES)))


def jpeg_of_pixels() -> bytes:
    """A JPEG of a colour."""
    return _saved("JPEG", "L")


def webp_of_pixels() -> bytes:
    """A lossless WebP of a colour."""
    return _saved("WEBP", "RGB", lossless=True, method=0, quality=0)


def heic_of_claims() -> bytes:
    """A small HEIC whose header claims many pixels."""
    data = bytearray(image_bytes("heic"))
    place = 0
    while (place := data.find(b"ispe", place)) >= 0:
        data[place + 8 : place + 16] = struct.pack(">2I", SIDE, SIDE)
        place += 4
    return bytes(data)


def gif_of_frames(frames: int = FRAMES) -> bytes:
    """A GIF of frames of one pixel."""
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    frame = b"\x21\xf9\x04\x00\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def jpeg_of_scans() -> bytes:
    """A progressive JPEG whose last scan comes half a million times."""
    output = io.BytesIO()
    Image.effect_noise((16, 16), 50).save(output, "JPEG", progressive=True)
    data = output.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * SCANS + data[-2:]


def mp4_of_nothing() -> bytes:
    """An MP4 whose box of metadata holds zeros."""
    head = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
    return head + struct.pack(">I4s", 8 + TEXT_BYTES // 1024, b"moov") + bytes(TEXT_BYTES // 1024)


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "PNG of 144 MP": png_of_pixels,
    "JPEG of 144 MP": jpeg_of_pixels,
    "WebP of 144 MP": webp_of_pixels,
    "HEIC that claims 144 MP": heic_of_claims,
    "PNG with 200 MiB of zTXt": png_of_text,
    "PNG with 200 MiB of iCCP": png_of_profile,
    "GIF of 1,000,000 frames": gif_of_frames,
    "JPEG of 500,000 scans": jpeg_of_scans,
    "MP4 with an empty moov of 200 KiB": mp4_of_nothing,
}


def _zeros(size_bytes: int) -> bytes:
    pack = zlib.compressobj(1)
    mebibyte = bytes(1024 * 1024)
    return b"".join(pack.compress(mebibyte) for _ in range(size_bytes // len(mebibyte))) + pack.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(*chunks: bytes, side: int = SIDE) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


def _small_png(extra: bytes) -> bytes:
    pixels = zlib.compress(bytes((1 + 3 * 16) * 16))
    return _png(extra, _chunk(b"IDAT", pixels), side=16)


def _saved(format: str, mode: str, **options: object) -> bytes:
    output = io.BytesIO()
    Image.new(mode, (SIDE, SIDE)).save(output, format, **options)
    return output.getvalue()
