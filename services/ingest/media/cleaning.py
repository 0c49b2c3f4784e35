"""Removes what media no longer hold: contents of deleted and reprocessed ones, detected objects of other runs.

The change that makes leftovers also marks the media, so that a sweep finishes what a crash left; cleaning can be
repeated.
"""

from __future__ import annotations

from services.common.contents.store import Contents
from services.common.media import bookkeeping
from services.common.media.detected_objects import MediaObjects
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.media.vocabulary import MediaState


class MediaCleaning:
    """Cleans one media at a time."""

    def __init__(self, media: MediaStore, contents: Contents, objects: MediaObjects) -> None:
        self._media = media
        self._contents = contents
        self._objects = objects

    async def clean(self, media: Media) -> None:
        """Releases the leftovers of a media as it was read, and takes its marker away."""
        for content in media.leftovers:
            await self._contents.release(content.sha256, content.holder)
        # A worker may still write the objects of its run.
        end = media.run if media.state is MediaState.PROCESSING else media.run + 1
        for run in range(media.clean_run, end):
            if run != media.objects_run or media.is_deleted:
                await self._objects.delete(media.id, run)
        await self._media.change(media.id, lambda found: bookkeeping.cleaned(found, media, end))
