from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.catalog import Catalog
from services.common.queue import Topic
from services.common.settings import Settings
from services.common.settings.reading import load_settings
from services.common.stores.open import open_queue, open_stores

TOPIC = Topic("work")


async def test_an_embedded_queue_beside_another_catalog_has_a_file_of_its_own_and_closes_it(tmp_path):
    elsewhere = cast(Catalog, object())
    queue = await open_queue(Settings(data=tmp_path), elsewhere)
    await queue.publish(TOPIC, [b"kept"])
    await queue.close()
    with pytest.raises(StoreUnavailable):
        await queue.publish(TOPIC, [b"too late"])
    # The last one to close a database folds its journal back into it.
    assert not list(tmp_path.glob("queue.sqlite-wal"))
    again = await open_queue(Settings(data=tmp_path), elsewhere)
    (claim,) = await again.claim(TOPIC, limit=1, lease=timedelta(seconds=9), wait=timedelta())
    assert claim.body == b"kept"
    await again.close()


async def test_a_folder_of_any_name_holds_the_stores(tmp_path):
    folder = tmp_path / "100% of #1?"
    stores = await open_stores(load_settings({"DROPMESH_DATA": str(folder)}))
    await stores.close()
    assert (folder / "catalog.sqlite").exists()
    assert (folder / "objects").exists()


async def test_a_folder_that_is_gone_is_no_missing_object(tmp_path):
    stores = await open_stores(Settings(data=tmp_path))
    try:
        await stores.objects.put("contents/one", b"bytes")
        (tmp_path / "objects").rename(tmp_path / "unmounted")
        for ask in (
            stores.objects.stat("contents/one"),
            anext(stores.objects.read("contents/one")),
            stores.objects.put("contents/two", b"bytes"),
        ):
            with pytest.raises(StoreUnavailable, match="objects"):
                await ask
    finally:
        await stores.close()
