"""The edge over REST: what it refuses and how, what it tells and what it does not believe."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import query_service_pb2, query_service_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from tests.e2e.errors import reason_of
from tests.e2e.mesh import DROP, bearer, eventually, free_port_pair
from tests.servers.process import accepts

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Refused:
    """A request that is refused, the status and the reason."""

    method: str
    path: str
    status: int
    reason: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))


REFUSED = [
    Refused("GET", "/nothing", 404, "ROUTE_NOT_FOUND"),
    Refused("GET", "/v1/media/a/b/c", 404, "ROUTE_NOT_FOUND"),
    Refused("GET", "/v1//media", 404, "ROUTE_NOT_FOUND"),
    Refused("GET", "/v1/media/never-was", 404, "MEDIA_NOT_FOUND"),
    Refused("PATCH", "/v1/media", 405, "METHOD_NOT_ALLOWED"),
    Refused("DELETE", "/v1/statistics", 405, "METHOD_NOT_ALLOWED"),
    Refused("GET", "/v1/media/a:process", 405, "METHOD_NOT_ALLOWED"),
    Refused("GET", "/v1/media?colour=red", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media?state=SLEEPING", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media?page_size=many", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media?start=yesterday", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media?page_size=-1", 400, "INVALID_FIELD"),
    Refused("GET", "/v1/media?page_token=forged", 400, "PAGE_TOKEN_INVALID"),
    Refused("GET", "/v1/media/a%2fb", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media/a%00", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media/~", 400, "INVALID_FIELD"),
    Refused("POST", "/v1/uploads", 400, "REQUEST_MALFORMED", b'{"filename": '),
    Refused("POST", "/v1/uploads", 400, "REQUEST_MALFORMED", b"\xff\xfe"),
    Refused("POST", "/v1/uploads", 400, "REQUEST_MALFORMED", b'{"anonymize": {"objects": ["HAT"]}}'),
    Refused("POST", "/v1/uploads", 413, "REQUEST_TOO_LARGE", b" " * (1024 * 1024 + 1)),
    Refused("POST", "/v1/measurements", 413, "REQUEST_TOO_LARGE", b" " * (16 * 1024 * 1024 + 1)),
    Refused("POST", "/v1/measurements?wait=1s", 413, "REQUEST_TOO_LARGE", b" " * (16 * 1024 * 1024 + 1)),
    Refused("POST", "/v1/measurements?wait=1s", 400, "DROP_QUARANTINED", b"no JSON"),
    Refused("POST", "/v1/measurements?wait=1h", 400, "REQUEST_MALFORMED", DROP),
    Refused("POST", "/v1/measurements?wait=3600s", 400, "INVALID_FIELD", DROP),
    Refused("GET", "/v1/media", 405, "METHOD_NOT_ALLOWED", headers={"content-type": "application/grpc-web+proto"}),
    Refused("GET", "/v1/media?camera_model=%ff", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media/%ff/original", 400, "REQUEST_MALFORMED"),
    Refused("GET", "/v1/media", 413, "REQUEST_TOO_LARGE", b" " * 2000),
    Refused("GET", "/v1/statistics", 401, "TOKEN_MISSING"),
    Refused("POST", "/v1/media", 400, "MEDIA_EMPTY"),
    Refused("POST", "/v1/media", 415, "MEDIA_TYPE_UNSUPPORTED", b"plain text, and no picture"),
    Refused("POST", "/v1/measurements", 401, "TOKEN_INVALID", DROP, {"authorization": "Bearer dm_wrong_wrong"}),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.method} {case.path} {case.reason}"[:60])
def test_what_is_refused_says_so_in_one_shape(client, case):
    answer = client.request(case.method, case.path, content=case.content, headers=case.headers)
    assert (answer.status_code, reason_of(answer)) == (case.status, case.reason), answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/media"), ("POST", "/v1/measurements")])
def test_who_has_no_token_is_told_what_kind_is_asked_for(tokens_mesh, method, path):
    answer = httpx.request(method, f"{tokens_mesh.url}{path}")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_an_unknown_token_is_refused_before_the_body_is_read(tokens_mesh):
    """Also where the edge keeps a body until it is whole."""
    unknown = f"dm_{'0' * 16}_{'x' * 43}"
    for path in ("/v1/images:detect", "/v1/uploads", "/v1/measurements", "/v1/media"):
        for authorization, reason in (("", "TOKEN_MISSING"), (f"authorization: Bearer {unknown}\r\n", "TOKEN_INVALID")):
            with socket.create_connection(("127.0.0.1", tokens_mesh.port), timeout=30) as connection:
                head = f"POST {path} HTTP/1.1\r\nhost: a\r\n{authorization}content-length: 1000\r\n\r\nx"
                connection.sendall(head.encode())
                said = connection.recv(65536)
            assert said.startswith(b"HTTP/1.1 401 "), said
            assert reason.encode() in said
            assert b"www-authenticate: Bearer" in said


def test_tools_ask_for_the_contract_with_a_token(tokens_mesh):
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    reader = tokens_mesh.token("reader", "read")
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        names = next(stub.ServerReflectionInfo(asked, metadata=tuple(bearer(reader).items()), timeout=30))
        assert "dropmesh.v1.QueryService" in [one.name for one in names.list_services_response.service]
        for token in ("", f"dm_{'0' * 16}_{'x' * 43}"):
            with pytest.raises(grpc.RpcError) as refused:
                next(stub.ServerReflectionInfo(iter(()), metadata=tuple(bearer(token).items()) if token else ()))
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_operations_port_answers_to_this_machine_alone(mesh):
    address = f"{mesh.operations_url}/metrics/query"
    assert httpx.get(address).status_code == 200
    assert httpx.get(address, headers={"host": "rebound.example.com"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "told"),
    [("/v1/media/a%2Fb", "not contain an escaped slash"), ("/v1/media/a%5cb", "backslash"), ("/v1/m%00", "NUL")],
)
def test_a_path_that_is_refused_is_told_why(client, path, told):
    assert told in client.get(path).json()["message"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (b"GET /v1/media HTTP/1.0\r\n\r\n", "HTTP/1.0"),
        (b"GET /v1/media HTTP/1.1\r\n\r\n", "Host header"),
        (b"hello\r\n\r\n", "the request is not valid HTTP"),
        (
            b"GET /v1/media HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
            "transfer encoding is not supported",
        ),
        (
            b"GET /v1/media HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            "upgrade to another protocol is not supported",
        ),
    ],
)
def test_what_is_no_proper_http_is_told_in_the_same_shape(mesh, request_, told):
    with (
        socket.create_connection(("127.0.0.1", mesh.port), timeout=30) as connection,
        connection.makefile("rb") as said,
    ):
        connection.sendall(request_)
        head = b""
        while (line := said.readline()) not in (b"\r\n", b""):
            head += line.lower()
        body = said.read(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
    status = json.loads(body)
    assert told in status["message"]
    assert status["details"][0]["reason"] == "REQUEST_MALFORMED"


def test_a_header_with_an_underscore_does_no_harm(mesh, client):
    assert client.get("/v1/media", headers={"my_header": "1"}).status_code == 200
    with grpc.insecure_channel(mesh.address) as channel:
        query = query_service_pb2_grpc.QueryServiceStub(channel)
        query.ListMedia(query_service_pb2.ListMediaRequest(), metadata=(("my_header", "1"),), timeout=30)


def test_every_answer_has_a_request_id_of_its_own(client):
    answers = [
        client.get("/v1/media"),
        client.get("/v1/media/never-was"),
        client.get("/nothing"),
        client.patch("/v1/media"),
        client.post("/v1/measurements", content=DROP),
        client.post("/v1/measurements", content=DROP, headers={"authorization": "Bearer dm_wrong_wrong"}),
        client.get("/openapi.json"),
    ]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_a_request_id_is_found_in_the_logs_of_the_edge_and_of_the_service(mesh, client):
    refused = {
        "ingest": client.post("/v1/media", content=b"plain text, and no picture"),
        "query": client.get("/v1/media/never-was"),
        "processor": client.post("/v1/measurements/2001-01-01T00:00:00Z:verify", json={}),
    }
    for service, answer in refused.items():
        assert answer.status_code >= 400
        identifier = answer.headers["x-request-id"]
        assert mesh.logged("edge", identifier)
        assert mesh.logged(service, identifier)


def test_what_a_client_says_of_itself_is_not_believed(mesh, client):
    claims = {
        "x-request-id": "11111111-2222-4333-8444-555555555555",
        "x-forwarded-for": "203.0.113.7",
        "x-envoy-original-path": "/v1/invites/x",
        "x-envoy-external-address": "203.0.113.7",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-http-code": "299",
    }
    answer = client.get("/v1/media/never-was", headers=claims)
    assert (answer.status_code, reason_of(answer)) == (404, "MEDIA_NOT_FOUND")
    identifier = answer.headers["x-request-id"]
    assert identifier != claims["x-request-id"]
    line = mesh.logged("edge", identifier)
    assert (line["client"], line["path"]) == ("127.0.0.1", "/v1/media/never-was")


def test_no_log_holds_the_secret_of_a_link(mesh, client):
    secret = "dmi-3f0c2b-of-a-link"
    for path in (f"/v1/invites/{secret}/media", f"/v1/invites/{secret}/nothing", f"//v1/invites/{secret}/media"):
        answer = client.post(path, content=b"no picture")
        assert answer.status_code == 404
        assert mesh.logged("edge", answer.headers["x-request-id"])
    for log in (mesh.data / "logs").iterdir():
        assert secret not in log.read_text(), log.name


@pytest.mark.parametrize(
    "headers",
    [
        {"odd`name~": "1"},
        {"trace-bin": "!!!"},
        {"grpc-timeout": "soon"},
        {"x-note": "café"},
        {"cookie": "c" * 50_000},
        {"te": "trailers, deflate"},
        {"range": "bytes=a-b"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_header_that_grpc_would_not_take_is_no_fault(client, headers):
    encoded = {name: value.encode() for name, value in headers.items()}
    assert client.get("/v1/media", headers=encoded).status_code == 200
    assert client.post("/v1/measurements", content=DROP, headers=encoded).status_code == 202


def test_headers_that_are_too_large_are_refused(client):
    for path in ("/v1/media", "/v1/measurements"):
        answer = client.get(path, headers={"cookie": "c" * 64_000})
        assert (answer.status_code, reason_of(answer)) == (431, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize("path", ["/v1/media", "/v1/measurements", "/v1/measurements:export"])
def test_any_time_can_bound_a_range(client, path):
    for start, end in (("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"), ("9000-01-01T00:00:00Z", "")):
        times = {"start": start, **({"end": end} if end else {})}
        assert client.get(path, params=times).status_code == 200


def test_nothing_is_told_of_what_stands_behind(client):
    for answer in (client.get("/v1/media"), client.get("/v1/media/never-was"), client.post("/v1/uploads", json={})):
        told = [name for name in answer.headers if name.startswith(("x-envoy", "grpc-", "x-http", "x-content-length"))]
        assert told == []
        assert answer.headers["server"] == "dropmesh"


@pytest.mark.parametrize(
    ("method", "path", "headers", "found"),
    [
        ("GET", "/v1/media?camera_model=%ff", {}, "camera_model"),
        ("GET", "/v1/media/%ff/original", {}, "name"),
        ("POST", "/v1/images:detect", {"content-type": b"image/jpeg\xff"}, "body.content_type"),
    ],
)
def test_a_text_that_is_not_utf8_is_refused_with_its_field(client, method, path, headers, found):
    answer = client.request(method, path, headers=headers, content=b"x" if method == "POST" else None)
    assert (answer.status_code, answer.json()["message"]) == (400, f"{found}: is not UTF-8")
    info, violations = answer.json()["details"]
    assert (info["reason"], info["metadata"]) == ("REQUEST_MALFORMED", {"field": found})
    assert [(one["field"], one["description"]) for one in violations["field_violations"]] == [(found, "is not UTF-8")]


def test_too_many_at_once_are_told_when_to_come_again(tmp_path):
    port = free_port_pair()
    config = EdgeConfig(listen=f"127.0.0.1:{port}", operations=f"127.0.0.1:{port + 1}", requests_per_second=1)
    # There are no sockets beside it.
    write_edge_folder(tmp_path / "edge", config)
    with (tmp_path / "log").open("wb") as log:
        edge = subprocess.Popen(
            envoy_command("--log-level", "error"), cwd=tmp_path / "edge", stdout=log, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            eventually(lambda: accepts(port))
            answers = [http.get("/v1/media") for _ in range(12)]
    finally:
        edge.kill()
        edge.wait()
    busy = [answer for answer in answers if answer.status_code == 429]
    assert busy
    for answer in busy:
        assert reason_of(answer) == "RATE_LIMITED"
        assert answer.headers["retry-after"] == "1"
    # The others found nobody behind the edge.
    others = [answer for answer in answers if answer.status_code != 429]
    assert {(answer.status_code, reason_of(answer)) for answer in others} == {(503, "SERVICE_UNAVAILABLE")}


@pytest.mark.parametrize("service", ["ingest", "query"])
def test_a_service_that_is_down_answers_503_until_it_is_started_again(tight_mesh, service):
    mesh = tight_mesh
    calls: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        "ingest": [
            ("POST", "/v1/measurements", {"content": DROP}),
            ("POST", "/v1/measurements?wait=0s", {"content": DROP}),
            ("POST", "/v1/uploads", {"json": {}}),
        ],
        "query": [("GET", "/v1/media", {}), ("GET", "/v1/measurements:export", {})],
    }
    with httpx.Client(base_url=mesh.url, timeout=30) as http:
        died = mesh.service(service)
        os.kill(died, signal.SIGKILL)
        for method, path, more in calls[service]:
            answer = http.request(method, path, **more)
            assert answer.status_code == 503, f"{path}: {answer.text}"
            assert reason_of(answer) == "SERVICE_UNAVAILABLE"
        for method, path, more in calls[service]:
            eventually(partial(_succeeds, http, method, path, more))
    said = (mesh.data / "up.log").read_text()
    assert f"{service} ended (signal 9); restarting in 0.5 s" in said
    assert mesh.service(service) != died


def _succeeds(http: httpx.Client, method: str, path: str, more: dict[str, Any]) -> bool:
    return http.request(method, path, **more).is_success


@pytest.mark.parametrize("path", ["/v1/series?prefix=ü", "/v1/retention?owner=ü"])
def test_what_http_1_does_not_have_in_a_path_is_refused_over_http_2_too(mesh, path):
    curl = ["curl", "-sS", "--http2-prior-knowledge", "-w", "\n%{http_code}", mesh.url + path]
    text, _, status = subprocess.run(curl, check=True, capture_output=True, text=True).stdout.rpartition("\n")
    assert status == "400", text
    assert json.loads(text)["details"][0]["reason"] == "REQUEST_MALFORMED"
    assert "percent-encode" in json.loads(text)["message"]
