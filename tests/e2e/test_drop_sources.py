"""Sources as a user meets them: devices of one owner, apart in lists, exports and as series."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
import uuid

import httpx
import pyarrow.parquet as pq
import pytest

from tests.e2e.dropping import READING, TEN, drop
from tests.e2e.mesh import Mesh, bearer


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
    ("source", "limit"),
    [("x" * 65, "64"), ("-a", "begin with a letter"), ("a b", "only letters"), ("ä", "only letters")],
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
