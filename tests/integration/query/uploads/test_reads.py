from __future__ import annotations

from dropmesh.v1 import upload_pb2
from dropmesh.v1.ingest_service_pb2 import CreateUploadRequest, DeleteUploadRequest
from dropmesh.v1.query_service_pb2 import ListUploadsRequest

from services.common.rpc.identity import Caller, Scope
from services.ingest.uploads.writes import UploadWrites
from services.query.uploads.reads import UploadReads
from tests.support.calls import ANN, BOB, call_of
from tests.support.media_mesh import MediaMesh

ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))


async def test_uploads_are_listed_newest_first_until_they_expire(each_mesh: MediaMesh) -> None:
    mesh = each_mesh
    writes = UploadWrites(
        mesh.uploads, mesh.objects, mesh.media, mesh.storing, mesh.limits, lifetime_ns=10**11, now_ns=mesh.clock
    )
    names = []
    for caller in (ANN, BOB, ANN, ANN, ANN):
        mesh.clock.advance(1)
        names.append((await writes.CreateUpload(CreateUploadRequest(), call_of(caller))).name)
    await writes.DeleteUpload(DeleteUploadRequest(name=names[3]), call_of())
    reads = UploadReads(mesh.uploads, mesh.clock)

    async def every(caller: Caller, **asked: object) -> list[str]:
        found, token = list[str](), ""
        while True:
            request = ListUploadsRequest(page_size=2, page_token=token, **asked)  # type: ignore[arg-type]
            page = await reads.ListUploads(request, call_of(caller))
            found += [upload.name for upload in page.uploads]
            token = page.next_page_token
            if not token:
                return found

    assert await every(ANN) == [names[4], names[2], names[0]]
    assert await every(ADMIN) == [names[4], names[2], names[1], names[0]]
    assert await every(ANN, state=upload_pb2.Upload.FINISHED) == []
    assert await every(BOB, state=upload_pb2.Upload.ACTIVE) == [names[1]]
    mesh.clock.advance(97)
    assert await every(ANN) == [names[4], names[2]]
