from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from batch.refit import refit
from services.common.drops.measurements import Measurements
from services.common.drops.sources import Sources
from services.common.series.computed.store import ComputedStore
from services.common.series.measured import SeriesFinder
from services.common.series.store import SeriesStore
from services.common.series.topics import SERIES
from services.common.settings import Settings
from services.common.stores.open import open_stores
from services.processor.series.predictions import SeriesPredictions
from tests.support.series_writer import SeriesWriter, values_json


async def test_a_forecast_of_a_changed_series_is_made_anew_once_and_its_metrics_are_queued(
    tmp_path: Path, capsys
) -> None:
    settings = Settings(data=tmp_path)
    stores = await open_stores(settings)
    try:
        writer = SeriesWriter(stores.catalog, stores.objects, tmp_path)
        series = await writer.create(values_json([float(number % 7) for number in range(40)]), "s")
        computed = ComputedStore(stores.catalog)
        kept_series, measurements = SeriesStore(stores.catalog), Measurements(stores.catalog)
        finder = SeriesFinder(kept_series, Sources(stores.catalog))
        predictions = SeriesPredictions(kept_series, finder, measurements, computed, stores.objects)
        stopping = asyncio.Event()
        running = asyncio.create_task(predictions.run(stopping))
        forecast = await predictions.forecast(series, "", 3, 0.95, 0)
        stopping.set()
        await running
        await refit(stores, settings, argparse.Namespace())
        assert "0 of 1 forecasts were made anew" in capsys.readouterr().out

        await SeriesStore(stores.catalog).replace(replace(series, revision=series.revision + 1))
        await refit(stores, settings, argparse.Namespace())
        assert "1 of 1 forecasts were made anew, 0 could not be; metrics queued: 0" in capsys.readouterr().out
        kept = await computed.forecast(forecast.id)
        assert kept is not None
        assert (kept.revision, kept.values) == (series.revision + 1, forecast.values)
        await refit(stores, settings, argparse.Namespace())
        assert "0 of 1 forecasts were made anew" in capsys.readouterr().out
        assert await stores.queue.depth(SERIES) == 0
    finally:
        await stores.close()
