"""Resource names: `media/{id}` and the like."""

from __future__ import annotations


def resource_name(collection: str, identifier: str) -> str:
    """The name of a resource."""
    return f"{collection}/{identifier}"


def resource_id(name: str) -> str:
    """Returns the part after the collection of a resource name; the contract's pattern has checked it."""
    return name.partition("/")[2]
