from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import media_pb2, object_pb2
from dropmesh.v1.ingest_service_pb2 import (
    CancelMediaRequest,
    DeleteMediaRequest,
    ProcessMediaRequest,
    UpdateMediaRequest,
)

from services.common.base.errors import DropmeshError
from services.common.media.anonymize.messages import to_options
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.detected_objects import DetectedObject
from services.common.media.transitions import Findings
from services.common.media.vocabulary import Box, ObjectClass, TrackPoint
from services.ingest.media.changes import MediaChanges
from services.ingest.media.files import FileOptions
from tests.integration.common.media.test_work import begun, claimed, finish
from tests.support.calls import BOB, call_of
from tests.support.media_mesh import MediaMesh, photo

BOXES = [Box(0, 0, 1, 1), Box(2, 2, 4, 4)]
TRACKED = DetectedObject(7, ObjectClass.PERSON, 0.9, BOXES[1], (TrackPoint(0, BOXES[0]), TrackPoint(40, BOXES[1])))
SOLID = object_pb2.AnonymizeOptions(mode=object_pb2.AnonymizeOptions.SOLID)


@pytest.fixture
def changes(mesh: MediaMesh) -> MediaChanges:
    return MediaChanges(
        mesh.media, mesh.found, mesh.cleaning, mesh.outbox, purge_after=timedelta(days=30), now_ns=mesh.clock
    )


async def uploaded(mesh: MediaMesh, text: str = "one") -> str:
    return f"media/{(await mesh.upload(photo(text))).media.id}"


