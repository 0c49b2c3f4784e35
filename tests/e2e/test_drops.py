"""The dropzone as a user meets it: curl -d in, measurements, receipts and lineage out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pyarrow.parquet as pq
import pytest
from dropmesh.v1 import ingest_service_pb2, ingest_service_pb2_grpc

from tests.e2e.mesh import Mesh, bearer

READING = '{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
POINTS = [0.379, 1.589, 2.188]
TEN = "measurements/2019-05-01T10:00:00Z"


@pytest.fixture
def dropper(tokens_mesh: Mesh) -> Iterator[httpx.Client]:
    """A caller that nobody else is: what it drops, it alone sees."""
    token = tokens_mesh.token(f"dropper-{uuid.uuid4().hex[:12]}")
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as client:
        yield client


def drop(client: httpx.Client, raw: str | bytes, **query: str) -> httpx.Response:
    return client.post("/v1/measurements", content=raw, params=query)


def settled(client: httpx.Client, receipt: str, within_seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + within_seconds
    found: dict[str, Any]
    while (found := client.get(f"/v1/{receipt}").json())["state"] == "NEW":
        assert time.monotonic() < deadline, "nobody looked into the drop"
        time.sleep(0.05)
    return found


def test_a_drop_is_accepted_with_its_receipt_and_its_measurement_follows(dropper: httpx.Client) -> None:
    answer = drop(dropper, READING)
    assert answer.status_code == 202
    receipt = answer.json()["receipt"]
    assert receipt["sha256"] == hashlib.sha256(READING.encode()).hexdigest()
    assert receipt["size_bytes"] == str(len(READING))
    assert settled(dropper, receipt["name"])["measurements"] == [TEN]
    measurement = dropper.get(f"/v1/{TEN}").json()
    assert measurement["count"] == "3"
    assert measurement["mean"] == statistics.mean(POINTS)
    assert measurement["population_stddev"] == pytest.approx(statistics.pstdev(POINTS), rel=1e-15)
    assert measurement["sample_stddev"] == pytest.approx(statistics.stdev(POINTS), rel=1e-15)
    assert (measurement["min"], measurement["max"]) == (0.379, 2.188)
    assert measurement["receipt"] == receipt["name"]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain", ""])
def test_the_content_type_does_not_matter(dropper: httpx.Client, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = dropper.post("/v1/measurements", content=READING, headers=headers)
    assert answer.status_code == 202
    assert dropper.get(f"/v1/{answer.json()['receipt']['name']}/raw").content == READING.encode()


def test_a_call_may_wait_for_the_outcome(dropper: httpx.Client) -> None:
    answer = drop(dropper, READING, wait="10s")
    assert answer.status_code == 200
    assert answer.json()["receipt"]["state"] == "PROCESSED"
    assert [one["name"] for one in answer.json()["measurements"]] == [TEN]


def test_a_bad_drop_is_refused_with_everything_that_is_wrong_and_kept(dropper: httpx.Client) -> None:
    bad = '{"time_stamp": "2019-05-01T06:00:00", "data": [1, "2", null]}'
    answer = drop(dropper, bad, wait="10s")
    assert answer.status_code == 400
    info, request = answer.json()["details"]
    assert info["reason"] == "DROP_QUARANTINED"
    found = [(one["field"], one["description"].partition(":")[0]) for one in request["field_violations"]]
    assert found == [
        ("$.time_stamp", "TIMESTAMP_WITHOUT_OFFSET"),
        ("$.data[1]", "NOT_A_NUMBER"),
        ("$.data[2]", "NOT_A_NUMBER"),
    ]
    (listed,) = dropper.get("/v1/receipts", params={"state": "QUARANTINED"}).json()["receipts"]
    assert listed["name"] == info["metadata"]["receipt"]
    assert [failure["path"] for failure in listed["failures"]] == [path for path, _ in found]
    assert dropper.get(f"/v1/{listed['name']}/raw").content == bad.encode()


def test_many_failures_fit_into_an_error_and_are_all_counted(dropper: httpx.Client) -> None:
    answer = drop(dropper, json.dumps({"time_stamp": "now", "data": ["x" * 60] * 500}), wait="10s")
    assert answer.status_code == 400
    info, request = answer.json()["details"]
    assert 10 < len(request["field_violations"]) < 100
    receipt = dropper.get(f"/v1/{info['metadata']['receipt']}").json()
    assert (len(receipt["failures"]), receipt["failure_count"]) == (100, "501")


def test_an_array_is_one_receipt_and_many_measurements(dropper: httpx.Client) -> None:
    elements = [{"time_stamp": f"2020-01-01T00:00:{second:02d}Z", "data": [second]} for second in range(60)]
    answer = drop(dropper, json.dumps(elements), wait="10s").json()
    assert answer["receipt"]["measurement_count"] == "60"
    assert [one["mean"] for one in answer["measurements"]] == list(map(float, range(60)))


def test_offsets_name_one_instant_and_the_newest_drop_wins(dropper: httpx.Client) -> None:
    first = drop(dropper, READING, wait="10s").json()["receipt"]["name"]
    second = drop(dropper, '{"time_stamp": "2019-05-01T10:00:00Z", "data": [7]}', wait="10s").json()["receipt"]["name"]
    for spelling in (
        "2019-05-01T10:00:00Z",
        "2019-05-01T12:00:00.000+02:00",
        "2019-05-01T06:00:00-04:00",
        "2019-05-01T12%3A00%3A00%2B02%3A00",
    ):
        found = dropper.get(f"/v1/measurements/{spelling}").json()
        assert (found["name"], found["mean"], found["receipt"]) == (TEN, 7.0, second)
        assert "sample_stddev" not in found
    lineage = dropper.get(f"/v1/{TEN}/lineage").json()["entries"]
    assert [(entry["receipt"], entry["current"]) for entry in lineage] == [(second, True), (first, False)]
    assert lineage[1]["sha256"] == hashlib.sha256(READING.encode()).hexdigest()
    assert all(entry["code_version"] and entry["process_time"] for entry in lineage)


def test_a_measurement_is_verified_to_the_last_bit(dropper: httpx.Client) -> None:
    drop(dropper, READING, wait="10s")
    verdict = dropper.post(f"/v1/{TEN}:verify").json()
    assert (verdict["agrees"], verdict["sha256_agrees"], verdict["numbers_agree"]) == (True, True, True)
    assert verdict["stored"] == verdict["computed"]


def test_a_retry_with_a_request_id_stores_nothing_twice(dropper: httpx.Client) -> None:
    request_id = str(uuid.uuid4())
    first = drop(dropper, READING, request_id=request_id)
    again = drop(dropper, READING, request_id=request_id.upper())
    assert first.json()["receipt"]["name"] == again.json()["receipt"]["name"]
    assert len(dropper.get("/v1/receipts").json()["receipts"]) == 1
    other = drop(dropper, READING + " ", request_id=request_id)
    assert (other.status_code, other.json()["details"][0]["reason"]) == (409, "REQUEST_ID_REUSED")


@pytest.mark.parametrize("named", [False, True])
def test_large_drops_and_retries_of_them_are_whole(dropper: httpx.Client, named: bool) -> None:
    raw = json.dumps({"time_stamp": "2021-01-01T00:00:00Z", "data": [index / 7 for index in range(20_000)]})
    query = {"request_id": str(uuid.uuid4())} if named else {}
    names = {drop(dropper, raw, wait="10s", **query).json()["receipt"]["name"] for _ in range(2)}
    assert len(names) == (1 if named else 2)
    assert {dropper.get(f"/v1/{name}/raw").content for name in names} == {raw.encode()}
    assert dropper.get("/v1/measurements/2021-01-01T00:00:00Z").json()["count"] == "20000"


@pytest.mark.parametrize("query", [{}, {"wait": "1s"}])
def test_what_is_larger_than_a_drop_may_be_is_refused(dropper: httpx.Client, query: dict[str, str]) -> None:
    answer = drop(dropper, b" " * (16 * 1024 * 1024 + 1), **query)
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (413, "REQUEST_TOO_LARGE")
    assert answer.json()["details"][0]["metadata"] == {"limit_bytes": "16777216"}
    assert dropper.get("/v1/receipts").json()["receipts"] == []


def test_a_drop_of_exactly_the_limit_is_taken(dropper: httpx.Client) -> None:
    raw = READING.ljust(16 * 1024 * 1024)
    assert drop(dropper, raw, wait="10s").status_code == 200


def test_lists_go_page_by_page_in_both_directions(dropper: httpx.Client) -> None:
    instants = [f"2020-03-01T00:00:{second:02d}Z" for second in range(25)]
    drop(dropper, json.dumps([{"time_stamp": instant, "data": [1]} for instant in instants]), wait="10s")
    for order, expected in (("", instants), ("time desc", instants[::-1])):
        found, token = [], ""
        while True:
            query: dict[str, str | int] = {"page_size": 10, "order_by": order, "page_token": token}
            page = dropper.get("/v1/measurements", params=query).json()
            found += [one["time"] for one in page["measurements"]]
            token = page["next_page_token"]
            if not token:
                break
        assert found == expected
    within = {"start": instants[5], "end": instants[8]}
    inside = dropper.get("/v1/measurements", params=within).json()["measurements"]
    assert [one["time"] for one in inside] == instants[5:8]


def test_receipts_are_listed_newest_first(dropper: httpx.Client) -> None:
    names = [drop(dropper, READING).json()["receipt"]["name"] for _ in range(5)]
    first = dropper.get("/v1/receipts", params={"page_size": 3}).json()
    second = dropper.get("/v1/receipts", params={"page_size": 3, "page_token": first["next_page_token"]}).json()
    assert [one["name"] for one in first["receipts"] + second["receipts"]] == names[::-1]
    assert second["next_page_token"] == ""


def test_measurements_are_exported_as_csv_ndjson_and_parquet(dropper: httpx.Client) -> None:
    elements = [{"time_stamp": f"2020-03-01T00:00:0{second}.5Z", "data": [second, second + 1]} for second in range(3)]
    drop(dropper, json.dumps(elements), wait="10s")
    listed = dropper.get("/v1/measurements").json()["measurements"]
    as_csv = dropper.get("/v1/measurements", headers={"accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [(row["time"], float(row["mean"])) for row in rows] == [(one["time"], one["mean"]) for one in listed]
    lines = dropper.get("/v1/measurements:export", params={"format": "NDJSON"}).text.splitlines()
    assert [json.loads(line)["sample_stddev"] for line in lines] == [one["sample_stddev"] for one in listed]
    parquet = dropper.get("/v1/measurements:export", params={"format": "parquet", "order_by": "time desc"})
    table = pq.read_table(io.BytesIO(parquet.content))
    assert table.column("mean").to_pylist() == [one["mean"] for one in reversed(listed)]
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"


@pytest.mark.parametrize("form", ["CSV", "NDJSON", "PARQUET"])
def test_an_export_of_nothing_is_a_file_all_the_same(dropper: httpx.Client, form: str) -> None:
    answer = dropper.get("/v1/measurements:export", params={"format": form})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")


def test_nobody_sees_what_another_dropped(dropper: httpx.Client, tokens_mesh: Mesh) -> None:
    receipt = drop(dropper, READING, wait="10s").json()["receipt"]["name"]
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(tokens_mesh.token("someone-else"))) as other:
        for path in (receipt, f"{receipt}/raw", TEN, f"{TEN}/lineage"):
            assert other.get(f"/v1/{path}").status_code == 404
        assert other.post(f"/v1/{receipt}:replay").status_code == 404
        assert other.post(f"/v1/{TEN}:verify").status_code == 404
        assert other.get("/v1/receipts").json()["receipts"] == []
    with httpx.Client(base_url=tokens_mesh.url, headers=tokens_mesh.admin) as admin:
        assert admin.get(f"/v1/{receipt}").status_code == 200


def test_two_devices_at_one_instant_are_two_measurements(dropper: httpx.Client) -> None:
    def reading(value: float) -> str:
        return json.dumps({"time_stamp": "2019-05-01T10:00:00Z", "data": [value]})

    drop(dropper, reading(1), wait="10s")
    drop(dropper, reading(2), wait="10s", source="pump-3")
    answer = dropper.post("/v1/sources/pump-4/measurements", content=reading(3), params={"wait": "10s"}).json()
    assert answer["receipt"]["source"] == "pump-4"
    assert [one["name"] for one in answer["measurements"]] == [f"sources/pump-4/{TEN}"]
    listed = dropper.get("/v1/measurements").json()["measurements"]
    names = {one["name"]: one["mean"] for one in listed}
    assert names == {TEN: 1.0, f"sources/pump-3/{TEN}": 2.0, f"sources/pump-4/{TEN}": 3.0}
    for one in listed:
        assert dropper.get(f"/v1/{one['name']}").json() == one
        assert [entry["current"] for entry in dropper.get(f"/v1/{one['name']}/lineage").json()["entries"]] == [True]
        assert dropper.post(f"/v1/{one['name']}:verify").json()["agrees"] is True
    by_path = dropper.get("/v1/sources/pump-3/measurements").json()
    assert by_path == dropper.get("/v1/measurements", params={"source": "pump-3"}).json()
    assert [one["mean"] for one in by_path["measurements"]] == [2.0]
    without = dropper.get("/v1/measurements", params={"source": "default"}).json()["measurements"]
    assert [one["name"] for one in without] == [TEN]
    sources = dropper.get("/v1/sources").json()["sources"]
    assert [(one["name"], one["measurement_count"], one["latest_time"]) for one in sources] == [
        (f"sources/{source}", "1", "2019-05-01T10:00:00Z") for source in ("default", "pump-3", "pump-4")
    ]
    assert dropper.get("/v1/sources/pump-3").json() == sources[1]
    absent = dropper.get("/v1/sources/pump-5")
    assert (absent.status_code, absent.json()["details"][0]["reason"]) == (404, "SOURCE_NOT_FOUND")


def test_an_export_says_which_source_a_row_is_of(dropper: httpx.Client) -> None:
    for source in ("a", "b"):
        drop(dropper, READING, wait="10s", source=source)
    rows = list(csv.DictReader(io.StringIO(dropper.get("/v1/measurements:export").text)))
    assert [row["source"] for row in rows] == ["a", "b"]
    for path, headers in (
        ("/v1/sources/b/measurements:export", {}),
        ("/v1/sources/b/measurements", {"accept": "text/csv"}),
    ):
        rows = list(csv.DictReader(io.StringIO(dropper.get(path, headers=headers).text)))
        assert [row["source"] for row in rows] == ["b"]
    lines = dropper.get("/v1/measurements:export", params={"format": "NDJSON", "source": "b"}).text.splitlines()
    assert [json.loads(line)["name"] for line in lines] == [f"sources/b/{TEN}"]
    parquet = dropper.get("/v1/measurements:export", params={"format": "parquet"})
    assert pq.read_table(io.BytesIO(parquet.content)).column("source").to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("source", "limit"), [("x" * 65, "64"), ("-a", "[A-Za-z0-9]"), ("a b", "[A-Za-z0-9]"), ("ä", "[A-Za-z0-9]")]
)
def test_a_source_that_is_none_is_refused_with_field_and_limit(dropper: httpx.Client, source: str, limit: str) -> None:
    for answer in (drop(dropper, READING, source=source), dropper.get("/v1/measurements", params={"source": source})):
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "INVALID_FIELD")
        assert answer.json()["message"].startswith("source: ")
        assert limit in answer.json()["message"]
    assert dropper.get("/v1/receipts").json()["receipts"] == []


def test_two_owners_at_one_instant_have_two_names_for_an_administrator(tokens_mesh: Mesh) -> None:
    owner = f"an owner@{uuid.uuid4().hex[:12]}"
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(tokens_mesh.token(owner))) as dropper:
        receipt = drop(dropper, READING, wait="10s", source="a").json()["receipt"]["name"]
    with httpx.Client(base_url=tokens_mesh.url, headers=tokens_mesh.admin) as admin:
        drop(admin, '{"time_stamp": "2019-05-01T10:00:00Z", "data": [7]}', wait="10s", source="a")
        (listed,) = admin.get("/v1/measurements", params={"owner": owner}).json()["measurements"]
        assert listed["name"] == f"owners/{owner.replace(' ', '%20')}/sources/a/{TEN}"
        assert admin.get(f"/v1/{receipt}").json()["measurements"] == [listed["name"]]
        assert admin.get(f"/v1/{listed['name']}").json() == listed
        assert admin.get(f"/v1/{listed['name']}/lineage").json()["entries"][0]["receipt"] == receipt
        assert admin.post(f"/v1/{listed['name']}:verify").json()["agrees"] is True
        assert admin.get(f"/v1/sources/a/{TEN}").json()["mean"] == 7.0
        (source,) = admin.get("/v1/sources", params={"owner": owner}).json()["sources"]
        assert admin.get(f"/v1/{source['name']}").json() == source
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(tokens_mesh.token("someone-else"))) as other:
        assert other.get(f"/v1/{listed['name']}").status_code == 404
        refused = other.get("/v1/measurements", params={"owner": owner})
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (403, "SCOPE_MISSING")


def test_the_measurements_of_a_source_are_a_series(dropper: httpx.Client) -> None:
    means = [10 + math.sin(index * math.pi / 6) + (5 if index == 100 else 0) for index in range(144)]
    elements = [
        {"time_stamp": f"2026-01-{1 + index // 24:02d}T{index % 24:02d}:00:00Z", "data": [mean]}
        for index, mean in enumerate(means)
    ]
    for source in ("pump-3", "default"):
        drop(dropper, json.dumps(elements), wait="10s", source=source)
        base = f"/v1/sources/{source}/series"
        assert dropper.get(base).json()["point_count"] == "144"
        points = dropper.get(f"{base}/points", params={"channels": "mean"}).json()
        assert points["channels"] == [{"name": "mean", "unit": "", "values": means}]
        table = pq.read_table(io.BytesIO(dropper.get(f"{base}/points", params={"format": "parquet"}).content))
        assert table.column("max").to_pylist() == means
        metrics = dropper.get(f"{base}/metrics").json()["channels"][0]
        assert (metrics["channel"], metrics["mean"]) == ("mean", pytest.approx(statistics.fmean(means), rel=1e-12))
        forecast = dropper.get(f"{base}/forecast", params={"horizon": 24}).json()
        assert (forecast["name"], forecast["season_length"]) == (f"sources/{source}/series", 12)
        assert forecast["times"][0] == "2026-01-07T00:00:00Z"
        odd = dropper.get(f"{base}/anomalies").json()["anomalies"]
        assert "2026-01-05T04:00:00Z" in [one["time"] for one in odd]
        spectrum = dropper.get(f"{base}/spectrum", params={"segment_points": 64}).json()
        assert spectrum["dominant_frequencies"][0]["frequency_hz"] == pytest.approx(1 / (12 * 3600), rel=0.1)
        plot = dropper.get(f"{base}/plot.svg", params={"horizon": 12, "anomalies": "true"})
        assert plot.headers["content-type"] == "image/svg+xml"
        assert plot.text.count("<path") == 4
    absent = dropper.get("/v1/sources/pump-5/series/metrics")
    assert (absent.status_code, absent.json()["details"][0]["reason"]) == (404, "SOURCE_NOT_FOUND")


def test_only_a_quarantined_receipt_is_replayed(dropper: httpx.Client) -> None:
    good = drop(dropper, READING, wait="10s").json()["receipt"]["name"]
    refused = dropper.post(f"/v1/{good}:replay")
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (400, "RECEIPT_NOT_QUARANTINED")
    bad = drop(dropper, "{}").json()["receipt"]
    settled(dropper, bad["name"])
    answer = dropper.post(f"/v1/{bad['name']}:replay")
    assert (answer.status_code, answer.json()["state"], answer.json()["sequence"]) == (202, "NEW", bad["sequence"])
    assert settled(dropper, bad["name"])["state"] == "QUARANTINED"


def test_a_drop_without_a_token_is_refused_as_every_call_is(tokens_mesh: Mesh) -> None:
    plain = httpx.post(f"{tokens_mesh.url}/v1/measurements", content=READING)
    waiting = httpx.post(f"{tokens_mesh.url}/v1/measurements?wait=1s", content=READING)
    assert plain.status_code == waiting.status_code == 401
    assert plain.json() == waiting.json()


def test_the_same_comes_by_grpc(tokens_mesh: Mesh) -> None:
    token = tokens_mesh.token("grpc-dropper")
    request = ingest_service_pb2.DropMeasurementsRequest()
    request.body.data = READING.encode()
    with grpc.insecure_channel(tokens_mesh.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        assert stub.DropMeasurements(request, metadata=tuple(bearer(token).items())).receipt.name
        request.wait.seconds = 10
        answer = stub.DropMeasurements(request, metadata=tuple(bearer(token).items()))
    assert [one.name for one in answer.measurements] == [TEN]


def test_a_million_points_come_out_right_to_the_twelfth_digit(dropper: httpx.Client) -> None:
    points = [round(20 + index * 7919 % 1000003 / 1000003, 6) for index in range(1_000_000)]
    raw = json.dumps({"time_stamp": "2023-01-01T00:00:00Z", "data": points}, separators=(",", ":"))
    receipt = drop(dropper, raw).json()["receipt"]["name"]
    assert settled(dropper, receipt, 120)["state"] == "PROCESSED"
    found = dropper.get("/v1/measurements/2023-01-01T00:00:00Z").json()
    mean = math.fsum(points) / len(points)
    spread = math.fsum((point - mean) ** 2 for point in points)
    assert found["count"] == "1000000"
    assert found["mean"] == pytest.approx(mean, rel=1e-12)
    assert found["population_stddev"] == pytest.approx(math.sqrt(spread / 1_000_000), rel=1e-12)
    assert found["sample_stddev"] == pytest.approx(math.sqrt(spread / 999_999), rel=1e-12)
