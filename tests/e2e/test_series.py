"""Series as a user meets them: stored, appended to, read in each format, listed, deleted; by REST and by gRPC."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dropmesh.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
    series_pb2,
)

from tests.e2e.mesh import Mesh, bearer
from tests.support.series_bodies import arrow_body, csv_body, json_body, npy_body, parquet_body

VALUES = np.random.default_rng(4).normal(size=1000)
TIMES = np.arange(1000) * 1_000_000 + 1_700_000_000_000_000_000
FORMATS = ("json", "csv", "npy", "arrow", "parquet")


@pytest.fixture
def token(tokens_mesh: Mesh) -> str:
    return tokens_mesh.token(f"sensor-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def sensor(tokens_mesh: Mesh, token: str) -> Iterator[httpx.Client]:
    """A caller that nobody else is."""
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as client:
        yield client


def stored(client: httpx.Client, body: bytes | str, **query: Any) -> dict[str, Any]:
    answer = client.post("/v1/series", content=body, params=query)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def read(client: httpx.Client, name: str, form: str, **query: Any) -> np.ndarray:
    answer = client.get(f"/v1/{name}/points", params={"format": form, **query})
    assert answer.status_code == 200, answer.text
    if form == "json":
        return np.array(answer.json()["channels"][0]["values"], dtype=float)
    if form == "csv":
        return np.array([float(line.split(",")[1]) for line in answer.text.splitlines()[1:]])
    if form == "npy":
        return np.load(io.BytesIO(answer.content))
    source = io.BytesIO(answer.content)
    table = pa.ipc.open_stream(source).read_all() if form == "arrow" else pq.read_table(source)
    return table.column("value").to_numpy()


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_goes_in_and_comes_out_in_each_to_the_bit(sensor: httpx.Client, form: str) -> None:
    body = {
        "json": json_body({"value": VALUES}, TIMES),
        "csv": csv_body({"value": VALUES}, TIMES),
        "npy": npy_body([VALUES]),
        "arrow": arrow_body({"value": VALUES}, TIMES),
        "parquet": parquet_body({"value": VALUES}, TIMES),
    }[form]
    series = stored(sensor, body, display_name=form, labels=["site=a", "line=3"])
    assert (series["point_count"], series["labels"]) == ("1000", {"site": "a", "line": "3"})
    assert series["bodies"][0]["format"] == form
    assert sensor.get(f"/v1/{series['name']}/raw").content == body
    for out in FORMATS:
        assert read(sensor, series["name"], out).tobytes() == VALUES.tobytes()


def test_channels_ranges_fewer_points_and_windows(sensor: httpx.Client) -> None:
    body = json.dumps(
        {
            "channels": [
                {"name": "x", "unit": "m/s2", "values": VALUES.tolist()},
                {"name": "y", "values": (-VALUES).tolist()},
            ],
            "sample_rate_hz": 1000,
            "start_time": "2026-01-01T00:00:00Z",
        }
    )
    name = stored(sensor, body)["name"]
    points = f"/v1/{name}/points"
    part = sensor.get(points, params={"start": "2026-01-01T00:00:00.5Z", "end": "2026-01-01T00:00:00.503Z"}).json()
    assert part["channels"][0] == {"name": "x", "unit": "m/s2", "values": VALUES[500:503].tolist()}
    assert (part["start_time"], part["sample_rate_hz"]) == ("2026-01-01T00:00:00.500Z", 1000)
    fewer = sensor.get(points, params={"max_points": 50}).json()
    assert len(fewer["timestamps"]) == len(fewer["channels"][1]["values"]) <= 50
    assert max(fewer["channels"][0]["values"]) == VALUES.max()
    windows = sensor.get(points, params={"window": "250ms"}).json()
    assert windows["channels"][0]["count"] == [250] * 4
    assert windows["channels"][1]["mean"] == pytest.approx(
        [-VALUES[at : at + 250].mean() for at in range(0, 1000, 250)]
    )
    text = sensor.get(points, params={"window": "1s"}, headers={"accept": "text/csv"})
    assert text.headers["content-type"].startswith("text/csv")
    assert text.text.splitlines()[0] == "time," + ",".join(
        f"{c}.{s}" for c in "xy" for s in ("count", "mean", "min", "max", "population_stddev")
    )


@pytest.mark.parametrize(
    ("body", "query", "status", "reason", "said"),
    [
        ('{"values": [1, 2, null]}', {}, 400, "SERIES_VALUE_INVALID", "values[2]"),
        ("x\n1\ninf\n", {}, 400, "SERIES_VALUE_INVALID", "x[1]"),
        ('{"values": [1, 2], "timestamps": [7, 7]}', {}, 400, "SERIES_TIME_INVALID", "timestamps[1]"),
        ('{"values": [1, 2], "timestamps": [7, 8]}', {"sample_rate_hz": 5}, 400, "INVALID_FIELD", "sample_rate_hz"),
        ("", {}, 400, "SERIES_EMPTY", "body"),
        ("PK\x03\x04", {}, 415, "SERIES_FORMAT_UNSUPPORTED", "ZIP"),
        ('{"values": [1]}', {"channels": ["a", "b"]}, 400, "SERIES_CHANNELS_INVALID", "channels"),
        ('{"values": [1]}', {"labels": "=x"}, 400, "INVALID_FIELD", "labels[0]"),
        ('{"values": [1]}', {"points.times_ns": 0}, 400, "INVALID_FIELD", "points"),
    ],
)
def test_a_refusal_names_what_is_wrong(sensor: httpx.Client, body, query, status, reason, said) -> None:
    answer = sensor.post("/v1/series", content=body, params=query)
    error = answer.json()
    assert (answer.status_code, error["details"][0]["reason"]) == (status, reason)
    assert said.replace("values[2]", "value") in error["message"] or said in error["message"]


def test_a_series_is_appended_to_renamed_and_deleted(sensor: httpx.Client) -> None:
    request_id = str(uuid.uuid4())
    series = stored(sensor, '{"values": [1, 2]}', request_id=request_id)
    assert stored(sensor, '{"values": [1, 2]}', request_id=request_id)["name"] == series["name"]
    path = f"/v1/{series['name']}"
    appended = sensor.post(f"{path}:append", content="3\n4\n").json()
    assert (appended["point_count"], appended["revision"]) == ("4", "2")
    renamed = sensor.patch(path, json={"display_name": "pump", "labels": {"a": "b"}, "update_mask": "display_name"})
    assert (renamed.json()["display_name"], renamed.json()["labels"]) == ("pump", {})
    stale = sensor.patch(path, json={"labels": {"a": "b"}, "etag": series["etag"]})
    assert (stale.status_code, stale.json()["details"][0]["reason"]) == (409, "ETAG_MISMATCH")
    start = appended["start_time"]
    left = sensor.delete(f"{path}/points", params={"start": start, "end": appended["end_time"]}).json()
    assert (left["point_count"], left["bodies"]) == ("1", [])
    assert sensor.get(f"{path}/raw").json()["details"][0]["reason"] == "SERIES_BODY_NOT_FOUND"
    assert sensor.delete(path).status_code == 200
    assert sensor.get(path).json()["details"][0]["reason"] == "SERIES_NOT_FOUND"
    assert sensor.get(f"{path}/points").status_code == 404
    assert sensor.delete(path).json()["details"][0]["reason"] == "SERIES_NOT_FOUND"
    assert sensor.delete(path, params={"allow_missing": "true"}).status_code == 200


def test_lists_are_cut_by_label_prefix_and_time_and_counted(sensor: httpx.Client, tokens_mesh: Mesh) -> None:
    for n in range(5):
        stored(sensor, '{"values": [1]}', display_name=f"{'ab'[n % 2]}{n}", labels=[f"site={n % 3}"])

    def names(**query: Any) -> list[str]:
        return [one["display_name"] for one in sensor.get("/v1/series", params=query).json()["series"]]

    assert names() == ["a4", "b3", "a2", "b1", "a0"]
    assert names(prefix="a") == ["a0", "a2", "a4"]
    assert names(labels="site=0") == ["b3", "a0"]
    assert names(labels=["site=0"], prefix="a") == ["a0"]
    assert names(end="2020-01-01T00:00:00Z") == []
    page = sensor.get("/v1/series", params={"page_size": 2}).json()
    assert (len(page["series"]), page["total_size"]) == (2, "5")
    rest = sensor.get("/v1/series", params={"page_size": 9, "page_token": page["next_page_token"]}).json()
    assert ([one["display_name"] for one in rest["series"]], rest["total_size"]) == (["a2", "b1", "a0"], "5")
    assert sensor.get("/v1/series:count").json() == {"count": "5"}
    assert sensor.get("/v1/series:count", params={"prefix": "b"}).json() == {"count": "2"}
    assert sensor.get("/v1/series:count", params={"labels": "site=1"}).json() == {"count": "2"}
    other = httpx.get(f"{tokens_mesh.url}/v1/series", headers=bearer(tokens_mesh.token("nobody-else"))).json()
    assert (other["series"], other["total_size"]) == ([], "0")


def test_another_owner_finds_nothing(sensor: httpx.Client, tokens_mesh: Mesh) -> None:
    name = stored(sensor, '{"values": [1]}')["name"]
    path = f"/v1/{name}"
    stranger = bearer(tokens_mesh.token("stranger"))
    with httpx.Client(base_url=tokens_mesh.url, headers=stranger, timeout=60) as client:
        assert client.get(path).status_code == client.get(f"{path}/points").status_code == 404
        assert (
            client.get(f"{path}/raw").status_code == client.patch(path, json={"display_name": "x"}).status_code == 404
        )
        assert client.post(f"{path}:append", content="1\n").status_code == 404
        assert client.delete(path).status_code == 404
        assert client.delete(path, params={"allow_missing": "true"}).status_code == 200
    assert sensor.get(path).status_code == 200


def test_grpc_stores_typed_points_and_streams_them_back(tokens_mesh: Mesh, token: str) -> None:
    metadata = (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
        query = query_service_pb2_grpc.QueryServiceStub(channel)

        def messages() -> Iterator[ingest_service_pb2.CreateSeriesRequest]:
            for start in range(0, 1000, 400):
                part = slice(start, start + 400)
                channels = [series_pb2.SeriesValues(values=column[part]) for column in (VALUES, -VALUES)]
                points = series_pb2.SeriesPoints(times_ns=TIMES[part], channels=channels)
                yield ingest_service_pb2.CreateSeriesRequest(
                    points=points, display_name="typed", channels=["x", "y"], unit=["g"]
                )

        series = ingest.CreateSeries(messages(), metadata=metadata, timeout=60)
        assert [(one.name, one.unit) for one in series.channels] == [("x", "g"), ("y", "g")]
        more = series_pb2.SeriesPoints(
            times_ns=[int(TIMES[-1]) + 1], channels=[series_pb2.SeriesValues(values=[7.0])] * 2
        )
        request = ingest_service_pb2.AppendSeriesRequest(name=series.name, points=more)
        assert ingest.AppendSeries(iter([request]), metadata=metadata, timeout=60).point_count == 1001
        asked = query_service_pb2.GetSeriesPointsRequest(
            name=series.name, format=query_service_pb2.GetSeriesPointsRequest.NPY
        )
        bodies = query.GetSeriesPoints(asked, metadata=metadata, timeout=60)
        array = np.load(io.BytesIO(b"".join(body.data for body in bodies)))
        assert array.shape == (1001, 2)
        assert array[:1000, 0].tobytes() == VALUES.tobytes()
