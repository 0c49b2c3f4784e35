"""Streams of drops through the edge: by lines over REST, and by messages over gRPC."""

from __future__ import annotations

import json
import queue
import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import ingest_service_pb2_grpc
from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest, StreamDropsResponse

from tests.e2e.errors import info_of
from tests.e2e.mesh import MOST_DROP_BYTES, Mesh, bearer, eventually


def reading(second: int, value: float = 1) -> bytes:
    return json.dumps({"time_stamp": f"2020-01-01T00:00:{second:02d}Z", "data": [value]}).encode()


def stream(client: httpx.Client, body: bytes, path: str = "/v1/measurements", **query: str) -> list[dict[str, Any]]:
    answer = client.post(f"{path}:stream", content=body, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def means(client: httpx.Client, path: str = "/v1/measurements") -> list[float]:
    return [one["mean"] for one in client.get(path).json()["measurements"]]


def test_each_line_is_a_drop_with_a_receipt_a_lineage_and_a_measurement(dropper: httpx.Client) -> None:
    answers = stream(dropper, b"\n".join(reading(second, second) for second in range(50)))
    assert [one["number"] for one in answers] == [str(number) for number in range(1, 51)]
    eventually(lambda: len(means(dropper)) == 50)
    assert sorted(means(dropper)) == list(map(float, range(50)))
    (entry,) = dropper.get("/v1/measurements/2020-01-01T00:00:07Z/lineage").json()["entries"]
    assert entry["receipt"] == answers[7]["receipt"]["name"]
    assert dropper.get(f"/v1/{entry['receipt']}/raw").content == reading(7, 7)


def test_a_bad_line_is_quarantined_and_the_others_are_not(dropper: httpx.Client) -> None:
    answers = stream(dropper, reading(1) + b"\nno JSON\n" + reading(2))
    name = answers[1]["receipt"]["name"]
    eventually(lambda: dropper.get(f"/v1/{name}").json()["state"] == "QUARANTINED")
    eventually(lambda: len(means(dropper)) == 2)


def test_lines_have_the_source_of_the_path_and_a_body_that_is_sent_again_is_stored_once(dropper: httpx.Client) -> None:
    path, request_id = "/v1/sources/pump-3/measurements", str(uuid.uuid4())
    body = reading(1) + b"\n" + reading(2)
    first = stream(dropper, body, path, request_id=request_id)
    more = stream(dropper, body + b"\n" + reading(3), path, request_id=request_id)
    names = [one["receipt"]["name"] for one in more]
    assert names[:2] == [one["receipt"]["name"] for one in first]
    eventually(lambda: len(means(dropper, path)) == 3)
    assert len(dropper.get("/v1/receipts").json()["receipts"]) == 3


def test_a_line_is_answered_while_the_body_still_arrives(tokens_mesh: Mesh) -> None:
    token = tokens_mesh.token("slow-dropper")
    command = ["curl", "-sSN", "-T", ".", "-X", "POST", "-H", f"Authorization: Bearer {token}"]
    command.append(f"{tokens_mesh.url}/v1/measurements:stream")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as curl:
        assert curl.stdin is not None
        assert curl.stdout is not None
        for number in range(1, 4):
            curl.stdin.write(reading(number) + b"\n")
            curl.stdin.flush()
            assert json.loads(curl.stdout.readline())["number"] == str(number)
        curl.stdin.close()
        assert curl.stdout.read() == b""
    assert curl.returncode == 0


def test_a_refused_line_is_answered_with_its_error(tight_mesh: Mesh) -> None:
    with httpx.Client(base_url=tight_mesh.url, timeout=60) as client:
        _, refused, stored = stream(client, reading(1) + b"\n" + b"x" * (MOST_DROP_BYTES + 1) + b"\n" + reading(2))
    (info,) = (one for one in refused["error"]["details"] if one["@type"].endswith("ErrorInfo"))
    assert (info["reason"], info["metadata"]["limit_bytes"]) == ("REQUEST_TOO_LARGE", str(MOST_DROP_BYTES))
    assert stored["receipt"]["state"] == "NEW"


@pytest.mark.parametrize(("token", "status"), [("", 401), ("dm_no_token", 401)])
def test_a_stream_without_a_valid_token_is_refused_at_once(tokens_mesh: Mesh, token: str, status: int) -> None:
    headers = bearer(token) if token else {}
    answer = httpx.post(f"{tokens_mesh.url}/v1/measurements:stream", content=reading(1), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")


def test_over_grpc_each_message_is_answered_before_the_next_is_sent(tokens_mesh: Mesh) -> None:
    token = tokens_mesh.token(f"dropper-{uuid.uuid4().hex[:12]}")
    waiting: queue.Queue[StreamDropsRequest | None] = queue.Queue()
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        requests = iter(waiting.get, None)
        answers: Iterator[StreamDropsResponse] = stub.StreamDrops(
            requests, metadata=tuple(bearer(token).items()), timeout=60
        )
        for number in range(1, 4):
            waiting.put(StreamDropsRequest(drop=reading(number), source=f"pump-{number}"))
            answer = next(answers)
            assert (answer.number, answer.receipt.source) == (number, f"pump-{number}")
        waiting.put(StreamDropsRequest(drop=reading(4), source="a/b"))
        assert info_of(next(answers).error).reason == "INVALID_FIELD"
        waiting.put(StreamDropsRequest(drop=reading(5)))
        assert next(answers).receipt.name
        waiting.put(None)
        assert list(answers) == []


def test_over_grpc_a_stream_faster_than_the_mesh_is_held_back_and_answered_whole(tokens_mesh: Mesh) -> None:
    token = tokens_mesh.token(f"dropper-{uuid.uuid4().hex[:12]}")
    requests = (StreamDropsRequest(drop=reading(number % 60, number)) for number in range(1500))
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        answers = list(stub.StreamDrops(requests, metadata=tuple(bearer(token).items()), timeout=60))
    assert [answer.number for answer in answers] == list(range(1, 1501))
    assert all(answer.receipt.name for answer in answers)
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as client:
        waiting = partial(client.get, "/v1/receipts", params={"state": "NEW", "page_size": 1})
        eventually(lambda: waiting().json()["receipts"] == [], 60)
