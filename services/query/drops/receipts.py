"""Reads of receipts and of the raw drops behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dropmesh.v1 import measurement_pb2, query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.names import resource_id
from services.common.drops.messages import receipt_message, receipt_state
from services.common.drops.receipt import check_raw_kept
from services.common.drops.receipts import Receipts
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token

RAW_TYPE = "application/octet-stream"


class ReceiptReads:
    """Reads of receipts."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    async def GetReceipt(self, request: query_service_pb2.GetReceiptRequest, call: Call) -> measurement_pb2.Receipt:
        """Returns the state of a drop, and its findings."""
        receipt = await self._receipts.get(call.caller, resource_id(request.name))
        return receipt_message(receipt, call.caller.owner)

    async def ListReceipts(
        self, request: query_service_pb2.ListReceiptsRequest, call: Call
    ) -> query_service_pb2.ListReceiptsResponse:
        """Lists the caller's receipts, newest first."""
        size = page_size(request.page_size)
        # An administrator's list is another one than that of the same subject without the right.
        whose = f"{call.caller.owner}\0{call.caller.is_admin}"
        response = query_service_pb2.ListReceiptsResponse()
        end = None
        async for receipt, place in self._receipts.newest(
            call.caller, receipt_state(request.state), after=page_start(request, whose), limit=size + 1
        ):
            if len(response.receipts) == size:
                response.next_page_token = page_token(request, whose, end or place)
                break
            response.receipts.append(receipt_message(receipt, call.caller.owner))
            end = place
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
