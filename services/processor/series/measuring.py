"""Metrics and spectra: computed when a series was stored, or by the call that asks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import processor_service_pb2, series_pb2

from services.common.base.errors import FailedPrecondition, InvalidArgument, InvalidField
from services.common.base.instants import from_timestamp
from services.common.base.loops import until_stopped
from services.common.drops.measurements import Measurements
from services.common.objects import Objects
from services.common.queue import Claim, Queue
from services.common.rpc.call import Call
from services.common.series.computed.messages import metrics_message
from services.common.series.computed.store import ComputedStore, StoredMetrics
from services.common.series.measured import MeasuredSeries, SeriesFinder
from services.common.series.model import Series
from services.common.series.store import SeriesStore
from services.common.series.topics import SERIES
from services.common.tracing import Tracing
from services.common.workers.confinement import give_back_memory
from services.processor.series.loading import chosen_channel, even_rate_hz, import_heavy, load_points, too_short

if TYPE_CHECKING:
    from services.common.series.points import Points

MOST_POINTS = 10_000_000
MANY_POINTS = 1_000_000
LEASE = timedelta(minutes=2)
WAIT = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=2)
CLAIMED = 20
log = logging.getLogger(__name__)


class SeriesMeasuring:
    """Computes in threads, few at a time: the arrays of one series may take hundreds of megabytes."""

    def __init__(
        self,
        store: SeriesStore,
        finder: SeriesFinder,
        measurements: Measurements,
        computed: ComputedStore,
        objects: Objects,
        queue: Queue,
        on_stored: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
        tracing: Tracing | None = None,
    ) -> None:
        self._series = store
        self._finder = finder
        self._measurements = measurements
        self._computed = computed
        self._objects = objects
        self._queue = queue
        self._on_stored = on_stored
        self._now_ns = now_ns
        self._tracing = tracing or Tracing()
        self._turns = asyncio.Semaphore(2)

    async def GetSeriesMetrics(
        self, request: processor_service_pb2.GetSeriesMetricsRequest, call: Call
    ) -> series_pb2.SeriesMetrics:
        """Returns numbers that describe a series, or a range of it."""
        series = await self._finder.get(call.caller, request.name)
        is_whole = not request.HasField("start") and not request.HasField("end")
        if is_whole and not isinstance(series, MeasuredSeries):
            return metrics_message(await self.whole_metrics(series), series.name)
        return metrics_message(await self._compute(series, *asked_range(request)), series.name)

    async def GetSeriesSpectrum(
        self, request: processor_service_pb2.GetSeriesSpectrumRequest, call: Call
    ) -> series_pb2.SeriesSpectrum:
        """Returns the spectrum of a channel, or of its envelope."""
        await import_heavy()
        from services.common.series.all_points import AllPoints

        series = await self._finder.get(call.caller, request.name)
        channel = chosen_channel(series, request.channel)
        if not isinstance(series, MeasuredSeries):
            _check_band(request, series.sample_rate_hz if series.is_contiguous else None)
        async with self._turns:
            points = await load_points(
                AllPoints(self._objects, self._measurements),
                series,
                *asked_range(request),
                most=MOST_POINTS,
                channel=channel,
            )
            rate = _check_band(request, even_rate_hz(series, points))
            return await asyncio.to_thread(_spectrum_message, request, rate, channel.name, points)

    async def whole_metrics(self, series: Series) -> StoredMetrics:
        """The metrics of a whole series: looked up, or computed and kept."""
        kept = await self._computed.metrics(series.id)
        if kept is not None and kept.revision == series.revision:
            return kept
        metrics = await self._compute(series, None, None)
        await self._computed.keep_metrics(metrics)
        found = await self._series.find(series.id)
        if found is None or found.deleting_since_ns is not None:
            await self._computed.forget(series.id)
        return metrics

    async def run(self, stopping: asyncio.Event) -> None:
        """Computes the metrics of series that were stored, until the service stops."""
        if await self._series.has_any():
            await import_heavy()
        while not stopping.is_set():
            claiming = self._queue.claim(SERIES, limit=CLAIMED, lease=LEASE, wait=WAIT)
            for claim in await until_stopped(claiming, stopping) or ():
                await self._work(claim)

    async def _work(self, claim: Claim) -> None:
        self._on_stored()
        try:
            series = await self._series.find(claim.body.decode())
            if series is not None and series.deleting_since_ns is None and 0 < series.point_count <= MOST_POINTS:
                with self._traced(series):
                    await self.whole_metrics(series)
        except Exception as error:  # one series' fault must not stop the others
            log.warning("the metrics of a series are left for later", exc_info=True)
            await self._queue.release(claim, reason=f"{type(error).__name__}: {error}", delay=RETRY_AFTER)
        else:
            await self._queue.acknowledge([claim])

    def _traced(self, series: Series) -> AbstractContextManager[None]:
        return self._tracing.work(
            SERIES.name,
            series.traceparent,
            since_ns=series.update_time_ns,
            start_ns=self._now_ns(),
            series=series.id,
            points=series.point_count,
        )

    async def _compute(self, series: Series, start_ns: int | None, end_ns: int | None) -> StoredMetrics:
        await import_heavy()
        from services.common.series.all_points import AllPoints
        from services.processor.series.channel_metrics import all_channel_metrics

        async with self._turns:
            reading = AllPoints(self._objects, self._measurements)
            points = await load_points(reading, series, start_ns, end_ns, most=MOST_POINTS)
            if len(points) == 0:
                raise InvalidArgument(reasons.SERIES_EMPTY, "start, end: there is no point")
            rate = even_rate_hz(series, points)
            channels = await asyncio.to_thread(all_channel_metrics, points, series.channels, rate)
        if len(points) >= MANY_POINTS:
            del points
            await asyncio.to_thread(give_back_memory)
        return StoredMetrics(series.id, series.revision, self._now_ns(), channels)


def asked_range(
    request: processor_service_pb2.GetSeriesMetricsRequest
    | processor_service_pb2.GetSeriesSpectrumRequest
    | processor_service_pb2.ListSeriesAnomaliesRequest
    | processor_service_pb2.PlotSeriesRequest,
) -> tuple[int | None, int | None]:
    """The range of time that a request asks for."""
    start_ns = from_timestamp(request.start) if request.HasField("start") else None
    return start_ns, from_timestamp(request.end) if request.HasField("end") else None


def _check_band(request: processor_service_pb2.GetSeriesSpectrumRequest, rate_hz: float | None) -> float:
    """Returns the sample rate, where it is known and the band that is asked for lies within it."""
    if rate_hz is None:
        raise FailedPrecondition(
            reasons.SERIES_NOT_EVENLY_SAMPLED,
            f"{request.name}: a spectrum needs a known sample rate and every point",
            metadata={"name": request.name},
        )
    if (request.low_hz > 0 or request.high_hz > 0) and not request.low_hz < request.high_hz <= rate_hz / 2:
        raise InvalidField("high_hz", f"above low_hz, and at most half of the sample rate, {rate_hz / 2:g}")
    return rate_hz


def _spectrum_message(
    request: processor_service_pb2.GetSeriesSpectrumRequest, rate: float, channel: str, points: Points
) -> series_pb2.SeriesSpectrum:
    import numpy as np

    from services.processor.series.spectrum import (
        FEWEST_POINTS,
        SEGMENT_POINTS,
        dominant_frequencies,
        envelope_spectrum,
        power_spectrum,
    )

    values = points.columns[0]
    if len(values) < FEWEST_POINTS:
        raise too_short(len(values), FEWEST_POINTS)
    if np.isnan(values).any():
        index = int(np.isnan(values).argmax())
        raise InvalidArgument(
            reasons.SERIES_VALUE_INVALID,
            f"{channel}[{index}]: is missing, and a spectrum needs every value",
            metadata={"index": str(index), "channel": channel},
        )
    message = series_pb2.SeriesSpectrum(name=request.name, channel=channel)
    if request.kind == processor_service_pb2.GetSeriesSpectrumRequest.ENVELOPE:
        band = (request.low_hz, request.high_hz) if request.high_hz else (None, None)
        envelope = envelope_spectrum(values, rate, *band)
        spectrum, message.low_hz, message.high_hz = envelope.spectrum, envelope.low_hz, envelope.high_hz
    else:
        spectrum = power_spectrum(values, rate, request.segment_points or SEGMENT_POINTS)
    message.frequencies_hz.extend(spectrum.frequencies_hz)
    message.density.extend(spectrum.density)
    message.amplitudes.extend(spectrum.amplitudes)
    for peak in dominant_frequencies(spectrum, 10):
        message.dominant_frequencies.add(frequency_hz=peak.frequency_hz, amplitude=peak.amplitude)
    return message
