"""Dead letters of what is gone. A message that waits goes at its turn: its worker finds nothing to do for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.common.catalog import Catalog, Collection
from services.common.drops.receipts import RECEIPTS
from services.common.drops.topics import DROPS, LARGE_DROPS, message, receipt_ids
from services.common.erasures.store import Page
from services.common.media.store import MEDIA
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.queue import DeadLetter, Queue, Topic
from services.common.series.store import SERIES
from services.common.series.topics import SERIES as SERIES_TOPIC
from services.ingest.erasures.kinds import PAGE, Scope

LETTERS_MOST = 10_000
NAMED_IN: dict[Topic, Collection] = {
    DROPS: RECEIPTS,
    LARGE_DROPS: RECEIPTS,
    PHOTO_WORK: MEDIA,
    VIDEO_WORK: MEDIA,
    SERIES_TOPIC: SERIES,
}
_BY_NAME = {topic.name: topic for topic in NAMED_IN}


class DeadLettersKind:
    """A message has ids alone, so a dead letter is looked up: one that names anything gone is removed.

    What else it names is published again.
    """

    name = "dead_letters"
    collections: Sequence[Collection] = ()

    def __init__(self, catalog: Catalog, queue: Queue) -> None:
        self._catalog = catalog
        self._queue = queue

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        for topic in NAMED_IN:
            if not await self._queue.dead_count(topic):
                continue
            letters = await self._queue.dead_letters(topic, limit=LETTERS_MOST)
            gone = [letter for letter in letters if len(await self._left(topic, letter)) < len(_ids(letter))]
            for start in range(0, len(gone), PAGE):
                keys = tuple(f"{topic.name}/{letter.id}" for letter in gone[start : start + PAGE])
                yield Page(keys, tuple(f"dead_letters/{key}" for key in keys), len(keys))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        topic = _BY_NAME[keys[0].partition("/")[0]]
        ids = {key.partition("/")[2] for key in keys}
        for letter in await self._queue.dead_letters(topic, limit=LETTERS_MOST):
            if letter.id in ids and (left := await self._left(topic, letter)):
                await self._queue.publish(topic, [message(left)])
        await self._queue.purge(topic, ids=ids, limit=len(ids))

    async def _left(self, topic: Topic, letter: DeadLetter) -> list[str]:
        ids = _ids(letter)
        known = await self._catalog.get_many(NAMED_IN[topic], ids)
        return [key for key in ids if key in known]


def _ids(letter: DeadLetter) -> list[str]:
    try:
        return receipt_ids(letter.body)
    except UnicodeDecodeError:
        return []
