"""Uploads take a way of their own through the edge too; here stands an edge beside it that transcodes everything."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.e2e.errors import reason_of
from tests.e2e.mesh import Mesh, bearer, eventually
from tests.e2e.transcoding import transcoding_edge
from tests.support.media_samples import image_bytes

# What is another one each time.
PASSING = {"sha256", "create_time", "update_time", "start_time", "process_time"}
QUERIES = [
    "",
    "?",
    "?&&filename",
    "?colour",
    "?filename=a+b%20c%2B.png",
    "?filename=a&filename=Z%C3%BCrich.png",
    "?file%6Eame=a=b%",
    "?filename=%3Cb%3E%22.png",
    "?objects=face&objects=License-Plate&mode=MOSAIC",
    "?objects=1&mode=+2",
    "?anonymize.mode=blur&anonymize.margin=0.25&anonymize.sound=drop&objects=person",
    "?anonymize.feather=1e-1&anonymize.sound=Keep",
    "?anonymize.margin=7",
    "?anonymize.margin=wide",
    "?anonymize.margin=nan",
    "?anonymize.margin=NaN",
    "?anonymize.margin=.5&anonymize.feather=0.",
    "?anonymize.sound=maybe",
    "?anonymize.sound=1",
    "?anonymize.sound=",
    "?anonymize.exclude_objects=1",
    "?anonymize.exclude_objects=%201",
    "?anonymize.regions=x",
    "?anonymize.color=red",
    "?anonymize.color=%23FFcc00&mode=solid",
    "?anonymize.regions.box.right=5&anonymize.regions.box.bottom=5&anonymize.regions.end=2s",
    "?anonymize.regions.box.left=9&anonymize.regions.box.right=5&anonymize.regions.box.left=2&anonymize.regions.box.bottom=5",
    "?anonymize.class_options.x=0.1&anonymize.class_options.margin=0.2",
    "?anonymize=x",
    "?anonymize.x=1",
    "?objects=face,person",
    "?objects=",
    "?objects=0",
    "?objects=face&objects=face",
    "?objects.x=1",
    "?mode=7",
    "?mode=nope&colour=red",
    "?colour=red",
    "?fileName=x",
    "?sha256=abc",
    "?sha256=" + "0" * 64,
    "?filename=" + "x" * 256,
]


@pytest.fixture(scope="module")
def transcoded(tokens_mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an edge before the same services without the routes to the HTTP door."""
    with transcoding_edge(tokens_mesh, tmp_path_factory.mktemp("edge") / "log", without=["ingest_http"]) as address:
        yield address


@pytest.fixture(scope="module")
def owner(tokens_mesh: Mesh) -> dict[str, str]:
    return bearer(tokens_mesh.token("uploader"))


@pytest.fixture
def ways(tokens_mesh: Mesh, transcoded: str, owner: dict[str, str]) -> Iterator[list[httpx.Client]]:
    with (
        httpx.Client(base_url=tokens_mesh.url, headers=owner, timeout=60) as plain,
        httpx.Client(base_url=transcoded, headers=owner, timeout=60) as other,
    ):
        yield [plain, other]


def photo() -> bytes:
    """A new photo; all have one size, which both ways answer with."""
    picture = image_bytes("png")
    return picture + os.urandom(1000 - len(picture))


