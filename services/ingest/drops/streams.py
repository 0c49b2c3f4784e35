"""Streams of drops: each drop is answered in its turn, and those that arrive during one commit share the next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest, StreamDropsResponse

from services.common.base.errors import DropmeshError, InvalidArgument
from services.common.drops.messages import fill_receipt
from services.common.drops.names import stored_source
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import NewDrop, Receipts
from services.common.queue.outbox import Outbox
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller
from services.common.rpc.status import error_status
from services.ingest.drops.arrivals import Arrivals
from services.ingest.drops.raw import check_size, sha256_of

# As many may wait while as many are being stored.
MOST_DROPS = 500
MOST_BYTES = 512 * 1024
Kept = tuple[Receipt, bool] | DropmeshError


class DropStreams:
    """Takes drops by the stream."""

    def __init__(
        self, receipts: Receipts, outbox: Outbox[Receipt], *, max_drop_bytes: int, now_ns: Callable[[], int]
    ) -> None:
        self._receipts = receipts
        self._outbox = outbox
        self._max_drop_bytes = max_drop_bytes
        self._now_ns = now_ns

    async def StreamDrops(
        self, requests: AsyncIterator[StreamDropsRequest | InvalidArgument], call: Call
    ) -> AsyncIterator[StreamDropsResponse]:
        """Stores each drop and answers it, in the order in which they come."""
        arrivals = Arrivals(requests, _size_bytes, most_items=MOST_DROPS, most_bytes=MOST_BYTES)
        number = 0
        try:
            while batch := await arrivals.take():
                for kept in await self._keep(batch, call.caller):
                    number += 1
                    yield _response(number, kept, call.caller.owner)
        finally:
            await arrivals.close()

    async def _keep(self, batch: Sequence[StreamDropsRequest | InvalidArgument], caller: Caller) -> list[Kept]:
        checked = [await self._checked(request) for request in batch]
        drops = [drop for drop in checked if isinstance(drop, NewDrop)]
        stored: list[Kept] = []
        try:
            stored += await self._receipts.keep_many(caller, drops, now_ns=self._now_ns())
        except DropmeshError as error:
            stored += [error] * len(drops)
        for kept in stored:
            if isinstance(kept, tuple) and kept[1]:
                self._outbox.add(kept[0])
        in_order = iter(stored)
        return [next(in_order) if isinstance(drop, NewDrop) else drop for drop in checked]

    async def _checked(self, request: StreamDropsRequest | InvalidArgument) -> NewDrop | InvalidArgument:
        if isinstance(request, InvalidArgument):
            return request
        raw = request.drop
        try:
            check_size("drop", raw, self._max_drop_bytes)
        except InvalidArgument as refusal:
            return refusal
        return NewDrop(raw, await sha256_of(raw), stored_source(request.source), request.request_id)


def _size_bytes(request: StreamDropsRequest | InvalidArgument) -> int:
    return 0 if isinstance(request, InvalidArgument) else len(request.drop)


def _response(number: int, kept: Kept, viewer: str) -> StreamDropsResponse:
    response = StreamDropsResponse(number=number)
    if isinstance(kept, DropmeshError):
        response.error.CopyFrom(error_status(kept))
    else:
        fill_receipt(kept[0], response.receipt, viewer)
    return response
