"""Computed results kept for a revision of a series: metrics, and forecasts by their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.common.catalog import Catalog, Collection, Delete, Index, Upsert
from services.common.catalog.documents import from_document, to_document

SERIES_METRICS = Collection("series_metrics")
SERIES_FORECASTS = Collection("series_forecasts", (Index("by_series", ("series",)),))
_PAGE = 500


@dataclass(frozen=True, slots=True)
class StoredChannelMetrics:
    """The metrics of one channel; `values` are those of one number, by the contract's names, without undefined ones."""

    channel: str
    unit: str
    count: int
    gap_count: int
    values: Mapping[str, float] = field(default_factory=dict)
    percentiles: tuple[tuple[float, float], ...] = ()
    dominant_frequencies: tuple[tuple[float, float], ...] = ()
    band_powers: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class StoredMetrics:
    """The metrics of a whole series, as of a revision; its id is the series'."""

    id: str
    revision: int
    compute_time_ns: int
    channels: tuple[StoredChannelMetrics, ...]
    version: int = 0


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """A forecast as of a series' revision; its id is made of the series and of what was asked."""

    id: str
    series: str
    revision: int
    channel: str
    method: str
    beats_naive: bool
    season_length: int
    level: float
    times_ns: tuple[int, ...]
    values: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    backtests: tuple[tuple[str, float, float], ...]
    held_back_count: int
    version: int = 0


class ComputedStore:
    """Keeps what was computed; an older revision never takes the place of a newer one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def metrics(self, series_id: str) -> StoredMetrics | None:
        """Returns the metrics kept for a series, of any revision."""
        document = await self._catalog.get(SERIES_METRICS, series_id)
        return None if document is None else from_document(StoredMetrics, document)

    async def keep_metrics(self, metrics: StoredMetrics) -> None:
        """Keeps the metrics of a series."""
        await self._catalog.batch([Upsert(SERIES_METRICS, to_document(metrics), newer_by="revision")])

    async def forecast(self, key: str) -> StoredForecast | None:
        """Returns the forecast kept under a key, of any revision."""
        document = await self._catalog.get(SERIES_FORECASTS, key)
        return None if document is None else from_document(StoredForecast, document)

    async def keep_forecast(self, forecast: StoredForecast) -> None:
        """Keeps a forecast."""
        await self._catalog.batch([Upsert(SERIES_FORECASTS, to_document(forecast), newer_by="revision")])

    async def count(self, series_id: str) -> int:
        """How many results are kept for a series."""
        forecasts = await self._catalog.count(SERIES_FORECASTS, "by_series", (series_id,))
        return forecasts + (await self.metrics(series_id) is not None)

    async def forget(self, series_id: str) -> None:
        """Removes all that was computed of a series."""
        await self._catalog.batch([Delete(SERIES_METRICS, series_id)])
        while found := await self._catalog.find(SERIES_FORECASTS, "by_series", (series_id,), limit=_PAGE):
            await self._catalog.batch([Delete(SERIES_FORECASTS, document["_id"]) for document in found])
