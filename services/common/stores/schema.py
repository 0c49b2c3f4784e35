"""Every collection of the mesh, so that each process opens the same catalog."""

from __future__ import annotations

from services.common.catalog import Collection
from services.common.stores.contents import CONTENTS, StoredContent
from services.common.stores.invites import INVITES, Invite
from services.common.stores.measurements import LINEAGE, MEASUREMENTS, LineageEntry, Measurement
from services.common.stores.media import MEDIA
from services.common.stores.media_models import Media
from services.common.stores.media_objects import MEDIA_OBJECTS, StoredObject
from services.common.stores.orphans import SWEEPS, OrphanSweep
from services.common.stores.receipts import RECEIPTS, Receipt
from services.common.stores.statistics import STATISTICS, StoredStatistics
from services.common.stores.tokens import TOKENS, Token
from services.common.stores.uploads import UPLOADS, Upload

MODELS: tuple[tuple[Collection, type], ...] = (
    (MEDIA, Media),
    (MEDIA_OBJECTS, StoredObject),
    (CONTENTS, StoredContent),
    (UPLOADS, Upload),
    (INVITES, Invite),
    (STATISTICS, StoredStatistics),
    (RECEIPTS, Receipt),
    (MEASUREMENTS, Measurement),
    (LINEAGE, LineageEntry),
    (TOKENS, Token),
    (SWEEPS, OrphanSweep),
)
COLLECTIONS = tuple(collection for collection, _ in MODELS)
