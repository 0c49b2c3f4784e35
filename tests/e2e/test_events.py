"""Events as a client watches them through the edge: over gRPC, as lines of JSON and as server-sent events."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import event_pb2, query_service_pb2, query_service_pb2_grpc

from tests.e2e.mesh import DROP, Mesh, eventually
from tests.support.media_samples import image_bytes

SETTLED = {"types": ["MEDIA_PROCESSED", "RECEIPT_PROCESSED"]}


def upload(client: httpx.Client) -> str:
    """The name of a new media."""
    answer = client.post("/v1/media", content=image_bytes("png") + os.urandom(8))
    return str(answer.raise_for_status().json()["results"][0]["media"]["name"])


def by_lines(client: httpx.Client, token: str = "") -> Iterator[dict[str, Any]]:
    """Events as lines of JSON."""
    with client.stream("GET", "/v1/events", params={**SETTLED, "token": token}) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson", answer.read()
        for line in answer.iter_lines():
            if line:
                yield json.loads(line)


def server_sent(client: httpx.Client, token: str = "") -> Iterator[dict[str, Any]]:
    """Events as a browser's EventSource reads them."""
    headers = {"accept": "text/event-stream", **({"last-event-id": token} if token else {})}
    with client.stream("GET", "/v1/events", params=SETTLED, headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            event = json.loads(fields["data"]) if "data" in fields else {"type": "HEARTBEAT", "id": ""}
            yield {**event, "token": fields["id"]}
            fields = {}


def by_grpc(mesh: Mesh, token: str = "") -> Iterator[dict[str, Any]]:
    """Events as messages."""
    types = [event_pb2.Event.MEDIA_PROCESSED, event_pb2.Event.RECEIPT_PROCESSED]
    request = query_service_pb2.WatchEventsRequest(types=types, token=token)
    with grpc.insecure_channel(mesh.address) as channel:
        for event in query_service_pb2_grpc.QueryServiceStub(channel).WatchEvents(request, timeout=60):
            name = event_pb2.Event.Type.Name(event.type)
            yield {"type": name, "id": event.id, "token": event.token, "resource": event.resource}


@pytest.mark.parametrize("way", ["lines", "server-sent", "grpc"])
def test_a_watcher_that_was_cut_off_goes_on_where_it_was(mesh: Mesh, client: httpx.Client, way: str) -> None:
    def watch(token: str = "") -> Any:
        if way == "grpc":
            return by_grpc(mesh, token)
        return by_lines(client, token) if way == "lines" else server_sent(client, token)

    def next_of(watching: Iterator[dict[str, Any]], resource: str) -> dict[str, Any]:
        return next(event for event in watching if event.get("resource") == resource)

    with closing(watch()) as watching:
        assert next(watching)["type"] == "HEARTBEAT"
        first = next_of(watching, upload(client))
    # Nobody watches while these happen.
    missed = upload(client)
    eventually(lambda: client.get(f"/v1/{missed}").json()["state"] == "PROCESSED")
    receipt = client.post("/v1/measurements?wait=10s", content=DROP).raise_for_status().json()["receipt"]["name"]
    with closing(watch(first["token"])) as watching:
        assert next(watching)["token"] == first["token"]
        found = [next_of(watching, missed), next_of(watching, receipt), next_of(watching, upload(client))]
    assert [event["type"] for event in found] == ["MEDIA_PROCESSED", "RECEIPT_PROCESSED", "MEDIA_PROCESSED"]
    assert len({event["id"] for event in (first, *found)}) == 4


def test_a_token_of_nothing_is_refused(client: httpx.Client) -> None:
    answer = client.get("/v1/events", params={"token": "nonsense"})
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "EVENT_TOKEN_INVALID")


def test_watchers_take_no_place_of_downloads(tight_mesh: Mesh) -> None:
    with httpx.Client(base_url=tight_mesh.url, timeout=30) as client, ExitStack() as open_streams:
        media = upload(client)
        for _ in range(2):
            watching = open_streams.enter_context(closing(by_lines(client)))
            assert next(watching)["type"] == "HEARTBEAT"
        refused = client.get("/v1/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        details = {detail["@type"].rpartition(".")[2]: detail for detail in refused.json()["details"]}
        assert (details["ErrorInfo"]["reason"], details["RetryInfo"]["retry_delay"]) == ("TOO_BUSY", "5s")
        for _ in range(5):
            assert client.get(f"/v1/{media}/original").status_code == 200
