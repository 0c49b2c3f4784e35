"""Statistics of media, kept as media change: exact under retries, crashes and concurrent folds.

A media says what it should count for (`contribution`), what was last counted of it (`counted`), and whether the two
may differ (`uncounted_since_ns`). Folding takes some uncounted media, and for the statistics of each of their owners
and of the whole mesh:
1. reads the document of the statistics, then the media, in this order;
2. adds for each media the difference of its contribution and what the document holds of it: its entry in the
   document's `pending` where there is one, else its `counted`;
3. replaces the document, unless another process did since 1, with these contributions as its new `pending`. Entries
   of the old one stay until their media says the same;
and at the end says in each media what was counted of it, where the media did not change since.

None of it is durable at once: what a power cut undoes is folded again.

So a crash or another folder at any point loses nothing and counts nothing twice: until a media says itself that it was
counted, the document's `pending` says so, and a stale view of a media is never written, since the document was read
before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from services.common.base.instants import utc_day
from services.common.catalog import Catalog, Collection, Document, Index, Insert, Replace, position
from services.common.catalog.documents import from_document, to_document
from services.common.media.model import Contribution, Media
from services.common.media.store import MEDIA, media_document

STATISTICS = Collection("statistics", (Index("by_update_time", ("update_time_ns",)),))
WHOLE_MESH = "mesh"
DAYS_KEPT = 400
CAMERAS_MOST = 5000
"""Camera models are what uploaders say they are: beyond this many of one owner, another is not counted."""
FOLDED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts. Entries of 0 or less are left out."""

    states: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    days: Mapping[str, int] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)
    # Pairs, since a camera's name may hold what no key may.
    cameras: tuple[tuple[str, int], ...] = ()
    storage_bytes: int = 0
    duplicates: int = 0
    duplicate_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StoredStatistics:
    """The statistics of an owner, or of the whole mesh."""

    id: str
    totals: Totals = Totals()
    pending: Mapping[str, Contribution] = field(default_factory=dict)
    update_time_ns: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """The totals at some instant; `is_folded` where they are those of the stored version, and nothing waits."""

    totals: Totals
    update_time_ns: int
    version: int
    is_folded: bool


def scope_of(owner: str | None) -> str:
    """The document of an owner's statistics, or of the whole mesh's."""
    return WHOLE_MESH if owner is None else f"owner:{owner}"


def totals_after(totals: Totals, changes: Iterable[tuple[Contribution, Contribution]], today: str) -> Totals:
    """Totals after some media changed what they contribute, each from the first to the second."""
    cameras = dict(totals.cameras)
    known = set(cameras)
    counts = {name: dict(getattr(totals, name)) for name in ("states", "formats", "days", "objects")}
    storage_bytes, duplicates, duplicate_bytes = totals.storage_bytes, totals.duplicates, totals.duplicate_bytes
    for before, after in changes:
        for sign, contribution in ((-1, before), (1, after)):
            _add(counts["states"], contribution.state, sign)
            _add(counts["formats"], contribution.format, sign)
            _add(counts["days"], contribution.day, sign)
            for name, count in contribution.objects.items():
                _add(counts["objects"], name, sign * count)
            if contribution.camera in known or len(known) < CAMERAS_MOST:
                _add(cameras, contribution.camera, sign)
                known.update([contribution.camera] if contribution.camera else [])
            storage_bytes += sign * contribution.storage_bytes
            duplicates += sign * contribution.duplicates
            duplicate_bytes += sign * contribution.duplicate_bytes
    oldest = (date.fromisoformat(today) - timedelta(days=DAYS_KEPT)).isoformat()
    counts["days"] = {day: count for day, count in counts["days"].items() if day >= oldest}
    return Totals(
        **{name: {key: count for key, count in held.items() if count > 0} for name, held in counts.items()},
        cameras=tuple(sorted((name, count) for name, count in cameras.items() if count > 0)),
        storage_bytes=storage_bytes,
        duplicates=duplicates,
        duplicate_bytes=duplicate_bytes,
    )


def _add(counts: dict[str, int], name: str | None, amount: int) -> None:
    if name is not None:
        counts[name] = counts.get(name, 0) + amount


