"""Every read of media, put together."""

from __future__ import annotations

from datetime import timedelta

from services.common.invites.store import Invites
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore
from services.common.stores.open import Stores
from services.common.uploads.store import Uploads
from services.query.invites.reads import InviteReads
from services.query.media.downloads import Downloads
from services.query.media.reads import MediaReads
from services.query.statistics.reads import StatisticsReads
from services.query.uploads.reads import UploadReads


def media_reads(stores: Stores, settings: Settings) -> tuple[object, ...]:
    """The servicers of the contract's methods that read media, one for each noun."""
    media = MediaStore(stores.catalog)
    presigned = timedelta(seconds=settings.presigned_seconds) if settings.presigned_downloads else None
    return (
        MediaReads(media, MediaObjects(stores.catalog)),
        Downloads(media, stores.objects, presigned=presigned),
        UploadReads(Uploads(stores.catalog, stores.objects)),
        InviteReads(Invites(stores.catalog), media),
        StatisticsReads(StatisticsStore(stores.catalog)),
    )
