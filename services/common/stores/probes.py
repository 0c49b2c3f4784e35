"""A probe for each of the three stores, and circuit breakers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.common.base.errors import StoreFull
from services.common.base.probes import PAUSE_SECONDS, Ask, Hear, StoreProbe
from services.common.base.telemetry import Metrics
from services.common.catalog import Catalog
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.objects import Objects
from services.common.objects.directory import DirectoryObjects
from services.common.queue.embedded import EmbeddedQueue
from services.common.stores.breaker import Breaker
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import Stores
from services.common.stores.refusing import RefusingCatalog, RefusingObjects
from services.common.stores.topics import TOPICS

# No document, and no object, has it.
NAME = "probe"
# A disk does not go away as another machine does.
EMBEDDED_PAUSE_SECONDS = 4.0
# With less, what is written for one photo may not fit.
SCARCE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProbedStores:
    """The stores as a service uses them, and what watches them."""

    stores: Stores
    probes: Sequence[StoreProbe]


def probed(stores: Stores, metrics: Metrics) -> ProbedStores:
    """Puts a probe beside each store, and a circuit breaker before those on other machines that callers wait for."""
    catalog, objects, queue = stores.catalog, stores.objects, stores.queue
    hears: dict[str, Hear] = {}
    if not isinstance(catalog, SqliteCatalog):
        # A call of MongoDB's driver that is cancelled while it waits for a connection may leave the pool locked.
        breaker = Breaker("catalog", cancels=False)
        hears["catalog"], catalog = breaker.heard, RefusingCatalog(catalog, breaker)
    if not isinstance(objects, DirectoryObjects):
        breaker = Breaker("objects")
        hears["objects"], objects = breaker.heard, RefusingObjects(objects, breaker)
    asks: dict[str, Ask] = {
        "catalog": lambda: _ask_catalog(stores.catalog, metrics),
        "objects": lambda: _ask_objects(stores.objects, metrics),
        "queue": lambda: queue.depth(TOPICS[0]),
    }
    pauses = {
        "catalog": EMBEDDED_PAUSE_SECONDS if isinstance(stores.catalog, SqliteCatalog) else PAUSE_SECONDS,
        "objects": EMBEDDED_PAUSE_SECONDS if isinstance(stores.objects, DirectoryObjects) else PAUSE_SECONDS,
        "queue": EMBEDDED_PAUSE_SECONDS if isinstance(queue, EmbeddedQueue) else PAUSE_SECONDS,
    }
    probes = [
        StoreProbe(store, ask, metrics, hears.get(store), pause_seconds=pauses[store]) for store, ask in asks.items()
    ]
    return ProbedStores(Stores(catalog, objects, queue), probes)


async def _ask_catalog(catalog: Catalog, metrics: Metrics) -> None:
    if isinstance(catalog, SqliteCatalog):
        if catalog.database.damage is not None:
            # What is read here may be whole.
            raise catalog.database.damage
        _check_space("catalog", catalog.database.path.parent, metrics)
    await catalog.get(COLLECTIONS[0], NAME)


async def _ask_objects(objects: Objects, metrics: Metrics) -> None:
    if isinstance(objects, DirectoryObjects):
        _check_space("objects", objects.folder, metrics)
    await objects.stat(NAME)


def _check_space(store: str, folder: Path, metrics: Metrics) -> None:
    free_bytes = shutil.disk_usage(folder).free
    metrics.store_free_bytes.labels(store).set(free_bytes)
    if free_bytes < SCARCE_BYTES:
        raise StoreFull(store)
