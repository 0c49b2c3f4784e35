"""The two questions about values that every adapter answers alike: which is newer, and what a count comes to."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.catalog import Document, Scalar


def gives_way(stored: Scalar, new: Scalar) -> bool:
    """Whether a stored value is smaller than a new one; none at all is smaller than any."""
    if new is None:
        return False
    return stored is None or stored < new  # type: ignore[operator]


def counted(stored: Document | None, key: str, amounts: Mapping[str, int]) -> Document:
    """A document after its integer fields have grown by these amounts, a missing one counting as 0."""
    document: Document = {"_id": key} if stored is None else dict(stored)
    for field, amount in amounts.items():
        before = document.get(field, 0)
        if not isinstance(before, int) or isinstance(before, bool):
            raise TypeError(f"cannot count in {field!r} of {key!r}: it holds a {type(before).__name__}")
        document[field] = before + amount
    return document
