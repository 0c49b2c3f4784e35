from __future__ import annotations

import math
from dataclasses import replace

import pytest
from dropmesh.v1 import measurement_pb2, query_service_pb2

from services.common.caching.recent import Recent
from services.common.catalog.documents import to_document
from services.common.drops.measurements import Measurement
from services.common.rest.json import json_text
from services.query.drops.answers import MeasurementPage, OneMeasurement

PLAIN = Measurement(
    "k", "ann", "", 1_704_067_207_000_000_000, 3, 1.789, 0.8, 0.1 + 0.2, -1.0, 2.188, "06gv", 7, 1, 2, 9
)
MEASUREMENTS = [
    PLAIN,
    replace(PLAIN, source="pump-1.a_b", sample_stddev=None, mean=1e20, min=-0.0, max=5e-324),
    replace(PLAIN, owner="ünd/so \"'<x>", source="p", time_ns=1_704_067_207_000_000_001, version=10**12),
    replace(PLAIN, mean=math.nan, max=math.inf, receive_time_ns=1_704_067_207_123_000_000),
]


@pytest.mark.parametrize("measurement", MEASUREMENTS)
@pytest.mark.parametrize("viewer", ["ann", "root"])
def test_a_measurement_is_written_by_hand_as_its_message_would_be(measurement: Measurement, viewer: str) -> None:
    answer = OneMeasurement(measurement, viewer)
    assert answer.json_text() == json_text(answer.message())
    assert measurement_pb2.Measurement.FromString(answer.SerializeToString()) == answer.message()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_so_is_a_page(count: int) -> None:
    page = page_of(MEASUREMENTS[:count], Recent(10**6), "next-1_" if count == 4 else "")
    assert page.json_text() == json_text(page.message())
    assert query_service_pb2.ListMeasurementsResponse.FromString(page.SerializeToString()) == page.message()


def test_a_page_that_is_read_again_shows_what_changed() -> None:
    recent = Recent(10**6)
    first = page_of(MEASUREMENTS, recent)
    assert first.json_text() == page_of(MEASUREMENTS, recent).json_text() == json_text(first.message())
    assert recent.held_bytes > 0
    for changed in (
        replace(PLAIN, mean=2.0, version=10),
        # Deleted and dropped again.
        replace(PLAIN, mean=2.0, process_time_ns=10),
    ):
        page = page_of([changed, *MEASUREMENTS[1:]], recent)
        assert page.json_text() == json_text(page.message()) != first.json_text()
    other = MeasurementPage(first.documents, "root", "", recent)
    assert other.json_text() == json_text(other.message()) != first.json_text()
    further = page_of(MEASUREMENTS, recent, "next")
    assert further.json_text() == json_text(further.message()) != first.json_text()


def page_of(measurements: list[Measurement], recent: Recent, next_page_token: str = "") -> MeasurementPage:
    documents = [to_document(one) for one in measurements]
    return MeasurementPage(documents, "ann", next_page_token, recent)
