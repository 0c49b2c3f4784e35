"""Runs operations on a MongoDB server; each waits for the journal of a majority."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from services.common.catalog import Delete, Document, Increment, Insert, Operation, Outcome, Refusal, Replace, Upsert
from services.common.catalog.counting import counted, gives_way
from services.common.catalog.grouping import Failure
from services.common.catalog.mongo.collection import MongoCollection
from services.common.catalog.mongo.errors import DUPLICATE_KEY, translated
from services.common.catalog.mongo.write_order import Step, write_order

_EXISTS = Outcome(Refusal.EXISTS)
_CONFLICT = Outcome(Refusal.CONFLICT)
_STALE = Outcome(Refusal.STALE)
_DONE = Outcome()

_Found = list[tuple[int, Outcome | Failure]]


class MongoWrites:
    """Applies groups of operations: insertions of a collection by one command, the rest side by side.

    Nothing is sent twice from here. Where the server supports retryable writes (replica sets do), the driver repeats a
    write whose answer was lost; elsewhere the callers get StoreUnavailable.
    """

    def __init__(self, collections: Mapping[str, MongoCollection], sequences: AsyncCollection[dict[str, Any]]) -> None:
        self._collections = collections
        self._sequences = sequences

    async def apply(self, operations: Sequence[Operation]) -> list[Outcome | Failure]:
        """Applies operations, those on one key in their order."""
        outcomes: list[Outcome | Failure] = [_DONE] * len(operations)
        for step in write_order(operations):
            for part in await asyncio.gather(*self._parts(step, operations)):
                for place, outcome in part:
                    outcomes[place] = outcome
        return outcomes

    def _parts(self, step: Step, operations: Sequence[Operation]) -> list[Coroutine[Any, Any, _Found]]:
        parts = [self._insert(name, places, operations) for name, places in step.insertions.items()]
        parts += [self._count(name, key, places, operations) for (name, key), places in step.counts.items()]
        parts += [self._one(place, operations[place]) for place in step.others]
        return parts

    async def _insert(self, name: str, places: list[int], operations: Sequence[Operation]) -> _Found:
        given = [operation.document for place in places if isinstance(operation := operations[place], Insert)]
        try:
            documents = await self._numbered(self._collections[name], given)
            refused = await self._insert_all(self._collections[name], documents)
        except PyMongoError as error:
            return [(place, Failure(translated(error))) for place in places]
        return [
            (place, refused.get(at) or Outcome(None, document))
            for at, (place, document) in enumerate(zip(places, documents, strict=True))
        ]

    async def _numbered(self, collection: MongoCollection, given: list[Document]) -> list[Document]:
        documents = [{**document, "_version": 1} for document in given]
        sequence = collection.collection.sequence
        if sequence is None:
            return documents
        before = await _add(self._sequences, collection.collection.name, {"value": len(documents)})
        last = 0 if before is None else before["value"]
        for number, document in enumerate(documents, last + 1):
            document[sequence] = number
        return documents

    async def _insert_all(self, collection: MongoCollection, documents: list[Document]) -> dict[int, Outcome | Failure]:
        try:
            await collection.documents.insert_many(
                [collection.stored(document, 1) for document in documents], ordered=False
            )
        except BulkWriteError as error:
            details = error.details or {}
            if details.get("writeConcernErrors"):
                raise
            return {found["index"]: _refusal(found) for found in details["writeErrors"]}
        return {}

    async def _count(self, name: str, key: str, places: list[int], operations: Sequence[Operation]) -> _Found:
        amounts = [operation.amounts for place in places if isinstance(operation := operations[place], Increment)]
        try:
            documents = await self._count_all(self._collections[name], key, amounts)
        except (PyMongoError, TypeError, ValueError, OverflowError) as error:
            if len(places) > 1:
                return [found for place in places for found in await self._count(name, key, [place], operations)]
            return [(places[0], _failure(error))]
        return [(place, Outcome(None, document)) for place, document in zip(places, documents, strict=True)]

    async def _count_all(
        self, collection: MongoCollection, key: str, amounts: list[Mapping[str, int]]
    ) -> list[Document]:
        total: dict[str, int] = {"_version": len(amounts)}
        for each in amounts:
            for field, amount in each.items():
                total[field] = total.get(field, 0) + amount
        before = await _add(collection.documents, key, total)
        document = None if before is None else collection.loaded(before)
        found: list[Document] = []
        for each in amounts:
            version = 0 if document is None else document["_version"]
            document = {**counted(document, key, each), "_version": version + 1}
            found.append(document)
        return found

    async def _one(self, place: int, operation: Operation) -> _Found:
        collection = self._collections[operation.collection.name]
        try:
            if isinstance(operation, Replace):
                outcome = await _write_over(collection, operation.document, operation.version)
            elif isinstance(operation, Upsert):
                outcome = await _upsert(collection, operation)
            elif isinstance(operation, Delete):
                outcome = await _delete(collection, operation)
            else:
                raise TypeError(f"not an operation: {operation!r}")
        except (PyMongoError, TypeError) as error:
            return [(place, _failure(error))]
        return [(place, outcome)]


async def _add(documents: AsyncCollection[Document], key: str, amounts: Mapping[str, int]) -> Document | None:
    # The document before: for the one after, some servers return a later state that includes the counts of others.
    while True:
        try:
            found: Document | None = await documents.find_one_and_update({"_id": key}, {"$inc": amounts}, upsert=True)
        except DuplicateKeyError:
            # Another client inserted the document first; try again.
            continue
        return found


async def _write_over(collection: MongoCollection, document: Document, version: int) -> Outcome:
    try:
        result = await collection.documents.replace_one(
            {"_id": document["_id"], "_version": version}, collection.stored(document, version + 1)
        )
    except DuplicateKeyError:
        return _EXISTS
    return Outcome(None, {**document, "_version": version + 1}) if result.matched_count else _CONFLICT


async def _upsert(collection: MongoCollection, operation: Upsert) -> Outcome:
    document, newer_by = operation.document, operation.newer_by
    wanted = ["_version"] if newer_by is None else ["_version", newer_by]
    missed = False
    while True:
        stored = await collection.documents.find_one({"_id": document["_id"]}, wanted)
        if stored is None:
            if missed:
                # The key was free before and after: what is taken is a place in a unique index.
                return _EXISTS
            try:
                await collection.documents.insert_one(collection.stored(document, 1))
            except DuplicateKeyError:
                missed = True
                continue
            return Outcome(None, {**document, "_version": 1})
        if newer_by is not None and not gives_way(stored.get(newer_by), document.get(newer_by)):
            return _STALE
        outcome = await _write_over(collection, document, stored["_version"])
        if outcome.refusal is not Refusal.CONFLICT:
            return outcome
        missed = False


async def _delete(collection: MongoCollection, operation: Delete) -> Outcome:
    key = {"_id": operation.key}
    if operation.version is None:
        await collection.documents.delete_one(key)
        return _DONE
    result = await collection.documents.delete_one({**key, "_version": operation.version})
    if result.deleted_count or await collection.documents.find_one(key, ["_id"]) is None:
        return _DONE
    return _CONFLICT


def _refusal(found: Mapping[str, Any]) -> Outcome | Failure:
    if found["code"] == DUPLICATE_KEY:
        return _EXISTS
    return Failure(ValueError(str(found.get("errmsg"))))


def _failure(error: Exception) -> Failure:
    if isinstance(error, OverflowError):
        return Failure(ValueError(str(error)))
    return Failure(translated(error) if isinstance(error, PyMongoError) else error)
