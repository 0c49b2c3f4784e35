"""The measurements of a source read as a series, on embedded stores and on MongoDB."""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import processor_service_pb2, query_service_pb2

from services.common.base.errors import DropmeshError
from services.common.caching.recent import Recent
from services.common.catalog import Insert
from services.common.catalog.documents import to_document
from services.common.drops.measurements import MEASUREMENTS, Measurement, Measurements, measurement_key
from services.common.drops.sources import Sources
from services.common.rpc.identity import Caller, Scope
from services.common.series.computed.store import ComputedStore
from services.common.series.measured import SeriesFinder
from services.common.series.store import SeriesStore
from services.common.settings import Settings
from services.common.stores.open import Stores, open_stores
from services.processor.series.measuring import SeriesMeasuring
from services.query.series.reads import SeriesReads
from tests.support.calls import ANN, BOB, call_of

Metrics = processor_service_pb2.GetSeriesMetricsRequest
Spectrum = processor_service_pb2.GetSeriesSpectrumRequest
Points = query_service_pb2.GetSeriesPointsRequest
# Three pages of the catalog.
START_NS, STEP_NS, COUNT = 1_700_000_000_000_000_000, 10_000_000_000, 2101
ROOT = Caller("root", "root", frozenset({Scope.ADMIN}))
MEANS = np.sin(np.arange(COUNT) * 2 * math.pi / 50) + np.arange(COUNT) / 1_000_000


