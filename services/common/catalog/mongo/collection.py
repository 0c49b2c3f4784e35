"""A collection in MongoDB: its documents, its indexes, and its searches."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from services.common.catalog import Collection, Document, Index
from services.common.catalog.paging import Comparison, Segment, members_only, ordering

_PLACES = "_index"
# Of a document that was replaced together with others: by which command.
MARK = "_mark"
_OPERATORS = {Comparison.AT_LEAST: "$gte", Comparison.ABOVE: "$gt", Comparison.BELOW: "$lt"}
# IndexOptionsConflict and IndexKeySpecsConflict.
_CONFLICTS = frozenset({85, 86})
_INDEX_NOT_FOUND = 27
# LockTimeout, WriteConflict, IndexBuildAborted, BackgroundOperationInProgressForNamespace, and PostgreSQL's deadlock.
_RACES = frozenset({24, 112, 276, 12587, 1_000_000})
RACES_MOST = 10
RACE_PAUSE_SECONDS = 0.3
log = logging.getLogger(__name__)


class MongoCollection:
    """A collection on the server.

    A unique or sparse index is over copies of its fields (`_index.NAME.FIELD`), which are there only where all of them
    hold something: so a document stands outside also where a field holds null, and a plain sparse index is enough.
    """

    def __init__(self, database: AsyncDatabase[Document], collection: Collection) -> None:
        self.collection = collection
        self.documents: AsyncCollection[Document] = database[collection.name]
        self.indexes = {index.name: index for index in collection.indexes}
        self._members = [index for index in collection.indexes if members_only(index)]

    async def ensure_indexes(self, *, replace: bool) -> None:
        """Makes missing indexes; those that another version declared otherwise are made anew, or left as they are."""
        for index in self.indexes.values():
            await self._ensure(index, replace)

    async def _ensure(self, index: Index, replace: bool) -> None:
        keys = [(self._path(index, field), ASCENDING) for field in ordering(index)]
        options: dict[str, Any] = {"name": index.name}
        if members_only(index):
            options["sparse"] = True
        if index.unique:
            options["unique"] = True
        for attempt in range(RACES_MOST):
            try:
                await self.documents.create_index(keys, **options)
            except OperationFailure as error:
                if error.code in _CONFLICTS:
                    if not replace:
                        fields = {"collection": self.collection.name, "index": index.name}
                        log.warning("an index is declared otherwise by another version; see prepare", extra=fields)
                        return
                    await self._drop(index.name)
                elif error.code not in _RACES or attempt == RACES_MOST - 1:
                    raise
                else:
                    await asyncio.sleep(random.uniform(0, RACE_PAUSE_SECONDS))  # noqa: S311 - it spreads attempts
            else:
                return

    async def _drop(self, name: str) -> None:
        try:
            await self.documents.drop_index(name)
        except OperationFailure as error:
            # Another process that starts was faster.
            if error.code != _INDEX_NOT_FOUND:
                raise

    def stored(self, document: Document, version: int, mark: bytes | None = None) -> Document:
        """A document as the server holds it."""
        stored = {**document, "_version": version}
        if mark is not None:
            stored[MARK] = mark
        places = {
            index.name: {field: document[field] for field in index.fields}
            for index in self._members
            if all(document.get(field) is not None for field in index.fields)
        }
        if places:
            stored[_PLACES] = places
        else:
            stored.pop(_PLACES, None)
        return stored

    def loaded(self, stored: Document) -> Document:
        """The document that the server holds."""
        stored.pop(_PLACES, None)
        stored.pop(MARK, None)
        return stored

    def search(self, index: Index, segment: Segment) -> dict[str, Any]:
        """The filter that finds a segment of an index."""
        conditions: dict[str, dict[str, Any]] = {}
        for field, value in segment.equals:
            conditions.setdefault(self._path(index, field), {})["$eq"] = value
        for field, comparison, value in segment.bounds:
            condition = conditions.setdefault(self._path(index, field), {})
            if comparison is Comparison.PRESENT:
                condition["$ne"] = None
            else:
                condition[_OPERATORS[comparison]] = value
        if members_only(index):
            conditions.setdefault(self._path(index, index.fields[0]), {})["$exists"] = True
        return conditions

    def order(self, index: Index, *, descending: bool) -> list[tuple[str, int]]:
        """The sort that an index gives."""
        return [(self._path(index, field), DESCENDING if descending else ASCENDING) for field in ordering(index)]

    def _path(self, index: Index, field: str) -> str:
        return f"{_PLACES}.{index.name}.{field}" if members_only(index) and field in index.fields else field
