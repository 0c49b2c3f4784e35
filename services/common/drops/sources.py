"""The sources of measurements: read from the index of the measurements themselves, so that no drop pays for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.catalog import Catalog, Range
from services.common.drops.measurements import MEASUREMENTS

# Sorts after a source and before all that begin with it: no source has a character below "-".
_NEXT = "!"


@dataclass(frozen=True, slots=True)
class Source:
    """A source, with the number and the times of its measurements."""

    owner: str
    source: str
    count: int
    first_ns: int
    latest_ns: int


class Sources:
    """The sources of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def get(self, owner: str, source: str) -> Source | None:
        """A source, or None if it has no measurement."""
        async with asyncio.TaskGroup() as group:
            count = group.create_task(self._catalog.count(MEASUREMENTS, "by_source", (owner, source)))
            ends = [group.create_task(self._end(owner, source, descending=latest)) for latest in (False, True)]
        first_ns, latest_ns = (end.result() for end in ends)
        if first_ns is None or latest_ns is None:
            return None
        return Source(owner, source, count.result(), first_ns, latest_ns)

    async def list(self, owner: str, *, after: str | None, limit: int) -> tuple[list[Source], str | None]:
        """A page of sources by id, and the last of them if there are more; one seek finds each."""
        ids: list[str] = []
        at = None if after is None else after + _NEXT
        while len(ids) <= limit:
            page = await self._catalog.find(MEASUREMENTS, "by_source", (owner,), Range(low=at), limit=1)
            if not page:
                break
            ids.append(page[0]["source"])
            at = ids[-1] + _NEXT
        found = [await self.get(owner, source) for source in ids[:limit]]
        return [one for one in found if one is not None], ids[limit - 1] if len(ids) > limit else None

    async def _end(self, owner: str, source: str, *, descending: bool) -> int | None:
        found = await self._catalog.find(
            MEASUREMENTS, "by_source", (owner, source), Range(), descending=descending, limit=1
        )
        return found[0]["time_ns"] if found else None


def source_not_found(name: str) -> NotFound:
    """The owner has no measurement of this source, or the caller may not read it."""
    return NotFound(reasons.SOURCE_NOT_FOUND, f"{name} has no measurement", metadata={"name": name})