class StatisticsStore:
    """The statistics of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def read(self, owner: str | None, *, now_ns: int, fresh_most: int = 200) -> Reading:
        """The totals of an owner (None: of all), with what is not folded yet.

        Where more than `fresh_most` media wait to be folded, the answer lags behind by those.
        """
        scope = scope_of(owner)
        waiting = await self._uncounted(owner, fresh_most)
        # Later than the media: what had been folded by then is in it.
        stored = await self._get(scope)
        for _ in range(3):
            if not waiting:
                break
            # None of those that wait may have been folded between the two.
            before, waiting = stored, await self._uncounted(owner, fresh_most)
            stored = await self._get(scope)
            if stored.version == before.version:
                break
        else:
            waiting = []
        changes = ((stored.pending.get(media.id, media.counted), media.contribution()) for media in waiting)
        totals = totals_after(stored.totals, changes, utc_day(now_ns))
        update_time_ns = max([stored.update_time_ns, *(media.update_time_ns for media in waiting)])
        return Reading(totals, update_time_ns, stored.version, is_folded=not waiting)

    async def fold(self, *, now_ns: int, limit: int = 500) -> list[Media]:
        """Counts up to `limit` uncounted media; returns those that there were."""
        waiting = await self._uncounted(None, limit)
        if not waiting:
            return []
        groups: dict[str, list[str]] = {WHOLE_MESH: [media.id for media in waiting]}
        for media in waiting:
            groups.setdefault(scope_of(media.owner), []).append(media.id)
        views: dict[str, Media] = {}
        differ: set[str] = set()
        scopes = list(groups)
        for start in range(0, len(scopes), FOLDED_AT_ONCE):
            some = scopes[start : start + FOLDED_AT_ONCE]
            for seen in await asyncio.gather(*(self._fold_into(scope, groups[scope], now_ns) for scope in some)):
                for media_id, media in seen.items():
                    if views.setdefault(media_id, media).version != media.version:
                        differ.add(media_id)
        await self._mark_counted([media for media in views.values() if media.id not in differ])
        return waiting

    async def has_uncounted(self) -> bool:
        """Whether some media waits to be folded."""
        return bool(await self._uncounted(None, 1))

    async def version(self, scope: str) -> int:
        """A number that changes with every folding into these statistics."""
        return (await self._get(scope)).version

    async def is_empty(self, owner: str) -> bool:
        """Whether statistics are kept for an owner, and count nothing."""
        stored = await self._get(scope_of(owner))
        return stored.version > 0 and stored.totals == Totals()

    async def forget_gone(self, *, now_ns: int) -> None:
        """Has the whole mesh's statistics name no media that is gone."""
        stored = await self._get(WHOLE_MESH)
        if stored.pending.keys() - (await self._media(list(stored.pending))).keys():
            await self._fold_into(WHOLE_MESH, (), now_ns)

    async def kept(self) -> dict[str, StoredStatistics]:
        """All that is kept, as it was folded."""
        index = STATISTICS.index("by_update_time")
        kept: dict[str, StoredStatistics] = {}
        after = None
        while page := await self._catalog.find(STATISTICS, index.name, after=after):
            kept.update((document["_id"], from_document(StoredStatistics, document)) for document in page)
            after = position(index, page[-1])
        return kept

    async def replace_totals(self, kept: StoredStatistics, totals: Totals, *, now_ns: int) -> bool:
        """Puts other totals in place of those that were read; False when something was folded since."""
        return await self._write(kept, replace(kept, totals=totals, pending={}, update_time_ns=now_ns))

    async def _fold_into(self, scope: str, media_ids: Sequence[str], now_ns: int) -> dict[str, Media]:
        """Folds media into one document; returns them as they were seen."""
        while True:
            stored = await self._get(scope)
            wanted = list(dict.fromkeys([*media_ids, *stored.pending]))
            found = await self._media(wanted)
            # What was folded and is not said by the media yet is carried on; what is gone was counted as nothing.
            carried = [
                media_id
                for media_id, contribution in stored.pending.items()
                if media_id in found and found[media_id].counted != contribution
            ]
            folded = {media_id: found[media_id] for media_id in (*media_ids, *carried) if media_id in found}
            changes = [
                (stored.pending.get(media_id, media.counted), media.contribution())
                for media_id, media in folded.items()
            ]
            after = replace(
                stored,
                totals=totals_after(stored.totals, changes, utc_day(now_ns)),
                pending={media_id: media.contribution() for media_id, media in folded.items()},
                update_time_ns=max(now_ns, stored.update_time_ns),
            )
            if await self._write(stored, after, durable=False):
                return {media_id: folded[media_id] for media_id in media_ids if media_id in folded}

    async def _mark_counted(self, seen: Sequence[Media]) -> None:
        marks = [
            Replace(
                MEDIA,
                media_document(replace(media, counted=media.contribution(), uncounted_since_ns=None)),
                media.version,
            )
            for media in seen
        ]
        await self._catalog.batch(marks, durable=False)

    async def _get(self, scope: str) -> StoredStatistics:
        document = await self._catalog.get(STATISTICS, scope)
        return StoredStatistics(scope) if document is None else from_document(StoredStatistics, document)

    async def _write(self, before: StoredStatistics, after: StoredStatistics, *, durable: bool = True) -> bool:
        document: Document = to_document(after)
        operation: Any = (
            Replace(STATISTICS, document, before.version) if before.version else Insert(STATISTICS, document)
        )
        (outcome,) = await self._catalog.batch([operation], durable=durable)
        return outcome.applied

    async def _uncounted(self, owner: str | None, limit: int) -> list[Media]:
        if owner is None:
            documents = await self._catalog.find(MEDIA, "uncounted", limit=limit)
        else:
            documents = await self._catalog.find(MEDIA, "by_owner_uncounted", (owner,), limit=limit)
        return [from_document(Media, document) for document in documents]

    async def _media(self, media_ids: Sequence[str]) -> dict[str, Media]:
        documents = await self._catalog.get_many(MEDIA, media_ids)
        return {media_id: from_document(Media, document) for media_id, document in documents.items()}
