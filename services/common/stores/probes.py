"""A probe for each of the three stores."""

from __future__ import annotations

from services.common.base.probes import Ask, StoreProbe
from services.common.base.telemetry import Metrics
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import Stores
from services.common.stores.topics import TOPICS

# No document, and no object, has it.
NAME = "probe"


def store_probes(stores: Stores, metrics: Metrics) -> list[StoreProbe]:
    """A probe for each of the three stores."""
    asks: dict[str, Ask] = {
        "catalog": lambda: stores.catalog.get(COLLECTIONS[0], NAME),
        "objects": lambda: stores.objects.stat(NAME),
        "queue": lambda: stores.queue.depth(TOPICS[0]),
    }
    return [StoreProbe(store, ask, metrics) for store, ask in asks.items()]