def alike(value: Any) -> Any:
    """A body without what is another one each time."""
    if isinstance(value, dict):
        return {key: None if key in PASSING else alike(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [alike(entry) for entry in value]
    return re.sub(r"\b(media|uploads)/\w+|\b[0-9a-f]{64}\b", "…", value) if isinstance(value, str) else value


def told(answer: httpx.Response) -> Any:
    """All that a caller sees of an answer and that can be the same."""
    headers = {name: answer.headers.get(name) for name in ("content-type", "retry-after", "server")}
    body = alike(answer.json())
    if "details" in body and reason_of(answer) == "REQUEST_MALFORMED":
        # Envoy words it in its own way, and does not always name the field.
        body = "REQUEST_MALFORMED"
    return answer.status_code, headers, body


def same(ways: list[httpx.Client], path: str, method: str = "POST", **more: Any) -> httpx.Response:
    """Sends a request by both ways and sees that they cannot be told apart; the answer of the HTTP door."""
    first, second = (
        way.request(method, path, **{name: make() if callable(make) else make for name, make in more.items()})
        for way in ways
    )
    assert told(first) == told(second)
    return first


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
def test_a_photo_is_taken_or_refused_the_same(ways, query):
    answer = same(ways, f"/v1/media{query}", content=photo)
    if not answer.is_success and reason_of(answer) in {"REQUEST_MALFORMED", "INVALID_FIELD"}:
        message, details = answer.json()["message"], answer.json()["details"]
        field = details[0]["metadata"]["field"]
        assert f"{field.partition('[')[0]}=" in query.replace("file%6Eame", "filename")
        assert message.startswith(f"{field}: ")


@pytest.mark.parametrize("parameter", ["anonymize.margin=1e999", "anonymize.exclude_objects=1.0"])
def test_a_number_that_only_protobuf_reads_is_refused_by_both(ways, parameter):
    answers = [way.post(f"/v1/media?{parameter}", content=photo()) for way in ways]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json()["details"][0]["metadata"]["field"] == parameter.partition("=")[0]


def test_a_put_is_taken_as_a_post_is(ways):
    assert same(ways, "/v1/media?filename=a.png", "PUT", content=photo).status_code == 201
    assert same(ways, "/v1/invites/no.link/media", "PUT", content=photo).status_code == 404


def test_a_query_sets_what_it_names(ways):
    answer = same(ways, "/v1/media?filename=a%2Bb.png&objects=person&anonymize.margin=0.5&mode=solid", content=photo)
    media = answer.json()["results"][0]["media"]
    assert media["filename"] == "a+b.png"
    assert media["anonymize"]["objects"] == ["PERSON"]
    assert (media["anonymize"]["mode"], media["anonymize"]["margin"]) == ("SOLID", 0.5)


def test_the_same_photo_by_the_other_way_is_a_duplicate(ways):
    data = photo()
    first, second, third = (way.post("/v1/media", content=data).json()["results"][0] for way in (*ways, ways[0]))
    assert (first["duplicate"], second["duplicate"], third["duplicate"]) == (False, True, True)
    assert first["media"]["name"] == second["media"]["name"] == third["media"]["name"]


@pytest.mark.parametrize("way", [0, 1])
def test_a_media_that_was_worked_on_is_told_the_same(ways, way):
    data = photo()
    name = ways[way].post("/v1/media", content=data).json()["results"][0]["media"]["name"]
    eventually(lambda: ways[0].get(f"/v1/{name}").json()["state"] in {"PROCESSED", "FAILED"})
    one, other = (each.post("/v1/media", content=data).json()["results"][0]["media"] for each in ways)
    assert one == other


def test_a_form_is_taken_the_same(ways):
    def files() -> list[tuple[str, tuple[str, bytes]]]:
        return [("a", ("1.png", photo())), ("b", ("notes.txt", b"just text")), ("c", ("ü.png", photo()))]

    answer = same(ways, "/v1/media?mode=blur", files=files, data={"objects": "face,person"})
    assert [("media" in result) for result in answer.json()["results"]] == [True, False, True]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"%PDF-1.7 and so on", {}),
        (b"\xff\xd8\xff\xe0 and nothing else", {}),
        (b"--b\r\nnonsense", {"content-type": "multipart/form-data; boundary=b"}),
        (b"--b--", {"content-type": "multipart/form-data; boundary=b"}),
        (b"x", {"content-type": "multipart/form-data"}),
        (b"x", {"authorization": "Bearer dm_wrong_wrong"}),
        (b"x", {"authorization": ""}),
        (b"just text", {"expect": "100-continue"}),
    ],
    ids=str,
)
def test_what_is_refused_is_refused_the_same(ways, content, headers):
    assert same(ways, "/v1/media", content=content, headers=headers).status_code >= 400


