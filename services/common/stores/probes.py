"""A probe for each of the three stores, and circuit breakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.base.probes import Ask, Hear, StoreProbe
from services.common.base.telemetry import Metrics
from services.common.catalog import Catalog
from services.common.catalog.sqlite.catalog import SqliteCatalog
from services.common.objects.directory import DirectoryObjects
from services.common.stores.breaker import Breaker
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import Stores
from services.common.stores.refusing import RefusingCatalog, RefusingObjects
from services.common.stores.topics import TOPICS

# No document, and no object, has it.
NAME = "probe"


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
        breaker = Breaker("catalog")
        hears["catalog"], catalog = breaker.heard, RefusingCatalog(catalog, breaker)
    if not isinstance(objects, DirectoryObjects):
        breaker = Breaker("objects")
        hears["objects"], objects = breaker.heard, RefusingObjects(objects, breaker)
    asks: dict[str, Ask] = {
        "catalog": lambda: _ask(stores.catalog),
        "objects": lambda: stores.objects.stat(NAME),
        "queue": lambda: queue.depth(TOPICS[0]),
    }
    probes = [StoreProbe(store, ask, metrics, hears.get(store)) for store, ask in asks.items()]
    return ProbedStores(Stores(catalog, objects, queue), probes)


async def _ask(catalog: Catalog) -> None:
    if isinstance(catalog, SqliteCatalog) and catalog.database.damage is not None:
        # What is read here may be whole.
        raise catalog.database.damage
    await catalog.get(COLLECTIONS[0], NAME)
