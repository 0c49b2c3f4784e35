"""The fields of a request to store a series, besides its body."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of the request that describe the points of a new series."""

    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    sample_rate_hz: float | None = None
    start_ns: int | None = None
    allow_gaps: bool = False


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series to be stored, as the request describes it."""

    id: str
    display_name: str
    labels: dict[str, str]
    asked: Asked
    request_id: str = ""
