"""Requests of erasures."""

from __future__ import annotations

from collections.abc import Callable

from dropmesh.v1 import erasure_pb2, ingest_service_pb2
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition
from services.common.base.ids import new_id
from services.common.erasures.messages import erasure_message
from services.common.erasures.store import Erasure, Erasures
from services.common.rpc.call import Call
from services.ingest.erasures.worker import ErasureWorker

ACCEPTED = 202


class ErasureWrites:
    """Begins erasures."""

    def __init__(self, erasures: Erasures, worker: ErasureWorker, *, now_ns: Callable[[], int]) -> None:
        self._erasures = erasures
        self._worker = worker
        self._now_ns = now_ns

    async def EraseOwner(self, request: ingest_service_pb2.EraseOwnerRequest, call: Call) -> erasure_pb2.Erasure:
        """Has everything of an owner removed; an erasure of the owner that runs already is returned."""
        if not request.keep_tokens and call.caller.subject == request.owner:
            raise FailedPrecondition(
                reasons.ERASURE_OF_CALLER,
                "keep_tokens: must be true, or the erasure would delete the token of this call",
            )
        now_ns = self._now_ns()
        erasure = await self._erasures.begin(Erasure(new_id(now_ns), request.owner, request.keep_tokens, now_ns))
        self._worker.begun()
        call.answer_with(ACCEPTED)
        return erasure_message(erasure)
