"""The formats that are taken, and the one sniffer: bytes are recognised by their first kilobytes, never by a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.common.media.refusals import EmptyMedia, UnsupportedMedia
from services.common.media.vocabulary import MediaKind

SNIFF_BYTES: Final = 4096
"""How many leading bytes `sniff` wants; fewer are fine when the media is shorter."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """One accepted type; `name` is for people, `format` is the contract's word."""

    kind: MediaKind
    name: str
    content_type: str
    extension: str

    @property
    def format(self) -> str:
        """The name in lower case."""
        return self.name.lower()


JPEG: Final = MediaType(MediaKind.IMAGE, "JPEG", "image/jpeg", "jpg")
PNG: Final = MediaType(MediaKind.IMAGE, "PNG", "image/png", "png")
WEBP: Final = MediaType(MediaKind.IMAGE, "WebP", "image/webp", "webp")
GIF: Final = MediaType(MediaKind.IMAGE, "GIF", "image/gif", "gif")
TIFF: Final = MediaType(MediaKind.IMAGE, "TIFF", "image/tiff", "tif")
BMP: Final = MediaType(MediaKind.IMAGE, "BMP", "image/bmp", "bmp")
AVIF: Final = MediaType(MediaKind.IMAGE, "AVIF", "image/avif", "avif")
HEIC: Final = MediaType(MediaKind.IMAGE, "HEIC", "image/heic", "heic")
MP4: Final = MediaType(MediaKind.VIDEO, "MP4", "video/mp4", "mp4")
MOV: Final = MediaType(MediaKind.VIDEO, "MOV", "video/quicktime", "mov")
WEBM: Final = MediaType(MediaKind.VIDEO, "WebM", "video/webm", "webm")
MKV: Final = MediaType(MediaKind.VIDEO, "MKV", "video/x-matroska", "mkv")
AVI: Final = MediaType(MediaKind.VIDEO, "AVI", "video/x-msvideo", "avi")

IMAGE_TYPES: Final = (JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC)
VIDEO_TYPES: Final = (MP4, MOV, WEBM, MKV, AVI)
MEDIA_TYPES: Final = (*IMAGE_TYPES, *VIDEO_TYPES)
MEDIA_TYPE_BY_FORMAT: Final = {media_type.format: media_type for media_type in MEDIA_TYPES}

_TIFF_STARTS: Final = (b"II*\0", b"MM\0*", b"II+\0")
_BMP_HEADER_SIZES: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
_SHORT_BMP_HEADER_SIZE: Final = 16
_EBML: Final = b"\x1aE\xdf\xa3"

_IMAGE_BRANDS: Final = dict.fromkeys((b"avif", b"avis"), AVIF) | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIC
)
# The type of an item in the `meta` box: what its picture is coded in.
_CODED_ITEM: Final = re.compile(rb"infe[\2\3]...(?:..|....)\0\0(hvc1|av01)", re.DOTALL)
_MP4_BRANDS: Final = frozenset(
    {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41", b"mp42", b"mp71"}
    | {b"avc1", b"av01", b"hvc1", b"dash", b"cmfc", b"M4V ", b"M4VP", b"M4VH", b"MSNV", b"XAVC", b"f4v ", b"mmp4"}
)
_OTHER_BRANDS: Final = {
    b"M4A ": "M4A audio",
    b"M4B ": "M4A audio",
    b"crx ": "Canon CR3 raw image",
    b"jp2 ": "JPEG 2000",
}
_CLASSIC_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"pnot"})

