"""Every write of media, put together."""

from __future__ import annotations

from datetime import timedelta

from services.common.contents.orphans import Orphans
from services.common.contents.store import Contents
from services.common.invites.store import Invites
from services.common.media.cleaning import MediaCleaning
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.common.uploads.store import Uploads
from services.ingest.invites.writes import InviteWrites
from services.ingest.media.changes import MediaChanges
from services.ingest.media.inspection import MediaInspection, media_limits
from services.ingest.media.outbox import MediaOutbox
from services.ingest.media.storing import MediaStoring
from services.ingest.media.sweep import MediaSweep
from services.ingest.media.uploads import MediaUploads
from services.ingest.uploads.writes import UploadWrites


class MediaWrites:
    """The servicers of the methods that write media, one for each noun, and the loops that run beside them."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        objects, limits = stores.objects, media_limits(settings)
        media, found = MediaStore(stores.catalog), MediaObjects(stores.catalog)
        invites, uploads = Invites(stores.catalog), Uploads(stores.catalog, objects)
        contents = Contents(stores.catalog, objects)
        cleaning = MediaCleaning(media, contents, found)
        orphans = Orphans(stores.catalog, objects, contents)
        self._inspection = MediaInspection(settings, objects)
        outbox = MediaOutbox(media, contents, stores.queue)
        storing = MediaStoring(objects, contents, media, invites, self._inspection, outbox, limits)
        sweep = MediaSweep(settings, objects, contents, media, cleaning, uploads, invites, orphans, self._inspection)
        lifetime_ns = settings.upload_lifetime // timedelta(microseconds=1) * 1000
        self.servicers = (
            MediaUploads(storing, invites),
            MediaChanges(media, found, cleaning, outbox, purge_after=timedelta(days=settings.purge_days)),
            UploadWrites(uploads, objects, media, storing, limits, lifetime_ns=lifetime_ns),
            InviteWrites(invites, edge_url=settings.edge_url),
        )
        self.loops = (outbox.run, sweep.run)

    def close(self) -> None:
        """Ends the processes that read metadata."""
        self._inspection.close()
