from __future__ import annotations

from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.query_service_pb2 import DownloadAnonymizedRequest, DownloadOriginalRequest

from services.common.base.errors import DropmeshError
from services.common.media.transitions import delete
from services.common.rpc.call import Call
from services.ingest.media.files import FileOptions
from services.query.media.downloads import Downloads
from tests.integration.common.media.test_work import begun, finish
from tests.support.calls import ANN, BOB, answered, call_of
from tests.support.media_mesh import MediaMesh, photo

DATA = photo("one", 2_500_000)
HEAD = {"x_envoy_original_method": "HEAD", "x_envoy_original_path": "/"}


class Presigning:
    """Objects that anyone can fetch elsewhere."""

    async def presign(self, key: str, **options: object) -> str:
        return f"https://elsewhere/{key}"


@pytest.fixture
def downloads(mesh: MediaMesh) -> Downloads:
    return Downloads(mesh.media, mesh.objects, presigned=None)


async def uploaded(mesh: MediaMesh) -> str:
    return f"media/{(await mesh.upload(DATA, options=FileOptions(filename='beach.jpeg'))).media.id}"


async def original(downloads: Downloads, name: str, call: Call, offset: int = 0, length: int = 0) -> bytes:
    request = DownloadOriginalRequest(name=name, offset=offset, length=length)
    return b"".join([body.data async for body in downloads.DownloadOriginal(request, call)])


async def refused(downloads: Downloads, name: str, call: Call) -> str:
    with pytest.raises(DropmeshError) as caught:
        await original(downloads, name, call)
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_the_bytes_come_back_with_what_a_browser_may_do(mesh: MediaMesh, downloads: Downloads) -> None:
    call = call_of()
    assert await original(downloads, await uploaded(mesh), call) == DATA
    headers = answered(call)
    assert headers["x-http-code"] == "200"
    assert headers["x-content-length"] == str(len(DATA))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == 'inline; filename="beach.jpeg"'


async def test_a_part_by_header_and_by_field(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    call = call_of(range="bytes=5-1500000")
    assert await original(downloads, name, call) == DATA[5:1_500_001]
    assert answered(call)["x-http-code"] == "206"
    assert answered(call)["content-range"] == f"bytes 5-1500000/{len(DATA)}"
    assert await original(downloads, name, call_of(), offset=7, length=3) == DATA[7:10]
    assert await original(downloads, name, call_of(), offset=7) == DATA[7:]
    assert await refused(downloads, name, call_of(range="bytes=9999999-")) == "RANGE_NOT_SATISFIABLE"


async def test_what_the_caller_has_is_not_sent_again(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    first = call_of()
    await original(downloads, name, first)
    again = call_of(if_none_match=answered(first)["etag"])
    assert await original(downloads, name, again) == b""
    assert answered(again)["x-http-code"] == "304"


async def test_a_head_has_every_header_and_no_body(mesh: MediaMesh, downloads: Downloads) -> None:
    call = call_of(ANN, **HEAD)
    assert await original(downloads, await uploaded(mesh), call) == b""
    assert answered(call)["x-content-length"] == str(len(DATA))


async def test_who_may_not_see_it_gets_nothing(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    assert await refused(downloads, name, call_of(BOB)) == "MEDIA_NOT_FOUND"
    media_id = name.removeprefix("media/")
    await mesh.media.change(media_id, lambda media: delete(media, now_ns=mesh.clock(), purge_after_ns=0))
    assert await refused(downloads, name, call_of()) == "MEDIA_DELETED"


async def test_missing_bytes_are_said_to_be_missing(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    await mesh.stores.objects.delete(await mesh.stored_keys())
    call = call_of()
    assert await refused(downloads, name, call) == "CONTENT_MISSING"
    assert answered(call) == {}


@pytest.mark.parametrize("damaged", [DATA[:-1], DATA[:2_200_000], b"", DATA[:-1] + b"!", DATA + b"!"])
async def test_damaged_bytes_are_never_sent_to_their_end(mesh: MediaMesh, downloads: Downloads, damaged: bytes) -> None:
    name = await uploaded(mesh)
    (key,) = await mesh.stored_keys()
    await mesh.stores.objects.put(key, damaged)
    sent = bytearray()

    async def download() -> None:
        async for body in downloads.DownloadOriginal(DownloadOriginalRequest(name=name), call_of()):
            sent.extend(body.data)

    with pytest.raises(DropmeshError) as caught:
        await download()
    assert caught.value.reason == reasons.CONTENT_DAMAGED
    assert len(sent) < len(DATA)


async def test_a_part_of_bytes_that_are_cut_ends_with_an_error(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    (key,) = await mesh.stored_keys()
    await mesh.stores.objects.put(key, DATA[:1000])
    assert await refused(downloads, name, call_of(range="bytes=5-1500000")) == "CONTENT_DAMAGED"


async def test_a_head_of_missing_or_cut_bytes_says_so(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    (key,) = await mesh.stored_keys()
    await mesh.stores.objects.put(key, DATA[:1000])
    assert await refused(downloads, name, call_of(ANN, **HEAD)) == "CONTENT_DAMAGED"
    await mesh.stores.objects.delete([key])
    assert await refused(downloads, name, call_of(ANN, **HEAD)) == "CONTENT_MISSING"


async def test_the_anonymized_content_is_there_once_it_is_processed(mesh: MediaMesh, downloads: Downloads) -> None:
    name = await uploaded(mesh)
    request = DownloadAnonymizedRequest(name=name)
    with pytest.raises(DropmeshError) as caught:
        await anext(downloads.DownloadAnonymized(request, call_of()))
    assert caught.value.reason == reasons.MEDIA_NOT_PROCESSED
    await finish(mesh, await begun(mesh, name.removeprefix("media/")), b"covered")
    call = call_of()
    assert [body.data async for body in downloads.DownloadAnonymized(request, call)] == [b"covered"]
    assert answered(call)["content-disposition"] == 'inline; filename="beach-anonymized.jpeg"'


async def test_rest_is_sent_elsewhere_where_that_is_set_and_grpc_is_not(mesh: MediaMesh) -> None:
    name = await uploaded(mesh)
    downloads = Downloads(mesh.media, Presigning(), presigned=timedelta(seconds=60))  # type: ignore[arg-type]
    call = call_of(x_envoy_original_path="/")
    assert await original(downloads, name, call) == b""
    assert answered(call)["x-http-code"] == "302"
    assert answered(call)["location"].startswith("https://elsewhere/contents/")
