"""The EXIF tags that a media's metadata is made of, taken one by one so that a damaged one costs only itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from PIL.ExifTags import GPS, IFD, Base
from PIL.Image import Exif

from services.common.media.model import Metadata
from services.ingest.metadata.values import CaptureTime, capture_time, clean_text, degrees

_COLOR_SPACES: Final = {1: "sRGB", 2: "Adobe RGB", 0xFFFF: "Uncalibrated"}
_TIMES: Final = (
    (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal),
    (Base.DateTimeDigitized, Base.OffsetTimeDigitized, Base.SubsecTimeDigitized),
)

Tags = Mapping[int, Any]
T = TypeVar("T")


def read_exif(exif: Exif, size: tuple[int, int], warnings: list[str]) -> Metadata:
    """Read what can be read of a picture of this size; each value that cannot adds a line to `warnings`."""

    def attempt(name: str, read: Callable[[], T | None]) -> T | None:
        # Every kind of exception: the tags' types, counts and values are the sender's choice.
        try:
            return read()
        except Exception as error:  # noqa: BLE001
            warnings.append(f"EXIF {name} cannot be read: {error}")
            return None

    photo: Tags = attempt("photo block", lambda: exif.get_ifd(IFD.Exif)) or {}
    gps: Tags = attempt("GPS block", lambda: exif.get_ifd(IFD.GPSInfo)) or {}
    captured = attempt("capture time", lambda: _captured(photo, warnings))
    width, height = size
    return Metadata(
        width,
        height,
        camera_make=attempt("camera make", lambda: _text(exif, Base.Make)),
        camera_model=attempt("camera model", lambda: _text(exif, Base.Model)),
        lens=attempt("lens", lambda: _text(photo, Base.LensModel)),
        orientation=attempt("orientation", lambda: _orientation(exif)),
        color_space=attempt("colour space", lambda: _COLOR_SPACES.get(photo.get(Base.ColorSpace, 0))),
        capture_time_text=captured.text if captured else None,
        capture_time_ns=captured.instant_ns if captured else None,
        capture_time_offset=captured.offset if captured else None,
        exposure_seconds=attempt("exposure time", lambda: _positive(photo, Base.ExposureTime)),
        f_number=attempt("aperture", lambda: _positive(photo, Base.FNumber)),
        iso=attempt("sensitivity", lambda: _iso(photo)),
        focal_length_mm=attempt("focal length", lambda: _positive(photo, Base.FocalLength)),
        flash_fired=attempt("flash", lambda: _flash_fired(photo)),
        software=attempt("software", lambda: _text(exif, Base.Software)),
        latitude_degrees=attempt(
            "GPS latitude", lambda: _degrees(gps, GPS.GPSLatitude, GPS.GPSLatitudeRef, "N", "S", 90)
        ),
        longitude_degrees=attempt(
            "GPS longitude", lambda: _degrees(gps, GPS.GPSLongitude, GPS.GPSLongitudeRef, "E", "W", 180)
        ),
        altitude_meters=attempt("GPS altitude", lambda: _altitude(gps)),
    )


def _text(tags: Tags | Exif, tag: int) -> str | None:
    value = tags.get(tag)
    return None if value is None else clean_text(value)


def _positive(tags: Tags, tag: int) -> float | None:
    """A measured quantity; cameras write 0 where they do not know it."""
    value = tags.get(tag)
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number) or number < 0:
        # A rational of 0/0 is how EXIF writes an unknown number.
        if math.isnan(number):
            return None
        raise ValueError(f"{value!r} is not a positive number")
    return number or None


def _iso(photo: Tags) -> int | None:
    value = photo.get(Base.ISOSpeedRatings)
    # Some cameras write two equal numbers.
    value = value[0] if isinstance(value, tuple) and value else value
    if value is None:
        return None
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"{value!r} is not a sensitivity")
    return value or None


def _flash_fired(photo: Tags) -> bool | None:
    value = photo.get(Base.Flash)
    if value is None:
        return None
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - what every function here raises
    return bool(value & 1)


def _orientation(exif: Exif) -> int | None:
    value = exif.get(Base.Orientation)
    if value is None:
        return None
    if not isinstance(value, int) or not 1 <= value <= 8:
        raise ValueError(f"{value!r} is not between 1 and 8")
    return value


def _captured(photo: Tags, warnings: list[str]) -> CaptureTime | None:
    for time_tag, offset_tag, fraction_tag in _TIMES:
        text = _text(photo, time_tag)
        if text is None:
            continue
        fraction = photo.get(fraction_tag)
        fraction = clean_text(fraction) if isinstance(fraction, str | bytes) else None
        try:
            captured = capture_time(text, _text(photo, offset_tag), fraction)
        except ValueError as error:
            warnings.append(f"EXIF capture time cannot be read whole: {error}")
            captured = capture_time(text, None, fraction)
        if captured is not None:
            return captured
    return None


def _degrees(gps: Tags, tag: int, reference_tag: int, positive: str, negative: str, bound: float) -> float | None:
    value = gps.get(tag)
    if value is None:
        return None
    parts = tuple(float(part) for part in (value if isinstance(value, tuple) else (value,)))
    return degrees(parts, _text(gps, reference_tag), positive, negative, bound)


def _altitude(gps: Tags) -> float | None:
    value = gps.get(GPS.GPSAltitude)
    if value is None:
        return None
    meters = float(value)
    if not math.isfinite(meters):
        raise ValueError("it is not a number")
    reference = gps.get(GPS.GPSAltitudeRef, b"\0")
    below_sea_level = (
        reference[:1] in (b"\1", b"\3", "1", "3") if isinstance(reference, bytes | str) else reference in (1, 3)
    )
    return -abs(meters) if below_sea_level else meters
