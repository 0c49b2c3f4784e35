"""What is computed of series, through the edge: metrics, spectrum, forecast, anomalies, chart."""

from __future__ import annotations

import math
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.e2e.mesh import Mesh, bearer

SEASON = [10 * math.sin(2 * math.pi * n / 12) + n / 4 for n in range(120)]


@pytest.fixture
def sensor(tokens_mesh: Mesh) -> Iterator[httpx.Client]:
    """A caller that nobody else is."""
    token = tokens_mesh.token(f"sensor-{uuid.uuid4().hex[:12]}")
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as client:
        yield client


def stored(client: httpx.Client, values: list[float], **more: Any) -> str:
    answer = client.post("/v1/series", json={"values": values, **more})
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["name"]
    return f"/v1/{name}"


def test_metrics_are_those_of_numpy(sensor: httpx.Client) -> None:
    values = np.random.default_rng(2).normal(5, 3, 4000)
    path = stored(sensor, values.tolist(), sample_rate_hz=1000, unit="m/s2")
    (metrics,) = sensor.get(f"{path}/metrics").raise_for_status().json()["channels"]
    assert metrics["count"] == "4000"
    expected = {
        "mean": values.mean(),
        "population_stddev": values.std(),
        "sample_stddev": values.std(ddof=1),
        "rms": np.sqrt((values**2).mean()),
        "peak": np.abs(values).max(),
        "peak_to_peak": np.ptp(values),
    }
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, rel=1e-12)
    assert {one["percent"]: one["value"] for one in metrics["percentiles"]}[50] == pytest.approx(np.median(values))
    assert metrics["spectral_centroid_hz"] > 0
    assert metrics["velocity_rms_mm_s"] > 0


def test_a_forecast_says_how_it_was_chosen_and_is_kept(sensor: httpx.Client) -> None:
    path = stored(sensor, SEASON)
    forecast = sensor.get(f"{path}/forecast", params={"horizon": 24, "level": 0.9}).raise_for_status().json()
    assert forecast["season_length"] == 12
    assert len(forecast["times"]) == len(forecast["values"]) == len(forecast["upper"]) == 24
    truth = [10 * math.sin(2 * math.pi * n / 12) + n / 4 for n in range(120, 144)]
    assert max(abs(found - wanted) for found, wanted in zip(forecast["values"], truth, strict=True)) < 2
    assert forecast["beats_naive"] is (forecast["method"] != "seasonal_naive")
    assert "seasonal_naive" in [one["method"] for one in forecast["backtests"]]
    again = sensor.get(f"{path}/forecast", params={"horizon": 24, "level": 0.9}).json()
    assert again == forecast
    short = sensor.get(f"{stored(sensor, [1.0, 2.0])}/forecast")
    error = short.json()["details"][0]
    assert (short.status_code, error["reason"]) == (400, "SERIES_TOO_SHORT")
    assert int(error["metadata"]["needed"]) > 2


def test_anomalies_and_the_chart_that_marks_them(sensor: httpx.Client) -> None:
    random = np.random.default_rng(3)
    values = [value + noise for value, noise in zip(SEASON, random.normal(0, 0.2, 120).tolist(), strict=True)]
    values[90] += 15
    path = stored(
        sensor, values, display_name="pump <1>", unit="bar", sample_rate_hz=1, start_time="2026-01-01T00:00:00Z"
    )
    found = sensor.get(f"{path}/anomalies").raise_for_status().json()
    odd = max(found["anomalies"], key=lambda one: one["score"])
    assert odd["time"] == "2026-01-01T00:01:30Z"
    assert not odd["lower"] <= odd["value"] <= odd["upper"]
    answer = sensor.get(f"{path}/plot.svg", params={"horizon": 12, "anomalies": True})
    assert answer.headers["content-type"].startswith("image/svg+xml")
    drawing = ET.fromstring(answer.text)
    assert drawing.tag.endswith("svg")
    assert "pump <1>" in "".join(drawing.itertext())


def test_a_series_that_is_not_there_has_nothing_computed(sensor: httpx.Client) -> None:
    for what in ("metrics", "spectrum", "forecast", "anomalies", "plot.svg"):
        assert sensor.get(f"/v1/series/never-was/{what}").json()["details"][0]["reason"] == "SERIES_NOT_FOUND"
