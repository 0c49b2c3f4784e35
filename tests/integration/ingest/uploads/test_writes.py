from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import upload_pb2
from dropmesh.v1.ingest_service_pb2 import (
    AppendUploadRequest,
    CreateUploadRequest,
    DeleteUploadRequest,
    FinishUploadRequest,
)
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError, FailedPrecondition
from services.common.media import transitions
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.vocabulary import Mode
from services.common.rpc.identity import Caller
from services.ingest.uploads.writes import UploadWrites
from tests.support.calls import ANN, BOB, call_of, stream
from tests.support.media_mesh import MediaMesh, photo, read_all

DATA = photo("one", 300_000)


@pytest.fixture
def writes(mesh: MediaMesh) -> UploadWrites:
    return UploadWrites(
        mesh.uploads, mesh.objects, mesh.media, mesh.storing, mesh.limits, lifetime_ns=10**12, now_ns=mesh.clock
    )


async def create(writes: UploadWrites, size_bytes: int = 0) -> str:
    upload = upload_pb2.Upload(filename="dir/beach.jpg", size_bytes=size_bytes)
    return (await writes.CreateUpload(CreateUploadRequest(upload=upload), call_of())).name


async def append(
    writes: UploadWrites, name: str, offset: int, *bodies: bytes, caller: Caller = ANN
) -> upload_pb2.Upload:
    messages = [AppendUploadRequest(name=name, offset=offset, body=HttpBody(data=body)) for body in bodies]
    return await writes.AppendUpload(stream(*messages), call_of(caller))


async def finish(writes: UploadWrites, name: str, sha256: str = "") -> tuple[str, bool]:
    answer = await writes.FinishUpload(FinishUploadRequest(name=name, sha256=sha256), call_of())
    return answer.results[0].media.name, answer.results[0].duplicate


async def reason(awaited: object) -> str:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_pieces_become_a_media(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)
    assert (await append(writes, name, 0, DATA[:1000], DATA[1000:5000])).committed_bytes == 5000
    assert (await append(writes, name, 5000, DATA[5000:])).committed_bytes == len(DATA)
    media_name, duplicate = await finish(writes, name)
    assert not duplicate
    media = await mesh.media.get(ANN, media_name.removeprefix("media/"))
    assert media.filename == "beach.jpg"
    assert await read_all(mesh.objects, media.original.object_key) == DATA
    assert await mesh.stored_keys() == [media.original.object_key]
    assert await finish(writes, name) == (media_name, False)
    assert await reason(append(writes, name, len(DATA), b"more")) == "UPLOAD_FINISHED"


async def test_a_wrong_offset_changes_nothing(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)
    await append(writes, name, 0, DATA[:1000])
    assert await reason(append(writes, name, 0, DATA[:1000])) == "UPLOAD_OFFSET_WRONG"
    assert await reason(append(writes, name, 1001, b"x")) == "UPLOAD_OFFSET_WRONG"
    assert len(await mesh.stored_keys()) == 1


async def test_of_many_appends_at_one_offset_one_is_taken(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)
    answers = await asyncio.gather(
        *(append(writes, name, 0, bytes([number]) * 10) for number in range(10)), return_exceptions=True
    )
    assert sum(isinstance(answer, DropmeshError) for answer in answers) == 9
    assert len(await mesh.stored_keys()) == 1


async def test_what_came_before_the_caller_hung_up_is_kept(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)

    async def cut() -> AsyncIterator[AppendUploadRequest]:
        yield AppendUploadRequest(name=name, body=HttpBody(data=DATA[:7000]))
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await writes.AppendUpload(cut(), call_of())
    upload = await mesh.uploads.get(ANN, name.removeprefix("uploads/"), now_ns=mesh.clock())
    assert upload.committed_bytes == 7000


async def test_no_more_than_was_announced_is_taken_and_no_less_is_finished(writes: UploadWrites) -> None:
    name = await create(writes, size_bytes=len(DATA))
    await append(writes, name, 0, DATA[:1000])
    with pytest.raises(FailedPrecondition) as refused:
        await finish(writes, name)
    assert refused.value.reason == reasons.UPLOAD_INCOMPLETE
    assert refused.value.metadata == {"committed_bytes": "1000", "size_bytes": str(len(DATA))}
    assert await reason(append(writes, name, 1000, DATA)) == "INVALID_FIELD"
    await append(writes, name, 1000, DATA[1000:])
    assert (await finish(writes, name))[0]


async def test_a_refused_finish_leaves_the_upload_as_it_was(writes: UploadWrites) -> None:
    name = await create(writes)
    assert await reason(finish(writes, name)) == "MEDIA_EMPTY"
    await append(writes, name, 0, DATA)
    assert await reason(finish(writes, name, "0" * 64)) == "SHA256_MISMATCH"
    assert (await finish(writes, name))[1] is False


