"""The dropzone as a user meets it: curl -d in, measurements, receipts and lineage out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import statistics
import uuid

import grpc
import httpx
import pyarrow.parquet as pq
import pytest
from dropmesh.v1 import ingest_service_pb2, ingest_service_pb2_grpc

from tests.e2e.dropping import POINTS, READING, TEN, drop, settled
from tests.e2e.mesh import Mesh, bearer


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
    found = [(one["field"], one["reason"]) for one in request["field_violations"]]
    assert found == [
        ("$.time_stamp", "TIMESTAMP_WITHOUT_OFFSET"),
        ("$.data[1]", "NOT_A_NUMBER"),
        ("$.data[2]", "NOT_A_NUMBER"),
    ]
    (listed,) = dropper.get("/v1/receipts", params={"state": "QUARANTINED"}).json()["receipts"]
    assert listed["name"] == info["metadata"]["receipt"]
    assert [(failure["path"], failure["reason"]) for failure in listed["failures"]] == found
    assert answer.json()["message"].endswith(" (TIMESTAMP_WITHOUT_OFFSET); and 2 more failures")
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
