"""Reads of receipts and of the raw drops behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from dropmesh.v1 import measurement_pb2, query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.names import resource_id
from services.common.drops.messages import receipt_message, receipt_state
from services.common.drops.names import stored_source
from services.common.drops.receipt import check_raw_kept
from services.common.drops.receipts import Receipts
from services.common.rest.reads.kept import KeptAnswer, KeptAnswers
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token

RAW_TYPE = "application/octet-stream"
# Receipts are looked at with their raw bytes.
LOOKED_AT_MOST = 2000


class ReceiptReads:
    """Reads of receipts."""

    def __init__(self, receipts: Receipts, kept: KeptAnswers) -> None:
        self._receipts = receipts
        self._kept = kept

    async def GetReceipt(self, request: query_service_pb2.GetReceiptRequest, call: Call) -> KeptAnswer:
        """Returns the state of a drop, and its findings."""
        return await self._kept.answer(request, call, partial(self._one, request, call))

    async def _one(self, request: query_service_pb2.GetReceiptRequest, call: Call) -> measurement_pb2.Receipt:
        receipt = await self._receipts.get(call.caller, resource_id(request.name))
        return receipt_message(receipt, call.caller.owner)

    async def ListReceipts(self, request: query_service_pb2.ListReceiptsRequest, call: Call) -> KeptAnswer:
        """Lists the caller's receipts, newest first."""
        return await self._kept.answer(request, call, partial(self._page, request, call))

    async def _page(
        self, request: query_service_pb2.ListReceiptsRequest, call: Call
    ) -> query_service_pb2.ListReceiptsResponse:
        size = page_size(request.page_size)
        # An administrator's list is another one than that of the same subject without the right.
        whose = f"{call.caller.owner}\0{call.caller.is_admin}"
        state, source = receipt_state(request.state), stored_source(request.source) if request.source else None
        most = size if source is None else max(size, LOOKED_AT_MOST)
        response = query_service_pb2.ListReceiptsResponse()
        looked_at, end = 0, None
        async for receipt, place in self._receipts.newest(
            call.caller, state, source, after=page_start(request, whose), limit=most + 1
        ):
            if len(response.receipts) == size or looked_at == most:
                response.next_page_token = page_token(request, whose, end or place)
                break
            looked_at, end = looked_at + 1, place
            if state in (None, receipt.state) and source in (None, receipt.source):
                response.receipts.append(receipt_message(receipt, call.caller.owner))
        return response

    async def GetReceiptRaw(
        self, request: query_service_pb2.GetReceiptRawRequest, call: Call
    ) -> AsyncIterator[HttpBody]:
        """Returns a drop's bytes exactly as they came."""
        receipt = await self._receipts.get(call.caller, resource_id(request.name))
        check_raw_kept(receipt)
        content_type = RAW_TYPE
        async for chunk in self._receipts.read_raw(receipt):
            yield HttpBody(content_type=content_type, data=chunk)
            content_type = ""
