"""Stores of a process that dies after so many steps, as by kill -9: what is applied stays, nothing follows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from services.common.catalog import Catalog, Collection, Operation, Outcome
from services.common.objects import ObjectInfo, Objects, ObjectWriter
from services.common.queue import Queue, Topic


class Killed(BaseException):
    """The process is gone."""


class Life:
    """How many steps a process still makes; None for one that lives on."""

    def __init__(self, steps: int | None = None) -> None:
        self.steps = steps

    def step(self) -> None:
        """Dies here, or goes on."""
        if self.steps is not None:
            if self.steps <= 0:
                raise Killed
            self.steps -= 1


class MortalCatalog:
    """A catalog as a mortal process sees it: each write may be its last act, before or after it is applied."""

    def __init__(self, catalog: Catalog, life: Life) -> None:
        self._catalog = catalog
        self._life = life

    async def batch(
        self, operations: Sequence[Operation], then: Sequence[Operation] = (), *, durable: bool = True
    ) -> list[Outcome]:
        self._life.step()
        outcomes = await self._catalog.batch(operations, durable=durable)
        self._life.step()
        return outcomes + await self.batch(then, durable=durable) if then else outcomes

    async def get(self, collection: Collection, key: str) -> Any:
        self._check()
        return await self._catalog.get(collection, key)

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> Any:
        self._check()
        return await self._catalog.get_many(collection, keys)

    async def find(self, *arguments: Any, **options: Any) -> Any:
        self._check()
        return await self._catalog.find(*arguments, **options)

    async def count(self, *arguments: Any) -> int:
        self._check()
        return await self._catalog.count(*arguments)

    async def state(self) -> Any:
        self._check()
        return await self._catalog.state()

    async def close(self) -> None:
        """It is the test's."""

    def _check(self) -> None:
        if self._life.steps is not None and self._life.steps <= 0:
            raise Killed


class MortalObjects:
    """Objects as a mortal process sees them."""

    def __init__(self, objects: Objects, life: Life) -> None:
        self._objects = objects
        self._life = life

    async def create(self, key: str) -> ObjectWriter:
        self._life.step()
        return MortalWriter(await self._objects.create(key), self._life)

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        self._life.step()
        info = await self._objects.put(key, data)
        self._life.step()
        return info

    async def stat(self, key: str) -> ObjectInfo | None:
        return await self._objects.stat(key)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        return self._objects.read(key, offset, length)

    async def fetch(self, key: str, target: Any) -> None:
        await self._objects.fetch(key, target)

    async def delete(self, keys: Sequence[str]) -> None:
        self._life.step()
        await self._objects.delete(keys)
        self._life.step()

    async def list(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> Sequence[ObjectInfo]:
        return await self._objects.list(prefix, after=after, limit=limit)

    async def sweep(self, older_than: timedelta) -> int:
        self._life.step()
        return await self._objects.sweep(older_than)

    async def presign(self, key: str, **options: Any) -> str | None:
        return await self._objects.presign(key, **options)

    async def close(self) -> None:
        """They are the test's."""


class MortalWriter:
    """An object that a mortal process writes."""

    def __init__(self, writer: ObjectWriter, life: Life) -> None:
        self._writer = writer
        self._life = life

    async def write(self, chunk: bytes | memoryview) -> None:
        self._life.step()
        await self._writer.write(chunk)

    async def commit(self) -> ObjectInfo:
        self._life.step()
        info = await self._writer.commit()
        self._life.step()
        return info

    async def abort(self) -> None:
        self._life.step()
        await self._writer.abort()


class MortalQueue:
    """A queue into which a mortal process publishes."""

    def __init__(self, queue: Queue, life: Life) -> None:
        self._queue = queue
        self._life = life

    async def publish(
        self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta(), swept: bool = False
    ) -> None:
        self._life.step()
        await self._queue.publish(topic, bodies, delay=delay, swept=swept)
        self._life.step()

    async def depth(self, topic: Topic) -> int:
        return await self._queue.depth(topic)
