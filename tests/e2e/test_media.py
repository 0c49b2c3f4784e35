"""Media as a user meets them: uploads in every way, downloads, invites, statistics."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import ingest_service_pb2, ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc
from google.api.httpbody_pb2 import HttpBody
from PIL import ExifTags

from tests.e2e.mesh import Mesh, bearer, eventually
from tests.support.media_samples import exif_block, image_bytes, video_bytes


@pytest.fixture
def owner_token(tokens_mesh: Mesh) -> str:
    """The token of an owner that nobody else is."""
    return tokens_mesh.token(f"owner-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def owner(tokens_mesh: Mesh, owner_token: str) -> Iterator[httpx.Client]:
    """What it uploads, it alone sees."""
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(owner_token), timeout=60) as client:
        yield client


@pytest.fixture
def anyone(tokens_mesh: Mesh) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with httpx.Client(base_url=tokens_mesh.url, timeout=60) as client:
        yield client


def photo(format: str = "jpeg") -> bytes:
    """A picture that nobody has uploaded: bytes behind the end of one are no part of it."""
    return image_bytes(format) + os.urandom(16)


def media_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    (result,) = answer.json()["results"]
    media: dict[str, Any] = result["media"]
    return media


def settled(owner: httpx.Client, name: str) -> None:
    """Waits until the processor is done with a media."""
    with owner.stream("GET", f"/v1/{name}:watch") as answer:
        for _ in answer.iter_lines():
            pass


def reason(answer: httpx.Response | dict[str, Any]) -> str:
    status = answer.json() if isinstance(answer, httpx.Response) else answer
    found: str = status["details"][0]["reason"]
    return found


def test_a_photo_goes_in_and_comes_back_whole_and_in_part(owner: httpx.Client) -> None:
    data = photo()
    media = media_of(owner.post("/v1/media", content=data, params={"filename": "Zürich.jpg"}))
    assert media["original"]["sha256"] == hashlib.sha256(data).hexdigest()
    original = f"/v1/{media['name']}/original"
    whole = owner.get(original)
    assert whole.content == data
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["content-length"] == str(len(data))
    assert "filename*=UTF-8''Z%C3%BCrich.jpg" in whole.headers["content-disposition"]
    etag = whole.headers["etag"]
    part = owner.get(original, headers={"range": "bytes=5-9", "if-range": etag})
    assert (part.status_code, part.content) == (206, data[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(data)}"
    assert owner.get(original, headers={"range": "bytes=5-9", "if-range": '"old"'}).content == data
    assert owner.get(original, headers={"if-none-match": etag}).status_code == 304
    assert owner.get(original, headers={"if-none-match": f'"other", W/{etag}'}).status_code == 304
    head = owner.head(original, headers={"range": "bytes=5-9"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
    beyond = owner.get(original, headers={"range": f"bytes={len(data)}-"})
    assert (beyond.status_code, reason(beyond)) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("header", ["bytes=0-1,5-9", "bytes=9-5", f"bytes=0-{'9' * 5000}", "pages=1-2"])
def test_a_range_that_is_none_answers_with_the_whole(owner: httpx.Client, header: str) -> None:
    data = photo()
    name = media_of(owner.post("/v1/media", content=data))["name"]
    answer = owner.get(f"/v1/{name}/original", headers={"range": header})
    assert (answer.status_code, answer.content) == (200, data)


def test_a_thumbnail_is_a_download_like_the_others(owner: httpx.Client) -> None:
    name = media_of(owner.post("/v1/media", content=photo("png"), params={"filename": "Zürich 1.png"}))["name"]
    settled(owner, name)
    thumbnail = f"/v1/{name}/thumbnail?size=64"
    whole = owner.get(thumbnail)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/jpeg")
    assert "filename*=UTF-8''Z%C3%BCrich%201-thumbnail.jpg" in whole.headers["content-disposition"]
    assert "sandbox" in whole.headers["content-security-policy"]
    etag = whole.headers["etag"]
    assert owner.get(thumbnail, headers={"if-none-match": f'"other", {etag}'}).status_code == 304
    assert owner.get(f"/v1/{name}/thumbnail?size=63").headers["etag"] != etag
    part = owner.get(thumbnail, headers={"range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, whole.content[-5:])
    beyond = owner.get(thumbnail, headers={"range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")
    head = owner.head(thumbnail)
    assert (head.status_code, head.headers["content-length"]) == (200, whole.headers["content-length"])


def test_a_processed_media_is_verified_by_processing_it_again(owner: httpx.Client) -> None:
    name = media_of(owner.post("/v1/media", content=photo("png")))["name"]
    settled(owner, name)
    found = owner.post(f"/v1/{name}:verify", json={}).json()
    assert found["agrees"], found
    content = owner.get(f"/v1/{name}/anonymized").content
    assert found["computed_sha256"] == hashlib.sha256(content).hexdigest()


def test_a_form_with_many_files_has_a_result_for_each(owner: httpx.Client) -> None:
    data = photo("png")
    files = [
        ("a", ("1.png", data)),
        ("b", ("notes.txt", b"just text")),
        ("c", ("clip.mp4", video_bytes("mp4") + os.urandom(8))),
        ("d", ("again.png", data)),
    ]
    answer = owner.post("/v1/media", files=files, data={"objects": "face,person", "mode": "mosaic"})
    first, refused, video, again = answer.json()["results"]
    assert first["media"]["anonymize"]["mode"] == "MOSAIC"
    assert reason(refused["error"]) == "MEDIA_TYPE_UNSUPPORTED"
    assert video["media"]["kind"] == "VIDEO"
    assert (again["duplicate"], again["media"]["name"]) == (True, first["media"]["name"])


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"", 400, "MEDIA_EMPTY"),
        (b"%PDF-1.7 and so on", 415, "MEDIA_TYPE_UNSUPPORTED"),
        (b"\xff\xd8\xff\xe0 and nothing else", 400, "MEDIA_UNREADABLE"),
    ],
)
def test_what_is_no_media_is_refused(owner: httpx.Client, body: bytes, status: int, expected: str) -> None:
    answer = owner.post("/v1/media", content=body)
    assert (answer.status_code, reason(answer)) == (status, expected)
    assert owner.get("/v1/media").json()["media"] == []


def test_a_wrong_hash_keeps_nothing(owner: httpx.Client) -> None:
    answer = owner.post("/v1/media", content=photo(), params={"sha256": "0" * 64})
    assert (answer.status_code, reason(answer)) == (400, "SHA256_MISMATCH")
    assert owner.get("/v1/media").json()["media"] == []


def test_the_same_new_photo_sent_by_many_at_once_is_one_media(owner: httpx.Client) -> None:
    data = photo()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: owner.post("/v1/media", content=data).json()["results"][0], range(20)))
    assert len({answer["media"]["name"] for answer in answers}) == 1
    assert Counter(answer["duplicate"] for answer in answers) == {False: 1, True: 19}


def test_an_upload_in_pieces_goes_on_where_a_broken_one_ended(tokens_mesh: Mesh, owner: httpx.Client) -> None:
    data = photo() + bytes(3_000_000)
    name = owner.post("/v1/uploads", json={"filename": "large.jpg", "size_bytes": len(data)}).json()["name"]
    with socket.create_connection(("127.0.0.1", tokens_mesh.port)) as connection:
        head = (
            f"PUT /v1/{name}:append?offset=0 HTTP/1.1\r\nhost: mesh\r\ncontent-length: {len(data)}\r\n"
            f"authorization: {owner.headers['authorization']}\r\n\r\n"
        )
        connection.sendall(head.encode() + data[:2_000_000])
        # Closed with most of it sent: what arrived is kept.
    eventually(lambda: int(owner.get(f"/v1/{name}").json()["committed_bytes"]) > 0)
    committed = int(owner.get(f"/v1/{name}").json()["committed_bytes"])
    assert committed <= 2_000_000
    wrong = owner.put(f"/v1/{name}:append", params={"offset": committed + 1}, content=b"x")
    assert (wrong.status_code, reason(wrong)) == (409, "UPLOAD_OFFSET_WRONG")
    answer = owner.put(f"/v1/{name}:append", params={"offset": committed}, content=data[committed:])
    assert answer.json()["committed_bytes"] == str(len(data))
    media = media_of(owner.post(f"/v1/{name}:finish", json={"sha256": hashlib.sha256(data).hexdigest()}))
    assert owner.get(f"/v1/{media['name']}/original").content == data
    assert media_of(owner.post(f"/v1/{name}:finish", json={}))["name"] == media["name"]


def test_a_one_use_invite_takes_one_of_fifty_and_tells_no_more_than_states(
    owner: httpx.Client, anyone: httpx.Client
) -> None:
    made = owner.post("/v1/invites", json={"max_uploads": 1, "ttl": "60s"})
    assert made.status_code == 201
    link = made.json()["uri"]
    with ThreadPoolExecutor(25) as threads:
        answers = list(threads.map(lambda _: anyone.post(link, files={"photo": photo()}), range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert {reason(answer) for answer in answers if answer.status_code == 409} == {"INVITE_USED_UP"}
    media = media_of(next(answer for answer in answers if answer.status_code == 201))
    told = anyone.get(f"{link.removesuffix('/media')}/{media['name']}").json()
    assert told["state"] in {"NEW", "PROCESSING", "PROCESSED", "FAILED"}
    assert not told["filename"]
    assert anyone.get(f"/v1/{media['name']}").status_code == 401
    assert owner.get(f"/v1/{media['name']}").json()["invite"] == made.json()["name"]
    owner.post(f"/v1/{made.json()['name']}:revoke", json={})
    gone = anyone.post(link, files={"photo": photo()})
    assert (gone.status_code, reason(gone)) == (410, "INVITE_REVOKED")


def test_a_deleted_media_is_gone_save_for_its_record(owner: httpx.Client) -> None:
    name = media_of(owner.post("/v1/media", content=photo()))["name"]
    assert owner.delete(f"/v1/{name}").json()["state"] == "DELETED"
    assert owner.delete(f"/v1/{name}").json()["state"] == "DELETED"
    gone = owner.get(f"/v1/{name}/original")
    assert (gone.status_code, reason(gone)) == (410, "MEDIA_DELETED")
    assert owner.get("/v1/media").json()["media"] == []
    assert [media["name"] for media in owner.get("/v1/media?state=deleted").json()["media"]] == [name]


def test_statistics_are_the_owners_and_follow_at_once(owner: httpx.Client) -> None:
    data = [photo("png"), photo("png"), photo("jpeg")]
    for content in (*data, data[0]):
        owner.post("/v1/media", content=content)
    owner.delete(f"/v1/{media_of(owner.post('/v1/media', content=data[2]))['name']}")
    statistics = owner.get("/v1/statistics").json()
    assert statistics["most_popular_format"] == "png"
    assert statistics["media_count"] == "2"
    assert statistics["duplicate_count"] == "1"
    assert len(statistics["uploads_per_day"]) == 30
    assert statistics["uploads_per_day"][-1]["count"] == "2"


def test_each_filter_of_the_list_finds_what_it_names(owner: httpx.Client) -> None:
    exif = exif_block()
    exif[ExifTags.Base.Model] = 'He said "A+B"'
    camera = media_of(owner.post("/v1/media", content=image_bytes("jpeg", exif=exif) + os.urandom(16)))
    settled(owner, camera["name"])
    other = media_of(owner.post("/v1/media", content=video_bytes("mp4") + os.urandom(8)))
    settled(owner, other["name"])

    def found(query: str) -> list[str]:
        answer = owner.get(f"/v1/media?{query}")
        assert answer.status_code == 200, answer.text
        return [media["name"] for media in answer.json()["media"]]

    both = [other["name"], camera["name"]]
    assert found("") == both
    # A blank is %20 or, as forms and most libraries write it, a plus.
    assert found("camera_model=He%20said%20%22A%2BB%22") == found("camera_model=He+said+%22A%2BB%22") == both[1:]
    assert found("kind=image&state=processed") == both[1:]
    assert found("kind=VIDEO") == both[:1]
    assert found("state=new") == []
    day = camera["create_time"][:10]
    assert found(f"start={day}T00:00:00Z") == both
    # The offset's plus stands as it is.
    assert found(f"start={day}T00:00:00+00:00&kind=video") == both[:1]
    assert found(f"end={day}T00:00:00+14:00") == []
    token = owner.get("/v1/media?page_size=1").json()["next_page_token"]
    assert found(f"page_size=1&page_token={token}") == both[1:]
    elsewhere = owner.get(f"/v1/media?page_size=1&kind=image&page_token={token}")
    assert (elsewhere.status_code, reason(elsewhere)) == (400, "PAGE_TOKEN_INVALID")


def test_a_watcher_is_told_until_the_end(owner: httpx.Client) -> None:
    name = media_of(owner.post("/v1/media", content=photo()))["name"]
    with owner.stream("GET", f"/v1/{name}:watch") as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        states = [json.loads(line)["state"] for line in answer.iter_lines() if line]
    assert states[-1] in {"PROCESSED", "FAILED"}


def test_grpc_does_the_same(tokens_mesh: Mesh, owner_token: str) -> None:
    data = photo() + bytes(1_000_000)
    metadata = (("authorization", f"Bearer {owner_token}"),)
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
        query = query_service_pb2_grpc.QueryServiceStub(channel)
        messages = [
            ingest_service_pb2.UploadMediaRequest(filename="a.jpg"),
            *(
                ingest_service_pb2.UploadMediaRequest(body=HttpBody(data=data[start : start + 100_000]))
                for start in range(0, len(data), 100_000)
            ),
        ]
        media = ingest.UploadMedia(iter(messages), metadata=metadata).results[0].media
        request = query_service_pb2.DownloadOriginalRequest(name=media.name, offset=3, length=500_000)
        found = b"".join(body.data for body in query.DownloadOriginal(request, metadata=metadata))
        assert found == data[3:500_003]
        watch = query_service_pb2.WatchMediaRequest(name=media.name)
        assert {told.name for told in query.WatchMedia(watch, metadata=metadata)} == {media.name}


def test_a_caller_who_hangs_up_leaves_nothing(tokens_mesh: Mesh, owner: httpx.Client) -> None:
    def cut(data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", tokens_mesh.port)) as connection:
            head = (
                f"POST /v1/media HTTP/1.1\r\nhost: mesh\r\ncontent-length: {len(data) + 1}\r\n"
                f"authorization: {owner.headers['authorization']}\r\n\r\n"
            )
            connection.sendall(head.encode() + data)

    threads = [threading.Thread(target=cut, args=(photo() + bytes(1_500_000),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    incoming = tokens_mesh.data / "objects" / "incoming"
    if incoming.is_dir():
        eventually(lambda: not list(incoming.iterdir()))
    assert owner.get("/v1/media").json()["media"] == []
