"""Counts the statistics anew from every media, and replaces those that differ."""

from __future__ import annotations

import argparse
import time

from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore
from services.common.stores.open import Stores
from services.processor.statistics.recounting import Recounting


async def recount(stores: Stores, _settings: Settings, _arguments: argparse.Namespace) -> int:
    """Prints each difference. Media must not change meanwhile: it tries a few times, then raises NotQuiet."""
    recounting = Recounting(stores.catalog, StatisticsStore(stores.catalog))
    now_ns = time.time_ns()
    differences = await recounting.check(now_ns=now_ns)
    for found in differences:
        print(f"{found.scope}: {found.what}: stored {found.kept}, counted {found.counted}")
    if differences:
        print(f"{await recounting.recompute(now_ns=now_ns)} statistics were replaced")
    else:
        print("the stored statistics agree with the count")
    return 0
