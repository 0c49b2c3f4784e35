from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, cast

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError
from services.common.catalog import Catalog, Collection, Operation, Outcome
from services.common.contents.store import CONTENTS, Contents, StoredContent
from services.common.invites.store import INVITES, Invite, Invites
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.listing.filters import MediaFilter
from services.common.media.store import MediaStore
from services.common.media.transitions import delete
from services.common.media.vocabulary import MediaState, Mode
from services.common.rpc.identity import Caller, Scope
from services.common.statistics.store import StatisticsStore
from services.ingest.media.files import FileOptions, IncomingFile
from services.ingest.media.inspection import MediaInspection
from services.ingest.media.storing import Destination, MediaStoring
from tests.support.media_mesh import DAMAGED, START_NS, Clock, MediaMesh, Readings, Stores, chunks, photo, read_all
from tests.support.mortal import Killed, Life, MortalCatalog

ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
HOUR_NS = 3600 * 10**9


def invite_of(mesh: MediaMesh, max_uploads: int = 0) -> Invite:
    return Invite("inv", "ann", "", b"", mesh.clock(), mesh.clock() + HOUR_NS, max_uploads)


async def refusal(mesh: MediaMesh, data: bytes, options: FileOptions | None = None) -> str:
    with pytest.raises(DropmeshError) as caught:
        await mesh.upload(data, options=options)
    return reasons.ErrorReason.Name(caught.value.reason)


@pytest.mark.parametrize("size_bytes", [100, 2 * 1024 * 1024, 5_000_000])
async def test_a_file_becomes_a_media_with_its_bytes(mesh: MediaMesh, size_bytes: int) -> None:
    data = photo("one", size_bytes)
    stored = await mesh.upload(data, options=FileOptions(filename="../beach.jpg"))
    found = await mesh.media.find(stored.media.id)
    assert found is not None
    assert (found.state, found.filename, stored.duplicate) == (MediaState.NEW, "beach.jpg", False)
    assert found.original.sha256 == hashlib.sha256(data).hexdigest()
    assert await read_all(mesh.objects, found.original.object_key) == data
    await mesh.outbox.publish_waiting()
    assert await mesh.queued() == [found.id]


async def test_the_same_content_again_is_the_same_media(mesh: MediaMesh) -> None:
    first = await mesh.upload(photo("one"))
    again = await mesh.upload(photo("one"))
    assert (again.duplicate, again.media.id) == (True, first.media.id)
    assert again.media.duplicate_count == 1
    assert len(await mesh.stored_keys()) == 1


@pytest.mark.parametrize("size_bytes", [100, 2_000_000])
async def test_uploads_of_one_new_file_at_once_all_succeed_and_store_one_object(
    mesh: MediaMesh, size_bytes: int
) -> None:
    stored = await asyncio.gather(*(mesh.upload(photo("one", size_bytes)) for _ in range(20)))
    assert len({entry.media.id for entry in stored}) == 1
    assert sum(not entry.duplicate for entry in stored) == 1
    found = await mesh.media.find(stored[0].media.id)
    assert found is not None
    assert found.duplicate_count == 19
    assert await mesh.stored_keys() == [found.original.object_key]
    content = await mesh.contents.get(found.original.sha256)
    assert content is not None
    assert [holder.media for holder in content.holders] == [found.id]


SOLID = FileOptions(AnonymizeOptions(mode=Mode.SOLID))


async def test_the_same_content_with_other_options_is_another_media_over_the_same_bytes(mesh: MediaMesh) -> None:
    blurred = await mesh.upload(photo("one"))
    solid = await mesh.upload(photo("one"), options=SOLID)
    assert not solid.duplicate
    assert (solid.media.anonymize.mode, blurred.media.anonymize.mode) == (Mode.SOLID, Mode.GRADIENT)
    again = await mesh.upload(photo("one"), options=SOLID)
    assert (again.duplicate, again.media.id, again.media.duplicate_count) == (True, solid.media.id, 1)
    assert await mesh.stored_keys() == [solid.media.original.object_key]
    totals = (await mesh.statistics.read("ann", now_ns=mesh.clock())).totals
    assert (totals.states, totals.duplicates) == ({"new": 2}, 1)


async def test_bytes_stay_until_the_last_media_with_any_options_is_deleted(mesh: MediaMesh) -> None:
    stored = [await mesh.upload(photo("one"), options=options) for options in (FileOptions(), SOLID)]
    for left, entry in enumerate(reversed(stored)):
        deleted = await mesh.media.change(
            entry.media.id, lambda media: delete(media, now_ns=mesh.clock(), purge_after_ns=HOUR_NS)
        )
        assert deleted is not None
        await mesh.cleaning.clean(deleted)
        await mesh.sweep_all()
        assert len(await mesh.stored_keys()) == 1 - left


