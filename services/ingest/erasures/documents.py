"""Kinds that are documents of one collection: tokens, invites, uploads, retention, webhooks, statistics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from services.common.catalog import Catalog, Range
from services.common.catalog.documents import from_document
from services.common.erasures.store import Page
from services.common.invites.store import INVITES
from services.common.objects import Objects
from services.common.retention.store import RETENTION
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.statistics.store import STATISTICS, StatisticsStore, scope_of
from services.common.uploads.store import UPLOADS, Upload, object_prefix
from services.common.webhooks.store import DELIVERIES, WEBHOOKS
from services.ingest.erasures.kinds import PAGE, Scope, delete, found


class TokensKind:
    """The owner's tokens, unless they are to be kept: without them it writes nothing more."""

    name = "tokens"
    collections = (TOKENS,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tokens = Tokens(catalog)

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        if scope.keep_tokens:
            return
        keys = [token.id for token in await self._tokens.list() if token.subject == scope.owner]
        for start in range(0, len(keys), PAGE):
            some = keys[start : start + PAGE]
            yield Page(tuple(some), tuple(f"tokens/{key}" for key in some), len(some))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, TOKENS, keys)


class InvitesKind:
    """Invites: their links end with them."""

    name = "invites"
    collections = (INVITES,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        within = Range(high=scope.before_ns)
        async for page in found(self._catalog, INVITES, "by_owner", (scope.owner,), within):
            keys = tuple(document["_id"] for document in page)
            yield Page(keys, tuple(f"invites/{key}" for key in keys), len(keys))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, INVITES, keys)


class UploadsKind:
    """Resumable uploads with their bytes."""

    name = "uploads"
    collections = (UPLOADS,)

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        within = Range(high=scope.before_ns)
        async for page in found(self._catalog, UPLOADS, "by_owner", (scope.owner,), within):
            uploads = [from_document(Upload, document) for document in page]
            kept = await asyncio.gather(*(self._objects.list(object_prefix(upload.id)) for upload in uploads))
            pieces = [piece for some in kept for piece in some]
            keys = tuple(upload.id for upload in uploads)
            names = tuple(f"uploads/{key}" for key in keys)
            yield Page(keys, names, len(keys), len(pieces), sum(piece.size_bytes for piece in pieces))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind; the records go first, so that no append adds a piece."""
        await delete(self._catalog, UPLOADS, keys)
        for key in keys:
            while pieces := await self._objects.list(object_prefix(key)):
                await self._objects.delete([piece.key for piece in pieces])


class WebhooksKind:
    """Webhooks with the deliveries that wait for them."""

    name = "webhooks"
    collections = (WEBHOOKS,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        within = Range(high=scope.before_ns)
        async for page in found(self._catalog, WEBHOOKS, "by_owner", (scope.owner,), within):
            keys = tuple(document["_id"] for document in page)
            waiting = [await self._catalog.count(DELIVERIES, "by_webhook", (key,)) for key in keys]
            yield Page(keys, tuple(f"webhooks/{key}" for key in keys), len(keys) + sum(waiting))

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind; the webhooks go first, so that no delivery is added."""
        await delete(self._catalog, WEBHOOKS, keys)
        for key in keys:
            while waiting := await self._catalog.find(DELIVERIES, "by_webhook", (key,)):
                await delete(self._catalog, DELIVERIES, [delivery["_id"] for delivery in waiting])


class RetentionKind:
    """The settings of retention."""

    name = "retention"
    collections = (RETENTION,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        stored = await self._catalog.get(RETENTION, scope.owner)
        if stored is not None and stored["update_time_ns"] < scope.before_ns:
            yield Page((scope.owner,), ("retention",), 1)

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, RETENTION, keys)


class StatisticsKind:
    """The owner's statistics, once all media that they count are gone; the whole mesh's count them no more by then."""

    name = "statistics"
    collections = (STATISTICS,)

    def __init__(self, catalog: Catalog, statistics: StatisticsStore, now_ns: Callable[[], int]) -> None:
        self._catalog = catalog
        self._statistics = statistics
        self._now_ns = now_ns

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        await self._statistics.forget_gone(now_ns=self._now_ns())
        if await self._statistics.is_empty(scope.owner):
            yield Page((scope_of(scope.owner),), ("statistics",), 1)

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        await delete(self._catalog, STATISTICS, keys)
