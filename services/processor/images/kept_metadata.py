"""Metadata that an owner wants to keep: each value is read, checked and written anew, and no block is copied."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from PIL.ExifTags import GPS, IFD, Base
from PIL.Image import Exif

from services.common.media.vocabulary import KeptMetadata
from services.processor.images.orientation import UPRIGHT, orientation_exif

Tags: TypeAlias = Mapping[int, Any]

_MOST_CHARACTERS: Final = 100
_TIME: Final = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", re.ASCII)
_OFFSET: Final = re.compile(r"[+-]\d\d:\d\d", re.ASCII)
_FRACTION: Final = re.compile(r"\d{1,9}", re.ASCII)
_REFERENCES: Final = re.compile("[NSEW]", re.ASCII)
_TIMES: Final = (
    (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal),
    (Base.DateTimeDigitized, Base.OffsetTimeDigitized, Base.SubsecTimeDigitized),
)
_GPS_VERSION: Final = bytes((2, 3, 0, 0))


@dataclass(frozen=True, slots=True)
class KeptTags:
    """The EXIF tags that stay, by the block that they belong to."""

    image: Tags = field(default_factory=dict)
    photo: Tags = field(default_factory=dict)
    gps: Tags = field(default_factory=dict)

    def exif(self, orientation: int) -> bytes:
        """An EXIF block with the orientation and these tags alone; no bytes where there is nothing to say."""
        if not (self.image or self.photo or self.gps):
            return orientation_exif(orientation)
        written: bytes = self.block(orientation).tobytes()
        return written

    def block(self, orientation: int) -> Exif:
        """The same for Pillow's encoders that make a block of their own: from bytes they would write ASCII alone."""
        block = Exif()
        if orientation != UPRIGHT:
            block[Base.Orientation] = orientation
        block.update(self.image)
        for ifd, tags in ((IFD.Exif, self.photo), (IFD.GPSInfo, self.gps)):
            if tags:
                block.get_ifd(ifd).update(tags)
                # Pillow's encoders look for the block among the tags.
                block[ifd] = dict(tags)
        return block


NO_TAGS: Final = KeptTags()


def read_kept(exif: Exif, kinds: Collection[KeptMetadata]) -> KeptTags:
    """The tags of these kinds; a value that cannot be read, or that is not as EXIF wants it, is left out."""
    image: dict[int, Any] = {}
    photo: dict[int, Any] = {}
    gps: dict[int, Any] = {}
    if KeptMetadata.CAMERA in kinds:
        _take(image, exif, {Base.Make: _text, Base.Model: _text})
        _take(photo, _block(exif, IFD.Exif), {Base.LensModel: _text})
    if KeptMetadata.CAPTURE_TIME in kinds:
        _take_time(photo, _block(exif, IFD.Exif))
    if KeptMetadata.LOCATION in kinds:
        _take_place(gps, _block(exif, IFD.GPSInfo))
    return KeptTags(image, photo, gps)


def _take_time(taken: dict[int, Any], tags: Tags) -> None:
    for time, offset, fraction in _TIMES:
        found: dict[int, Any] = {}
        _take(found, tags, {time: _matching(_TIME), offset: _matching(_OFFSET), fraction: _matching(_FRACTION)})
        if time in found:
            taken.update(zip(_TIMES[0], map(found.get, (time, offset, fraction)), strict=True))
            break
    for tag in [tag for tag in _TIMES[0] if taken.get(tag) is None]:
        taken.pop(tag, None)


def _take_place(taken: dict[int, Any], tags: Tags) -> None:
    place: dict[int, Callable[[Any], Any]] = {
        GPS.GPSLatitudeRef: _matching(_REFERENCES),
        GPS.GPSLatitude: _degrees,
        GPS.GPSLongitudeRef: _matching(_REFERENCES),
        GPS.GPSLongitude: _degrees,
    }
    _take(taken, tags, place)
    if len(taken) < len(place):
        taken.clear()
        return
    height: dict[int, Any] = {}
    _take(height, tags, {GPS.GPSAltitude: _number})
    if height:
        _take(height, tags, {GPS.GPSAltitudeRef: _byte})
    taken.update({GPS.GPSVersionID: _GPS_VERSION, **height})


def _take(taken: dict[int, Any], tags: Any, readers: Mapping[int, Callable[[Any], Any]]) -> None:
    # Every kind of exception: the tags' types, counts and values are the sender's choice.
    for tag, read in readers.items():
        try:
            taken[tag] = read(tags[tag])
        except Exception:  # noqa: BLE001, S112
            continue


def _block(exif: Exif, ifd: IFD) -> Tags:
    try:
        block: Tags = exif.get_ifd(ifd)
    except Exception:  # noqa: BLE001 - as above
        return {}
    return block


class _Utf8(str):
    """A text that Pillow writes as UTF-8, as cameras do; of any other text it writes ASCII, with a ? for the rest."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its bytes in UTF-8, for any encoding that Pillow names."""
        del encoding
        return super().encode("utf-8", errors)


def _text(value: Any) -> str:
    # Pillow reads EXIF's bytes as Latin-1.
    raw = (value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")).split(b"\0")[0]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = "".join(char for char in text if char.isprintable()).strip()
    if not text:
        raise ValueError("no text")
    return _Utf8(text[:_MOST_CHARACTERS])


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        found = pattern.fullmatch(_text(value))
        if found is None:
            raise ValueError("another form")
        return found.group()

    return read


def _degrees(value: Any) -> tuple[float, ...]:
    degrees, minutes, seconds = map(_number, value)
    if degrees > 180 or minutes >= 60 or seconds >= 60:
        raise ValueError("not an angle")
    return degrees, minutes, seconds


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError("not a number of EXIF")
    return number


def _byte(value: Any) -> bytes:
    one = value if isinstance(value, bytes) else bytes((int(value),))
    if one not in {b"\0", b"\1"}:
        raise ValueError("neither above nor below the sea")
    return one
