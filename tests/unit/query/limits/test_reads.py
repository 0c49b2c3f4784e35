from __future__ import annotations

import re
from pathlib import Path

from dropmesh.buf.validate import validate_pb2
from dropmesh.v1 import ingest_service_pb2, query_service_pb2

from services.common.settings import Settings
from services.ingest.series import receiving, storing
from services.query.limits.reads import (
    BATCH_MOST,
    DROP_WAIT_MOST,
    JSON_BYTES_MOST,
    REQUESTS_PER_SECOND,
    SERIES_BODY_BYTES_MOST,
    SERIES_BODY_POINTS_MOST,
    SERIES_JSON_POINTS_MOST,
    SERIES_POINTS_MOST,
    limits_of,
)

EDGE = (Path(__file__).resolve().parents[4] / "envoy" / "envoy.yaml").read_text()


def test_the_limits_of_the_edge_are_those_of_its_configuration() -> None:
    assert re.findall(r"max_tokens: (\d+)", EDGE) == [str(REQUESTS_PER_SECOND)]
    assert re.findall(r"max_request_bytes: (\d+)", EDGE)[0] == str(JSON_BYTES_MOST)


def test_the_limits_of_requests_are_those_of_the_contract() -> None:
    def rules(message: type, field: str) -> validate_pb2.FieldRules:
        return message.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]

    wait = rules(ingest_service_pb2.DropMeasurementsRequest, "wait")
    assert wait.duration.lte.ToTimedelta() == DROP_WAIT_MOST
    for message, field in (
        (ingest_service_pb2.BatchDeleteMediaRequest, "names"),
        (query_service_pb2.DownloadMediaRequest, "names"),
        (query_service_pb2.CheckHashesRequest, "sha256"),
    ):
        assert rules(message, field).repeated.max_items == BATCH_MOST


def test_the_limits_of_series_are_those_of_ingest() -> None:
    assert receiving.MOST_BYTES == SERIES_BODY_BYTES_MOST
    assert storing.MOST_POINTS_OF_A_BODY == SERIES_BODY_POINTS_MOST
    assert storing.MOST_POINTS_OF_JSON == SERIES_JSON_POINTS_MOST
    assert storing.MOST_POINTS == SERIES_POINTS_MOST


def test_every_limit_is_set() -> None:
    limits = limits_of(Settings())
    assert {field.name for field in limits.DESCRIPTOR.fields} == {field.name for field, _ in limits.ListFields()}
