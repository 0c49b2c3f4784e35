"""Webhooks as their owner meets them: made, delivered to a receiver on this machine, listed, changed and deleted."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.mesh import Mesh, eventually, running_mesh
from tests.support.media_samples import image_bytes


class Receiver(ThreadingHTTPServer):
    """Keeps what arrives; refuses while told so."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.status == 200:
            self.server.arrived.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def http(folder: Path) -> Iterator[httpx.Client]:
    allowed = {"DROPMESH_WEBHOOK_HTTP": "true", "DROPMESH_WEBHOOK_PRIVATE": "true"}
    with running_mesh(folder, allowed) as mesh, httpx.Client(base_url=mesh.url, timeout=30) as client:
        yield client


def test_a_webhook_gets_signed_events_and_catches_up(http: httpx.Client, receiver: Receiver) -> None:
    wanted = {"url": receiver.url, "types": ["MEDIA_PROCESSED"]}
    made = http.post("/v1/webhooks", json=wanted).raise_for_status().json()
    name, secret = made["name"], made["secret"]
    receiver.status = 500
    media = http.post("/v1/media", content=image_bytes("png")).json()["results"][0]["media"]["name"]
    eventually(lambda: http.get(f"/v1/{name}").json()["state"] == "FAILING")
    (waiting,) = http.get(f"/v1/{name}/deliveries").json()["deliveries"]
    assert (waiting["state"], waiting["resource"], waiting["last_error"]) == (
        "WAITING",
        media,
        "the receiver answered 500",
    )
    receiver.status = 200
    eventually(lambda: receiver.arrived)
    headers, body = receiver.arrived[0]
    event: dict[str, Any] = json.loads(body)
    assert (event["type"], event["resource"], event["media"]["state"]) == ("MEDIA_PROCESSED", media, "PROCESSED")
    parts = dict(part.split("=") for part in headers["dropmesh-signature"].split(","))
    assert parts["v1"] == hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    eventually(lambda: http.get(f"/v1/{name}").json()["state"] == "ENABLED")
    assert http.get(f"/v1/{name}/deliveries").json()["deliveries"] == []
    assert http.get(f"/v1/{name}").json()["secret"] == ""

    changed = http.patch(f"/v1/{name}", json={"disabled": True}).raise_for_status().json()
    assert (changed["state"], changed["types"]) == ("DISABLED", ["MEDIA_PROCESSED"])
    assert http.delete(f"/v1/{name}").status_code == 200
    assert http.get(f"/v1/{name}").status_code == 404
    assert http.delete(f"/v1/{name}").status_code == 404
    assert http.delete(f"/v1/{name}?allow_missing=true").status_code == 200


def test_a_request_that_comes_twice_makes_one_webhook(client: httpx.Client) -> None:
    made = [
        client.post("/v1/webhooks", params={"request_id": key}, json={"url": url})
        for key in [str(uuid.uuid4())]
        for url in ("https://example.com/a", "https://example.com/a", "https://example.com/b")
    ]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    assert made[0].json() == made[1].json()
    client.delete(f"/v1/{made[0].json()['name']}").raise_for_status()


def test_the_limit_of_webhooks_does_not_refuse_a_request_that_comes_twice(tokens_mesh: Mesh) -> None:
    owner = {"authorization": f"Bearer {tokens_mesh.token(f'many-{os.urandom(4).hex()}')}"}
    with httpx.Client(base_url=tokens_mesh.url, headers=owner, timeout=30) as client:
        made = [
            client.post(
                "/v1/webhooks", params={"request_id": str(uuid.UUID(int=number))}, json={"url": "https://example.com/"}
            )
            for number in (*range(1, 101), 100, 101)
        ]
    assert [answer.status_code for answer in made] == [*[201] * 101, 429]
    assert made[99].json() == made[100].json()


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://[::1]/", "nonsense"])
def test_a_url_that_is_not_allowed_is_refused(client: httpx.Client, url: str) -> None:
    answer = client.post("/v1/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "WEBHOOK_URL_NOT_ALLOWED")


def test_another_owner_does_not_find_it(tokens_mesh: Mesh) -> None:
    ann, bob = ({"authorization": f"Bearer {tokens_mesh.token(f'{who}-{os.urandom(4).hex()}')}"} for who in "ab")
    with httpx.Client(base_url=tokens_mesh.url, timeout=30) as client:
        name = client.post("/v1/webhooks", json={"url": "https://example.com/"}, headers=ann).json()["name"]
        for answer in (
            client.get(f"/v1/{name}", headers=bob),
            client.get(f"/v1/{name}/deliveries", headers=bob),
            client.patch(f"/v1/{name}", json={"disabled": True}, headers=bob),
            client.post(f"/v1/{name}:redeliver", json={}, headers=bob),
            client.delete(f"/v1/{name}", headers=bob),
        ):
            assert (answer.status_code, answer.json()["details"][0]["reason"]) == (404, "WEBHOOK_NOT_FOUND")
        assert client.get("/v1/webhooks", headers=bob).json()["webhooks"] == []
