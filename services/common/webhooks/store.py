"""The store of webhooks and of their deliveries. Webhooks of another owner are not found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.base.instants import lease_lasts
from services.common.catalog import (
    Catalog,
    Collection,
    Delete,
    Index,
    Insert,
    Position,
    Range,
    Upsert,
    change,
    position,
)
from services.common.catalog.documents import from_document, to_document
from services.common.rpc.identity import Caller
from services.common.webhooks.model import Delivery, DeliveryState, Webhook

WEBHOOKS = Collection(
    "webhooks", (Index("by_owner", ("owner", "create_time_ns")), Index("by_time", ("create_time_ns",)))
)
DELIVERIES = Collection(
    "webhook_deliveries",
    (
        Index("by_webhook", ("webhook", "time_ns")),
        Index("by_webhook_state", ("webhook", "state", "time_ns")),
        Index("by_state_retry", ("state", "retry_time_ns")),
    ),
)
PAGE = 500
# No turn has a lease this long, even where the clocks of two machines differ.
LONGEST_LEASE = timedelta(minutes=10)


class Webhooks:
    """The webhooks of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def insert(self, webhook: Webhook) -> Webhook:
        """Stores a new webhook; returns the stored one where its id is taken by a request that came twice."""
        (outcome,) = await self._catalog.batch([Insert(WEBHOOKS, to_document(webhook))])
        stored = None if outcome.applied else await self._catalog.get(WEBHOOKS, webhook.id)
        return webhook if stored is None else from_document(Webhook, stored)

    async def count(self, owner: str) -> int:
        """How many webhooks an owner has."""
        return await self._catalog.count(WEBHOOKS, "by_owner", (owner,))

    async def get(self, caller: Caller, webhook_id: str) -> Webhook:
        """A webhook of the caller's; else NotFound."""
        document = await self._catalog.get(WEBHOOKS, webhook_id)
        if document is None or not caller.owns(document):
            raise _not_found(webhook_id)
        return from_document(Webhook, document)

    async def find(self, webhook_id: str) -> Webhook | None:
        """The webhook of this id, of any owner."""
        document = await self._catalog.get(WEBHOOKS, webhook_id)
        return None if document is None else from_document(Webhook, document)

    async def list(
        self, caller: Caller, *, after: Position | None, limit: int
    ) -> tuple[list[Webhook], Position | None]:
        """A page of the caller's webhooks, newest first, and where the next page starts."""
        index, equals = ("by_time", ()) if caller.is_admin else ("by_owner", (caller.owner,))
        documents = await self._catalog.find(WEBHOOKS, index, equals, descending=True, after=after, limit=limit + 1)
        page = documents[:limit]
        end = position(WEBHOOKS.index(index), page[-1]) if len(documents) > limit else None
        return [from_document(Webhook, document) for document in page], end

    async def all(self) -> Sequence[Webhook]:
        """Every webhook of the mesh."""
        found: list[Webhook] = []
        after: Position | None = None
        while True:
            page = await self._catalog.find(WEBHOOKS, "by_time", after=after, limit=PAGE)
            found += [from_document(Webhook, document) for document in page]
            if len(page) < PAGE:
                return found
            after = position(WEBHOOKS.index("by_time"), page[-1])

    async def change(self, caller: Caller, webhook_id: str, edit: Callable[[Webhook], Webhook]) -> Webhook:
        """Changes a webhook of the caller's; else NotFound."""

        def edit_document(document: dict[str, Any] | None) -> dict[str, Any]:
            if document is None or not caller.owns(document):
                raise _not_found(webhook_id)
            return to_document(edit(from_document(Webhook, document)))

        document = await change(self._catalog, WEBHOOKS, webhook_id, edit_document)
        return from_document(Webhook, document or {})

    async def hold(
        self, webhook_id: str, holder: str, edit: Callable[[Webhook], Webhook], *, now_ns: int, lease_ns: int
    ) -> Webhook | None:
        """Changes a webhook for the turn that holds its lease, or takes a lease that has ended.

        The lease lasts as long from now; 0 ends it, also for a clock that is set back. None where another turn holds
        it, or where there is no such webhook.
        """
        held: list[bool] = []

        def edit_document(document: dict[str, Any] | None) -> dict[str, Any] | None:
            webhook = None if document is None else from_document(Webhook, document)
            is_free = webhook is not None and (
                webhook.lease_holder == holder or not lease_lasts(webhook.lease_end_ns, now_ns, LONGEST_LEASE)
            )
            held[:] = [is_free]
            if webhook is None or not is_free:
                return None
            lease_end_ns = now_ns + lease_ns if lease_ns else 0
            return to_document(replace(edit(webhook), lease_holder=holder, lease_end_ns=lease_end_ns))

        document = await change(self._catalog, WEBHOOKS, webhook_id, edit_document)
        return from_document(Webhook, document) if document is not None and held[-1] else None

    async def delete(self, caller: Caller, webhook_id: str) -> None:
        """Deletes a webhook of the caller's, and then its deliveries; else NotFound."""
        await self.get(caller, webhook_id)
        await self._catalog.batch([Delete(WEBHOOKS, webhook_id)])
        while page := await self._catalog.find(DELIVERIES, "by_webhook", (webhook_id,), limit=PAGE):
            await self._catalog.batch([Delete(DELIVERIES, delivery["_id"]) for delivery in page])