async def test_content_that_the_owner_has_is_its_duplicate_however_often_it_is_finished(
    mesh: MediaMesh, writes: UploadWrites
) -> None:
    known = await mesh.upload(DATA)
    name = await create(writes)
    await append(writes, name, 0, DATA)
    assert await finish(writes, name) == (f"media/{known.media.id}", True)
    assert await finish(writes, name) == (f"media/{known.media.id}", True)
    media = await mesh.media.find(known.media.id)
    assert media is not None
    assert media.duplicate_count == 1


async def test_finished_twice_at_once_it_is_one_media(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)
    await append(writes, name, 0, DATA)
    first, second = await asyncio.gather(finish(writes, name), finish(writes, name))
    assert first == second
    assert first[1] is False
    await mesh.sweep_all()
    assert len(await mesh.stored_keys()) == 1


async def test_an_upload_belongs_to_its_owner(writes: UploadWrites) -> None:
    name = await create(writes)
    assert await reason(append(writes, name, 0, b"x", caller=BOB)) == "UPLOAD_NOT_FOUND"
    assert await reason(writes.DeleteUpload(DeleteUploadRequest(name=name), call_of(BOB))) == "UPLOAD_NOT_FOUND"
    await append(writes, name, 0, b"x")
    await writes.DeleteUpload(DeleteUploadRequest(name=name), call_of())
    assert await reason(append(writes, name, 1, b"x")) == "UPLOAD_NOT_FOUND"


async def test_an_upload_is_deleted_once_unless_a_missing_one_is_allowed(writes: UploadWrites) -> None:
    name = await create(writes)
    await writes.DeleteUpload(DeleteUploadRequest(name=name), call_of())
    assert await reason(writes.DeleteUpload(DeleteUploadRequest(name=name), call_of())) == "UPLOAD_NOT_FOUND"
    for missing in (name, "uploads/never-was"):
        await writes.DeleteUpload(DeleteUploadRequest(name=missing, allow_missing=True), call_of())


async def test_a_request_id_begins_one_upload(writes: UploadWrites) -> None:
    request = CreateUploadRequest(upload=upload_pb2.Upload(labels={"site": "bern"}), request_id=str(uuid.uuid4()))
    first = await writes.CreateUpload(request, call_of())
    assert dict(first.labels) == {"site": "bern"}
    await append(writes, first.name, 0, b"x")
    again = await writes.CreateUpload(request, call_of())
    assert (again.name, again.committed_bytes) == (first.name, 1)
    assert (await writes.CreateUpload(request, call_of(BOB))).name != first.name
    request.upload.filename = "other.jpg"
    assert await reason(writes.CreateUpload(request, call_of())) == "REQUEST_ID_REUSED"


async def test_an_expired_upload_says_so_and_is_swept(mesh: MediaMesh, writes: UploadWrites) -> None:
    name = await create(writes)
    await append(writes, name, 0, DATA)
    mesh.clock.advance(timedelta(seconds=1001).total_seconds())
    assert await reason(append(writes, name, len(DATA), b"x")) == "UPLOAD_EXPIRED"
    await mesh.sweep_all()
    assert await mesh.stored_keys() == []
    assert await reason(finish(writes, name)) == "UPLOAD_EXPIRED"
    mesh.clock.advance(2000)
    await mesh.sweep_all()
    assert await reason(finish(writes, name)) == "UPLOAD_NOT_FOUND"


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_finish_that_a_crash_cut_off_returns_its_media_whatever_became_of_it(
    mesh: MediaMesh, writes: UploadWrites, is_deleted: bool
) -> None:
    name = await create(writes)
    await append(writes, name, 0, DATA)
    upload = await mesh.uploads.get(ANN, name.removeprefix("uploads/"), now_ns=mesh.clock())
    # The media is stored, and the process dies before the upload says so.
    await mesh.upload(DATA, media_id=upload.media_id, upload=upload.id)
    changed = await mesh.media.change(
        upload.media_id,
        lambda media: (
            transitions.delete(media, now_ns=mesh.clock(), purge_after_ns=10**12)
            if is_deleted
            else transitions.process_again(media, AnonymizeOptions(mode=Mode.SOLID), now_ns=mesh.clock())
        ),
    )
    assert changed is not None
    if is_deleted:
        await mesh.cleaning.clean(changed)
    assert await finish(writes, name) == (f"media/{upload.media_id}", False)
    await mesh.sweep_all()
    assert len(await mesh.stored_keys()) == (0 if is_deleted else 1)
