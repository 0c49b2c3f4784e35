"""Documents as BSON, held to the limits that every adapter shares."""

from __future__ import annotations

import bson

from services.common.catalog import MAX_DOCUMENT_BYTES, Document, Increment, Insert, Operation, Replace, Upsert
from services.common.catalog.paging import members_only


def encode(document: Document) -> bytes:
    """A document as BSON; raises ValueError or TypeError where a catalog could not hold it."""
    key = document.get("_id")
    if not isinstance(key, str):
        raise TypeError(f"the _id of a document must be a str, not {type(key).__name__}")
    try:
        encoded = bson.encode(document)
    except (bson.errors.BSONError, OverflowError) as error:
        raise ValueError(f"document {key!r} cannot be stored: {error}") from error
    if len(encoded) > MAX_DOCUMENT_BYTES:
        limit = f"{len(encoded)} bytes, more than {MAX_DOCUMENT_BYTES}"
        raise ValueError(f"document {key!r} has {limit}: keep bytes in objects")
    return encoded


def encoded_document(operation: Operation) -> bytes:
    """The document that an operation carries, as BSON; nothing where it carries none."""
    if isinstance(operation, (Insert, Replace, Upsert)):
        return encode(operation.document)
    if isinstance(operation, Increment):
        special = {field for index in operation.collection.indexes if members_only(index) for field in index.fields}
        for field in operation.amounts:
            if not field or "." in field or field.startswith(("$", "_")) or field in special:
                raise ValueError(f"cannot count in {field!r}")
    return b""
