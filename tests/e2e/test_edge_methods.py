"""HEAD and OPTIONS at the edge, and methods that a path does not take."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.mesh import DROP, Mesh
from tests.support.media_samples import image_bytes


def test_a_wrong_method_is_told_the_right_ones(client):
    assert client.patch("/v1/media").headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"


@pytest.mark.parametrize("origin", [{}, {"origin": "http://localhost:3000"}])
def test_whoever_asks_what_a_path_takes_is_told(client, origin):
    answer = client.options("/v1/media", headers=origin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"


@pytest.fixture(scope="module")
def media(mesh: Mesh) -> str:
    """The name of an uploaded media."""
    answer = httpx.post(f"{mesh.url}/v1/media", content=image_bytes("png"), timeout=30)
    return str(answer.raise_for_status().json()["results"][0]["media"]["name"])


def test_a_head_tells_of_the_content_without_sending_it(client, media):
    whole = client.get(f"/v1/{media}/original")
    head = client.head(f"/v1/{media}/original")
    assert (head.status_code, head.content) == (200, b"")
    told = ("content-length", "content-type", "etag", "accept-ranges")
    assert {name: head.headers.get(name) for name in told} == {name: whole.headers.get(name) for name in told}
    assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", ["/v1/media", "/v1/measurements", "/v1/media/never-was", "/docs", "/openapi.json"])
def test_a_head_is_answered_as_a_get_without_its_body(client, path):
    # What is compressed on its way has no length.
    plain = {"accept-encoding": "identity"}
    while True:
        before = client.get(path, headers=plain)
        head = client.head(path, headers=plain)
        whole = client.get(path, headers=plain)
        # What other tests have uploaded may change meanwhile.
        if before.content == whole.content:
            break
    assert (head.status_code, head.content) == (whole.status_code, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_a_head_of_what_streams_bytes_tells_their_kind(client):
    receipt = client.post("/v1/measurements?wait=10s", content=DROP).raise_for_status().json()["receipt"]["name"]
    for path in (f"/v1/{receipt}/raw", "/v1/measurements:export?format=csv"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
