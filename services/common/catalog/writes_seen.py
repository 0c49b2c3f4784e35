"""Spares a loop that looks again and again for something to do the looks that would find the same."""

from __future__ import annotations

from collections.abc import Hashable

from services.common.catalog import Catalog


class WritesSeen:
    """Whether a catalog was written to; of one that does not count its writes, it may always have been."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._state: Hashable | None = None

    async def are_new(self) -> bool:
        """Whether something may have been written since the last call, or this is the first."""
        before, self._state = self._state, await self._catalog.state()
        return self._state is None or self._state != before
