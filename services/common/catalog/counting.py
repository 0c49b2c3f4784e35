"""The rules for values that all adapters share: which of two is newer, and how a count adds up."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.catalog import Document, Scalar


def gives_way(stored: Scalar, new: Scalar) -> bool:
    """Returns whether a stored value is smaller than a new one; a missing value is smaller than any."""
    if new is None:
        return False
    return stored is None or stored < new  # type: ignore[operator]


def counted(stored: Document | None, key: str, amounts: Mapping[str, int]) -> Document:
    """Returns the document with these amounts added to its integer fields; a missing field counts as 0."""
    document: Document = {"_id": key} if stored is None else dict(stored)
    for field, amount in amounts.items():
        before = document.get(field, 0)
        if not isinstance(before, int) or isinstance(before, bool):
            raise TypeError(f"cannot count in {field!r} of {key!r}: it holds a {type(before).__name__}")
        document[field] = before + amount
    return document
