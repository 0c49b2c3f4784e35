"""What a caller says of a series that is to be stored, beside its body."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller's other fields say of a new series."""

    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    sample_rate_hz: float | None = None
    start_ns: int | None = None
    allow_gaps: bool = False


@dataclass(frozen=True, slots=True)
class NewSeries:
    """What the caller says of a series that is to be stored."""

    id: str
    display_name: str
    labels: dict[str, str]
    asked: Asked
    request_id: str = ""
