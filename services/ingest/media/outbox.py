"""Brings stored media into the queue: at once, many together, and by a sweep what a crash left out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from services.common.contents.store import Contents, Holder
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.media.work import PHOTO_WORK, VIDEO_WORK
from services.common.queue import Queue

LEFT_OUT_SECONDS = 5.0
PUBLISHED_MOST = 500
# The first of many is published at once; those that come right after it gather for so long and share the writes.
GATHERING_SECONDS = 0.05
log = logging.getLogger(__name__)


class MediaOutbox:
    """A media is marked as unqueued in the write that stores it; here it is published, then the marker cleared.

    Published twice is harmless: a worker that finds nothing to do acknowledges the message.
    """

    def __init__(
        self, media: MediaStore, contents: Contents, queue: Queue, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._media = media
        self._contents = contents
        self._queue = queue
        self._now_ns = now_ns
        self._waiting: list[Media] = []
        self._something = asyncio.Event()

    def add(self, media: Media) -> None:
        """Has a media published soon; its marker is in the catalog already."""
        self._waiting.append(media)
        self._something.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publishes what is added, and every few seconds what was left out, until the service stops."""
        stop = asyncio.create_task(stopping.wait())
        left_out_due = 0.0
        try:
            while not stopping.is_set():
                if time.monotonic() >= left_out_due:
                    while await self.publish_left_out() == PUBLISHED_MOST:
                        pass
                    left_out_due = time.monotonic() + LEFT_OUT_SECONDS
                something = asyncio.create_task(self._something.wait())
                await asyncio.wait({stop, something}, timeout=LEFT_OUT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                something.cancel()
                if self._waiting:
                    await self.publish_waiting()
                    await asyncio.wait({stop}, timeout=GATHERING_SECONDS)
        finally:
            stop.cancel()
        await self.publish_waiting()

    async def publish_waiting(self) -> None:
        """Publishes what was added until now, and settles the claims of its content."""
        media, self._waiting = self._waiting, []
        self._something.clear()
        if media:
            await asyncio.gather(
                self._publish(media),
                self._contents.settle([(added.original.sha256, added.original.holder) for added in media]),
            )

    async def publish_left_out(self) -> int:
        """Publishes media that are marked for longer than a live process would leave them; returns how many."""
        before_ns = self._now_ns() - round(LEFT_OUT_SECONDS * 1e9)
        media = await self._media.marked("unqueued", before_ns=before_ns, limit=PUBLISHED_MOST)
        if media:
            for left_out in media:
                await self._hold(left_out)
            log.info("media that were stored and not queued are queued now", extra={"count": len(media)})
            await self._publish(media)
        return len(media)

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

    async def _publish(self, media: Sequence[Media]) -> None:
        for topic, is_moving in ((PHOTO_WORK, False), (VIDEO_WORK, True)):
            if bodies := [unqueued.id.encode() for unqueued in media if unqueued.is_moving is is_moving]:
                await self._queue.publish(topic, bodies)
        await self._media.clear_unqueued(media)
