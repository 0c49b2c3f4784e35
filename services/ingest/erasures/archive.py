"""The owner's rows in the archive, which is a copy of the catalog."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.common.archive.days import ArchivedDays
from services.common.catalog import Collection
from services.common.erasures.store import Page
from services.ingest.erasures.kinds import Scope


class ArchiveKind:
    """Parts of archived days, and the lists that name them; a day goes as a whole, whenever its rows arrived."""

    name = "archive"
    collections: Sequence[Collection] = ()

    def __init__(self, archive: ArchivedDays) -> None:
        self._archive = archive

    async def pages(self, scope: Scope) -> AsyncIterator[Page]:
        """See Kind."""
        for day in await self._archive.days():
            found = await self._archive.of_owner(day, scope.owner)
            if found.lists or found.parts:
                size_bytes = sum(info.size_bytes for info in found.parts)
                key, name = f"{day}/{scope.owner}", f"archive/{day}"
                yield Page((key,), (name,), len(found.lists), len(found.parts), size_bytes)

    async def remove(self, keys: Sequence[str]) -> None:
        """See Kind."""
        for key in keys:
            day, _, owner = key.partition("/")
            await self._archive.forget(day, owner)