_NAMED: Final = (
    # Pillow reads BigTIFF in little-endian order alone.
    (b"MM\0+", "BigTIFF image in big-endian order"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\0", "XZ archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x7fELF", "ELF program"),
    (b"MZ", "Windows program"),
    (b"#!", "script"),
    (b"8BPS", "Photoshop document"),
    (b"%!PS", "PostScript document"),
    (b"\0\0\1\0", "Windows icon"),
    (b"\xff\x0a", "JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000 image"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw image"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"OggS", "Ogg stream"),
    (b"FLV\1", "Flash video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media stream"),
    (b"\0\0\1\xba", "MPEG program stream"),
    (b"SQLite format 3\0", "SQLite database"),
)
_MARKUP: Final = (
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<head", "HTML"),
    (b"<body", "HTML"),
    (b"<script", "HTML"),
    (b"<svg", "SVG drawing"),
    (b"<!doctype svg", "SVG drawing"),
)


def sniff(head: bytes, accepted: Sequence[MediaType] = MEDIA_TYPES) -> MediaType:
    """Recognise the type by the first `SNIFF_BYTES`; raises EmptyMedia, or UnsupportedMedia naming what was found."""
    if not head:
        raise EmptyMedia
    media_type = _image_type(head) or _video_type(head)
    if media_type is None or media_type not in accepted:
        found = f"{media_type.name} {media_type.kind}" if media_type else _name_other(head)
        raise UnsupportedMedia(found, _listed(accepted))
    return media_type


def _listed(accepted: Sequence[MediaType]) -> str:
    kinds = []
    for kind in MediaKind:
        names = [media_type.name for media_type in accepted if media_type.kind is kind]
        if names:
            kinds.append(f"{', '.join(names[:-1])} and {names[-1]} {kind}s")
    return ", and ".join(kinds)


def _image_type(head: bytes) -> MediaType | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(_TIFF_STARTS) and head[8:10] != b"CR":
        return TIFF
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    named = [_IMAGE_BRANDS[brand] for brand in _ftyp_brands(head) if brand in _IMAGE_BRANDS]
    if named and (coded := _CODED_ITEM.search(head)):
        # A file may name both, in any order: how its first picture is coded decides which parser opens it.
        return AVIF if coded[1] == b"av01" else HEIC
    return named[0] if named else None


def _video_type(head: bytes) -> MediaType | None:
    brands = _ftyp_brands(head)
    if brands:
        if brands[0] == b"qt  ":
            return MOV
        return MP4 if brands[0] not in _OTHER_BRANDS and _MP4_BRANDS.intersection(brands) else None
    if head[4:8] in _CLASSIC_QUICKTIME_ATOMS:
        return MOV
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return AVI
    if head.startswith(_EBML):
        return {b"webm": WEBM, b"matroska": MKV}.get(_ebml_doc_type(head))
    return None


def _ftyp_brands(head: bytes) -> list[bytes]:
    """The major brand, then the compatible ones, of an ISO base media file; empty for anything else."""
    if head[4:8] != b"ftyp" or len(head) < 12:
        return []
    end = min(int.from_bytes(head[:4], "big"), len(head), 512)
    return [head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))]


def _ebml_doc_type(head: bytes) -> bytes:
    start = head.find(b"\x42\x82", 4, 64)
    if start < 0 or start + 3 > len(head):
        return b""
    size = head[start + 2] & 0x7F
    return head[start + 3 : start + 3 + size].rstrip(b"\0")


def _name_other(head: bytes) -> str:
    if head.startswith(b"RIFF"):
        return "WAV audio" if head[8:12] == b"WAVE" else "unknown RIFF file"
    if head.startswith(_TIFF_STARTS):
        return "Canon CR2 raw image"
    if brands := _ftyp_brands(head):
        if brands[0][:2] in (b"3g", b"3G"):
            return "3GP video"
        return _OTHER_BRANDS.get(brands[0], "unknown ISO base media file")
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") == _SHORT_BMP_HEADER_SIZE:
        return "BMP image with a header of 16 bytes"
    for start, name in _NAMED:
        if head.startswith(start):
            return name
    if head[257:262] == b"ustar":
        return "tar archive"
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xE0 == 0xE0:
        return "MP3 audio"
    return _name_text(head)


def _name_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    for start, name in _MARKUP:
        if text.startswith(start):
            return name
    if text.startswith((b"<?xml", b"<!--")):
        return "SVG drawing" if b"<svg" in text else "HTML" if b"<html" in text else "XML"
    if text.startswith((b"{", b"[")):
        return "JSON"
    if text and head[0] < 0x80 and all(byte >= 0x20 or byte in b"\t\n\r\f\x1b" for byte in head):
        return "plain text"
    return "unknown"
