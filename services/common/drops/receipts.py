"""Where receipts are kept: raw drops in the order in which they came, and what was found in each.

A drop of up to INLINE_BYTES lives inside its receipt. A larger one is an object, which is stored first: a receipt
without its bytes never exists. The catalog numbers the receipts, and that number says which of two drops is newer.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import AlreadyExists, FailedPrecondition, StoreUnavailable
from services.common.base.ids import new_id
from services.common.base.instants import SHOWN_WITHIN, to_ns
from services.common.base.requests import NamedRequest, came_before, request_id_reused, request_key, with_request
from services.common.base.telemetry import traceparent
from services.common.catalog import (
    Catalog,
    Collection,
    Index,
    Insert,
    Operation,
    Outcome,
    Position,
    Range,
    Replace,
    change,
    position,
)
from services.common.catalog.documents import from_document, to_document
from services.common.drops.receipt import (
    Receipt,
    ReceiptState,
    check_raw_kept,
    later,
    lost_its_bytes,
    new_again,
    new_document,
    new_receipt,
    receipt_not_found,
    without_raw,
)
from services.common.objects import Objects
from services.common.objects.checking import whole
from services.common.rpc.identity import Caller

INLINE_BYTES = 64 * 1024
PREFIX = "drops/"
# Raw drops come with each receipt of a page: this many are held at once.
_PAGE = 100
_PATIENCE_SECONDS = 0.5
# Among so many there is one that is neither large nor an old one that was replayed.
_SETTLED_LAST = 20

RECEIPTS = Collection(
    "receipts",
    (
        Index("by_owner", ("owner", "sequence")),
        Index("by_owner_state", ("owner", "state", "sequence")),
        Index("by_sequence", ("sequence",)),
        Index("by_state", ("state", "sequence")),
        Index("new", ("new_since_ns",), sparse=True),
        # Most drops have no source, and do not enter it.
        Index("by_owner_source", ("owner", "listed_source", "sequence"), sparse=True),
        # A receipt has the time once it is settled: an insertion, which a caller waits for, enters neither.
        Index("by_owner_process_time", ("owner", "process_time_ns"), sparse=True),
        Index("by_process_time", ("process_time_ns",), sparse=True),
    ),
    sequence="sequence",
)


@dataclass(slots=True)
class NewDrop:
    """A drop that is not stored yet; `source` and `request_id` may be empty."""

    raw: bytes
    sha256: bytes
    source: str = ""
    request_id: str = ""


class Receipts:
    """The receipts of a mesh; `settled` is called with those that are."""

    def __init__(
        self,
        catalog: Catalog,
        objects: Objects,
        settled: Callable[[Sequence[Receipt]], None] = lambda _: None,
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._settled = settled

    async def keep(
        self, caller: Caller, raw: bytes, sha256: bytes, *, source: str = "", now_ns: int, request_id: str = ""
    ) -> tuple[Receipt, bool]:
        """Makes a drop durable; returns its receipt, and whether its work must be published.

        A catalog that does not answer is asked once more: the key shows whether the first try was stored. A request id
        that this owner used before gives the receipt of then, or AlreadyExists for other bytes or another source.
        """
        (kept,) = await self.keep_many(caller, [NewDrop(raw, sha256, source, request_id)], now_ns=now_ns)
        if isinstance(kept, AlreadyExists):
            raise kept
        return kept

    async def keep_many(
        self, caller: Caller, drops: Sequence[NewDrop], *, now_ns: int
    ) -> list[tuple[Receipt, bool] | AlreadyExists]:
        """Makes drops durable in their order and in one commit; for each what `keep` returns or raises."""
        documents = [await self._document(caller, drop, now_ns) for drop in drops]
        inserts = [Insert(RECEIPTS, document) for document in documents]
        try:
            outcomes = await self._catalog.batch(inserts)
        except StoreUnavailable:
            await asyncio.sleep(_PATIENCE_SECONDS)
            outcomes = await self._catalog.batch(inserts)
        if all(outcome.document is not None for outcome in outcomes):
            return [(new_receipt(outcome.document), True) for outcome in outcomes if outcome.document is not None]
        repeated = [document["_id"] for document, outcome in zip(documents, outcomes, strict=True) if outcome.refusal]
        first = await self.get_many(repeated)
        return [
            (new_receipt(outcome.document), True)
            if outcome.document is not None
            else await self._repeated(drop, document, first[document["_id"]])
            for drop, document, outcome in zip(drops, documents, outcomes, strict=True)
        ]

    async def get(self, caller: Caller, key: str) -> Receipt:
        """A receipt of this caller's, or NotFound."""
        document = await self._catalog.get(RECEIPTS, key)
        if document is None or not caller.owns(document):
            raise receipt_not_found(key)
        return from_document(Receipt, document)

    async def get_many(self, keys: Sequence[str]) -> dict[str, Receipt]:
        """Returns those of these receipts that exist, of any owner."""
        found = await self._catalog.get_many(RECEIPTS, keys)
        return {key: from_document(Receipt, document) for key, document in found.items()}

    async def newest(
        self,
        caller: Caller,
        state: ReceiptState | None = None,
        source: str | None = None,
        *,
        after: Position | None,
        limit: int,
    ) -> AsyncIterator[tuple[Receipt, Position]]:
        """Receipts that the caller sees, newest first, each with its position; at most `limit`.

        With a source there may be others among them, and without one ("") too: no index has all of that.
        """
        index, equals = _listing(caller, state, source)
        while limit > 0:
            wanted = min(limit, _PAGE)
            page = await self._catalog.find(RECEIPTS, index.name, equals, descending=True, after=after, limit=wanted)
            for document in page:
                after = position(index, document)
                yield from_document(Receipt, document), after
            limit = limit - wanted if len(page) == wanted else 0

    async def replay(self, caller: Caller, key: str, *, now_ns: int, request: NamedRequest | None = None) -> Receipt:
        """Makes a quarantined receipt NEW again; its number, and so its place among others, stays."""

        def edit(document: dict[str, Any] | None) -> dict[str, Any] | None:
            if document is None or not caller.owns(document):
                raise receipt_not_found(key)
            receipt = from_document(Receipt, document)
            if came_before(receipt.requests, request):
                return None
            check_raw_kept(receipt)
            if receipt.state is not ReceiptState.QUARANTINED:
                state = receipt.state.name
                message = f"the receipt is {state}; only a QUARANTINED receipt can be replayed"
                raise FailedPrecondition(reasons.RECEIPT_NOT_QUARANTINED, message, metadata={"state": state})
            requests, parent = with_request(receipt.requests, request), traceparent.get()
            return to_document(replace(new_again(receipt, now_ns), requests=requests, traceparent=parent))

        document = await change(self._catalog, RECEIPTS, key, edit)
        if document is None:
            raise AssertionError("a receipt that is edited is there")
        return from_document(Receipt, document)

    async def delete_raw(self, receipt: Receipt, *, now_ns: int) -> Receipt:
        """Deletes the bytes of a drop and keeps its receipt; one that is deleted already stays as it is.

        Its object goes last: where that fails, the sweep of drops finds an object that no receipt names.
        """

        def edit(document: dict[str, Any] | None) -> dict[str, Any] | None:
            if document is None:
                raise receipt_not_found(receipt.id)
            stored = from_document(Receipt, document)
            return None if stored.state is ReceiptState.DELETED else to_document(without_raw(stored, now_ns))

        document = await change(self._catalog, RECEIPTS, receipt.id, edit)
        if receipt.object_key is not None:
            await self._objects.delete([receipt.object_key])
        return from_document(Receipt, document or {})

    async def settle(
        self,
        receipts: Iterable[Receipt],
        *,
        began: float | None = None,
        write: Callable[[Sequence[Operation]], Awaitable[list[Outcome]]] | None = None,
    ) -> None:
        """Stores what became of receipts, each as it was read; one that was settled meanwhile stays as it is.

        `write` applies these operations in place of the catalog, say with measurements that must be there before.

        `began` is when their process time was taken, by the monotonic clock. Those that took long to be stored get a
        later one, for readers of events who have passed the first.
        """
        began = time.monotonic() if began is None else began
        settled = list(receipts)
        replacements = [Replace(RECEIPTS, to_document(receipt), receipt.version) for receipt in settled]
        outcomes = await (write or self._catalog.batch)(replacements)
        stored = [receipt for receipt, outcome in zip(settled, outcomes, strict=True) if outcome.applied]
        late = timedelta(seconds=time.monotonic() - began)
        if stored and late > SHOWN_WITHIN:
            moved = [later(receipt, to_ns(late)) for receipt in stored]
            await self._catalog.batch([Replace(RECEIPTS, to_document(one), one.version) for one in moved])
        self._settled(stored)

    async def waiting_since(self, before_ns: int, *, limit: int) -> list[Receipt]:
        """Receipts that are NEW since before an instant, oldest first."""
        found = await self._catalog.find(RECEIPTS, "new", within=Range(high=before_ns), limit=limit)
        return [from_document(Receipt, document) for document in found]

    async def small_done_until(self) -> int:
        """When the newest came of the small drops that were settled last; 0 without any."""
        found = await self._catalog.find(RECEIPTS, "by_process_time", descending=True, limit=_SETTLED_LAST)
        settled = (from_document(Receipt, document) for document in found)
        return max((receipt.receive_time_ns for receipt in settled if receipt.object_key is None), default=0)

    async def read_raw(self, receipt: Receipt) -> AsyncIterator[bytes]:
        """The drop's bytes exactly as they came, in chunks; ObjectMissing or ObjectDamaged where they are not."""
        if receipt.object_key is None:
            yield receipt.raw or b""
            return
        async for chunk in whole(self._objects, receipt.object_key, receipt.size_bytes, receipt.sha256.hex()):
            yield chunk

    async def sweep_objects(self, before_ns: int, *, after: str | None, limit: int = 1000) -> str | None:
        """Deletes a page of objects older than an instant whose receipt was never stored; returns where it goes on."""
        page = await self._objects.list(PREFIX, after=after, limit=limit)
        old = {info.key: _key_of(info.key) for info in page if info.modified_ns < before_ns}
        receipts = await self.get_many(sorted(set(old.values())))
        orphans = [key for key, owner in old.items() if owner not in receipts or receipts[owner].object_key != key]
        if orphans:
            await self._objects.delete(orphans)
        return page[-1].key if len(page) == limit else None

    async def _document(self, caller: Caller, drop: NewDrop, now_ns: int) -> dict[str, Any]:
        raw, request_id = drop.raw, drop.request_id
        key = request_key("receipts", caller.owner, request_id) if request_id else new_id(now_ns)
        object_key = None if len(raw) <= INLINE_BYTES else await self._store(key, raw)
        inline = raw if object_key is None else None
        document = new_document(key, caller, inline, drop.sha256, len(raw), now_ns, object_key)
        if drop.source:
            document["source"] = document["listed_source"] = drop.source
        if parent := traceparent.get():
            document["traceparent"] = parent
        return document

    async def _repeated(
        self, drop: NewDrop, document: dict[str, Any], first: Receipt
    ) -> tuple[Receipt, bool] | AlreadyExists:
        is_same = first.sha256 == drop.sha256 and first.source == drop.source
        if is_same and document["object_key"] is not None and lost_its_bytes(first):
            first = await self._repair(first, document["object_key"], document["receive_time_ns"])
            return first, first.state is ReceiptState.NEW
        if document["object_key"] is not None and document["object_key"] != first.object_key:
            await self._objects.delete([document["object_key"]])
        if not is_same:
            return request_id_reused(drop.request_id)
        return first, first.state is ReceiptState.NEW

    async def _repair(self, receipt: Receipt, object_key: str, now_ns: int) -> Receipt:
        """Gives a receipt that lost its bytes those that were sent again; its number stays."""

        def edit(document: dict[str, Any] | None) -> dict[str, Any] | None:
            stored = None if document is None else from_document(Receipt, document)
            if stored is None or not lost_its_bytes(stored):
                return None
            return to_document(replace(new_again(stored, now_ns), object_key=object_key))

        repaired = from_document(Receipt, await change(self._catalog, RECEIPTS, receipt.id, edit) or {})
        # Two that repair at once store their bytes apart.
        unnamed = object_key if repaired.object_key != object_key else receipt.object_key
        if unnamed is not None:
            await self._objects.delete([unnamed])
        return repaired

    async def _store(self, key: str, raw: bytes) -> str:
        # Two calls with one request id store their bytes apart; the one whose receipt comes second deletes its own.
        object_key = f"{PREFIX}{key}.{secrets.token_hex(8)}"
        writer = await self._objects.create(object_key)
        try:
            await writer.write(raw)
            await writer.commit()
        except BaseException:
            await writer.abort()
            raise
        return object_key


def _listing(caller: Caller, state: ReceiptState | None, source: str | None) -> tuple[Index, tuple[str, ...]]:
    if source and not caller.is_admin:
        return RECEIPTS.index("by_owner_source"), (caller.owner, source)
    whose = () if caller.is_admin else (caller.owner,)
    name = {(True, True): "by_sequence", (True, False): "by_state", (False, True): "by_owner"}.get(
        (caller.is_admin, state is None), "by_owner_state"
    )
    return RECEIPTS.index(name), whose if state is None else (*whose, state.value)


def _key_of(object_key: str) -> str:
    return object_key.removeprefix(PREFIX).partition(".")[0]