async def test_uploads_of_new_bytes_at_once_each_get_the_options_they_asked_for(mesh: MediaMesh) -> None:
    margins = [0.1, 0.2, 0.3, 0.4] * 5
    stored = await asyncio.gather(
        *(mesh.upload(photo("one"), options=FileOptions(AnonymizeOptions(margin=margin))) for margin in margins)
    )
    assert [entry.media.anonymize.margin for entry in stored] == margins
    assert len({entry.media.id for entry in stored}) == 4
    assert sum(entry.duplicate for entry in stored) == 16
    await mesh.sweep_all()
    assert len(await mesh.stored_keys()) == 1


async def test_another_owner_has_a_media_of_its_own_over_the_same_bytes(mesh: MediaMesh) -> None:
    anns = await mesh.upload(photo("one"), "ann")
    bobs = await mesh.upload(photo("one"), "bob")
    assert not bobs.duplicate
    assert anns.media.id != bobs.media.id
    assert await mesh.stored_keys() == [anns.media.original.object_key]


class Unaware(Contents):
    """Looked for the bytes a moment before somebody else stored them."""

    async def get(self, sha256: str) -> StoredContent | None:
        return None


class CountedAtOnce:
    """A catalog beside which a processor counts media as soon as they are stored."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    async def batch(self, operations: Sequence[Operation], *, durable: bool = True) -> list[Outcome]:
        outcomes = await self._catalog.batch(operations)
        await StatisticsStore(self._catalog).fold(now_ns=START_NS)
        return outcomes


async def test_owners_who_store_the_same_bytes_at_the_same_moment_share_them(mesh: MediaMesh) -> None:
    data = photo("one", 100)
    first = await mesh.upload(data, "ann")
    media = MediaStore(cast(Catalog, CountedAtOnce(mesh.catalog)))
    contents = Unaware(mesh.catalog, mesh.objects)
    inspection = cast(MediaInspection, Readings())
    storing = MediaStoring(
        mesh.objects, contents, media, mesh.invites, inspection, mesh.outbox, mesh.limits, mesh.clock
    )
    second = await storing.store(IncomingFile(FileOptions(), chunks(data)), Destination("bob"))
    found = await mesh.media.find(second.media.id)
    assert found is not None
    assert await read_all(mesh.objects, found.original.object_key) == data
    await mesh.sweep_all()
    assert await mesh.stored_keys() == [first.media.original.object_key]
    await mesh.contents.release(found.original.sha256, first.media.original.holder)
    assert await mesh.stored_keys() == [first.media.original.object_key]


async def test_what_is_refused_leaves_nothing(mesh: MediaMesh) -> None:
    assert await refusal(mesh, b"") == "MEDIA_EMPTY"
    assert await refusal(mesh, b"%PDF-1.7") == "MEDIA_TYPE_UNSUPPORTED"
    assert await refusal(mesh, DAMAGED) == "MEDIA_UNREADABLE"
    assert await refusal(mesh, photo("huge", 8_000_001)) == "MEDIA_TOO_LARGE"
    assert await refusal(mesh, photo("one"), FileOptions(sha256="0" * 64)) == "SHA256_MISMATCH"
    assert await mesh.stored_keys() == []
    assert await mesh.stores.objects.sweep(mesh.sweep._settings.upload_lifetime * 0) == 0


async def test_a_sender_who_hangs_up_leaves_nothing(mesh: MediaMesh) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield photo("one", 4_500_000)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await mesh.storing.store(IncomingFile(FileOptions(), cut()), Destination("ann"))
    assert await mesh.stored_keys() == []
    assert await mesh.stores.objects.sweep(mesh.sweep._settings.upload_lifetime * 0) == 0


async def test_a_one_use_invite_takes_one_of_fifty_at_once(mesh: MediaMesh) -> None:
    invite = invite_of(mesh, max_uploads=1)
    await mesh.invites.insert(invite)
    answers = await asyncio.gather(
        *(mesh.upload(photo(str(number)), invite=invite) for number in range(50)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, DropmeshError)]
    assert len(refused) == 49
    assert {answer.reason for answer in refused} == {reasons.INVITE_USED_UP}
    assert len(await mesh.stored_keys()) == 1


async def test_an_invite_counts_what_was_stored_alone(mesh: MediaMesh) -> None:
    invite = invite_of(mesh, max_uploads=2)
    await mesh.invites.insert(invite)
    for data in (photo("one"), photo("one"), DAMAGED, b"text"):
        try:
            await mesh.upload(data, invite=invite)
        except DropmeshError as error:
            assert error.reason in (reasons.MEDIA_UNREADABLE, reasons.MEDIA_TYPE_UNSUPPORTED)
    document = await mesh.catalog.get(INVITES, "inv")
    assert document is not None
    assert document["upload_count"] == 1


async def process_dies(stores: Stores, clock: Clock, steps: int, data: bytes) -> bool:
    """Uploads until the process dies; whether the upload was acknowledged."""
    mesh = MediaMesh(stores, clock, Life(steps))
    invite = invite_of(mesh, max_uploads=1)
    try:
        await mesh.upload(data, invite=invite)
    except Killed:
        return False
    with suppress(Killed):
        await mesh.outbox.publish_waiting()
    return True


@pytest.mark.parametrize("size_bytes", [1000, 2_500_000])
@pytest.mark.parametrize("steps", range(21))
async def test_killed_anywhere_what_was_acknowledged_is_there_and_the_rest_is_gone(
    stores: Stores, clock: Clock, steps: int, size_bytes: int
) -> None:
    data = photo("one", size_bytes)
    mesh = MediaMesh(stores, clock)
    invite = invite_of(mesh, max_uploads=1)
    await mesh.invites.insert(invite)
    acknowledged = await process_dies(stores, clock, steps, data)
    await mesh.sweep_all()
    media = await mesh.media.find_by_content("ann", hashlib.sha256(data).hexdigest())
    assert media is not None or not acknowledged
    assert await mesh.stored_keys() == ([] if media is None else [media.original.object_key])
    assert await mesh.queued() == ([] if media is None else [media.id])
    left = await mesh.catalog.get(INVITES, "inv")
    assert left is not None
    assert left["reservations"] == []
    assert left["upload_count"] == (media is not None)


async def test_owners_who_store_the_same_new_bytes_at_once_share_one_object(mesh: MediaMesh) -> None:
    owners = [f"owner{number}" for number in range(20)]
    stored = await asyncio.gather(*(mesh.upload(photo("one"), owner) for owner in owners))
    assert [entry.duplicate for entry in stored] == [False] * 20
    found = [await mesh.media.find(entry.media.id) for entry in stored]
    assert len({media.original.object_key for media in found if media is not None}) == 1
    content = await mesh.contents.get(hashlib.sha256(photo("one")).hexdigest())
    assert content is not None
    assert {holder.media for holder in content.holders} == {entry.media.id for entry in stored}
    assert await mesh.stored_keys() == [content.object_key]
    assert len((await mesh.lists.page(ADMIN, MediaFilter(), after=None, limit=100)).media) == 20


class Behind(MortalCatalog):
    """A catalog in which somebody else claims the same bytes between the look and the write."""

    def __init__(self, mesh: MediaMesh, life: Life) -> None:
        super().__init__(mesh.stores.catalog, life)
        self._mesh = mesh

    async def get(self, collection: Collection, key: str) -> Any:
        found = await super().get(collection, key)
        if collection is CONTENTS and found is None:
            await self._mesh.upload(photo("one"), "bob")
        return found


@pytest.mark.parametrize("steps", range(20))
async def test_killed_while_another_owner_is_faster_nothing_is_lost(stores: Stores, clock: Clock, steps: int) -> None:
    life = Life(steps)
    mesh, dying = MediaMesh(stores, clock), MediaMesh(stores, clock, life)
    catalog = cast(Catalog, Behind(mesh, life))
    dying.storing = MediaStoring(
        dying.objects,
        Contents(catalog, dying.objects),
        MediaStore(catalog),
        Invites(catalog),
        cast(MediaInspection, Readings()),
        dying.outbox,
        dying.limits,
        clock,
    )
    with suppress(Killed):
        await dying.upload(photo("one"), "ann")
    await mesh.sweep_all()
    sha256 = hashlib.sha256(photo("one")).hexdigest()
    content = await mesh.contents.get(sha256)
    anns, bobs = [await mesh.media.find_by_content(owner, sha256) for owner in ("ann", "bob")]
    kept = [media for media in (anns, bobs) if media is not None]
    assert {media.original.object_key for media in kept} == set(await mesh.stored_keys())
    assert {holder.media for holder in (content.holders if content else ())} == {media.id for media in kept}