async def refused(awaited: object) -> str:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_deleting_takes_the_bytes_and_keeps_the_record(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    media = await begun(mesh, name.removeprefix("media/"))
    assert await finish(mesh, media, b"covered")
    deleted = await changes.DeleteMedia(DeleteMediaRequest(name=name), call_of())
    assert deleted.state == media_pb2.Media.DELETED
    assert deleted.purge_time.seconds - deleted.delete_time.seconds == 30 * 86_400
    assert await mesh.stored_keys() == []
    assert (await mesh.found.list(media.id, media.run))[0] == []
    again = await changes.DeleteMedia(DeleteMediaRequest(name=name, etag='"1"'), call_of())
    assert again == deleted


async def test_bytes_that_another_shares_stay_for_it(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    bobs = await mesh.upload(photo("one"), "bob")
    await changes.DeleteMedia(DeleteMediaRequest(name=name), call_of())
    assert await mesh.stored_keys() == [bobs.media.original.object_key]
    await changes.DeleteMedia(DeleteMediaRequest(name=f"media/{bobs.media.id}"), call_of(BOB))
    assert await mesh.stored_keys() == []


async def test_what_is_anothers_is_not_found(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    assert await refused(changes.DeleteMedia(DeleteMediaRequest(name=name), call_of(BOB))) == "MEDIA_NOT_FOUND"
    assert await refused(changes.ProcessMedia(ProcessMediaRequest(name=name), call_of(BOB))) == "MEDIA_NOT_FOUND"
    assert await refused(changes.CancelMedia(CancelMediaRequest(name=name), call_of(BOB))) == "MEDIA_NOT_FOUND"


async def test_an_old_etag_changes_nothing(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    await begun(mesh, name.removeprefix("media/"))
    request = ProcessMediaRequest(name=name, etag='"1"')
    assert await refused(changes.ProcessMedia(request, call_of())) == "ETAG_MISMATCH"
    assert await refused(changes.DeleteMedia(DeleteMediaRequest(name=name, etag='"1"'), call_of())) == "ETAG_MISMATCH"


async def test_housekeeping_leaves_the_etag(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    await mesh.sweep_all()
    await mesh.statistics.fold(now_ns=mesh.clock())
    changed = await changes.ProcessMedia(ProcessMediaRequest(name=name, etag='"1"'), call_of())
    assert changed.etag == '"2"'


async def test_cancelled_work_is_not_failed_and_can_be_done_anew(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    media = await begun(mesh, name.removeprefix("media/"))
    cancelled = await changes.CancelMedia(CancelMediaRequest(name=name), call_of())
    assert cancelled.state == media_pb2.Media.CANCELLED
    assert not cancelled.processing.HasField("error")
    assert not await mesh.work.is_current(media.id, media.run)
    assert await refused(changes.CancelMedia(CancelMediaRequest(name=name), call_of())) == "MEDIA_NOT_PROCESSING"
    await changes.ProcessMedia(ProcessMediaRequest(name=name), call_of())
    await mesh.outbox.publish_waiting()
    assert await mesh.queued() == [media.id]


async def test_a_deleted_media_is_past_changing(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    await changes.DeleteMedia(DeleteMediaRequest(name=name), call_of())
    assert await refused(changes.ProcessMedia(ProcessMediaRequest(name=name), call_of())) == "MEDIA_DELETED"
    assert await refused(changes.CancelMedia(CancelMediaRequest(name=name), call_of())) == "MEDIA_DELETED"


async def test_objects_left_out_are_known_by_their_place(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    media = await begun(mesh, name.removeprefix("media/"))
    await mesh.found.write(media.id, media.run, [TRACKED])
    content = await claimed(mesh, media, b"covered")
    await mesh.work.finish(media.id, media.run, content, Findings({"person": 1}), now_ns=mesh.clock())
    changed = await changes.ProcessMedia(ProcessMediaRequest(name=name, exclude_objects=[7]), call_of())
    assert list(changed.anonymize.exclude_objects) == [7]
    assert changed.anonymized.sha256 == content.sha256
    stored = await mesh.media.find(media.id)
    assert stored is not None
    (excluded,) = stored.anonymize.excluded
    assert (excluded.object_class, excluded.box, excluded.time_ns) == (ObjectClass.PERSON, BOXES[1], 40)
    request = ProcessMediaRequest(name=name, exclude_objects=[8])
    assert await refused(changes.ProcessMedia(request, call_of())) == "OBJECT_NOT_FOUND"
    # The options that the mesh shows name them too, and cannot exclude anything by themselves.
    request = ProcessMediaRequest(name=name, anonymize=changed.anonymize)
    assert await refused(changes.ProcessMedia(request, call_of())) == "INVALID_FIELD"


async def test_who_came_back_is_left_out_by_one_of_his_tracks_where_that_is_asked_for(
    mesh: MediaMesh, changes: MediaChanges
) -> None:
    name = await uploaded(mesh)
    media = await begun(mesh, name.removeprefix("media/"))
    tracks = [
        replace(TRACKED, number=1, linked=(3,)),
        replace(TRACKED, number=2),
        replace(TRACKED, number=3, linked=(1,)),
    ]
    await mesh.found.write(media.id, media.run, tracks)
    content = await claimed(mesh, media, b"covered")
    await mesh.work.finish(media.id, media.run, content, Findings({"person": 3}), now_ns=mesh.clock())

    async def left_out(**fields: object) -> list[int]:
        request = ProcessMediaRequest(name=name, **fields)  # type: ignore[arg-type]
        return list((await changes.ProcessMedia(request, call_of())).anonymize.exclude_objects)

    assert await left_out(exclude_objects=[3]) == [3]
    assert await left_out() == [3]
    assert await left_out(exclude_objects=[3, 3, 2], exclude_linked=True) == [3, 2, 1]
    assert await left_out(anonymize=SOLID) == []
    assert await left_out(anonymize=SOLID, exclude_objects=[1], exclude_linked=True) == [1, 3]


async def test_new_options_replace_those_that_make_a_duplicate(mesh: MediaMesh, changes: MediaChanges) -> None:
    first = await mesh.upload(photo("one"))
    name = f"media/{first.media.id}"
    changed = await changes.ProcessMedia(ProcessMediaRequest(name=name, anonymize=SOLID), call_of())
    assert changed.anonymize.mode == object_pb2.AnonymizeOptions.SOLID
    solid = await mesh.upload(photo("one"), options=FileOptions(to_options(SOLID)))
    assert (solid.duplicate, solid.media.id) == (True, first.media.id)
    blurred = await mesh.upload(photo("one"))
    assert (blurred.duplicate, blurred.media.id == first.media.id) == (False, False)


async def test_options_that_another_media_has_are_refused(mesh: MediaMesh, changes: MediaChanges) -> None:
    blurred = await mesh.upload(photo("one"))
    solid = await mesh.upload(photo("one"), options=FileOptions(to_options(SOLID)))
    name = f"media/{blurred.media.id}"
    request = ProcessMediaRequest(name=name, anonymize=SOLID)
    with pytest.raises(DropmeshError) as caught:
        await changes.ProcessMedia(request, call_of())
    assert reasons.ErrorReason.Name(caught.value.reason) == "MEDIA_EXISTS"
    assert caught.value.metadata == {"name": f"media/{solid.media.id}"}
    left = await mesh.media.find(blurred.media.id)
    assert left is not None
    assert (left.revision, left.anonymize) == (1, AnonymizeOptions())
    # Once the other is deleted, its place is free.
    await changes.DeleteMedia(DeleteMediaRequest(name=f"media/{solid.media.id}"), call_of())
    changed = await changes.ProcessMedia(request, call_of())
    assert changed.anonymize.mode == object_pb2.AnonymizeOptions.SOLID


ID = "6f0a3f0e-8f5b-4d5c-9a55-0b8c1c3d2e1f"


async def test_a_repeated_process_with_an_etag_gives_the_first_answer(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    first = await changes.ProcessMedia(ProcessMediaRequest(name=name, etag='"1"', request_id=ID), call_of())
    again = await changes.ProcessMedia(ProcessMediaRequest(name=name, etag='"1"', request_id=ID.upper()), call_of())
    assert again == first
    other = ProcessMediaRequest(
        name=name, request_id=ID, anonymize=object_pb2.AnonymizeOptions(sound=object_pb2.AnonymizeOptions.DROP)
    )
    assert await refused(changes.ProcessMedia(other, call_of())) == "REQUEST_ID_REUSED"


async def test_a_repeated_cancellation_is_one(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    first = await changes.CancelMedia(CancelMediaRequest(name=name, request_id=ID), call_of())
    assert await changes.CancelMedia(CancelMediaRequest(name=name, request_id=ID), call_of()) == first
    assert await refused(changes.CancelMedia(CancelMediaRequest(name=name), call_of())) == "MEDIA_NOT_PROCESSING"


async def test_an_update_changes_what_its_mask_names(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    labels = {"site": "berlin", "line": "3"}
    named = await changes.UpdateMedia(UpdateMediaRequest(name=name, filename="a/pump.jpg", labels=labels), call_of())
    assert (named.filename, dict(named.labels), named.etag) == ("pump.jpg", labels, '"2"')
    only = UpdateMediaRequest(name=name, filename="other.jpg")
    only.update_mask.paths.append("labels")
    cleared = await changes.UpdateMedia(only, call_of())
    assert (cleared.filename, dict(cleared.labels)) == ("pump.jpg", {})
    empty = UpdateMediaRequest(name=name, filename="other.jpg", update_mask={})
    assert (await changes.UpdateMedia(empty, call_of())).filename == "other.jpg"


async def test_an_update_with_an_etag_may_be_repeated_but_not_another(mesh: MediaMesh, changes: MediaChanges) -> None:
    name = await uploaded(mesh)
    request = UpdateMediaRequest(name=name, labels={"site": "bern"}, etag='"1"')
    first = await changes.UpdateMedia(request, call_of())
    assert await changes.UpdateMedia(request, call_of()) == first
    other = UpdateMediaRequest(name=name, labels={"site": "basel"}, etag='"1"')
    assert await refused(changes.UpdateMedia(other, call_of())) == "ETAG_MISMATCH"
    assert await refused(changes.UpdateMedia(UpdateMediaRequest(name=name), call_of(BOB))) == "MEDIA_NOT_FOUND"
    await changes.DeleteMedia(DeleteMediaRequest(name=name), call_of())
    assert await refused(changes.UpdateMedia(other, call_of())) == "MEDIA_DELETED"
