"""The catalog and the objects behind a circuit breaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from services.common.base.errors import DropmeshError
from services.common.catalog import Catalog, Collection, Document, Operation, Outcome, Position, Range, Scalar
from services.common.objects import ObjectInfo, Objects, ObjectWriter
from services.common.stores.breaker import Breaker


class RefusingCatalog:
    """A `Catalog` that refuses at once while it does not answer."""

    def __init__(self, catalog: Catalog, breaker: Breaker) -> None:
        self._catalog = catalog
        self._run = breaker.run

    async def batch(
        self, operations: Sequence[Operation], then: Sequence[Operation] = (), *, durable: bool = True
    ) -> list[Outcome]:
        """See `Catalog`."""
        return await self._run(self._catalog.batch(operations, then, durable=durable))

    async def get(self, collection: Collection, key: str) -> Document | None:
        """See `Catalog`."""
        return await self._run(self._catalog.get(collection, key))

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        """See `Catalog`."""
        return await self._run(self._catalog.get_many(collection, keys))

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Sequence[Scalar] = (),
        within: Range | None = None,
        *,
        descending: bool = False,
        after: Position | None = None,
        limit: int = 100,
    ) -> list[Document]:
        """See `Catalog`."""
        return await self._run(
            self._catalog.find(collection, index, equals, within, descending=descending, after=after, limit=limit)
        )

    async def count(
        self, collection: Collection, index: str, equals: Sequence[Scalar] = (), within: Range | None = None
    ) -> int:
        """See `Catalog`."""
        return await self._run(self._catalog.count(collection, index, equals, within))

    async def state(self) -> Hashable | None:
        """See `Catalog`."""
        return await self._run(self._catalog.state())

    async def close(self) -> None:
        """See `Catalog`."""
        await self._catalog.close()


class RefusingObjects:
    """`Objects` that refuse at once while they do not answer."""

    def __init__(self, objects: Objects, breaker: Breaker) -> None:
        self._objects = objects
        self._breaker = breaker
        self._run = breaker.run
        self._aborting: set[asyncio.Task[None]] = set()

    async def create(self, key: str) -> ObjectWriter:
        """See `Objects`."""
        return _Writer(await self._run(self._objects.create(key)), self._breaker, self._aborting)

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """See `Objects`."""
        return await self._run(self._objects.put(key, data))

    async def stat(self, key: str) -> ObjectInfo | None:
        """See `Objects`."""
        return await self._run(self._objects.stat(key))

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See `Objects`; a caller that takes its time holds up nothing."""
        chunks = self._objects.read(key, offset, length)
        try:
            while (chunk := await self._run(_next_chunk(chunks))) is not None:
                yield chunk
        finally:
            # A read that the breaker ended is still running, and closes itself.
            if isinstance(chunks, AsyncGenerator):
                with suppress(RuntimeError):
                    await chunks.aclose()

    async def fetch(self, key: str, target: Path) -> None:
        """See `Objects`."""
        await self._run(self._objects.fetch(key, target))

    async def delete(self, keys: Sequence[str]) -> None:
        """See `Objects`."""
        await self._run(self._objects.delete(keys))

    async def list(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> Sequence[ObjectInfo]:
        """See `Objects`."""
        return await self._run(self._objects.list(prefix, after=after, limit=limit))

    async def sweep(self, older_than: timedelta) -> int:
        """See `Objects`."""
        return await self._run(self._objects.sweep(older_than))

    async def presign(self, key: str, *, expires: timedelta, content_type: str, content_disposition: str) -> str | None:
        """See `Objects`."""
        return await self._objects.presign(
            key, expires=expires, content_type=content_type, content_disposition=content_disposition
        )

    async def close(self) -> None:
        """See `Objects`."""
        await self._objects.close()


class _Writer:
    """A writer whose abort does not keep the caller waiting; a sweep removes what an abort could not."""

    def __init__(self, writer: ObjectWriter, breaker: Breaker, aborting: set[asyncio.Task[None]]) -> None:
        self._writer = writer
        self._breaker = breaker
        self._aborting = aborting

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `ObjectWriter`."""
        await self._breaker.run(self._writer.write(chunk))

    async def commit(self) -> ObjectInfo:
        """See `ObjectWriter`."""
        return await self._breaker.run(self._writer.commit())

    async def abort(self) -> None:
        """See `ObjectWriter`."""
        task = asyncio.create_task(self._abort())
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)

    async def _abort(self) -> None:
        with suppress(DropmeshError):
            await self._writer.abort()


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
