"""Every collection of the mesh, so that each process opens the same catalog."""

from __future__ import annotations

from services.common.stores.contents import CONTENTS
from services.common.stores.invites import INVITES
from services.common.stores.measurements import LINEAGE, MEASUREMENTS
from services.common.stores.media import MEDIA
from services.common.stores.media_objects import MEDIA_OBJECTS
from services.common.stores.orphans import SWEEPS
from services.common.stores.receipts import RECEIPTS
from services.common.stores.statistics import STATISTICS
from services.common.stores.tokens import TOKENS
from services.common.stores.uploads import UPLOADS

COLLECTIONS = (
    TOKENS,
    MEDIA,
    MEDIA_OBJECTS,
    CONTENTS,
    UPLOADS,
    INVITES,
    STATISTICS,
    SWEEPS,
    RECEIPTS,
    MEASUREMENTS,
    LINEAGE,
)
