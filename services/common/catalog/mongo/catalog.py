"""The catalog on a MongoDB server, or on any that speaks its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.common.catalog import Collection, Document, Operation, Outcome, Position, Range, Scalar
from services.common.catalog.encoding import encoded_document
from services.common.catalog.grouping import Group, WaitingBatches
from services.common.catalog.mongo.collection import MongoCollection
from services.common.catalog.mongo.errors import translated
from services.common.catalog.mongo.writes import MongoWrites
from services.common.catalog.paging import segments

# A timeout that the URL sets takes precedence.
_TIMEOUTS = {
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    # The driver's own default is to wait for ever. A wait whose wake-up is lost, as when another one is cancelled at
    # the same moment, would never end, and with it the probe that closes the circuit breaker.
    "waitQueueTimeoutMS": 5_000,
}
_GROUP_OPERATIONS = 1000
# While this many groups are being written, batches wait and form the next one.
_GROUPS_AT_ONCE = 4


class MongoCatalog:
    """A `Catalog` whose writes a majority has in its journal, and whose reads see what a majority has."""

    def __init__(self, client: AsyncMongoClient[Document], collections: Sequence[Collection]) -> None:
        database = client.get_default_database().with_options(
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", j=True),
        )
        self._client = client
        self._collections = {collection.name: MongoCollection(database, collection) for collection in collections}
        self._writes = MongoWrites(self._collections, database["catalog_sequences"])
        self._waiting: WaitingBatches[Operation] = WaitingBatches(_GROUP_OPERATIONS)
        self._writing: set[asyncio.Task[None]] = set()
        self._scheduled = False

    @classmethod
    async def open(cls, url: str, collections: Sequence[Collection], *, replace_indexes: bool = False) -> MongoCatalog:
        """Connects, and makes collections and indexes that are missing."""
        client: AsyncMongoClient[Document] = AsyncMongoClient(_with_timeouts(url), appname="dropmesh")
        try:
            catalog = cls(client, collections)
            for collection in catalog._collections.values():
                await collection.ensure_indexes(replace=replace_indexes)
        except ConfigurationError as error:
            await client.close()
            raise ValueError(f"a catalog is at mongodb://host/database: {error}") from error
        except PyMongoError as error:
            await client.close()
            raise translated(error) from error
        return catalog

    async def batch(
        self, operations: Sequence[Operation], then: Sequence[Operation] = (), *, durable: bool = True
    ) -> list[Outcome]:
        """See `Catalog`."""
        for operation in (*operations, *then):
            encoded_document(operation)
        outcomes = await self._batch(operations)
        return outcomes + await self._batch(then) if then else outcomes

    async def _batch(self, operations: Sequence[Operation]) -> list[Outcome]:
        if not operations:
            return []
        future = self._waiting.add(list(operations))
        self._schedule()
        return await future

    async def get(self, collection: Collection, key: str) -> Document | None:
        """See `Catalog`."""
        found = self._collections[collection.name]
        try:
            document = await found.documents.find_one({"_id": key})
        except PyMongoError as error:
            raise translated(error) from error
        return None if document is None else found.loaded(document)

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        """See `Catalog`."""
        found = self._collections[collection.name]
        try:
            documents = await found.documents.find({"_id": {"$in": list(keys)}}).to_list()
        except PyMongoError as error:
            raise translated(error) from error
        return {document["_id"]: found.loaded(document) for document in documents}

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
        found = self._collections[collection.name]
        declared = found.indexes[index]
        order = found.order(declared, descending=descending)
        page: list[Document] = []
        for segment in segments(declared, equals, within, descending, after):
            cursor = found.documents.find(
                found.search(declared, segment), sort=order, limit=limit - len(page), hint=index
            )
            try:
                page += map(found.loaded, await cursor.to_list())
            except PyMongoError as error:
                raise translated(error) from error
            if len(page) == limit:
                break
        return page

    async def count(
        self, collection: Collection, index: str, equals: Sequence[Scalar] = (), within: Range | None = None
    ) -> int:
        """See `Catalog`."""
        found = self._collections[collection.name]
        declared = found.indexes[index]
        total = 0
        for segment in segments(declared, equals, within, False, None):
            # The plain command: pymongo's own counting is an aggregation.
            database = found.documents.database
            query = found.search(declared, segment)
            try:
                answer = await database.command("count", collection.name, query=query, hint=index)
            except PyMongoError as error:
                raise translated(error) from error
            total += int(answer["n"])
        return total

    async def state(self) -> Hashable | None:
        """See `Catalog`."""
        return None

    async def close(self) -> None:
        """See `Catalog`."""
        self._flush()
        while self._writing:
            await asyncio.wait(self._writing)
        await self._client.close()

    def _schedule(self) -> None:
        # At the end of this turn of the event loop, so that all batches of the turn form one group.
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._writing) < _GROUPS_AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._write_group(self._waiting.take()))
            self._writing.add(task)
            task.add_done_callback(self._done)

    async def _write_group(self, group: Group[Operation]) -> None:
        try:
            group.settle(await self._writes.apply(group.operations))
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            group.fail(error)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        self._flush()


def _with_timeouts(url: str) -> str:
    parts = urlsplit(url)
    given = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    own = urlencode({name: value for name, value in _TIMEOUTS.items() if name.lower() not in given})
    return parts._replace(path=parts.path or "/", query="&".join(filter(None, [parts.query, own]))).geturl()
