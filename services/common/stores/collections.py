"""Every collection of the mesh, so that each process opens the same catalog."""

from __future__ import annotations

from services.common.catalog import Collection
from services.common.contents.orphans import SWEEPS, Sweep
from services.common.contents.store import CONTENTS, StoredContent
from services.common.drops.measurements import LINEAGE, MEASUREMENTS, LineageEntry, Measurement
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import RECEIPTS
from services.common.erasures.store import ERASURES, Erasure
from services.common.invites.store import INVITES, Invite
from services.common.media.detected_objects import MEDIA_OBJECTS, StoredObject
from services.common.media.listing.terms import MEDIA_TERMS, MediaTerm
from services.common.media.model import Media
from services.common.media.store import MEDIA
from services.common.retention.store import RETENTION, Retention
from services.common.rpc.tokens import TOKENS, Token
from services.common.series.computed.store import SERIES_FORECASTS, SERIES_METRICS, StoredForecast, StoredMetrics
from services.common.series.model import BodyPage, Series
from services.common.series.store import SERIES, SERIES_BODIES
from services.common.statistics.store import STATISTICS, StoredStatistics
from services.common.uploads.store import UPLOADS, Upload
from services.common.webhooks.model import Delivery, Webhook
from services.common.webhooks.store import DELIVERIES, WEBHOOKS

MODELS: tuple[tuple[Collection, type], ...] = (
    (MEDIA, Media),
    (MEDIA_OBJECTS, StoredObject),
    (MEDIA_TERMS, MediaTerm),
    (CONTENTS, StoredContent),
    (UPLOADS, Upload),
    (INVITES, Invite),
    (STATISTICS, StoredStatistics),
    (RECEIPTS, Receipt),
    (MEASUREMENTS, Measurement),
    (LINEAGE, LineageEntry),
    (SERIES, Series),
    (SERIES_BODIES, BodyPage),
    (SERIES_METRICS, StoredMetrics),
    (SERIES_FORECASTS, StoredForecast),
    (ERASURES, Erasure),
    (WEBHOOKS, Webhook),
    (DELIVERIES, Delivery),
    (RETENTION, Retention),
    (TOKENS, Token),
    (SWEEPS, Sweep),
)
COLLECTIONS = tuple(collection for collection, _ in MODELS)
