"""Finds the images of a folder, and reads one so far that a broken one is known before it is sent."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image, UnidentifiedImageError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"}
)
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
# Pillow has decoders for dozens of other formats, and one of them starts another program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
_SNIFFED_BYTES = 12

pillow_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder that should be an image; unchanged while size and time of change stay."""

    path: Path
    name: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that can be decoded."""

    id: str
    name: str
    content: bytes
    sha256: str
    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that is not sent, and why."""

    id: str
    name: str
    sha256: str
    reason: str


def find_images(folder: Path) -> Iterator[Found]:
    """The images of a folder and of those below it, in the order of their paths; hidden files are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            path = Path(parent, file)
            if file.startswith(".") or not _looks_like_image(path):
                continue
            try:
                status = path.stat()
            except OSError:
                continue
            yield Found(path, _text(path.relative_to(folder)), status.st_size, status.st_mtime_ns)


def read_picture(found: Found, max_bytes: int, max_pixels: float) -> Picture | Broken:
    """Reads and decodes an image; it is sent as it is in the file."""
    try:
        with found.path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        return Broken(_id(found.name, ""), found.name, "", f"the file cannot be read ({error.strerror})")
    sha256 = hashlib.sha256(content).hexdigest()
    identity = _id(found.name, sha256)
    if len(content) > max_bytes:
        size = max(found.size_bytes, len(content))
        return Broken(identity, found.name, sha256, f"the file has {size} bytes; max_image_bytes is {max_bytes}")
    try:
        content_type, width, height = _decode(content, max_pixels)
    except _Refused as reason:
        return Broken(identity, found.name, sha256, str(reason))
    return Picture(identity, found.name, content, sha256, content_type, width, height)


class _Refused(Exception):
    pass


def _decode(content: bytes, max_pixels: float) -> tuple[str, int, int]:
    if not content:
        raise _Refused("the file is empty")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise _Refused(f"{width} x {height} pixels; max_megapixels is {max_pixels / 1e6:g}")
            content_type = Image.MIME.get(image.format or "", "application/octet-stream")
            # A JPEG is then decoded at an eighth of its size, and read to its end all the same.
            image.draft("RGB", (1, 1))
            image.load()
    except _Refused:
        raise
    except UnidentifiedImageError:
        raise _Refused("not an image that can be read") from None
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything, and one image must not end the run
        raise _Refused(f"the image cannot be decoded: {error}") from None
    return content_type, width, height


def _looks_like_image(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return path.is_file()
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError:
        return False
    return start.startswith(_STARTS) or start[8:12] == b"WEBP" or (start[4:8] == b"ftyp" and start[8:12] in _BRANDS)


def _id(name: str, sha256: str) -> str:
    """The same file with the same content is the same image, also in another results file."""
    return hashlib.sha256(f"{name}\0{sha256}".encode()).hexdigest()[:32]


def _text(path: Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
