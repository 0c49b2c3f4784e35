"""Metrics and forecasts as the contract's messages."""

from __future__ import annotations

from dropmesh.v1 import series_pb2 as contract

from services.common.base.instants import set_timestamp, to_timestamp
from services.common.series.computed.store import StoredChannelMetrics, StoredForecast, StoredMetrics


def metrics_message(metrics: StoredMetrics, name: str) -> contract.SeriesMetrics:
    """The metrics of the series of this name, or of a range of it."""
    message = contract.SeriesMetrics(
        name=name, revision=metrics.revision, channels=map(_channel_message, metrics.channels)
    )
    set_timestamp(message.compute_time, metrics.compute_time_ns)
    return message


def forecast_message(forecast: StoredForecast, name: str) -> contract.SeriesForecast:
    """A forecast of the series of this name."""
    message = contract.SeriesForecast(
        name=name,
        revision=forecast.revision,
        channel=forecast.channel,
        method=forecast.method,
        beats_naive=forecast.beats_naive,
        season_length=forecast.season_length,
        level=forecast.level,
        times=map(to_timestamp, forecast.times_ns),
        values=forecast.values,
        lower=forecast.lower,
        upper=forecast.upper,
        held_back_count=forecast.held_back_count,
    )
    for method, absolute, squared in forecast.backtests:
        message.backtests.add(method=method, mean_absolute_error=absolute, root_mean_square_error=squared)
    return message


def _channel_message(metrics: StoredChannelMetrics) -> contract.ChannelMetrics:
    message = contract.ChannelMetrics(
        channel=metrics.channel, unit=metrics.unit, count=metrics.count, gap_count=metrics.gap_count
    )
    for name, number in metrics.values.items():
        setattr(message, name, number)
    for percent, value in metrics.percentiles:
        message.percentiles.add(percent=percent, value=value)
    for frequency, amplitude in metrics.dominant_frequencies:
        message.dominant_frequencies.add(frequency_hz=frequency, amplitude=amplitude)
    for low, high, power in metrics.band_powers:
        message.band_powers.add(low_hz=low, high_hz=high, power=power)
    return message
