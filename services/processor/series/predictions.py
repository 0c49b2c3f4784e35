"""Forecasts, anomalies and charts: the mathematics runs in a process of its own, with a time limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from dropmesh.v1 import processor_service_pb2, series_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.instants import set_timestamp
from services.common.drops.measurements import Measurements
from services.common.objects import Objects
from services.common.rpc.call import Call
from services.common.series.computed.messages import forecast_message
from services.common.series.computed.store import ComputedStore, StoredForecast
from services.common.series.measured import DRAWN, MeasuredSeries, SeriesFinder, with_channels
from services.common.series.model import Channel, Series
from services.common.series.store import SeriesStore
from services.common.workers.confinement import ChildLimits
from services.common.workers.pool import ProcessPool
from services.processor.series.jobs import Odd, find_odd, predict, prepare
from services.processor.series.loading import checked_count, chosen_channel, import_heavy, load_points, too_short
from services.processor.series.measuring import asked_range

if TYPE_CHECKING:
    from services.common.series.all_points import AllPoints

HORIZON, LEVEL, ANOMALY_LEVEL = 12, 0.95, 0.999
TIME_LIMIT = timedelta(seconds=10)
# Of more points, the last ones are what a forecast is made of.
FORECAST_POINTS = 100_000
ANOMALY_POINTS = 1_000_000
ANOMALIES_SENT = 1000
PLOT_POINTS = 2000
IDLE = timedelta(minutes=10)
LIMITS = ChildLimits(1024 * 1024 * 1024, result_bytes=8 * 1024 * 1024)


class SeriesPredictions:
    """Forecasts in a process that starts when a series was stored, and ends when no call came for long."""

    def __init__(
        self,
        store: SeriesStore,
        finder: SeriesFinder,
        measurements: Measurements,
        computed: ComputedStore,
        objects: Objects,
    ) -> None:
        self._series = store
        self._finder = finder
        self._measurements = measurements
        self._computed = computed
        self._objects = objects
        self._pool: ProcessPool[None] = ProcessPool(prepare, children=1, threads=1, limits=LIMITS, warm=0, idle=IDLE)
        self._is_ready = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keeps the process's pool until the service stops."""
        async with self._pool:
            self._is_ready.set()
            try:
                if await self._series.has_any():
                    self.make_ready()
                await stopping.wait()
            finally:
                self._is_ready.clear()

    def make_ready(self) -> None:
        """Starts the process ahead of need, so that the first forecast does not wait for it."""
        if self._is_ready.is_set():
            self._pool.have_one_ready()

    async def ForecastSeries(
        self, request: processor_service_pb2.ForecastSeriesRequest, call: Call
    ) -> series_pb2.SeriesForecast:
        """Forecasts the next points of a channel."""
        series = await self._finder.get(call.caller, request.name)
        forecast = await self.forecast(
            series, request.channel, request.horizon or HORIZON, request.level or LEVEL, request.season_length
        )
        return forecast_message(forecast, series.name)

    async def ListSeriesAnomalies(
        self, request: processor_service_pb2.ListSeriesAnomaliesRequest, call: Call
    ) -> processor_service_pb2.ListSeriesAnomaliesResponse:
        """Lists the points that those before them did not lead to expect."""
        series = await self._finder.get(call.caller, request.name)
        start_ns, end_ns = asked_range(request)
        found = await self._anomalies(
            series, request.channel, start_ns, end_ns, request.level or ANOMALY_LEVEL, request.season_length
        )
        response = processor_service_pb2.ListSeriesAnomaliesResponse(total_size=len(found))
        for time_ns, odd in sorted(found[:ANOMALIES_SENT]):
            message = response.anomalies.add(
                value=odd.value, expected=odd.expected, lower=odd.lower, upper=odd.upper, score=odd.score
            )
            set_timestamp(message.time, time_ns)
        return response

    async def PlotSeries(self, request: processor_service_pb2.PlotSeriesRequest, call: Call) -> HttpBody:
        """Draws a series as SVG."""
        await import_heavy()
        from services.common.series.downsampling import Downsampler
        from services.processor.series.plot import Band, Chart, Line, draw

        series = await self._finder.get(call.caller, request.name)
        names = request.channels or (DRAWN if isinstance(series, MeasuredSeries) else ())
        series = with_channels(series, names)
        start_ns, end_ns = asked_range(request)
        await checked_count(self._points(), series, start_ns, end_ns)
        sampler = Downsampler(PLOT_POINTS, len(series.channels), series.point_count)
        async for part in self._points().parts(series, start_ns, end_ns):
            await asyncio.to_thread(sampler.add, part)
        points = await asyncio.to_thread(sampler.picked)
        seconds = points.times_ns / 1e9
        band: Band | None = None
        marks: tuple[tuple[float, float], ...] = ()
        if request.horizon:
            forecast = await self.forecast(series, "", request.horizon, LEVEL, 0)
            arrays = (np.array(part) for part in (forecast.values, forecast.lower, forecast.upper))
            band = Band(np.array(forecast.times_ns) / 1e9, *arrays)
        if request.anomalies:
            found = await self._anomalies(series, "", start_ns, end_ns, ANOMALY_LEVEL, 0)
            marks = tuple((time_ns / 1e9, odd.value) for time_ns, odd in found[:ANOMALIES_SENT])
        chart = Chart(
            title=series.display_name or series.name,
            unit=series.channels[0].unit,
            lines=[
                Line(channel.name, seconds, column)
                for channel, column in zip(series.channels, points.columns, strict=True)
            ],
            forecast=band,
            anomalies=marks,
            width=request.width or 960,
            height=request.height or 360,
        )
        return HttpBody(content_type="image/svg+xml", data=(await asyncio.to_thread(draw, chart)).encode())

    async def forecast(
        self, series: Series, channel_name: str, horizon: int, level: float, season: int
    ) -> StoredForecast:
        """Looks a forecast up, or makes it and keeps it; a season of 0 is found in the points."""
        await import_heavy()
        channel = chosen_channel(series, channel_name)
        is_kept = not isinstance(series, MeasuredSeries)
        key = f"{series.id}/{channel.name}/{horizon}/{level!r}/{season}"
        kept = await self._computed.forecast(key) if is_kept else None
        if kept is not None and kept.revision == series.revision:
            return kept
        points = await self._points().last(series, channel.name, FORECAST_POINTS)
        if len(points) == 0:
            raise too_short(0, 1)
        await self._is_ready.wait()
        predicted = await self._pool.run(
            predict, points.columns[0].tobytes(), horizon, level, season or None, time_limit=TIME_LIMIT
        )
        forecast = StoredForecast(
            id=key,
            series=series.id,
            revision=series.revision,
            channel=channel.name,
            method=predicted.method,
            beats_naive=predicted.beats_naive,
            season_length=predicted.season_length,
            level=level,
            times_ns=tuple(map(int, _next_times(series, points.times_ns, horizon))),
            values=predicted.values,
            lower=predicted.lower,
            upper=predicted.upper,
            backtests=predicted.backtests,
            held_back_count=predicted.held_back_count,
        )
        if not is_kept:
            return forecast
        await self._computed.keep_forecast(forecast)
        found = await self._series.find(series.id)
        if found is None or found.deleting_since_ns is not None:
            await self._computed.forget(series.id)
        return forecast

    async def _anomalies(
        self, series: Series, channel_name: str, start_ns: int | None, end_ns: int | None, level: float, season: int
    ) -> list[tuple[int, Odd]]:
        """The oddest first, each with its instant."""
        await import_heavy()
        channel: Channel = chosen_channel(series, channel_name)
        points = await load_points(self._points(), series, start_ns, end_ns, most=ANOMALY_POINTS, channel=channel)
        await self._is_ready.wait()
        found = await self._pool.run(
            find_odd, points.columns[0].tobytes(), level, season or None, ANOMALIES_SENT * 10, time_limit=TIME_LIMIT
        )
        return [(int(points.times_ns[odd.index]), odd) for odd in found]

    def _points(self) -> AllPoints:
        from services.common.series.all_points import AllPoints

        return AllPoints(self._objects, self._measurements)


def _next_times(series: Series, times_ns: np.ndarray, horizon: int) -> np.ndarray:
    """Evenly spaced points go on so; others by the median of their distances."""
    from services.common.series.points import grid_times

    if series.spacing_hz is not None:
        return grid_times(series.start_ns, series.spacing_hz, series.next_tick, horizon)
    step = int(np.median(np.diff(times_ns[-1000:]))) if len(times_ns) > 1 else 10**9
    return np.asarray(times_ns[-1] + step * np.arange(1, horizon + 1))
