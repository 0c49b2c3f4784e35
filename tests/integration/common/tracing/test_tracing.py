from __future__ import annotations

import contextvars

from services.common.tracing import Tracing, start_tracing
from tests.support.collector import collector


def test_spans_reach_the_collector_that_is_set():
    with collector() as kept:
        tracing = start_tracing("ingest", kept.endpoint)
        # A call has a context of its own; what it leaves there would be in the documents of later tests.
        contextvars.copy_context().run(upload, tracing)
        tracing.close()
    (span,) = kept.spans
    assert (span.service, span.name) == ("dropmesh-ingest", "dropmesh.v1.IngestService.UploadMedia")
    assert span.attributes["request.id"] == "abc"
    assert span.attributes["rpc.method"] == "UploadMedia"


def upload(tracing: Tracing) -> None:
    with tracing.call("dropmesh.v1.IngestService.UploadMedia", "", "abc"):
        pass
