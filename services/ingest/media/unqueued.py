"""Which media belong into the queue, and how they get there: one a message, then their marker is cleared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from services.common.base.instants import to_ns
from services.common.contents.store import Contents, Holder
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.queue import Queue
from services.common.queue.outbox import Outbox

# Messages that follow each other this closely share their writes.
GATHER = timedelta(milliseconds=50)
LOST_AFTER = timedelta(seconds=5)
# What is stored and published and that no worker has, on an idle queue: its message was lost with the queue.
FORGOTTEN_AFTER = timedelta(seconds=15)
# While the queue holds anything, it is waiting for its turn.
FORGOTTEN_AFTER_WHILE_BUSY = timedelta(minutes=5)
_FOUND_MOST = 500


class UnqueuedMedia:
    """A media is marked as unqueued in the write that stores it, and is NEW or PROCESSING until its work is done.

    A worker that finds nothing to do for a message acknowledges it.
    """

    def __init__(self, queue: Queue, media: MediaStore, contents: Contents, now_ns: Callable[[], int]) -> None:
        self._queue = queue
        self._media = media
        self._contents = contents
        self._now_ns = now_ns

    async def publish(self, items: Sequence[Media]) -> None:
        """See Unqueued; the claims of the media's contents are settled beside."""
        held = [(media.original.sha256, media.original.holder) for media in items]
        await asyncio.gather(self._publish(items), self._contents.settle(held))

    async def find(self) -> Sequence[Media]:
        """See Unqueued."""
        before_ns = self._now_ns() - to_ns(LOST_AFTER)
        lost = await self._media.marked("unqueued", before_ns=before_ns, limit=_FOUND_MOST)
        for media in lost:
            await self._hold(media)
        marked = {media.id for media in lost}
        return [*lost, *(media for media in await self._forgotten() if media.id not in marked)]

    async def _forgotten(self) -> list[Media]:
        """Media that were published, are not done, and that no worker has for so long."""
        is_busy = any([await self._queue.depth(topic) for topic in (PHOTO_WORK, VIDEO_WORK)])
        patience = FORGOTTEN_AFTER_WHILE_BUSY if is_busy else FORGOTTEN_AFTER
        before_ns = self._now_ns() - to_ns(patience)
        unfinished = await self._media.unfinished(limit=_FOUND_MOST)
        return [media for media in unfinished if media.is_idle_since(before_ns)]

    async def _publish(self, items: Sequence[Media]) -> None:
        for topic, is_moving in ((PHOTO_WORK, False), (VIDEO_WORK, True)):
            if bodies := [media.id.encode() for media in items if media.is_moving is is_moving]:
                await self._queue.publish(topic, bodies, swept=True)
        await self._media.clear_unqueued(items)

    async def _hold(self, media: Media) -> None:
        """Claims its bytes where another media was faster and a crash came before this one moved over to them."""
        original = media.original
        content = await self._contents.get(original.sha256)
        held = content is not None and any(holder.name == original.holder for holder in content.holders)
        if media.is_deleted or (held and content is not None and content.object_key == original.object_key):
            return
        holder = Holder(media.id, original.holder, self._now_ns())
        key = await self._contents.claim(original.sha256, original.object_key, original.size_bytes, holder)
        await self._media.move_original(media.id, key)


def media_outbox(queue: Queue, media: MediaStore, contents: Contents, now_ns: Callable[[], int]) -> Outbox[Media]:
    """The outbox of media."""
    return Outbox("media", UnqueuedMedia(queue, media, contents, now_ns), now_ns, gather=GATHER)
