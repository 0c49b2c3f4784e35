from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import processor_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.base.errors import DropmeshError
from services.common.drops.measurements import Measurements
from services.common.drops.sources import Sources
from services.common.series.computed.store import ComputedStore
from services.common.series.measured import SeriesFinder
from services.common.series.topics import SERIES
from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from services.processor.series.measuring import SeriesMeasuring
from tests.support.calls import ANN, BOB, call_of
from tests.support.series_bodies import npy_body
from tests.support.series_writer import SeriesWriter, values_json

Metrics = processor_service_pb2.GetSeriesMetricsRequest
Spectrum = processor_service_pb2.GetSeriesSpectrumRequest


@pytest.fixture
async def plain_stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_stores(Settings(data=tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
def writer(plain_stores: Stores, tmp_path: Path) -> SeriesWriter:
    return SeriesWriter(plain_stores.catalog, plain_stores.objects, tmp_path)


@pytest.fixture
def measuring(writer: SeriesWriter, plain_stores: Stores) -> SeriesMeasuring:
    computed = ComputedStore(plain_stores.catalog)
    catalog, objects = plain_stores.catalog, plain_stores.objects
    finder = SeriesFinder(writer.store, Sources(catalog))
    return SeriesMeasuring(writer.store, finder, Measurements(catalog), computed, objects, plain_stores.queue)


async def test_a_stored_series_is_measured_once_and_then_looked_up(writer, measuring, plain_stores) -> None:
    series = await writer.create(values_json([3, 4, 5]), "s")
    await plain_stores.queue.publish(SERIES, [b"s", b"never-was"])
    stopping = asyncio.Event()
    running = asyncio.create_task(measuring.run(stopping))
    computed = ComputedStore(plain_stores.catalog)
    for _ in range(1000):
        if await computed.metrics("s") is not None:
            break
        await asyncio.sleep(0.03)
    stopping.set()
    await running
    # The points are not looked at again.
    await plain_stores.objects.delete([chunk.object_key for chunk in series.chunks])
    metrics = await measuring.GetSeriesMetrics(Metrics(name="series/s"), call_of())
    (channel,) = metrics.channels
    assert (channel.count, channel.mean, channel.min, channel.max) == (3, 4.0, 3.0, 5.0)
    assert channel.population_stddev == pytest.approx(np.std([3, 4, 5]), rel=1e-12)
    assert not channel.HasField("spectral_centroid_hz")
    assert await plain_stores.queue.depth(SERIES) == 0


async def test_an_append_makes_them_anew_and_a_deletion_forgets_them(writer, measuring, plain_stores) -> None:
    await writer.create(values_json([1, 2]), "s")
    assert (await measuring.GetSeriesMetrics(Metrics(name="series/s"), call_of())).channels[0].count == 2
    await writer.append(values_json([9]), "s")
    metrics = await measuring.GetSeriesMetrics(Metrics(name="series/s"), call_of())
    assert (metrics.revision, metrics.channels[0].count, metrics.channels[0].max) == (2, 3, 9.0)
    await writer.deletion.delete(ANN, "s", "")
    assert await ComputedStore(plain_stores.catalog).metrics("s") is None


async def test_a_range_and_another_owner(writer, measuring) -> None:
    await writer.create(npy_body([np.arange(100.0)]), "s", sample_rate_hz=10.0, start_ns=0)
    request = Metrics(name="series/s", start=Timestamp(seconds=2), end=Timestamp(seconds=3))
    metrics = (await measuring.GetSeriesMetrics(request, call_of())).channels[0]
    assert (metrics.count, metrics.min, metrics.max) == (10, 20.0, 29.0)
    assert metrics.trend_slope == pytest.approx(10.0, rel=1e-9)
    with pytest.raises(DropmeshError) as refused:
        await measuring.GetSeriesMetrics(request, call_of(BOB))
    assert refused.value.reason == reasons.SERIES_NOT_FOUND


async def test_a_spectrum_shows_the_frequency_and_needs_an_even_series(writer, measuring) -> None:
    seconds = np.arange(20_000) / 2000
    channels = [3 * np.sin(2 * np.pi * 150 * seconds), np.zeros(20_000)]
    await writer.create(
        npy_body(channels), "s", sample_rate_hz=2000.0, start_ns=0, channels=("x", "y"), units=("m/s2",)
    )
    spectrum = await measuring.GetSeriesSpectrum(Spectrum(name="series/s", channel="x"), call_of())
    peak = spectrum.dominant_frequencies[0]
    assert (peak.frequency_hz, peak.amplitude) == pytest.approx((150, 3), rel=1e-3)
    metrics = (await measuring.GetSeriesMetrics(Metrics(name="series/s"), call_of())).channels[0]
    assert metrics.dominant_frequencies[0].frequency_hz == pytest.approx(150, rel=1e-3)
    velocity = 3 / (2 * np.pi * 150) / np.sqrt(2) * 1000
    assert metrics.velocity_rms_mm_s == pytest.approx(velocity, rel=0.02)
    for request, reason in (
        (Spectrum(name="series/s", channel="z"), reasons.SERIES_CHANNEL_NOT_FOUND),
        (Spectrum(name="series/s", low_hz=5, high_hz=4), reasons.INVALID_FIELD),
        (Spectrum(name="series/s", end=Timestamp(nanos=1000)), reasons.SERIES_TOO_SHORT),
    ):
        with pytest.raises(DropmeshError) as refused:
            await measuring.GetSeriesSpectrum(request, call_of())
        assert refused.value.reason == reason
    await writer.create(values_json([1, 2, 3]), "t")
    with pytest.raises(DropmeshError) as refused:
        await measuring.GetSeriesSpectrum(Spectrum(name="series/t"), call_of())
    assert refused.value.reason == reasons.SERIES_NOT_EVENLY_SAMPLED
