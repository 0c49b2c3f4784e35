"""Reads of retention."""

from __future__ import annotations

from dropmesh.v1 import query_service_pb2, retention_pb2

from services.common.retention.messages import retention_message
from services.common.retention.store import RetentionStore
from services.common.rpc.call import Call


class RetentionReads:
    """Reads how long data are kept."""

    def __init__(self, retention: RetentionStore) -> None:
        self._retention = retention

    async def GetRetention(self, request: query_service_pb2.GetRetentionRequest, call: Call) -> retention_pb2.Retention:
        """Returns an owner's settings."""
        return retention_message(await self._retention.get(call.caller.asked_owner(request.owner)))
