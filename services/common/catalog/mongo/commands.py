"""Writes of many documents of a collection by one command each; every document has an outcome of its own.

The server counts how many replacements found their document, and does not say which: where some did not, the documents
are read back. So each carries the mark of its command.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReplaceOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.common.base.errors import StoreUnavailable
from services.common.catalog import Document, Outcome, Refusal, Replace
from services.common.catalog.counting import gives_way
from services.common.catalog.grouping import Failure
from services.common.catalog.mongo.collection import MARK, MongoCollection
from services.common.catalog.mongo.errors import DUPLICATE_KEY

EXISTS = Outcome(Refusal.EXISTS)
CONFLICT = Outcome(Refusal.CONFLICT)
STALE = Outcome(Refusal.STALE)
DONE = Outcome()


async def insert_all(collection: MongoCollection, documents: Sequence[Document]) -> list[Outcome | Failure]:
    """Adds documents."""
    refused: dict[int, Outcome | Failure] = {}
    try:
        await collection.documents.insert_many(
            [collection.stored(document, 1) for document in documents], ordered=False
        )
    except BulkWriteError as error:
        refused = _refused(error)
    return [refused.get(at) or Outcome(None, {**document, "_version": 1}) for at, document in enumerate(documents)]


async def replace_all(collection: MongoCollection, wanted: Sequence[Replace]) -> list[Outcome | Failure]:
    """Replaces documents, no two of one key, each where its version is the given one."""
    refused: dict[int, Outcome | Failure] = {}
    mark = secrets.token_bytes(8) if len(wanted) > 1 else None
    stored = [collection.stored(one.document, one.version + 1, mark) for one in wanted]
    commands = [
        ReplaceOne({"_id": one.document["_id"], "_version": one.version}, document)
        for one, document in zip(wanted, stored, strict=True)
    ]
    try:
        matched = (await collection.documents.bulk_write(commands, ordered=False)).matched_count
    except BulkWriteError as error:
        refused = _refused(error)
        matched = (error.details or {})["nMatched"]
    sent = {at: document for at, document in enumerate(stored) if at not in refused}
    if matched < len(sent):
        refused |= await _without_match(collection, sent, mark, len(sent) - matched)
    return [
        refused.get(at) or Outcome(None, {**one.document, "_version": one.version + 1}) for at, one in enumerate(wanted)
    ]


async def upsert_all(
    collection: MongoCollection, documents: Sequence[Document], newer_by: str | None
) -> list[Outcome | Failure]:
    """Writes documents, no two of one key, whether or not they exist; one that is stored may be newer, by a field."""
    outcomes: dict[int, Outcome | Failure] = {}
    # Their keys were free when they were looked up last.
    were_free: set[int] = set()
    waiting = dict(enumerate(documents))
    while waiting:
        stored = await _versions(collection, list(waiting.values()), newer_by)
        new = {at: document for at, document in waiting.items() if document["_id"] not in stored}
        over: dict[int, Replace] = {}
        for at, document in waiting.items():
            if at in new:
                continue
            before = stored[document["_id"]]
            if newer_by is not None and not gives_way(before.get(newer_by), document.get(newer_by)):
                outcomes[at] = STALE
            else:
                over[at] = Replace(collection.collection, document, before["_version"])
        found: dict[int, Outcome | Failure] = {}
        if new:
            found |= zip(new, await insert_all(collection, list(new.values())), strict=True)
        if over:
            found |= zip(over, await replace_all(collection, list(over.values())), strict=True)
        for at, outcome in found.items():
            # Another client wrote it meanwhile: once more. Where a key was free twice, a unique index has no place.
            is_late = (
                outcome is CONFLICT
                or (outcome is EXISTS and at in new and at not in were_free)
                # Whether it was written or not, another look shows which is newer.
                or (
                    isinstance(outcome, Failure)
                    and isinstance(outcome.error, StoreUnavailable)
                    and newer_by is not None
                )
            )
            if not is_late:
                outcomes[at] = outcome
        were_free = set(new)
        waiting = {at: document for at, document in waiting.items() if at not in outcomes}
    return [outcomes[at] for at in range(len(documents))]


async def delete_one(collection: MongoCollection, key: str, version: int | None) -> Outcome:
    """Removes a document, where its version is the given one if any."""
    if version is None:
        await collection.documents.delete_one({"_id": key})
        return DONE
    result = await collection.documents.delete_one({"_id": key, "_version": version})
    if result.deleted_count or await collection.documents.find_one({"_id": key}, ["_id"]) is None:
        return DONE
    return CONFLICT


async def add(documents: AsyncCollection[Document], key: str, amounts: Mapping[str, int]) -> Document | None:
    """Adds to fields of a document; returns the document before."""
    # For the one after, some servers return a later state that includes the counts of others.
    while True:
        try:
            found: Document | None = await documents.find_one_and_update({"_id": key}, {"$inc": amounts}, upsert=True)
        except DuplicateKeyError:
            # Another client inserted the document first; try again.
            continue
        return found


async def _versions(collection: MongoCollection, documents: list[Document], newer_by: str | None) -> dict[str, Any]:
    """Looks documents up: by key, their version and the field that says which of two is newer."""
    fields = ["_version"] if newer_by is None else ["_version", newer_by]
    keys = [document["_id"] for document in documents]
    found = await collection.documents.find({"_id": {"$in": keys}}, fields).to_list()
    return {one["_id"]: one for one in found}


async def _without_match(
    collection: MongoCollection, sent: Mapping[int, Document], mark: bytes | None, count: int
) -> dict[int, Outcome | Failure]:
    """Those of replacements that found no document: `count` of them."""
    if count == len(sent):
        return dict.fromkeys(sent, CONFLICT)
    keys = [document["_id"] for document in sent.values()]
    found = await collection.documents.find({"_id": {"$in": keys}}, ["_version", MARK]).to_list()
    stored = {one["_id"]: one for one in found}
    missed: list[int] = []
    unsure: list[int] = []
    for at, document in sent.items():
        now = stored.get(document["_id"])
        if now is not None and now.get(MARK) == mark:
            continue
        # Gone, or written by another client since: it may have been as wanted in between.
        is_unsure = now is None or now["_version"] != document["_version"]
        (unsure if is_unsure else missed).append(at)
    left = count - len(missed)
    if left not in {0, len(unsure)}:
        error = StoreUnavailable("catalog", "others wrote these documents too, before this write or after it")
        return dict.fromkeys(missed, CONFLICT) | dict.fromkeys(unsure, Failure(error))
    return dict.fromkeys(missed + unsure if left else missed, CONFLICT)


def _refused(error: BulkWriteError) -> dict[int, Outcome | Failure]:
    """By place, those that the server refused; raises the error where the server did not make the others durable."""
    details = error.details or {}
    if details.get("writeConcernErrors"):
        raise error
    return {found["index"]: _refusal(found) for found in details["writeErrors"]}


def _refusal(found: Mapping[str, Any]) -> Outcome | Failure:
    if found["code"] == DUPLICATE_KEY:
        return EXISTS
    return Failure(ValueError(str(found.get("errmsg"))))