@pytest.fixture(params=["embedded", "mongodb"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    settings = Settings(data=tmp_path)
    if request.param == "mongodb":
        address = request.getfixturevalue("mongo_url").rstrip("/")
        settings = Settings(data=tmp_path, catalog=f"{address}/source_series_{uuid.uuid4().hex}", queue="embedded")
    opened = await open_stores(settings)
    yield opened
    await opened.close()


async def measure(stores: Stores, source: str, count: int = COUNT) -> None:
    def one(at: int) -> Measurement:
        time_ns, mean = START_NS + at * STEP_NS, float(MEANS[at])
        deviation = None if at == 0 else 0.5
        return Measurement(
            measurement_key("ann", source, time_ns),
            *("ann", source, time_ns, 3, mean, 0.4, deviation, mean - 1, mean + 1, f"r{at}", at, 1, 1),
        )

    # Insertions are one command; on the test server of MongoDB's protocol so many upserts wait too long for each other.
    await stores.catalog.batch([Insert(MEASUREMENTS, to_document(one(at))) for at in range(count)])


def finder_of(stores: Stores) -> SeriesFinder:
    return SeriesFinder(SeriesStore(stores.catalog), Sources(stores.catalog))


def reads_of(stores: Stores) -> SeriesReads:
    measurements = Measurements(stores.catalog)
    return SeriesReads(stores.catalog, finder_of(stores), measurements, stores.objects, Recent(0))


def measuring_of(stores: Stores) -> SeriesMeasuring:
    return SeriesMeasuring(
        SeriesStore(stores.catalog),
        finder_of(stores),
        Measurements(stores.catalog),
        ComputedStore(stores.catalog),
        stores.objects,
        stores.queue,
    )


async def points_of(stores: Stores, **asked: object) -> dict[str, list[float]]:
    request = Points(name="sources/pump-3/series", **asked)  # type: ignore[arg-type]
    body = b"".join([piece.data async for piece in reads_of(stores).GetSeriesPoints(request, call_of(ANN))])
    answer = orjson.loads(body)
    return {
        "times": answer["timestamps"],
        **{
            f"{one['name']}.{key}": one[key] for one in answer["channels"] for key in one if key not in ("name", "unit")
        },
    }


async def test_the_points_of_a_source_are_its_measurements(stores: Stores) -> None:
    await measure(stores, "pump-3")
    await measure(stores, "pump-4", 7)
    described = await reads_of(stores).GetSeries(
        query_service_pb2.GetSeriesRequest(name="sources/pump-3/series"), call_of(ANN)
    )
    assert (described.name, described.point_count) == ("sources/pump-3/series", COUNT)
    assert [one.name for one in described.channels][:2] == ["mean", "population_stddev"]
    assert described.end_time.ToNanoseconds() == START_NS + (COUNT - 1) * STEP_NS
    found = await points_of(stores)
    assert found["mean.values"] == MEANS.tolist()
    assert found["sample_stddev.values"][:2] == [None, 0.5]
    assert found["count.values"] == [3.0] * COUNT
    fewer = await points_of(stores, channels=["max"], max_points=100)
    assert len(fewer["times"]) <= 100
    assert max(fewer["max.values"]) == MEANS.max() + 1
    assert set(fewer) == {"times", "max.values"}
    hours = await points_of(stores, channels=["mean"], window="1h")
    assert sum(hours["mean.count"]) == COUNT


async def test_the_metrics_of_a_source_are_those_of_its_means(stores: Stores) -> None:
    await measure(stores, "pump-3")
    found = await measuring_of(stores).GetSeriesMetrics(Metrics(name="sources/pump-3/series"), call_of(ANN))
    by_channel = {one.channel: one for one in found.channels}
    assert found.name == "sources/pump-3/series"
    assert by_channel["mean"].mean == pytest.approx(MEANS.mean(), rel=1e-12)
    assert by_channel["max"].max == MEANS.max() + 1
    assert (by_channel["sample_stddev"].count, by_channel["sample_stddev"].gap_count) == (COUNT - 1, 1)
    # Each measurement comes 10 s after the one before it, so frequencies are known: a wave of 50 points.
    assert by_channel["mean"].dominant_frequencies[0].frequency_hz == pytest.approx(1 / 500, rel=0.02)
    spectrum = await measuring_of(stores).GetSeriesSpectrum(Spectrum(name="sources/pump-3/series"), call_of(ANN))
    assert spectrum.dominant_frequencies[0].frequency_hz == pytest.approx(1 / 500, rel=0.02)


async def test_drops_without_a_source_are_a_series_too(stores: Stores) -> None:
    await measure(stores, "", 5)
    request = Metrics(name="sources/default/series")
    found = await measuring_of(stores).GetSeriesMetrics(request, call_of(ANN))
    assert (found.name, found.channels[0].count) == ("sources/default/series", 5)
    request.start.FromNanoseconds(START_NS + 2 * STEP_NS)
    assert (await measuring_of(stores).GetSeriesMetrics(request, call_of(ANN))).channels[0].count == 3


async def test_only_its_owner_and_an_administrator_read_it(stores: Stores) -> None:
    await measure(stores, "pump-3", 5)
    for caller, name in ((BOB, "sources/pump-3/series"), (BOB, "owners/ann/sources/pump-3/series")):
        with pytest.raises(DropmeshError) as refusal:
            await measuring_of(stores).GetSeriesMetrics(Metrics(name=name), call_of(caller))
        assert refusal.value.reason == reasons.SOURCE_NOT_FOUND
    name = "owners/ann/sources/pump-3/series"
    assert (await measuring_of(stores).GetSeriesMetrics(Metrics(name=name), call_of(ROOT))).name == name


async def test_measurements_at_uneven_instants_have_no_spectrum(stores: Stores) -> None:
    await measure(stores, "pump-3", 100)
    late = Measurement("ann/pump-3/1", "ann", "pump-3", 1, 1, 0.0, 0.0, None, 0.0, 0.0, "r", 1, 1, 1)
    await Measurements(stores.catalog).write([late])
    with pytest.raises(DropmeshError) as refusal:
        await measuring_of(stores).GetSeriesSpectrum(Spectrum(name="sources/pump-3/series"), call_of(ANN))
    assert refusal.value.reason == reasons.SERIES_NOT_EVENLY_SAMPLED
    with pytest.raises(DropmeshError) as refusal:
        await points_of(stores, channels=["median"])
    assert refusal.value.reason == reasons.SERIES_CHANNEL_NOT_FOUND
