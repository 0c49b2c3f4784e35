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


class AllMediaReads(MediaReads, Downloads, UploadReads, InviteReads, StatisticsReads):
    """The methods of the contract that read media, one noun a base."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        media = MediaStore(stores.catalog)
        presigned = timedelta(seconds=settings.presigned_seconds) if settings.presigned_downloads else None
        MediaReads.__init__(self, media, MediaObjects(stores.catalog))
        Downloads.__init__(self, media, stores.objects, presigned=presigned)
        UploadReads.__init__(self, Uploads(stores.catalog, stores.objects))
        InviteReads.__init__(self, Invites(stores.catalog), media)
        StatisticsReads.__init__(self, StatisticsStore(stores.catalog))
