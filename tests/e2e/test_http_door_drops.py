"""A drop over REST takes the HTTP door, with a query or without; its sender sees the same as one that speaks gRPC."""

from __future__ import annotations

import gzip
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format

from tests.e2e.errors import grpc_error, reason_of, trailer
from tests.e2e.mesh import DROP, MOST_DROP_BYTES, Mesh, bearer, eventually

# What is another one each time.
PASSING = {"receive_time", "process_time", "sequence"}


@dataclass(frozen=True)
class Answer:
    """What became of a drop, the same by whichever way."""

    body: Any
    retry_after: str | None
    status: int | None = None
    content_type: str | None = None


def by_rest(mesh: Mesh, query: str, raw: bytes, token: str | None) -> Answer:
    headers = bearer(token) if token is not None else {}
    answer = httpx.post(f"{mesh.url}/v1/measurements{query}", content=raw, headers=headers, timeout=30)
    retry_after, content_type = (answer.headers.get(name) for name in ("retry-after", "content-type"))
    return Answer(answer.json(), retry_after, answer.status_code, content_type)


def by_grpc(mesh: Mesh, raw: bytes, token: str | None) -> Answer:
    request = ingest_service_pb2.DropMeasurementsRequest(body=HttpBody(data=raw))
    metadata = tuple(bearer(token).items()) if token is not None else ()
    with grpc.insecure_channel(mesh.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        try:
            answer = stub.DropMeasurements(request, metadata=metadata, timeout=30)
        except grpc.RpcError as error:
            return Answer(grpc_error(error), trailer(error, "retry-after"))
    as_json = json_format.MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return Answer(as_json, None)


def alike(value: Any) -> Any:
    """A body without what is another one each time."""
    if isinstance(value, dict):
        return {key: None if key in PASSING else alike(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [alike(entry) for entry in value]
    return re.sub(r"receipts/\w+", "receipts/…", value) if isinstance(value, str) else value


def by_every_way(mesh: Mesh, raw: bytes, token: str | None = None) -> tuple[Answer, list[str]]:
    """Sends the same drop over REST, without and with a query, and gRPC; what all answered, and the receipts."""
    plain, waiting = by_rest(mesh, "", raw, token), by_rest(mesh, "?wait=0s", raw, token)
    called = by_grpc(mesh, raw, token)
    assert (plain.status, plain.content_type, plain.retry_after) == (
        waiting.status,
        waiting.content_type,
        waiting.retry_after,
    )
    assert alike(plain.body) == alike(waiting.body) == alike(called.body)
    assert plain.retry_after == called.retry_after
    return plain, [answer.body["receipt"]["name"] for answer in (plain, waiting, called) if "receipt" in answer.body]


@pytest.mark.parametrize("raw", [DROP, b"[" + DROP + b"]", b"", b"no JSON", b'{"data": []}'], ids=str)
def test_a_drop_is_taken_the_same(mesh, client, raw):
    answer, receipts = by_every_way(mesh, raw)
    assert (answer.status, answer.body["receipt"]["state"]) == (202, "NEW")
    ends = []
    for name in receipts:
        ends.append(alike(settled(client, name)))
        assert client.get(f"/v1/{name}/raw").content == raw
    assert ends[0] == ends[1] == ends[2]
    assert ends[0]["state"] == ("PROCESSED" if DROP in raw else "QUARANTINED")


def test_a_large_drop_is_taken_the_same(mesh, client):
    raw = b'{"time_stamp": "2019-05-01T06:00:00Z", "data": [' + b"1.25, " * 500_000 + b"1.25]}"
    _, receipts = by_every_way(mesh, raw)
    for name in receipts:
        assert client.get(f"/v1/{name}/raw").content == raw


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [
        (None, 401, "TOKEN_MISSING"),
        ("dm", 401, "TOKEN_INVALID"),
        ("dm_wrong_wrong", 401, "TOKEN_INVALID"),
    ],
)
def test_a_token_that_is_not_one_is_refused_the_same(tokens_mesh, token, status, reason):
    answer, _ = by_every_way(tokens_mesh, DROP, token)
    assert answer.status == status
    assert reason_in(answer) == reason


def test_a_token_without_the_scope_is_refused_the_same(tokens_mesh):
    answer, _ = by_every_way(tokens_mesh, DROP, tokens_mesh.token("reader", "read"))
    assert (answer.status, reason_in(answer)) == (403, "SCOPE_MISSING")


def test_an_expired_token_is_refused_the_same(tokens_mesh):
    answer, _ = by_every_way(tokens_mesh, DROP, tokens_mesh.token("late", "write", days=-1))
    assert (answer.status, reason_in(answer)) == (401, "TOKEN_EXPIRED")


def test_what_is_too_large_is_refused_the_same(tight_mesh):
    for size_bytes in (MOST_DROP_BYTES + 1, 100 * MOST_DROP_BYTES, 3_000_000):
        answer, _ = by_every_way(tight_mesh, b" " * size_bytes)
        assert (answer.status, reason_in(answer)) == (413, "REQUEST_TOO_LARGE")
    answer, _ = by_every_way(tight_mesh, DROP.ljust(MOST_DROP_BYTES))
    assert answer.status == 202


def test_a_busy_service_refuses_the_same(tight_mesh):
    # A drop whose commit waits for the catalog takes the only place; one that waits for its outcome takes none.
    catalog = sqlite3.connect(tight_mesh.data / "catalog.sqlite", isolation_level=None, timeout=10)
    catalog.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(by_rest, tight_mesh, "", DROP, None)
        try:
            metrics = f"{tight_mesh.operations_url}/metrics/ingest"
            eventually(lambda: "dropmesh_requests_in_flight 1.0" in httpx.get(metrics).text)
            answer, _ = by_every_way(tight_mesh, DROP)
        finally:
            catalog.execute("ROLLBACK")
            catalog.close()
        assert waiting.result().status == 202
    assert (answer.status, reason_in(answer), answer.retry_after) == (429, "TOO_BUSY", "1")
    eventually(lambda: by_rest(tight_mesh, "", DROP, None).status == 202)


def settled(client: httpx.Client, name: str) -> Any:
    """A receipt once its drop was looked into."""

    def seen() -> Any:
        return client.get(f"/v1/{name}").json()

    eventually(lambda: seen()["state"] != "NEW")
    return seen()


def reason_in(answer: Answer) -> str:
    return str(answer.body["details"][0]["reason"])


@pytest.mark.parametrize("path", ["/v1/measurements", "/v1/measurements:stream", "/v1/media", "/v1/series"])
@pytest.mark.parametrize("encodings", [["GZIP"], ["identity, gzip"], ["identity", "gzip"], ["lz4"]])
def test_a_packed_body_is_refused_before_anything_is_stored(client, path, encodings):
    headers = [("content-encoding", encoding) for encoding in encodings]
    answer = client.post(path, content=gzip.compress(DROP), headers=headers)
    assert (answer.status_code, reason_of(answer)) == (415, "REQUEST_MALFORMED"), answer.text
    assert answer.json()["message"].startswith("content-encoding: ")
    assert answer.json()["details"][0]["metadata"] == {"field": "content-encoding"}
    assert client.post("/v1/measurements", content=DROP, headers={"content-encoding": "identity"}).status_code == 202