def test_a_body_of_unknown_length_is_taken_the_same(ways):
    def in_chunks() -> Iterator[bytes]:
        data = photo()
        yield data[:100]
        yield data[100:]
        yield bytes(3_000_000)

    assert same(ways, "/v1/media", content=in_chunks).status_code == 201


def test_a_refusal_of_a_large_body_reaches_a_client_that_sends_all_before_it_reads(mesh):
    connection = HTTPConnection("127.0.0.1", mesh.port, timeout=60)
    with closing(connection):
        connection.request("POST", "/v1/media", body=b"text" * 5_000_000)
        assert connection.getresponse().status == 415


def test_an_invite_is_used_the_same(ways):
    invite = ways[0].post("/v1/invites", json={"max_uploads": 2, "ttl": "60s"}).json()
    path = httpx.URL(invite["uri"]).path
    assert same(ways, f"{path}?filename=a.png", content=photo).status_code == 201
    used = same(ways, path, content=photo)
    assert (used.status_code, reason_of(used)) == (409, "INVITE_USED_UP")
    same(ways, f"{path}?objects=face", content=photo)
    same(ways, f"{path}?link=other", content=photo)
    same(ways, path.replace(".", "%2E"), content=photo)
    ways[0].post(f"/v1/{invite['name']}:revoke", json={})
    assert same(ways, path, content=photo).status_code == 410
    same(ways, "/v1/invites/never.was/media", content=photo)
    same(ways, f"/v1/invites/{'x' * 200}/media", content=photo)


def test_an_upload_in_pieces_is_taken_the_same(ways):
    data = photo()
    names = [way.post("/v1/uploads", json={"size_bytes": len(data)}).json()["name"] for way in ways]
    for way, name in zip(ways, names, strict=True):
        refused = way.put(f"/v1/{name}:append", content=data)
        assert (refused.status_code, reason_of(refused)) == (400, "INVALID_FIELD")
        assert refused.json()["details"][0]["metadata"] == {"field": "offset"}
    for offset, content in (("0", data[:50]), ("7", b"x"), ("50", data[50:] + b"x"), ("x", b"")):
        one, other = (
            way.put(f"/v1/{name}:append?offset={offset}", content=content)
            for way, name in zip(ways, names, strict=True)
        )
        assert told(one)[:2] == told(other)[:2]
        assert one.json().get("committed_bytes") == other.json().get("committed_bytes")
    same(ways, "/v1/uploads/never-was:append", "PUT", content=b"x")


@pytest.mark.parametrize("end", [b"", b"4\r\nmore\r\n", b"0\r\n"], ids=str)
def test_who_hangs_up_within_a_body_of_unknown_length_leaves_nothing(tokens_mesh, end):
    token = bearer(tokens_mesh.token("gone"))
    with socket.create_connection(("127.0.0.1", tokens_mesh.port)) as connection:
        data = photo()
        head = f"POST /v1/media HTTP/1.1\r\nhost: mesh\r\nauthorization: {token['authorization']}\r\n"
        body = f"{len(data):x}\r\n".encode() + data + b"\r\n" + end
        connection.sendall(head.encode() + b"transfer-encoding: chunked\r\n\r\n" + body)
    # Whoever comes after is answered, and by then the other would be there.
    with httpx.Client(base_url=tokens_mesh.url, headers=token, timeout=60) as client:
        kept = client.post("/v1/media", content=photo()).json()["results"][0]["media"]["name"]
        assert [media["name"] for media in client.get("/v1/media").json()["media"]] == [kept]
        client.delete(f"/v1/{kept}")
