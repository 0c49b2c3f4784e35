"""The objects detected in a media, one document each, kept apart by the run that found them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Delete, Index, Position, Upsert, position
from services.common.catalog.documents import from_document, to_document
from services.common.media.vocabulary import Box, ObjectClass, TrackPoint

MEDIA_OBJECTS = Collection("media_objects", (Index("by_run", ("media_run", "number")),))
WRITTEN_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """One object: in an image a box, in a video a track; its number counts from 1 within the run."""

    number: int
    object_class: ObjectClass
    score: float
    box: Box
    track: tuple[TrackPoint, ...] = ()
    linked: tuple[int, ...] = ()
    """The numbers of the other tracks that are probably the same object."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A stored object, with the run of the media that found it."""

    id: str
    media_run: str
    number: int
    found: DetectedObject


class MediaObjects:
    """The detected objects of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def write(self, media_id: str, run: int, objects: Sequence[DetectedObject]) -> None:
        """Stores the objects that a run found, durable once its finish is; until then no reader sees them."""
        media_run = _media_run(media_id, run)
        for start in range(0, len(objects), WRITTEN_AT_ONCE):
            written = objects[start : start + WRITTEN_AT_ONCE]
            stored = (StoredObject(f"{media_run}/{found.number}", media_run, found.number, found) for found in written)
            await self._catalog.batch([Upsert(MEDIA_OBJECTS, to_document(entry)) for entry in stored], durable=False)

    async def list(
        self, media_id: str, run: int, *, after: Position | None = None, limit: int = 1000
    ) -> tuple[list[DetectedObject], Position | None]:
        """A page of what a run found, by number, and where the next page starts."""
        documents = await self._catalog.find(
            MEDIA_OBJECTS, "by_run", (_media_run(media_id, run),), after=after, limit=limit + 1
        )
        page = documents[:limit]
        end = position(MEDIA_OBJECTS.index("by_run"), page[-1]) if len(documents) > limit else None
        return [from_document(StoredObject, document).found for document in page], end

    async def get_many(self, media_id: str, run: int, numbers: Sequence[int]) -> dict[int, DetectedObject]:
        """Those of these objects that a run found, by number."""
        media_run = _media_run(media_id, run)
        found = await self._catalog.get_many(MEDIA_OBJECTS, [f"{media_run}/{number}" for number in numbers])
        return {document["number"]: from_document(StoredObject, document).found for document in found.values()}

    async def count(self, media_id: str, run: int) -> int:
        """How many objects a run found."""
        return await self._catalog.count(MEDIA_OBJECTS, "by_run", (_media_run(media_id, run),))

    async def delete(self, media_id: str, run: int) -> None:
        """Forgets what a run found."""
        while documents := await self._catalog.find(
            MEDIA_OBJECTS, "by_run", (_media_run(media_id, run),), limit=WRITTEN_AT_ONCE
        ):
            await self._catalog.batch([Delete(MEDIA_OBJECTS, document["_id"]) for document in documents])


def _media_run(media_id: str, run: int) -> str:
    return f"{media_id}/{run}"
