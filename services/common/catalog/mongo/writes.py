"""Runs operations on a MongoDB server; each waits for the journal of a majority."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from services.common.catalog import Delete, Document, Increment, Insert, Operation, Outcome
from services.common.catalog.counting import counted
from services.common.catalog.grouping import Failure
from services.common.catalog.mongo.collection import MongoCollection
from services.common.catalog.mongo.commands import DONE, add, delete_one, insert_all, replace_all, upsert_all
from services.common.catalog.mongo.errors import translated
from services.common.catalog.mongo.write_order import Step, write_order

_Found = Mapping[int, Outcome | Failure]


class MongoWrites:
    """Applies groups of operations: those of one kind and collection by one command, deletions side by side.

    Nothing is sent twice from here. Where the server supports retryable writes (replica sets do), the driver repeats a
    write whose answer was lost; elsewhere the callers get StoreUnavailable.
    """

    def __init__(self, collections: Mapping[str, MongoCollection], sequences: AsyncCollection[dict[str, Any]]) -> None:
        self._collections = collections
        self._sequences = sequences

    async def apply(self, operations: Sequence[Operation]) -> list[Outcome | Failure]:
        """Applies operations, those on one key in their order."""
        outcomes: list[Outcome | Failure] = [DONE] * len(operations)
        for step in write_order(operations):
            for found in await asyncio.gather(*self._parts(step)):
                for place, outcome in found.items():
                    outcomes[place] = outcome
        return outcomes

    def _parts(self, step: Step) -> list[Coroutine[Any, Any, _Found]]:
        parts: list[Coroutine[Any, Any, _Found]] = []
        for name, insertions in step.insertions.items():
            parts.append(_placed(insertions, self._insert(name, list(insertions.values()))))
        for name, replacements in step.replacements.items():
            wanted = list(replacements.values())
            parts.append(_placed(replacements, replace_all(self._collections[name], wanted)))
        for (name, newer_by), upserts in step.upserts.items():
            documents = [upsert.document for upsert in upserts.values()]
            parts.append(_placed(upserts, upsert_all(self._collections[name], documents, newer_by)))
        for (name, key), counts in step.counts.items():
            parts.append(self._count(self._collections[name], key, counts))
        for place, deletion in step.deletions.items():
            parts.append(_placed([place], self._delete(deletion)))
        return parts

    async def _insert(self, name: str, insertions: Sequence[Insert]) -> list[Outcome | Failure]:
        collection = self._collections[name]
        documents = [insertion.document for insertion in insertions]
        sequence = collection.collection.sequence
        if sequence is not None:
            before = await add(self._sequences, name, {"value": len(documents)})
            last = 0 if before is None else before["value"]
            documents = [{**document, sequence: last + number} for number, document in enumerate(documents, 1)]
        return await insert_all(collection, documents)

    async def _delete(self, deletion: Delete) -> list[Outcome | Failure]:
        return [await delete_one(self._collections[deletion.collection.name], deletion.key, deletion.version)]

    async def _count(self, collection: MongoCollection, key: str, counts: Mapping[int, Increment]) -> _Found:
        try:
            documents = await _count_all(collection, key, [count.amounts for count in counts.values()])
        except (PyMongoError, TypeError, ValueError, OverflowError) as error:
            if len(counts) == 1:
                return dict.fromkeys(counts, _failure(error))
            # One alone is to blame.
            alone = [await self._count(collection, key, {place: count}) for place, count in counts.items()]
            return {place: outcome for found in alone for place, outcome in found.items()}
        return {place: Outcome(None, document) for place, document in zip(counts, documents, strict=True)}


async def _placed(places: Iterable[int], outcomes: Coroutine[Any, Any, list[Outcome | Failure]]) -> _Found:
    """The outcomes of a command by their places; where it failed as a whole, each has its error."""
    try:
        return dict(zip(places, await outcomes, strict=True))
    except (PyMongoError, TypeError) as error:
        return dict.fromkeys(places, _failure(error))


async def _count_all(collection: MongoCollection, key: str, amounts: list[Mapping[str, int]]) -> list[Document]:
    total: dict[str, int] = {"_version": len(amounts)}
    for each in amounts:
        for field, amount in each.items():
            total[field] = total.get(field, 0) + amount
    before = await add(collection.documents, key, total)
    document = None if before is None else collection.loaded(before)
    found: list[Document] = []
    for each in amounts:
        version = 0 if document is None else document["_version"]
        document = {**counted(document, key, each), "_version": version + 1}
        found.append(document)
    return found


def _failure(error: Exception) -> Failure:
    if isinstance(error, OverflowError):
        return Failure(ValueError(str(error)))
    return Failure(translated(error) if isinstance(error, PyMongoError) else error)
