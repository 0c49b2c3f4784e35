"""A chart of a series as SVG: axes, unit, time zone, and on demand a forecast with its band, and anomalies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 40, 48
COLOURS = ("#1f6feb", "#bf5700", "#1a7f37", "#8250df", "#cf222e", "#57606a")
FORECAST_COLOUR, ANOMALY_COLOUR = "#8250df", "#cf222e"
# Ticks of a time axis, in seconds; beyond the last, whole days.
STEPS_S = (
    *(10.0**power for power in range(-6, 0)),
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
)
DAY_S = 86400.0
# The difference of two larger numbers may leave float64's range.
LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class Line:
    """One channel: `times` are seconds (since 1970 where the axis is of instants); a NaN breaks the line."""

    name: str
    times: Points
    values: Points


@dataclass(frozen=True, slots=True)
class Band:
    """A forecast: its line, and the interval around it."""

    times: Points
    values: Points
    lower: Points
    upper: Points


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart to draw. Without `is_time`, the horizontal axis counts points."""

    title: str
    unit: str
    lines: Sequence[Line]
    is_time: bool = True
    forecast: Band | None = None
    anomalies: Sequence[tuple[float, float]] = field(default_factory=tuple)
    width: int = 960
    height: int = 360


def draw(chart: Chart) -> str:
    """Returns the chart as an SVG document."""
    axes = _Axes(chart)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{chart.width}" height="{chart.height}" '
        f'viewBox="0 0 {chart.width} {chart.height}" font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{chart.width}" height="{chart.height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15" fill="#1f2328">{escape(chart.title)}</text>',
        *axes.grid(),
    ]
    if chart.forecast is not None:
        parts += _forecast(chart.forecast, axes)
    for number, line in enumerate(chart.lines):
        colour = COLOURS[number % len(COLOURS)]
        path = axes.path(line.times, line.values)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>')
    parts += [
        f'<circle cx="{axes.x(time):.1f}" cy="{axes.y(value):.1f}" r="4" fill="none" stroke="{ANOMALY_COLOUR}" '
        'stroke-width="2"/>'
        for time, value in chart.anomalies
    ]
    parts += _legend(chart)
    return "\n".join([*parts, "</svg>", ""])


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Returns round numbers between two, about so many."""
    step = _round_step((high - low) / about)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Returns round instants between two, in seconds since 1970; days are counted from the first midnight."""
    wanted = (high - low) / about
    step = next((step for step in STEPS_S if step >= wanted), None)
    if step is None:
        step = math.ceil(wanted / DAY_S) * DAY_S
        first = math.ceil(low / DAY_S) * DAY_S
    else:
        first = math.ceil(low / step) * step
    return [first + number * step for number in range(math.floor((high - first) / step + 1e-9) + 1)]


def time_label(instant: float, step: float) -> str:
    """Returns an instant in UTC, as exactly as the step between ticks asks for."""
    moment = datetime.fromtimestamp(instant, UTC)
    if step >= DAY_S:
        return moment.strftime("%Y-%m-%d")
    if step >= 60:
        return moment.strftime("%m-%d %H:%M")
    return moment.strftime("%H:%M:%S") if step >= 1 else moment.strftime("%H:%M:%S.%f").rstrip("0")


class _Axes:
    """From values to places on the page."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        times = [line.times for line in chart.lines]
        values = [line.values for line in chart.lines]
        if chart.forecast is not None:
            times.append(chart.forecast.times)
            values += [chart.forecast.lower, chart.forecast.upper]
        self._low_x, self._high_x = _bounds(times, padding=0)
        self._low_y, self._high_y = _bounds(values, padding=0.05)

    def x(self, time: float) -> float:
        share = (time - self._low_x) / (self._high_x - self._low_x)
        return LEFT + share * (self._chart.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (min(max(value, -LARGEST), LARGEST) - self._low_y) / (self._high_y - self._low_y)
        return self._chart.height - BOTTOM - share * (self._chart.height - TOP - BOTTOM)

    def path(self, times: Points, values: Points) -> str:
        """The line through points; it is broken where a value is missing."""
        commands, pen_is_down = [], False
        for time, value in zip(times.tolist(), values.tolist(), strict=True):
            if math.isnan(value):
                pen_is_down = False
                continue
            commands.append(f"{'L' if pen_is_down else 'M'}{self.x(time):.1f} {self.y(value):.1f}")
            pen_is_down = True
        return "".join(commands)

    def grid(self) -> list[str]:
        """Lines and labels of both axes."""
        chart, parts = self._chart, []
        right, bottom = chart.width - RIGHT, chart.height - BOTTOM
        for value in ticks(self._low_y, self._high_y):
            y = self.y(value)
            parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#d0d7de"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#57606a">{value:.6g}</text>')
        found = (time_ticks if chart.is_time else ticks)(self._low_x, self._high_x, 6)
        step = found[1] - found[0] if len(found) > 1 else self._high_x - self._low_x
        for at in found:
            label = time_label(at, step) if chart.is_time else f"{at:.10g}"
            x = self.x(at)
            parts.append(f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}" stroke="#57606a"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 19}" text-anchor="middle" fill="#57606a">{label}</text>')
        middle = (TOP + bottom) / 2
        parts += [
            f'<line x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="#57606a"/>',
            f'<text x="{right}" y="{chart.height - 8}" text-anchor="end" fill="#57606a">'
            f"{'time (UTC)' if chart.is_time else 'point'}</text>",
            f'<text x="16" y="{middle:.0f}" text-anchor="middle" fill="#57606a" '
            f'transform="rotate(-90 16 {middle:.0f})">{escape(chart.unit)}</text>',
        ]
        return parts


def _forecast(band: Band, axes: _Axes) -> list[str]:
    upper = [f"{axes.x(time):.1f},{axes.y(value):.1f}" for time, value in zip(band.times, band.upper, strict=True)]
    lower = [f"{axes.x(time):.1f},{axes.y(value):.1f}" for time, value in zip(band.times, band.lower, strict=True)]
    path = axes.path(band.times, band.values)
    return [
        f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="{FORECAST_COLOUR}" fill-opacity="0.15"/>',
        f'<path d="{path}" fill="none" stroke="{FORECAST_COLOUR}" stroke-width="1.5" stroke-dasharray="5 4"/>',
    ]


def _legend(chart: Chart) -> list[str]:
    entries = [(line.name, COLOURS[number % len(COLOURS)]) for number, line in enumerate(chart.lines) if line.name]
    if chart.forecast is not None:
        entries.append(("forecast", FORECAST_COLOUR))
    if chart.anomalies:
        entries.append(("anomaly", ANOMALY_COLOUR))
    parts, x = [], chart.width - RIGHT
    for name, colour in reversed(entries):
        parts.append(f'<text x="{x}" y="22" text-anchor="end" fill="{colour}">{escape(name)}</text>')
        x -= 12 + 7 * len(name)
    return parts


def _bounds(arrays: Sequence[Points], padding: float) -> tuple[float, float]:
    """The range of all values that are there, never empty."""
    there = [np.clip(array[~np.isnan(array)], -LARGEST, LARGEST) for array in arrays]
    there = [array for array in there if len(array)]
    if not there:
        return 0.0, 1.0
    low = min(float(np.min(array)) for array in there)
    high = max(float(np.max(array)) for array in there)
    room = (high - low) * padding
    if high == low:
        room = abs(low) * 0.05 or 1.0
    return low - room, high + room


def _round_step(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
