"""Resource names: `media/{id}` and the like."""

from __future__ import annotations


def resource_name(collection: str, identifier: str) -> str:
    """The name of a resource."""
    return f"{collection}/{identifier}"


def resource_id(name: str) -> str:
    """What stands after the collection in a name that the contract's pattern let through."""
    return name.partition("/")[2]
