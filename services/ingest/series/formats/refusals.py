"""The errors of a body that a client sends as a series."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import INVALID_VALUE, FieldViolation, InvalidArgument


class SeriesRefused(InvalidArgument):
    """The base of every refusal: sending the same bytes again does not help."""


def unreadable(form: str, problem: str) -> SeriesRefused:
    """The format is known and the bytes cannot be read."""
    return SeriesRefused(
        reasons.SERIES_UNREADABLE, f"body: this {form} cannot be read: {problem}", metadata={"format": form}
    )


def unsupported(found: str) -> SeriesRefused:
    """The bytes are not in a supported format."""
    return SeriesRefused(
        reasons.SERIES_FORMAT_UNSUPPORTED,
        f"body: found {found}; accepted are JSON, CSV, npy, Arrow IPC and Parquet",
        metadata={"found": found},
        http_status=415,
    )


def bad_value(index: int, channel: str, problem: str) -> SeriesRefused:
    """A value that cannot be stored; `index` counts from the body's first point, which is 0."""
    return SeriesRefused(
        reasons.SERIES_VALUE_INVALID,
        f"{channel}[{index}]: {problem}",
        metadata={"index": str(index), "channel": channel},
        violations=[FieldViolation(f"{channel}[{index}]", problem, INVALID_VALUE)],
    )


def inexact_integer(index: int, channel: str) -> SeriesRefused:
    """An integer that float64 may not hold."""
    return bad_value(index, channel, "an integer beyond 2^53 is not kept exactly; send it as a float to round it")


def bad_time(index: int, problem: str) -> SeriesRefused:
    """A timestamp that cannot be stored."""
    return SeriesRefused(
        reasons.SERIES_TIME_INVALID,
        f"timestamps[{index}]: {problem}",
        metadata={"index": str(index)},
        violations=[FieldViolation(f"timestamps[{index}]", problem, INVALID_VALUE)],
    )


def too_many_points(what: str, limit: int) -> SeriesRefused:
    """More points than the limit."""
    return SeriesRefused(
        reasons.SERIES_TOO_MANY_POINTS,
        f"body: too many points (limit {limit} for {what})",
        metadata={"limit": str(limit)},
        http_status=413,
    )


def too_large(what: str, limit_bytes: int) -> SeriesRefused:
    """More bytes than there may be."""
    return SeriesRefused(
        reasons.REQUEST_TOO_LARGE,
        f"body: too many bytes (limit {limit_bytes} for {what})",
        metadata={"limit_bytes": str(limit_bytes)},
        http_status=413,
    )


def empty_series() -> SeriesRefused:
    """No point."""
    return SeriesRefused(reasons.SERIES_EMPTY, "body: there is no point")


def channels_differ(expected: str, found: str) -> SeriesRefused:
    """The channels of a body are not those that are needed."""
    return SeriesRefused(
        reasons.SERIES_CHANNELS_INVALID,
        f"channels: expected {expected}, found {found}",
        metadata={"expected": expected[:500], "found": found[:500]},
    )


def invalid_field(field: str, problem: str) -> SeriesRefused:
    """A field of the body breaks a rule of the contract."""
    return SeriesRefused(
        reasons.INVALID_FIELD,
        f"{field}: {problem}",
        metadata={"field": field},
        violations=[FieldViolation(field, problem, INVALID_VALUE)],
    )
