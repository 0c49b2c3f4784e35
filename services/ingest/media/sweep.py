"""Finishes what a crash left unfinished: bytes without a media, media without their bytes, uses of invites."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta

from services.common.base.instants import SECOND_NS
from services.common.base.loops import pause
from services.common.contents.orphans import Orphans
from services.common.contents.store import Contents, Holder
from services.common.invites.store import Invites
from services.common.media.store import MediaStore
from services.common.objects import Objects
from services.common.settings import Settings
from services.common.uploads.store import Uploads
from services.ingest.media.cleaning import MediaCleaning

# A call that made leftovers, or reserved a use of an invite, ends much sooner, or its process is dead.
AT_WORK_SECONDS = 60.0
LOOKED_AT_MOST = 1000
log = logging.getLogger(__name__)


class MediaSweep:
    """One round looks at everything that is marked as unfinished; several services may sweep at once."""

    def __init__(
        self,
        settings: Settings,
        objects: Objects,
        contents: Contents,
        media: MediaStore,
        cleaning: MediaCleaning,
        uploads: Uploads,
        invites: Invites,
        orphans: Orphans,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._contents = contents
        self._media = media
        self._cleaning = cleaning
        self._uploads = uploads
        self._invites = invites
        self._orphans = orphans
        self._now_ns = now_ns

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps again and again until the service stops."""
        orphans_due = 0.0
        # Services that started together sweep apart. S311: it is no secret.
        while not await pause(self._settings.sweep_seconds * random.uniform(0.8, 1.2), stopping):  # noqa: S311
            await self.sweep_marked()
            if time.monotonic() >= orphans_due:
                await self.sweep_orphans()
                orphans_due = time.monotonic() + self._settings.orphan_seconds / 4

    async def sweep_marked(self) -> None:
        """Finishes what the catalog says is unfinished."""
        now_ns = self._now_ns()
        at_work_ns = now_ns - round(min(AT_WORK_SECONDS, self._settings.orphan_seconds) * SECOND_NS)
        for media in await self._media.marked("unclean", before_ns=at_work_ns, limit=LOOKED_AT_MOST):
            await self._cleaning.clean(media)
        for media in await self._media.marked("by_purge_time", before_ns=now_ns, limit=LOOKED_AT_MOST):
            await self._media.purge(media)
        await self._invites.check_unsettled(at_work_ns, self._is_stored)
        while await self._uploads.sweep(now_ns=now_ns, limit=LOOKED_AT_MOST) == LOOKED_AT_MOST:
            pass
        await self._contents.check_unsettled(self._orphaned_before_ns(), self._refers)

    async def sweep_orphans(self) -> int:
        """Removes bytes that nothing refers to; returns how many objects."""
        older_than = timedelta(seconds=self._settings.orphan_seconds)
        unfinished = await self._objects.sweep(older_than)
        older_than_ns = self._now_ns() - self._orphaned_before_ns()
        unclaimed = await self._orphans.sweep(now_ns=self._now_ns(), older_than_ns=older_than_ns)
        if unfinished or unclaimed:
            log.info("deleted objects that no media holds", extra={"unfinished": unfinished, "unclaimed": unclaimed})
        return unfinished + unclaimed

    def _orphaned_before_ns(self) -> int:
        return self._now_ns() - round(self._settings.orphan_seconds * SECOND_NS)

    async def _is_stored(self, media_id: str) -> bool:
        return await self._media.find(media_id) is not None

    async def _refers(self, holder: Holder) -> bool:
        media = await self._media.find(holder.media)
        if media is None:
            return False
        held = (media.anonymized, *media.leftovers, media.original if media.has_original else None)
        return any(content is not None and content.holder == holder.name for content in held)
