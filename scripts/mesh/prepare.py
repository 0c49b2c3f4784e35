"""Makes the collections, indexes, bucket and queues of this version in the stores that the settings name.

Services make missing ones too when they start. This also makes those anew that the version before declared otherwise,
and before a roll-out no service waits for it.
"""

from __future__ import annotations

import asyncio
import sys

from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError
from services.common.settings.reading import load_settings
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import open_stores
from services.common.stores.topics import TOPICS


def main() -> int:
    """Prints how many there are of each."""
    try:
        asyncio.run(_prepare(load_settings()))
    except (SettingsError, DropmeshError) as reason:
        cause = getattr(reason, "cause", "")
        print(f"dropmesh: {reason}{f' ({cause})' if cause else ''}", file=sys.stderr)
        return 1
    indexes = sum(len(collection.indexes) for collection in COLLECTIONS)
    print(f"{len(COLLECTIONS)} collections with {indexes} indexes, the objects and {len(TOPICS)} queues are ready")
    return 0


async def _prepare(settings: Settings) -> None:
    stores = await open_stores(settings, replace_indexes=True)
    try:
        for topic in TOPICS:
            await stores.queue.depth(topic)
    finally:
        await stores.close()


if __name__ == "__main__":
    sys.exit(main())
