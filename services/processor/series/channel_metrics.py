"""The metrics of each channel of some points, by the contract's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from services.common.series.computed.store import StoredChannelMetrics
from services.common.series.model import Channel
from services.common.series.points import SECOND_NS, Points, Times, Values
from services.processor.series.spectrum import FEWEST_POINTS, spectral_metrics
from services.processor.series.statistics import Metrics, compute_metrics

NAMES = {
    "stddev_population": "population_stddev",
    "stddev_sample": "sample_stddev",
    "kurtosis_excess": "excess_kurtosis",
}
NOT_ONE_NUMBER = frozenset({"count", "gaps", "percentiles"})


def all_channel_metrics(
    points: Points, channels: Sequence[Channel], sample_rate_hz: float | None
) -> tuple[StoredChannelMetrics, ...]:
    """The metrics of each channel; those of the spectrum only with a sample rate."""
    pairs = zip(channels, points.columns, strict=True)
    return tuple(_channel_metrics(channel, values, points.times_ns, sample_rate_hz) for channel, values in pairs)


def _channel_metrics(
    channel: Channel, values: Values, times_ns: Times, sample_rate_hz: float | None
) -> StoredChannelMetrics:
    metrics = compute_metrics(values, times_ns, SECOND_NS)
    if metrics is None:
        return StoredChannelMetrics(channel.name, channel.unit, 0, len(values))
    numbers = {
        NAMES.get(field.name, field.name): float(value)
        for field in fields(Metrics)
        if field.name not in NOT_ONE_NUMBER and (value := getattr(metrics, field.name)) is not None
    }
    found = StoredChannelMetrics(
        channel.name, channel.unit, metrics.count, metrics.gaps, numbers, tuple(metrics.percentiles)
    )
    if sample_rate_hz is None or metrics.gaps or metrics.count < FEWEST_POINTS:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        spectral = spectral_metrics(values, sample_rate_hz, channel.unit)
    more = {"spectral_centroid_hz": spectral.centroid_hz, "velocity_rms_mm_s": spectral.velocity_rms_mm_s}
    return StoredChannelMetrics(
        found.channel,
        found.unit,
        found.count,
        found.gap_count,
        {**numbers, **{name: float(value) for name, value in more.items() if value is not None and np.isfinite(value)}},
        found.percentiles,
        tuple((one.frequency_hz, one.amplitude) for one in spectral.dominant),
        tuple((one.low_hz, one.high_hz, one.power) for one in spectral.bands),
    )
