"""Statistics counted anew from every media, to be compared with those that are kept, or to take their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields

from services.common.base.instants import utc_day
from services.common.catalog import Catalog, position
from services.common.catalog.documents import from_document
from services.common.media.model import NOTHING, Contribution, Media
from services.common.media.store import MEDIA
from services.common.media.vocabulary import MediaState
from services.common.statistics.store import (
    WHOLE_MESH,
    StatisticsStore,
    StoredStatistics,
    Totals,
    scope_of,
    totals_after,
)

READ_AT_ONCE = 1000
TRIES = 5


class NotQuiet(Exception):
    """Media change while they are counted, so that the count would be of no instant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where kept statistics are not what counting gives."""

    scope: str
    what: str
    kept: object
    counted: object


class Recounting:
    """Counts every media, while none changes."""

    def __init__(self, catalog: Catalog, statistics: StatisticsStore) -> None:
        self._catalog = catalog
        self._statistics = statistics

    async def check(self, *, now_ns: int) -> list[Difference]:
        """Returns the differences between the stored statistics and a recount; raises NotQuiet."""
        counted, kept = await self._quietly(now_ns)
        today = utc_day(now_ns)
        found: list[Difference] = []
        for scope in sorted(counted.keys() | kept.keys()):
            # Folding drops days that are too old, so both sides are compared as of today.
            held = totals_after(kept[scope].totals if scope in kept else Totals(), (), today)
            anew = counted.get(scope, Totals())
            found += [
                Difference(scope, field.name, getattr(held, field.name), getattr(anew, field.name))
                for field in fields(Totals)
                if getattr(held, field.name) != getattr(anew, field.name)
            ]
        return found

    async def recompute(self, *, now_ns: int) -> int:
        """Puts what counting gives in place of the kept statistics; returns how many there are. Raises NotQuiet."""
        counted, kept = await self._quietly(now_ns)
        scopes = counted.keys() | kept.keys()
        for scope in sorted(scopes):
            stored = kept.get(scope, StoredStatistics(scope))
            totals = counted.get(scope, Totals())
            if not await self._statistics.replace_totals(stored, totals, now_ns=now_ns):
                raise NotQuiet(f"{scope} changed meanwhile: run it again")
        return len(scopes)

    async def _quietly(self, now_ns: int) -> tuple[Mapping[str, Totals], Mapping[str, StoredStatistics]]:
        for _ in range(TRIES):
            while await self._statistics.fold(now_ns=now_ns):
                pass
            before = await self._statistics.version(WHOLE_MESH)
            counted = await self._count(utc_day(now_ns))
            kept = await self._statistics.kept()
            # Every change of a media leaves it uncounted, or was folded.
            if await self._statistics.version(WHOLE_MESH) == before and not await self._statistics.has_uncounted():
                return counted, kept
            await asyncio.sleep(0.1)
        raise NotQuiet("media change while they are counted: try again when less is uploaded and processed")

    async def _count(self, today: str) -> dict[str, Totals]:
        pages: dict[str, list[Contribution]] = {}
        counted: dict[str, Totals] = {WHOLE_MESH: Totals()}
        async for media in self._every_media():
            contribution = media.contribution()
            for scope in (WHOLE_MESH, scope_of(media.owner)):
                page = pages.setdefault(scope, [])
                page.append(contribution)
                if len(page) == READ_AT_ONCE:
                    _add(counted, scope, page, today)
                    page.clear()
        for scope, page in pages.items():
            _add(counted, scope, page, today)
        return counted

    async def _every_media(self) -> AsyncIterator[Media]:
        index = MEDIA.index("by_state")
        for state in MediaState:
            after = None
            while page := await self._catalog.find(MEDIA, index.name, (state.value,), after=after, limit=READ_AT_ONCE):
                for document in page:
                    yield from_document(Media, document)
                after = position(index, page[-1])


def _add(counted: dict[str, Totals], scope: str, page: list[Contribution], today: str) -> None:
    changes = ((NOTHING, contribution) for contribution in page)
    counted[scope] = totals_after(counted.get(scope, Totals()), changes, today)
