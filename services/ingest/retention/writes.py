"""Changes of retention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dropmesh.v1 import ingest_service_pb2, retention_pb2

from services.common.base.etags import check_etag
from services.common.base.instants import from_duration
from services.common.retention.messages import retention_etag, retention_message
from services.common.retention.store import Retention, RetentionStore
from services.common.rpc.call import Call


class RetentionWrites:
    """Changes how long data are kept."""

    def __init__(self, retention: RetentionStore, *, now_ns: Callable[[], int]) -> None:
        self._retention = retention
        self._now_ns = now_ns

    async def UpdateRetention(
        self, request: ingest_service_pb2.UpdateRetentionRequest, call: Call
    ) -> retention_pb2.Retention:
        """Changes the settings in the mask; without one, those that the request has."""
        owner, wanted = call.caller.asked_owner(request.owner), request.retention
        given = {field.name for field, _ in wanted.ListFields()}
        named = set(request.update_mask.paths) or given

        def kept(field: str, stored: int | None) -> int | None:
            if field not in named:
                return stored
            return from_duration(getattr(wanted, field)) if field in given else None

        def edit(found: Retention) -> Retention:
            check_etag(request.etag, retention_etag(found), "retention")
            return replace(
                found,
                update_time_ns=self._now_ns(),
                originals_ns=kept("keep_originals", found.originals_ns),
                anonymized_ns=kept("keep_anonymized", found.anonymized_ns),
                raw_drops_ns=kept("keep_raw_drops", found.raw_drops_ns),
                measurements_ns=kept("keep_measurements", found.measurements_ns),
                points_ns=kept("keep_points", found.points_ns),
            )

        return retention_message(await self._retention.update(owner, edit))
