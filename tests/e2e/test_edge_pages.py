"""Which pages may call through the edge, and under which names it answers."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.errors import reason_of
from tests.e2e.mesh import DROP

PAGE = {"origin": "http://localhost:3000"}
FOREIGN = {"origin": "https://example.com"}


def test_a_page_of_this_machine_may_call(client):
    asked = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answer = client.options("/v1/media", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE["origin"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    called = client.get("/v1/media", headers=PAGE)
    assert called.headers["access-control-allow-origin"] == PAGE["origin"]
    assert "x-request-id" in called.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", [FOREIGN["origin"], "null", "http://localhost.example.com"])
def test_a_page_from_elsewhere_may_not(client, origin):
    foreign = {"origin": origin}
    for answer in (
        client.options("/v1/media", headers={**foreign, "access-control-request-method": "POST"}),
        client.get("/v1/media", headers=foreign),
        # What a browser sends without asking first.
        client.post("/v1/measurements", content=DROP, headers={**foreign, "content-type": "text/plain"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (answer.status_code, reason_of(answer)) == (403, "ORIGIN_NOT_ALLOWED")


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com:8080", "192.0.2.1"])
def test_an_open_mesh_does_not_answer_to_names_of_others(client, host):
    for answer in (
        client.get("/v1/media", headers={"host": host}),
        client.post("/v1/measurements", content=DROP, headers={"host": host}),
    ):
        assert (answer.status_code, reason_of(answer)) == (403, "ORIGIN_NOT_ALLOWED")


def test_a_mesh_that_asks_for_tokens_answers_to_any_name(tokens_mesh):
    headers = {**tokens_mesh.admin, "host": "dropmesh.example.com", **FOREIGN}
    answer = httpx.get(f"{tokens_mesh.url}/v1/media", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = httpx.options(f"{tokens_mesh.url}/v1/media", headers={**FOREIGN, "access-control-request-method": "POST"})
    assert not [name for name in asked.headers if name.startswith("access-control")]
