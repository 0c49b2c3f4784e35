from __future__ import annotations

import pytest

from batch.reprocess import reprocess
from services.common.media.store import MediaStore
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.media.vocabulary import MediaState
from services.processor.models.errors import ModelError


async def test_media_of_models_that_are_registered_no_more_are_queued_once(filled, capsys) -> None:
    media = await filled.add_media(30)
    processed = {one.id for one in media if one.state is MediaState.PROCESSED}
    arguments = filled.arguments(model=None, depth=1000)
    assert await reprocess(filled.stores, filled.settings, arguments) == 0
    assert f"{len(processed)} of {len(processed)} processed media are queued" in capsys.readouterr().out
    store = MediaStore(filled.stores.catalog)
    for one in media:
        now = await store.find(one.id)
        assert now is not None
        assert now.state is (MediaState.NEW if one.id in processed else one.state)
    queued = sum([await filled.stores.queue.depth(topic) for topic in (PHOTO_WORK, VIDEO_WORK)])
    assert queued == len(processed)

    assert await reprocess(filled.stores, filled.settings, arguments) == 0
    assert "0 of 0 processed media are queued" in capsys.readouterr().out


async def test_a_model_that_is_not_registered_is_refused(filled) -> None:
    with pytest.raises(ModelError, match="no model is called nothing"):
        await reprocess(filled.stores, filled.settings, filled.arguments(model="nothing", depth=1))
