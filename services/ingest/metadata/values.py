"""Values as cameras write them, made into values to store; ValueError where they make no sense."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_MAX_TEXT: Final = 256
_TIME: Final = re.compile(
    r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_UNSET: Final = re.compile(r"[0\s:]*")
_ISO_6709: Final = re.compile(
    r"([+-]\d{1,3}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS.*)?/?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """When the picture was taken: the camera's clock, and the instant where the clock's offset is known."""

    text: str
    instant_ns: int | None

    @property
    def offset(self) -> str | None:
        """The offset from UTC, such as "+02:00", where it is known: the text ends with it."""
        return None if self.instant_ns is None else self.text[-6:]


def clean_text(value: object) -> str | None:
    """The text up to its first NUL, without what cannot be printed; None where nothing is left."""
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")  # Pillow reads EXIF's bytes as Latin-1; many cameras write UTF-8.
    if not isinstance(value, bytes):
        raise ValueError("it is not text")  # noqa: TRY004 - what every function here raises
    raw = value.split(b"\0", 1)[0][: 4 * _MAX_TEXT]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return "".join(char for char in text if char.isprintable()).strip()[:_MAX_TEXT] or None


def capture_time(text: str, offset: str | None, fraction: str | None) -> CaptureTime | None:
    """The time in a camera's words, its offset and fraction of a second beside it; None where the clock was unset."""
    if _UNSET.fullmatch(text):
        return None
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    year, month, day, hour, minute, second, own_fraction, own_offset = match.groups()
    clock = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    digits = own_fraction or (fraction or "").strip()[:9]
    if not (digits.isascii() and digits.isdigit() and digits.strip("0")):
        digits = ""
    local = clock.strftime("%Y-%m-%dT%H:%M:%S") if clock.year >= 1000 else clock.isoformat()[:19]
    local += f".{digits}" if digits else ""
    shift = parse_offset(own_offset or offset)
    if shift is None:
        return CaptureTime(local, None)
    since_epoch = clock - _EPOCH - shift
    whole_seconds = since_epoch.days * 86_400 + since_epoch.seconds
    instant_ns = whole_seconds * 10**9 + int((digits or "0").ljust(9, "0"))
    if not -(2**63) <= instant_ns < 2**63:
        raise ValueError(f"{text!r} is outside the years that an instant can hold")
    return CaptureTime(local + _format_offset(shift), instant_ns)


def parse_offset(text: str | None) -> timedelta | None:
    """An offset from UTC such as "+02:00" or "Z"; None where none is given."""
    if text is None or not text.strip() or text.strip() == ":":
        return None
    if text.strip() == "Z":
        return timedelta(0)
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an offset from UTC")
    shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if int(match[3]) > 59 or shift > timedelta(hours=15):
        raise ValueError(f"{text!r} is not within -23:59 to +23:59")
    return -shift if match[1] == "-" else shift


def degrees(parts: tuple[float, ...], reference: str | None, positive: str, negative: str, bound: float) -> float:
    """Degrees, minutes and seconds as one signed number, the sign given by the hemisphere's letter."""
    letter = (reference or "").strip().upper()[:1]
    if letter not in (positive, negative) or not letter:
        raise ValueError(f"its hemisphere is not given as {positive} or {negative}")
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"it has {len(parts)} parts in place of degrees, minutes and seconds")
    value = sum((part / float(60**power) for power, part in enumerate(parts)), 0.0)
    if not math.isfinite(value) or any(part < 0 for part in parts) or value > bound:
        raise ValueError(f"it is not between 0 and {bound:g} degrees")
    return -value if letter == negative else value


def iso_6709(text: str) -> tuple[float, float, float | None]:
    """Latitude, longitude and altitude in decimal degrees and metres, as phones write them into videos."""
    match = _ISO_6709.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:64]!r} is not a position")
    latitude, longitude = float(match[1]), float(match[2])
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise ValueError(f"{text[:64]!r} is not on this planet")
    return latitude, longitude, float(match[3]) if match[3] else None


def _format_offset(shift: timedelta) -> str:
    minutes = round(shift.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
