"""Objects that a crash left behind: stored, and never claimed by a content."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.base.instants import SECOND_NS
from services.common.catalog import Catalog, Collection, Upsert
from services.common.catalog.documents import from_document, to_document
from services.common.contents.store import PREFIX, Contents, begun_ns, hour_prefix
from services.common.objects import Objects

HOUR_NS = 3600 * SECOND_NS
# An object's key holds the hour it was begun in; the slowest upload is committed within a day of that.
LATEST_COMMIT_HOURS = 25
SWEEPS = Collection("sweeps")
_KEY = "orphans"


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a job has come that looks at all objects, in several runs.

    The sweep of orphans has checked the objects of every hour before `hour`, and checks each once more a day later.
    `scripts/batch verify-objects` has one for each kind of objects; `after` is the position where it goes on, as JSON.
    """

    id: str
    hour: int = 0
    after: str = ""


class Orphans:
    """Looks at the objects of each hour until they are old enough, and once more a day later.

    How far it came is kept, so that no hour is left out however long nothing swept, and none is looked at for ever.
    """

    def __init__(self, catalog: Catalog, objects: Objects, contents: Contents) -> None:
        self._catalog = catalog
        self._objects = objects
        self._contents = contents

    async def sweep(self, *, now_ns: int, older_than_ns: int) -> int:
        """Deletes objects older than that which no content names; returns how many."""
        now = now_ns // HOUR_NS
        document = await self._catalog.get(SWEEPS, _KEY)
        start = await self._first_hour(now) if document is None else from_document(Sweep, document).hour
        hours = {*range(start, now + 1), *(hour - LATEST_COMMIT_HOURS for hour in range(start, now + 1))}
        deleted = 0
        for hour in sorted(hours):
            deleted += await self._sweep_hour(hour, now_ns - older_than_ns)
        # An hour is done once all that was begun in it is old enough.
        done = (now_ns - older_than_ns) // HOUR_NS
        if done > start or document is None:
            await self._catalog.batch([Upsert(SWEEPS, to_document(Sweep(_KEY, max(start, done))))])
        return deleted

    async def _first_hour(self, now: int) -> int:
        oldest = await self._objects.list(f"{PREFIX}/", limit=1)
        return min(now, begun_ns(oldest[0].key) // HOUR_NS) if oldest else now

    async def _sweep_hour(self, hour: int, before_ns: int) -> int:
        deleted = 0
        after = None
        while page := await self._objects.list(hour_prefix(hour * HOUR_NS), after=after):
            after = page[-1].key
            orphans = [
                info.key
                for info in page
                if info.modified_ns < before_ns and not await self._contents.is_named(info.key)
            ]
            await self._objects.delete(orphans)
            deleted += len(orphans)
        return deleted