class Deliveries:
    """The events that did not arrive."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def list(
        self, webhook_id: str, state: DeliveryState | None, *, after: Position | None = None, limit: int
    ) -> tuple[list[Delivery], Position | None]:
        """A page of a webhook's deliveries, oldest first, and where the next page starts."""
        index = "by_webhook" if state is None else "by_webhook_state"
        equals = (webhook_id,) if state is None else (webhook_id, state.value)
        documents = await self._catalog.find(DELIVERIES, index, equals, after=after, limit=limit + 1)
        page = documents[:limit]
        end = position(DELIVERIES.index(index), page[-1]) if len(documents) > limit else None
        return [from_document(Delivery, document) for document in page], end

    async def due(self, now_ns: int) -> set[str]:
        """The webhooks that have a delivery to try again; of very many, the first."""
        documents = await self._catalog.find(
            DELIVERIES, "by_state_retry", (DeliveryState.WAITING.value,), Range(None, now_ns), limit=PAGE
        )
        return {document["webhook"] for document in documents}

    async def store(self, deliveries: Sequence[Delivery]) -> None:
        """Stores deliveries, new or changed."""
        await self._catalog.batch([Upsert(DELIVERIES, to_document(delivery)) for delivery in deliveries])

    async def arrived(self, deliveries: Sequence[Delivery]) -> None:
        """Deletes deliveries: they have arrived."""
        await self._catalog.batch([Delete(DELIVERIES, delivery.id) for delivery in deliveries])

    async def try_again(self, webhook_id: str, ids: Sequence[str], *, limit: int) -> int:
        """Has FAILED deliveries tried again: those named, or the oldest; returns how many."""
        if ids:
            documents = await self._catalog.get_many(DELIVERIES, ids)
            named = [from_document(Delivery, document) for document in documents.values()]
            found = [one for one in named if one.webhook == webhook_id and one.state is DeliveryState.FAILED]
        else:
            found, _ = await self.list(webhook_id, DeliveryState.FAILED, limit=limit)
        await self.store([replace(one, state=DeliveryState.WAITING, attempts=0, retry_time_ns=0) for one in found])
        return len(found)


def _not_found(webhook_id: str) -> NotFound:
    name = f"webhooks/{webhook_id}"
    return NotFound(reasons.WEBHOOK_NOT_FOUND, f"there is no {name}", metadata={"name": name})
