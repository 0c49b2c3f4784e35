from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from dropmesh.v1.ingest_service_pb2 import BatchDeleteMediaRequest
from dropmesh.v1.query_service_pb2 import CheckHashesRequest, DownloadMediaRequest

from services.ingest.media.batch import MediaBatches
from services.ingest.media.changes import MediaChanges
from services.ingest.media.files import FileOptions
from services.query.media.archive import MediaArchives
from services.query.media.hashes import HashReads
from tests.integration.common.media.test_work import begun, finish
from tests.support.calls import BOB, call_of
from tests.support.media_mesh import MediaMesh, photo

DAY = timedelta(days=1)


@pytest.fixture
def changes(each_mesh: MediaMesh) -> MediaChanges:
    mesh = each_mesh
    return MediaChanges(mesh.media, mesh.found, mesh.cleaning, mesh.outbox, purge_after=DAY, now_ns=mesh.clock)


async def downloaded(mesh: MediaMesh, request: DownloadMediaRequest) -> tuple[zipfile.ZipFile, list[dict[str, object]]]:
    archives = MediaArchives(mesh.media, mesh.objects)
    bodies = [body async for body in archives.DownloadMedia(request, call_of())]
    assert bodies[0].content_type == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(body.data for body in bodies)))
    assert archive.testzip() is None
    return archive, json.loads(archive.read("manifest.json"))["media"]


async def test_an_archive_has_what_is_there_and_lists_what_is_not(each_mesh: MediaMesh, changes: MediaChanges) -> None:
    mesh = each_mesh
    options = FileOptions(filename="beach.jpg")
    first = (await mesh.upload(photo("one"), options=options)).media
    second = (await mesh.upload(photo("two"), options=options)).media
    bobs = (await mesh.upload(photo("three"), "bob")).media
    deleted = (await mesh.upload(photo("four"))).media
    await changes.delete(call_of().caller, deleted.id)
    lost = (await mesh.upload(photo("five"))).media
    await mesh.objects.delete([lost.original.object_key])
    names = [f"media/{media.id}" for media in (first, second, bobs, deleted, lost)]
    archive, manifest = await downloaded(
        mesh, DownloadMediaRequest(names=names, contents=DownloadMediaRequest.ORIGINAL)
    )
    assert archive.read("beach.jpg") == photo("one")
    assert archive.read("beach (2).jpg") == photo("two")
    assert [entry["name"] for entry in manifest] == names
    assert [entry.get("file") for entry in manifest] == ["beach.jpg", "beach (2).jpg", None, None, None]
    assert [entry.get("reason") for entry in manifest[2:]] == ["MEDIA_NOT_FOUND", "MEDIA_DELETED", "CONTENT_MISSING"]


async def test_without_a_word_the_anonymized_bytes_are_sent(mesh: MediaMesh) -> None:
    await mesh.upload(photo("one"), options=FileOptions(filename="beach.jpg"))
    waiting = (await mesh.upload(photo("two"))).media
    done = await mesh.media.newest_with("ann", waiting.original.sha256)
    assert done is not None
    media = await begun(mesh, done.id)
    assert await finish(mesh, media, b"covered")
    other = (await mesh.upload(photo("three"))).media
    archive, manifest = await downloaded(mesh, DownloadMediaRequest(names=[f"media/{done.id}", f"media/{other.id}"]))
    assert archive.read(str(manifest[0]["file"])) == b"covered"
    assert manifest[1]["reason"] == "MEDIA_NOT_PROCESSED"


async def test_many_are_deleted_each_for_itself(each_mesh: MediaMesh, changes: MediaChanges) -> None:
    stored = [(await each_mesh.upload(photo(f"{number}"))).media for number in range(20)]
    names = [*(f"media/{media.id}" for media in stored), "media/never-was"]
    request = BatchDeleteMediaRequest(names=names)
    for _ in range(2):
        results = (await MediaBatches(changes).BatchDeleteMedia(request, call_of())).results
        assert [result.name for result in results] == names
        assert [result.HasField("error") for result in results] == [False] * 20 + [True]
    assert await each_mesh.stored_keys() == []


async def test_hashes_are_those_of_the_callers_own_media(each_mesh: MediaMesh, changes: MediaChanges) -> None:
    mine = (await each_mesh.upload(photo("mine"))).media
    gone = (await each_mesh.upload(photo("gone"))).media
    await changes.delete(call_of().caller, gone.id)
    bobs = (await each_mesh.upload(photo("bobs"), "bob")).media
    hashes = [media.original.sha256 for media in (gone, mine, bobs)] + ["0" * 64] * 50
    asked = CheckHashesRequest(sha256=[sha256.upper() for sha256 in hashes])
    known = (await HashReads(each_mesh.media).CheckHashes(asked, call_of())).known
    assert [(found.sha256, found.media) for found in known] == [(mine.original.sha256, f"media/{mine.id}")]
    assert len((await HashReads(each_mesh.media).CheckHashes(asked, call_of(BOB))).known) == 1
