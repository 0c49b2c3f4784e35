"""File names from clients, made safe to store and to send back."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal
from urllib.parse import quote

MAX_NAME_BYTES: Final = 200
"""A sanitised name's bound in UTF-8; common file systems take 255."""

_RESERVED: Final = re.compile(r'[<>:"|?*;%]')
_DEVICE: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_SPACES: Final = re.compile(r"\s+")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ATTR_CHARS: Final = "!#$&+-.^_`|~"


def plain_name(name: str) -> str:
    """Returns the part of a path after its last slash."""
    return name.replace("\\", "/").rpartition("/")[2]


def sanitize_file_name(name: str, extension: str) -> str:
    """Make `name` one plain file name: no path, nothing invisible, bounded; without a name it is "media.EXTENSION"."""
    name = plain_name(name[-4096:])
    name = unicodedata.normalize("NFC", name)
    name = "".join(" " if char.isspace() else char for char in name)
    name = "".join(char for char in name if unicodedata.category(char) not in _UNPRINTABLE)
    name = _RESERVED.sub("_", _SPACES.sub(" ", name)).strip(". ")
    if not name:
        return f"media.{extension}"
    if _DEVICE.match(name):
        name = f"_{name}"
    return _shorten(name)


def content_disposition(disposition: Literal["attachment", "inline"], name: str) -> str:
    """The Content-Disposition header of a name: RFC 6266, and RFC 8187's `filename*` beside for non-ASCII."""
    letters = (char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '\\"' else "_" for char in letters)
    header = f'{disposition}; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
    return header


def _shorten(name: str) -> str:
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 16:
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + extension
