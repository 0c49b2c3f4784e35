"""Reads take the HTTP doors of query and the processor; an edge that turns them into gRPC answers the same."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.errors import reason_of
from tests.e2e.mesh import Mesh, bearer, eventually
from tests.e2e.transcoding import transcoding_edge
from tests.support.media_samples import image_bytes

# Answers that a caller gets of both ways, with the same headers.
HEADERS = ("content-type", "retry-after", "server", "www-authenticate", "cache-control", "content-disposition")
VALUES = [0.1, 0.2, 0.3, 1e-7, 123456789.125, -2.0, 1e21]
HARD = "ü <b>\"&'</b> \\ \u00ad\u2028\u200b \U0001f600 \x7f"
# `{…}` stand for names of what `filled` made.
PATHS = [
    "/v1/{measurement}",
    "/v1/measurements/2024-01-01T01:00:00+01:00",
    "/v1/measurements/2024-01-01T00:00:00%2B00:00",
    "/v1/sources/pump/measurements/2024-01-01T00:00:01Z",
    "/v1/measurements",
    "/v1/measurements?page_size=1",
    "/v1/measurements?order_by=time%20desc&start=2024-01-01T00:00:00Z",
    "/v1/measurements?order_by=time+desc&end=2024-01-01T00:00:02+00:00",
    "/v1/sources/pump/measurements?pageSize=1",
    "/v1/{measurement}/lineage",
    "/v1/sources",
    "/v1/sources/pump",
    "/v1/{receipt}",
    "/v1/receipts",
    "/v1/receipts?state=PROCESSED&page_size=1",
    "/v1/receipts?state=processed",
    "/v1/{media}",
    "/v1/media",
    "/v1/media?labels=room%3Da%20b&labels=z=1",
    "/v1/{media}/objects",
    "/v1/statistics",
    "/v1/limits",
    "/v1/retention",
    "/v1/uploads",
    "/v1/invites",
    "/v1/webhooks",
    "/v1/{series}",
    "/v1/series",
    "/v1/series:count",
    "/v1/sources/pump/series",
    "/v1/{series}/points",
    "/v1/{series}/points?format=CSV",
    "/v1/{series}/points?max_points=4",
    "/v1/{series}/points?window=2s",
    "/v1/{series}/points?start=1970-01-01T00:00:02Z&format=npy",
    "/v1/sources/pump/series/points?format=csv&channels=mean",
    "/v1/{series}/metrics",
    "/v1/{signal}/metrics",
    "/v1/{signal}/spectrum",
    "/v1/{signal}/forecast?horizon=3&level=0.8",
    "/v1/{signal}/anomalies",
    "/v1/models",
]
REFUSED = [
    ("/v1/measurements/2030-01-01T00:00:00Z", 404, "MEASUREMENT_NOT_FOUND"),
    ("/v1/measurements/yesterday", 400, "INVALID_FIELD"),
    ("/v1/measurements/2024-01-01", 400, "INVALID_FIELD"),
    ("/v1/owners/someone/measurements/2024-01-01T00:00:00Z", 404, "MEASUREMENT_NOT_FOUND"),
    ("/v1/measurements?owner=someone", 403, "SCOPE_MISSING"),
    ("/v1/media/never-was", 404, "MEDIA_NOT_FOUND"),
    ("/v1/media/~", 400, "INVALID_FIELD"),
    ("/v1/receipts/never-was", 404, "RECEIPT_NOT_FOUND"),
    ("/v1/measurements?page_size=-1", 400, "INVALID_FIELD"),
    ("/v1/measurements?page_token=forged", 400, "PAGE_TOKEN_INVALID"),
    ("/v1/series/never-was", 404, "SERIES_NOT_FOUND"),
    ("/v1/series/never-was/points", 404, "SERIES_NOT_FOUND"),
    ("/v1/{series}/points?window=0s", 400, "INVALID_FIELD"),
    ("/v1/{series}/metrics?start=2030-01-01T00:00:00Z", 400, "SERIES_EMPTY"),
    ("/v1/series/never-was/forecast", 404, "SERIES_NOT_FOUND"),
    ("/v1/{series}/forecast", 400, "SERIES_TOO_SHORT"),
    ("/v1/{series}/spectrum?channel=none", 404, "SERIES_CHANNEL_NOT_FOUND"),
    ("/v1/models/none", 404, "MODEL_NOT_FOUND"),
    ("/v1/{series}/points?channels=%3Cno%3E", 404, "SERIES_CHANNEL_NOT_FOUND"),
    ("/v1/media/a%2fb", 400, "REQUEST_MALFORMED"),
    ("/v1/media/a:unknown", 400, "INVALID_FIELD"),
]
MALFORMED = [
    ("/v1/media?colour=red", "colour"),
    ("/v1/media?state=SLEEPING", "state"),
    ("/v1/media?page_size=many", "page_size"),
    ("/v1/measurements?start=yesterday", "start"),
    ("/v1/measurements?start=2024-01-01T00:00:00Z&colour=red", "colour"),
    ("/v1/media?camera_model=%ff", "camera_model"),
    ("/v1/media/%ff", "name"),
    ("/v1/sources/pump/measurements?source=default", "source"),
]


@pytest.fixture(scope="module")
def transcoded(tokens_mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("edge") / "log"
    with transcoding_edge(tokens_mesh, log, without=["query_http", "processor_http"], tokens=True) as address:
        yield address


@pytest.fixture(scope="module")
def ways(tokens_mesh: Mesh, transcoded: str) -> Iterator[list[httpx.Client]]:
    owner = bearer(tokens_mesh.token(f"reader-{uuid.uuid4().hex[:12]}"))
    with (
        httpx.Client(base_url=tokens_mesh.url, headers=owner, timeout=60) as plain,
        httpx.Client(base_url=transcoded, headers=owner, timeout=60) as other,
    ):
        yield [plain, other]


@pytest.fixture(scope="module")
def filled(ways: list[httpx.Client]) -> dict[str, str]:
    """What there is to read: drops, a photo with labels, a series; the names of each."""
    client = ways[0]
    found = {}
    for second, query in enumerate(["", "&source=pump", "&source=pump"]):
        drop = {"time_stamp": f"2024-01-01T00:00:0{second}Z", "data": VALUES[: 3 + second]}
        answer = client.post(f"/v1/measurements?wait=10s{query}", json=drop)
        found.setdefault("receipt", answer.json()["receipt"]["name"])
    client.post("/v1/measurements?wait=10s", content=b'{"data": "<none>"}')
    found["measurement"] = "measurements/2024-01-01T00:00:00Z"
    picture = image_bytes("png")
    uploaded = client.post("/v1/media", params={"filename": HARD}, content=picture).json()["results"][0]["media"]
    labels = {"room": "a b", "hard": HARD, "z": "1", "a": "2"}
    eventually(lambda: client.get(f"/v1/{uploaded['name']}").json()["state"] in {"PROCESSED", "FAILED"})
    changed = client.patch(f"/v1/{uploaded['name']}", json={"labels": labels, "update_mask": "labels"})
    assert changed.is_success, changed.text
    found["media"] = uploaded["name"]
    described = {"sample_rate_hz": "1", "start_time": "1970-01-01T00:00:00Z", "display_name": HARD}
    given = [f"{name}={value}" for name, value in labels.items()]
    stored = client.post("/v1/series", params={**described, "labels": given}, json={"values": VALUES})
    assert stored.is_success, stored.text
    found["series"] = stored.json()["name"]
    wave = {"values": [VALUES[place % 5] + place / 7 for place in range(40)]}
    found["signal"] = client.post("/v1/series", params=described, json=wave).json()["name"]
    return found


def told(answer: httpx.Response) -> tuple[Any, ...]:
    return answer.status_code, {name: answer.headers.get(name) for name in HEADERS}, answer.content


@pytest.mark.parametrize("path", PATHS)
def test_a_read_is_answered_with_the_same_bytes(ways, filled, path):
    first, second = (way.get(path.format(**filled)) for way in ways)
    assert first.status_code == 200, first.text
    assert told(first) == told(second)


@pytest.mark.parametrize("path", ["/v1/{signal}/metrics?start=1970-01-01T00:00:02Z", "/v1/sources/pump/series/metrics"])
def test_metrics_that_are_computed_by_each_call_differ_in_their_time_alone(ways, filled, path):
    texts = [way.get(path.format(**filled)).text for way in ways]
    first, second = (re.sub('"compute_time":"[^"]+"', "", text) for text in texts)
    assert first == second
    assert '"channels":[{' in first
    assert len(first) < len(texts[0])


@pytest.mark.parametrize(("path", "status", "reason"), REFUSED)
def test_a_refusal_has_the_same_bytes(ways, filled, path, status, reason):
    first, second = (way.get(path.format(**filled)) for way in ways)
    assert (first.status_code, reason_of(first)) == (status, reason)
    assert told(first) == told(second)


@pytest.mark.parametrize("authorization", ["Bearer dm_0_wrong", "Bearer nonsense", "Basic YTpi", ""])
def test_a_wrong_token_is_refused_with_the_same_bytes(ways, filled, authorization):
    path = f"/v1/{filled['measurement']}"
    first, second = (way.get(path, headers={"authorization": authorization}) for way in ways)
    assert first.status_code == 401
    assert told(first) == told(second)


@pytest.mark.parametrize(("path", "field"), MALFORMED)
def test_a_malformed_request_is_refused_by_both_and_the_door_names_the_field(ways, path, field):
    first, second = (way.get(path) for way in ways)
    assert (first.status_code, reason_of(first)) == (400, "REQUEST_MALFORMED")
    assert (second.status_code, reason_of(second)) == (400, "REQUEST_MALFORMED")
    assert first.json()["details"][0]["metadata"] == {"field": field}


def test_a_page_token_of_one_way_continues_the_list_by_the_other(ways, filled):
    token = ways[0].get("/v1/measurements?page_size=1").json()["next_page_token"]
    first, second = (way.get(f"/v1/measurements?page_size=1&page_token={token}") for way in ways)
    assert first.json()["measurements"]
    assert told(first) == told(second)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/measurements", {"accept": "text/csv"}),
        ("/v1/sources/pump/measurements", {"accept": "text/html, text/csv;q=0.9"}),
        ("/v1/{series}/points", {"accept": "text/csv"}),
        ("/v1/{series}/points", {"accept": "application/x-npy"}),
        ("/v1/{series}", {"accept": "text/csv", "range": "bytes=0-1"}),
        ("/v1/{media}", {"if-none-match": "*", "x-http-code": "500", "grpc-timeout": "1n", "te": "trailers"}),
    ],
)
def test_the_headers_of_a_request_mean_the_same(ways, filled, path, headers):
    first, second = (way.get(path.format(**filled), headers=headers) for way in ways)
    assert first.status_code == 200
    assert told(first) == told(second)


def test_a_read_with_a_body_is_answered_the_same_unless_it_is_large(ways, filled):
    for content, status in ((b"{}", 200), (b"x" * 2000, 413)):
        answers = [way.request("GET", "/v1/statistics", content=content) for way in ways]
        assert [answer.status_code for answer in answers] == [status, status]


def test_head_has_the_headers_of_get(ways, filled):
    path = f"/v1/{filled['measurement']}"
    for way in ways:
        head = way.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == way.get(path).headers["content-type"]


def test_a_number_and_a_text_are_read_back_as_they_were_sent(ways, filled):
    series = ways[0].get(f"/v1/{filled['series']}").json()
    assert (series["display_name"], series["labels"]["hard"]) == (HARD, HARD)
    assert json.loads(ways[0].get(f"/v1/{filled['series']}/points").content)["channels"][0]["values"] == VALUES
