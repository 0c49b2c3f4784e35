from __future__ import annotations

import pytest
from dropmesh.v1 import ingest_service_pb2, processor_service_pb2, query_service_pb2

from services.common.rest.direct_reads import is_direct_read

QUERY = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].methods_by_name
PROCESSOR = processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"].methods_by_name
INGEST = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].methods_by_name


@pytest.mark.parametrize("name", ["GetMeasurement", "GetMedia", "ListReceipts", "GetStatistics", "GetSeriesPoints"])
def test_a_read_of_ones_own_is_direct(name: str) -> None:
    assert is_direct_read(QUERY[name])


@pytest.mark.parametrize(
    "name", ["WatchMedia", "DownloadOriginal", "DownloadMedia", "CheckHashes", "GetInviteMedia", "GetDocument"]
)
def test_a_stream_a_download_a_post_and_a_public_page_are_not(name: str) -> None:
    assert not is_direct_read(QUERY[name])


@pytest.mark.parametrize("name", ["GetSeriesMetrics", "GetSeriesSpectrum", "ForecastSeries", "ListModels"])
def test_what_the_processor_computes_of_ones_own_is_direct(name: str) -> None:
    assert is_direct_read(PROCESSOR[name])


@pytest.mark.parametrize("name", ["GetThumbnail", "PlotSeries", "DetectObjects", "VerifyMedia"])
def test_a_picture_and_a_post_of_the_processor_are_not(name: str) -> None:
    assert not is_direct_read(PROCESSOR[name])


def test_a_write_is_not() -> None:
    assert not any(map(is_direct_read, INGEST.values()))
