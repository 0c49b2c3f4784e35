from __future__ import annotations

import math
from dataclasses import replace

import pytest
from dropmesh.v1 import measurement_pb2, query_service_pb2

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
    page = MeasurementPage(MEASUREMENTS[:count], "ann", "next-1_" if count == 4 else "")
    assert page.json_text() == json_text(page.message())
    assert query_service_pb2.ListMeasurementsResponse.FromString(page.SerializeToString()) == page.message()
