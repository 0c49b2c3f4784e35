"""Fills a catalog with many drops, as ingest and the processor leave them, without the way through the mesh."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from functools import partial
from pathlib import Path

from scripts.measuring.loading.drop_requests import DropSeries
from services.common.base.errors import AlreadyExists
from services.common.catalog.opening import open_catalog
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import NewDrop, Receipts
from services.common.objects.directory import DirectoryObjects
from services.common.rpc.identity import Caller, Scope
from services.common.settings.reading import load_settings
from services.common.stores.collections import COLLECTIONS
from services.processor.drops.code_version import measurement_code_version
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules, drop_result

WRITTEN_AT_ONCE = 500


async def make_drops(data: Path, owner: str, count: int) -> None:
    """Stores so many drops of an owner with their measurements, each of four numbers."""
    settings = load_settings({**os.environ, "DROPMESH_DATA": str(data)})
    catalog = await open_catalog(settings.catalog_url, COLLECTIONS)
    receipts = Receipts(catalog, await DirectoryObjects.open(data / "objects"))
    measurements, rules = Measurements(catalog), DropRules(DropLimits(), measurement_code_version())
    caller = Caller(owner, owner, frozenset({Scope.WRITE}))
    try:
        for first in range(0, count, WRITTEN_AT_ONCE):
            requests = DropSeries(first, min(WRITTEN_AT_ONCE, count - first)).requests("/")
            raws = [request.partition(b"\r\n\r\n")[2] for request in requests]
            drops = [NewDrop(raw, hashlib.sha256(raw).digest()) for raw in raws]
            kept = await receipts.keep_many(caller, drops, now_ns=time.time_ns())
            new = [one[0] for one in kept if not isinstance(one, AlreadyExists)]
            results = [drop_result(one, raw, rules, time.time_ns()) for one, raw in zip(new, raws, strict=True)]
            found = [measurement for result in results for measurement in result.measurements]
            await receipts.settle((one.receipt for one in results), write=partial(measurements.write, found))
            await asyncio.sleep(0)
    finally:
        await catalog.close()
