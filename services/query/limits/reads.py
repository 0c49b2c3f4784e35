"""The limits of the mesh, and what a caller uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from dropmesh.v1 import limits_pb2, query_service_pb2

from services.common.base.labels import LABELS_MOST
from services.common.media.vocabulary import MediaState
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore

# In the contract's rules, in the edge's configuration and in ingest: tests compare them.
BATCH_MOST = 1000
JSON_BYTES_MOST = 1024 * 1024
REQUESTS_PER_SECOND = 20_000
DROP_WAIT_MOST = timedelta(seconds=10)
SERIES_BODY_BYTES_MOST = 512 * 1024 * 1024
SERIES_BODY_POINTS_MOST = 10_000_000
SERIES_JSON_POINTS_MOST = 1_000_000
SERIES_POINTS_MOST = 100_000_000


class LimitReads:
    """Reads of limits."""

    def __init__(
        self, settings: Settings, statistics: StatisticsStore, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._settings = settings
        self._used = statistics
        self._limits_now_ns = now_ns

    async def GetLimits(self, request: query_service_pb2.GetLimitsRequest, call: Call) -> limits_pb2.Limits:
        """Returns the limits, and what the caller uses; with the scope `admin`, what all use."""
        owner = None if call.caller.is_admin else call.caller.owner
        totals = (await self._used.read(owner, now_ns=self._limits_now_ns())).totals
        limits = limits_of(self._settings)
        limits.media_count.used = sum(count for state, count in totals.states.items() if state != MediaState.DELETED)
        limits.storage_bytes.used = totals.storage_bytes
        return limits


def limits_of(settings: Settings) -> limits_pb2.Limits:
    """The limits that the settings and the code set."""
    limits = limits_pb2.Limits(
        name="limits",
        default_page_size=DEFAULT_PAGE_SIZE,
        max_page_size=MAX_PAGE_SIZE,
        max_batch_size=BATCH_MOST,
        max_labels=LABELS_MOST,
        max_json_bytes=JSON_BYTES_MOST,
        max_image_bytes=settings.max_image_bytes,
        max_video_bytes=settings.max_video_bytes,
        max_megapixels=settings.max_megapixels,
        max_video_frames=settings.max_frames,
        max_animation_frames=settings.max_animation_frames,
        max_drop_bytes=settings.max_drop_bytes,
        max_drop_points=settings.max_drop_points,
        max_series_body_bytes=SERIES_BODY_BYTES_MOST,
        max_series_body_points=SERIES_BODY_POINTS_MOST,
        max_series_json_points=SERIES_JSON_POINTS_MOST,
        max_series_points=SERIES_POINTS_MOST,
        max_concurrent_calls=settings.max_in_flight,
        max_requests_per_second=REQUESTS_PER_SECOND,
        media_count=limits_pb2.Quota(),
        storage_bytes=limits_pb2.Quota(),
    )
    limits.max_video_duration.FromTimedelta(timedelta(seconds=settings.max_video_seconds))
    limits.max_drop_wait.FromTimedelta(DROP_WAIT_MOST)
    limits.upload_lifetime.FromTimedelta(settings.upload_lifetime)
    limits.purge_after.FromTimedelta(timedelta(days=settings.purge_days))
    return limits
