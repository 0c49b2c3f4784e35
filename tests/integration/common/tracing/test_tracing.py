from __future__ import annotations

from services.common.tracing import start_tracing
from tests.support.collector import collector


def test_spans_reach_the_collector_that_is_set():
    with collector() as kept:
        tracing = start_tracing("ingest", kept.endpoint)
        with tracing.call("dropmesh.v1.IngestService.UploadMedia", "", "abc"):
            pass
        tracing.close()
    (span,) = kept.spans
    assert (span.service, span.name) == ("dropmesh-ingest", "dropmesh.v1.IngestService.UploadMedia")
    assert span.attributes["request.id"] == "abc"
    assert span.attributes["rpc.method"] == "UploadMedia"
