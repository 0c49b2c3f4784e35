"""The picture formats that are taken, told by their first bytes and never by a name."""

from __future__ import annotations

from enum import StrEnum

SNIFF_BYTES = 64
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 108, 124})


class ImageFormat(StrEnum):
    """A picture format that is read and written."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    AVIF = "avif"
    HEIC = "heic"

    @property
    def content_type(self) -> str:
        """The media type of RFC 6838."""
        return f"image/{self.value}"


def sniff_format(head: bytes) -> ImageFormat | None:
    """Tell the format from at least the first `SNIFF_BYTES` bytes; None for anything else."""
    if head.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return ImageFormat.GIF
    if head[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return ImageFormat.TIFF
    if head[:2] == b"BM" and head[14:18] in {
        b"\x0c\0\0\0",
        b"\x28\0\0\0",
        b"\x34\0\0\0",
        b"\x38\0\0\0",
        b"\x6c\0\0\0",
        b"\x7c\0\0\0",
    }:
        return ImageFormat.BMP
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> ImageFormat | None:
    end = min(int.from_bytes(head[:4], "big"), SNIFF_BYTES)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    for brand in brands:
        if brand in {b"avif", b"avis"}:
            return ImageFormat.AVIF
        if brand in {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}:
            return ImageFormat.HEIC
    return None
