"""Every write of media, put together."""

from __future__ import annotations

from datetime import timedelta

from services.common.opening import Stores
from services.common.settings import Settings
from services.common.stores.contents import Contents
from services.common.stores.invites import Invites
from services.common.stores.media import MediaStore
from services.common.stores.media_cleaning import MediaCleaning
from services.common.stores.media_objects import MediaObjects
from services.common.stores.orphans import Orphans
from services.common.stores.uploads import Uploads
from services.ingest.invites import InviteWrites
from services.ingest.media_changes import MediaChanges
from services.ingest.media_inspection import MediaInspection, media_limits
from services.ingest.media_outbox import MediaOutbox
from services.ingest.media_storing import MediaStoring
from services.ingest.media_sweep import MediaSweep
from services.ingest.media_uploads import MediaUploads
from services.ingest.uploads import UploadWrites


class MediaParts:
    """What the writes of media are made of, and the loops that run beside them."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        objects = stores.objects
        self.objects = objects
        self.limits = media_limits(settings)
        self.media = MediaStore(stores.catalog)
        self.found = MediaObjects(stores.catalog)
        self.invites = Invites(stores.catalog)
        self.uploads = Uploads(stores.catalog, objects)
        self.inspection = MediaInspection(settings, objects)
        contents = Contents(stores.catalog, objects)
        self.cleaning = MediaCleaning(self.media, contents, self.found)
        self.outbox = MediaOutbox(self.media, contents, stores.queue)
        self.storing = MediaStoring(
            objects, contents, self.media, self.invites, self.inspection, self.outbox, self.limits
        )
        self.sweep = MediaSweep(
            settings,
            objects,
            contents,
            self.media,
            self.cleaning,
            self.uploads,
            self.invites,
            Orphans(stores.catalog, objects, contents),
            self.inspection,
        )

    async def close(self) -> None:
        """Ends the processes that read metadata."""
        await self.inspection.close()


class MediaWrites(MediaUploads, MediaChanges, UploadWrites, InviteWrites):
    """The methods of the contract that write media, one noun a base."""

    def __init__(self, parts: MediaParts, settings: Settings) -> None:
        MediaUploads.__init__(self, parts.storing, parts.invites)
        MediaChanges.__init__(
            self,
            parts.media,
            parts.found,
            parts.cleaning,
            parts.outbox,
            purge_after=timedelta(days=settings.purge_days),
        )
        UploadWrites.__init__(
            self,
            parts.uploads,
            parts.objects,
            parts.media,
            parts.storing,
            parts.limits,
            lifetime_ns=settings.upload_lifetime // timedelta(microseconds=1) * 1000,
        )
        InviteWrites.__init__(self, parts.invites, edge_url=settings.edge_url)
