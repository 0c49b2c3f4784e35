"""RFC 3339 timestamps with an offset, to and from int64 nanoseconds since the epoch in UTC.

Accepted: `YYYY-MM-DDThh:mm:ss[.f{1,9}](Z|±hh:mm)`; as RFC 3339 allows, `t`, `z` and one space for the `T` too, and
`-00:00` for UTC. Refused, though ISO 8601 knows them, because they are ambiguous or name no instant: no offset,
`-0400` and `-04`, no seconds, a comma before the fraction, basic, week and ordinal dates, hour 24, second 60.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_NS = (datetime(2262, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * 1_000_000_000
_SHOWN_LENGTH = 64

# Every range is in the pattern, so that what one Python version or another lets through never matters.
_VALID = re.compile(
    r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
    r"(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_WELL_FORMED = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_OFFSET_WITHOUT_COLON = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?([+-]\d\d)(\d\d)?", re.ASCII)


class TimestampFault(StrEnum):
    """Why a text names no instant."""

    TIMESTAMP_MALFORMED = "TIMESTAMP_MALFORMED"
    TIMESTAMP_IMPOSSIBLE = "TIMESTAMP_IMPOSSIBLE"
    LEAP_SECOND = "LEAP_SECOND"
    TIMESTAMP_TOO_PRECISE = "TIMESTAMP_TOO_PRECISE"
    TIMESTAMP_WITHOUT_OFFSET = "TIMESTAMP_WITHOUT_OFFSET"
    OFFSET_IMPOSSIBLE = "OFFSET_IMPOSSIBLE"
    TIMESTAMP_OUT_OF_RANGE = "TIMESTAMP_OUT_OF_RANGE"


class TimestampRefused(ValueError):
    """A text that names no instant the catalog can keep, with every fault found and a message for each."""

    def __init__(self, refusals: list[tuple[TimestampFault, str]]) -> None:
        super().__init__("; ".join(message for _, message in refusals))
        self.refusals = refusals


def parse_timestamp(text: str) -> int:
    """Return the instant that `text` names as nanoseconds since the epoch, or raise TimestampRefused."""
    match = _VALID.fullmatch(text)
    if match is None:
        raise TimestampRefused(_refusals(text))
    local, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(local + (offset if len(offset) == 6 else "+00:00"))
    except ValueError:
        raise TimestampRefused(_refusals(text)) from None
    since_epoch = moment - _EPOCH
    time_ns = (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000_000
    if fraction is not None:
        time_ns += int(fraction.ljust(9, "0"))
    if not 0 <= time_ns < _END_NS:
        raise TimestampRefused(_refusals(text))
    return time_ns


def format_timestamp(time_ns: int) -> str:
    """Return the one canonical RFC 3339 text of an instant: UTC, 0, 3, 6 or 9 digits of fraction as in ProtoJSON."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    text = _whole_seconds(seconds)
    if nanos == 0:
        return f"{text}Z"
    if nanos % 1_000_000 == 0:
        return f"{text}.{nanos // 1_000_000:03d}Z"
    if nanos % 1_000 == 0:
        return f"{text}.{nanos // 1_000:06d}Z"
    return f"{text}.{nanos:09d}Z"


# A day is formatted once: a page of measurements has a different second in each.
_MINUTES = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(24 * 60))
_SECONDS = tuple(f"{second:02d}" for second in range(60))


def _whole_seconds(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 24 * 60)
    return _day(day) + _MINUTES[minute] + _SECONDS[second]


@lru_cache(maxsize=1024)
def _day(day: int) -> str:
    return (_EPOCH.date() + timedelta(days=day)).isoformat()


def _refusals(text: str) -> list[tuple[TimestampFault, str]]:
    match = _WELL_FORMED.fullmatch(text)
    if match is None:
        return [(TimestampFault.TIMESTAMP_MALFORMED, _malformed_message(text))]
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, offset = match[7], match[8]
    shown = text[:_SHOWN_LENGTH]
    refusals = []
    if not _is_date(year, month, day) or hour > 23 or minute > 59 or second > 60:
        refusals.append((TimestampFault.TIMESTAMP_IMPOSSIBLE, f"{shown}: this date or time does not exist"))
    if second == 60:
        message = f"{shown}: a leap second has no nanosecond of its own in UTC; send second 59 or the next minute's 00"
        refusals.append((TimestampFault.LEAP_SECOND, message))
    if fraction is not None and len(fraction) > 9:
        message = f"{shown}: {len(fraction)} digits of fraction; the limit is 9 (nanoseconds)"
        refusals.append((TimestampFault.TIMESTAMP_TOO_PRECISE, message))
    if offset is None:
        message = f"{shown}: no offset from UTC; append Z for UTC, or an offset such as -04:00"
        refusals.append((TimestampFault.TIMESTAMP_WITHOUT_OFFSET, message))
    elif len(offset) == 6 and (int(offset[1:3]) > 23 or int(offset[4:]) > 59):
        message = f"{shown}: the offset {offset} is not within -23:59 to +23:59"
        refusals.append((TimestampFault.OFFSET_IMPOSSIBLE, message))
    if not refusals:
        message = f"{shown}: not within the years 1970 to 2261 in UTC"
        refusals.append((TimestampFault.TIMESTAMP_OUT_OF_RANGE, message))
    return refusals


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year or 2000, month, day)  # Year 0000 is a leap year, as 2000 is; `date` begins at 0001.
    except ValueError:
        return False
    return True


def _malformed_message(text: str) -> str:
    offset = _OFFSET_WITHOUT_COLON.search(text[:_SHOWN_LENGTH])
    hint = ""
    if offset is not None:
        hint = f"; write the offset as {offset[1]}:{offset[2] or '00'}"
    shown = ascii(text[:_SHOWN_LENGTH])
    return f"{shown} is not an RFC 3339 timestamp such as 2019-05-01T06:00:00-04:00{hint}"
