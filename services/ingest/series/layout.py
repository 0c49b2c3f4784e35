"""Which channels and instants the points of a body have, by what the caller and the body say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.series.model import LONE_CHANNEL, TIME_COLUMN, Channel, Series
from services.ingest.series.asked import Asked
from services.ingest.series.formats.body import Declared, ParsedBody
from services.ingest.series.formats.refusals import SeriesRefused, bad_time, channels_differ, invalid_field

CHANNEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
MOST_CHANNELS = 64
MOST_UNIT = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """How points are stored: the channels, and either a spacing or timestamps."""

    channels: tuple[Channel, ...]
    allow_gaps: bool
    spacing_hz: float | None
    rate_is_known: bool
    start_ns: int


def new_layout(body: ParsedBody, asked: Asked, now_ns: int) -> Layout:
    """The layout of a new series; what a body says goes before what the other fields say."""
    declared = body.declared
    rate = declared.sample_rate_hz or asked.sample_rate_hz or None
    start_ns = declared.start_ns if declared.start_ns is not None else asked.start_ns
    if body.has_times and (rate is not None or start_ns is not None):
        field = "sample_rate_hz" if rate is not None else "start_time"
        raise invalid_field(field, "must be left out: the timestamps give it")
    return Layout(
        channels=_channels(body.names, asked.channels, declared.units or asked.units),
        allow_gaps=declared.allow_gaps or asked.allow_gaps,
        spacing_hz=None if body.has_times else rate or 1.0,
        rate_is_known=rate is not None,
        start_ns=0 if body.has_times else now_ns if start_ns is None else start_ns,
    )


def checked_append(body: ParsedBody, series: Series) -> None:
    """Refuses a body whose points do not have the layout of the series that they are to follow."""
    expected = [channel.name for channel in series.channels]
    named = [name for name in body.names if name is not None]
    if len(body.names) != len(expected) or (named and named != expected):
        raise channels_differ(", ".join(expected), ", ".join(named) or f"{len(body.names)} without names")
    for channel, unit in zip(series.channels, _unit_of_each(body.declared.units, len(expected)), strict=True):
        if unit not in ("", channel.unit):
            raise _unit_differs(channel, unit)
    if body.has_times and series.spacing_hz is not None:
        raise bad_time(0, "must be left out: the points of this series are evenly spaced")
    if not body.has_times and series.spacing_hz is None:
        raise bad_time(0, "is missing: the points of this series have timestamps")
    if body.declared != Declared(units=body.declared.units):
        raise invalid_field("body", "must hold only points: this is an append")


def _channels(names: Sequence[str | None], asked: Sequence[str], units: Sequence[str]) -> tuple[Channel, ...]:
    if asked and len(asked) != len(names):
        raise channels_differ(", ".join(asked), f"{len(names)} channels")
    if not 1 <= len(names) <= MOST_CHANNELS:
        raise channels_differ(f"1 to {MOST_CHANNELS} channels", str(len(names)))
    if len(units) not in (0, 1, len(names)):
        raise channels_differ(f"{len(names)} units, or one for all", f"{len(units)} units")
    chosen = list(asked) or [name or _unnamed(place, len(names)) for place, name in enumerate(names)]
    for place, name in enumerate(chosen):
        if CHANNEL_NAME.fullmatch(name) is None:
            raise invalid_field(
                "channels", f"{name[:70]!r} is not a name: use letters, digits, '_', '.', '-', at most 63"
            )
        if name == TIME_COLUMN or name in chosen[:place]:
            raise invalid_field("channels", f"{name!r} is already the name of the times or of another channel")
    each = _unit_of_each(units, len(names))
    return tuple(Channel(name, unit) for name, unit in zip(chosen, each, strict=True))


def _unit_of_each(units: Sequence[str], channels: int) -> list[str]:
    return list(units) * (channels if len(units) == 1 else 1) or [""] * channels


def _unit_differs(channel: Channel, unit: str) -> SeriesRefused:
    if not channel.unit:
        return invalid_field("unit", f"channel {channel.name!r} has no unit, not {unit!r}: leave the unit out")
    return invalid_field(
        "unit",
        f"channel {channel.name!r} is in {channel.unit!r}, not {unit!r}: send the values in {channel.unit!r},"
        " or store another series",
    )


def _unnamed(place: int, count: int) -> str:
    return LONE_CHANNEL if count == 1 else f"channel_{place + 1}"
