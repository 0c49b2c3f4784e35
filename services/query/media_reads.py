"""Every read of media, put together."""

from __future__ import annotations

from datetime import timedelta

from services.common.opening import Stores
from services.common.settings import Settings
from services.common.stores.invites import Invites
from services.common.stores.media import MediaStore
from services.common.stores.media_objects import MediaObjects
from services.common.stores.statistics import StatisticsStore
from services.common.stores.uploads import Uploads
from services.query.downloads import Downloads
from services.query.invites import InviteReads
from services.query.media import MediaReads
from services.query.statistics import StatisticsReads
from services.query.uploads import UploadReads


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
