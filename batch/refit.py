"""Makes stored forecasts anew whose series has changed since, so that the next reader does not wait for them."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from batch.scanning import every
from services.common.base.errors import DropmeshError
from services.common.catalog.documents import from_document
from services.common.drops.measurements import Measurements
from services.common.drops.sources import Sources
from services.common.series.computed.store import SERIES_FORECASTS, ComputedStore, StoredForecast
from services.common.series.measured import SeriesFinder
from services.common.series.model import Series
from services.common.series.store import SeriesStore
from services.common.series.topics import SERIES
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.processor.series.predictions import SeriesPredictions


async def refit(stores: Stores, _settings: Settings, _arguments: argparse.Namespace) -> int:
    """Forecasts one after the other; metrics of the same series are queued for the processors."""
    series, computed = SeriesStore(stores.catalog), ComputedStore(stores.catalog)
    finder = SeriesFinder(series, Sources(stores.catalog))
    predictions = SeriesPredictions(series, finder, Measurements(stores.catalog), computed, stores.objects)
    stopping = asyncio.Event()
    running = asyncio.create_task(predictions.run(stopping))
    looked_at = made = failed = 0
    measured: set[str] = set()
    try:
        async for page in every(stores.catalog, SERIES_FORECASTS, "by_series"):
            looked_at += len(page)
            for forecast in (from_document(StoredForecast, document) for document in page):
                found = await series.find(forecast.series)
                if found is None or found.deleting_since_ns is not None or found.revision == forecast.revision:
                    continue
                try:
                    await _again(predictions, found, forecast)
                    made += 1
                except DropmeshError as error:
                    failed += 1
                    print(f"series/{found.id}: {error}")
                if found.id not in measured and await _is_stale(computed, found):
                    await stores.queue.publish(SERIES, [found.id.encode()])
                    measured.add(found.id)
    finally:
        stopping.set()
        with suppress(asyncio.CancelledError):
            await running
    print(f"{made} of {looked_at} forecasts were made anew, {failed} could not be; metrics queued: {len(measured)}")
    return 0


async def _again(predictions: SeriesPredictions, series: Series, forecast: StoredForecast) -> None:
    # The season is stored as it was found; the key has it as it was asked for, where 0 means: to be found.
    season = int(forecast.id.rpartition("/")[2])
    await predictions.forecast(series, forecast.channel, len(forecast.times_ns), forecast.level, season)


async def _is_stale(computed: ComputedStore, series: Series) -> bool:
    metrics = await computed.metrics(series.id)
    return metrics is not None and metrics.revision != series.revision
