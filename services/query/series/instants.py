"""Many instants as RFC 3339 texts with nine digits of a second, a table look-up for each group of digits."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.common.series.points import Times

DIGITS = 9
_SECOND_NS = 10**DIGITS
_DAY_MINUTES = 24 * 60
_WIDTHS = (10, 7, 2, 1, 3, 3, 3, 1)
"""Of the day, "T00:00:", the second, ".", milliseconds, microseconds, nanoseconds, "Z"."""
WIDTH = sum(_WIDTHS)
_MINUTES = (
    np.array([f"T{at // 60:02d}:{at % 60:02d}:" for at in range(_DAY_MINUTES)], "S7").view(np.uint8).reshape(-1, 7)
)
_THREE = np.array([f"{at:03d}" for at in range(1000)], "S3").view(np.uint8).reshape(-1, 3)
_POINT, _ZONE = (np.frombuffer(text, np.uint8) for text in (b".", b"Z"))


def instant_texts(times_ns: Times) -> pa.StringArray:
    """The texts as a column of Arrow."""
    offsets = np.arange(0, (len(times_ns) + 1) * WIDTH, WIDTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(times_ns), pa.py_buffer(offsets), pa.py_buffer(_rows(times_ns, b"", b"")))


def instants_json(times_ns: Times) -> bytes:
    """The texts as they stand in an array of JSON, without its brackets."""
    return _rows(times_ns, b'"', b'",').tobytes()[:-1]


def _rows(times_ns: Times, before: bytes, after: bytes) -> npt.NDArray[np.uint8]:
    """A row of ASCII for each instant; they are in order."""
    seconds, nanos = np.divmod(times_ns, _SECOND_NS)
    minutes, second = np.divmod(seconds, 60)
    day, minute = np.divmod(minutes, _DAY_MINUTES)
    micros, nano = np.divmod(nanos, 1000)
    milli, micro = np.divmod(micros, 1000)
    parts = (
        _days(day),
        _MINUTES[minute],
        _THREE[second, 1:],
        _POINT,
        _THREE[milli],
        _THREE[micro],
        _THREE[nano],
        _ZONE,
    )
    widths = (len(before), *_WIDTHS, len(after))
    texts = (np.frombuffer(before, np.uint8), *parts, np.frombuffer(after, np.uint8))
    rows = np.empty((len(times_ns), sum(widths)), np.uint8)
    for end, width, text in zip(accumulate(widths), widths, texts, strict=True):
        rows[:, end - width : end] = text
    return rows


def _days(days: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The texts of days; each is made once."""
    starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    texts = np.datetime_as_string(days[starts].view("datetime64[D]")).astype("S10").view(np.uint8).reshape(-1, 10)
    return np.repeat(texts, np.diff(starts, append=len(days)), axis=0)
