"""What the edge compresses for a client that takes gzip, and what it leaves as it is."""

from __future__ import annotations

import gzip
import hashlib

import httpx
import pytest

from tests.support.media_samples import image_bytes

GZIP = {"accept-encoding": "gzip"}


@pytest.fixture(scope="module")
def media(mesh):
    photo = image_bytes("jpeg", size=(640, 480))
    answer = httpx.post(f"{mesh.url}/v1/media", content=photo, headers={"content-type": "image/jpeg"})
    return answer.json()["results"][0]["media"]["name"], photo


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css", "/v1/models"])
def test_documents_and_pages_are_compressed(client, path):
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", path, headers=GZIP) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert gzip.decompress(sent) == plain.content
    assert len(sent) < len(plain.content) * 0.6


def test_a_small_answer_is_not_compressed(client):
    assert "content-encoding" not in client.get("/v1/series:count", headers=GZIP).headers


def test_a_download_keeps_its_etag_its_length_and_its_ranges(client, media):
    name, photo = media
    whole = client.get(f"/v1/{name}/original", headers=GZIP)
    assert "content-encoding" not in whole.headers
    assert whole.headers["etag"] == f'"{hashlib.sha256(photo).hexdigest()}"'
    assert whole.headers["content-length"] == str(len(photo))
    part = client.get(f"/v1/{name}/original", headers={**GZIP, "range": "bytes=0-2000"})
    assert part.status_code == 206
    assert "content-encoding" not in part.headers
    assert part.content == photo[:2001]
    same = client.get(f"/v1/{name}/original", headers={**GZIP, "if-none-match": whole.headers["etag"]})
    assert same.status_code == 304


def test_a_line_of_a_stream_does_not_wait_for_the_next(client, media):
    with client.stream("GET", f"/v1/{media[0]}:watch", headers=GZIP) as answer:
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_lines()).startswith('{"name"')
