"""A process that stores series, as ingest wires one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np

from services.common.rpc.identity import Caller
from services.common.series.computed.store import ComputedStore
from services.common.series.model import Series
from services.common.series.points import Points, joined
from services.common.series.reading import SeriesPoints
from services.common.series.store import SeriesStore
from services.ingest.series.asked import Asked, NewSeries
from services.ingest.series.deletion import SeriesDeletion
from services.ingest.series.point_deletion import PointDeletion
from services.ingest.series.replaced import ReplacedObjects
from services.ingest.series.storing import SeriesStoring
from services.ingest.series.sweep import SeriesSweep
from tests.support.calls import ANN

START_NS = 1_700_000_000_000_000_000


class SeriesWriter:
    """Creates, appends, deletes and reads, with a clock that moves by a millisecond at each look."""

    def __init__(self, catalog: Any, objects: Any, folder: Path) -> None:
        self.store = SeriesStore(catalog)
        self.objects = objects
        computed = ComputedStore(catalog)
        self._now_ns = START_NS
        self._points = SeriesPoints(objects)
        self.deletion = SeriesDeletion(self.store, computed, objects, self.now_ns)
        self.point_deletion = PointDeletion(self.store, computed, objects, self.now_ns)
        self._storing = SeriesStoring(self.store, objects, ReplacedObjects(objects), folder, self.now_ns)
        # What was written before this line is old enough.
        self.sweep = SeriesSweep(self.store, objects, self.deletion, lambda: 2**62, sweep_seconds=60, orphan_seconds=0)

    def now_ns(self) -> int:
        self._now_ns += 1_000_000
        return self._now_ns

    async def create(
        self, body: bytes, key: str, *, caller: Caller = ANN, request_id: str = "", **asked: Any
    ) -> Series:
        new = NewSeries(key, f"the {key}", {}, Asked(**asked), request_id)
        series, _ = await self._storing.create(caller, new, pieces(body))
        return series

    async def append(self, body: bytes, key: str, *, caller: Caller = ANN, request_id: str = "") -> Series:
        return await self._storing.append(caller, key, request_id, pieces(body))

    async def read(self, key: str, start_ns: int | None = None, end_ns: int | None = None) -> Points:
        series = await self.store.find(key)
        assert series is not None
        parts = [part async for part in self._points.parts(series, start_ns, end_ns)]
        return joined(parts, len(series.channels))

    async def values(self, key: str) -> list[float]:
        return (await self.read(key)).columns[0].tolist()

    async def keys(self, prefix: str = "series/") -> list[str]:
        return [info.key for info in await self.objects.list(prefix)]


async def pieces(body: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def values_json(values: np.ndarray | list[float]) -> bytes:
    return b'{"values": [' + ",".join(map(repr, map(float, values))).encode() + b"]}"
