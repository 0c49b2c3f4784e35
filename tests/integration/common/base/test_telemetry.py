from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from services.common.base.telemetry import start_tracing


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.sent: queue.Queue[trace_service_pb2.ExportTraceServiceRequest] = queue.Queue()

    def Export(self, request, context):
        self.sent.put(request)
        return trace_service_pb2.ExportTraceServiceResponse()


def test_spans_reach_the_collector_that_is_set():
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    tracer = start_tracing("ingest", f"http://127.0.0.1:{port}")
    assert tracer is not None
    with tracer.start_as_current_span("a call", attributes={"request.id": "abc"}):
        pass
    (resource,) = collector.sent.get(timeout=30).resource_spans
    tracer.span_processor.shutdown()  # type: ignore[attr-defined]
    server.stop(None)
    assert {entry.key: entry.value.string_value for entry in resource.resource.attributes}["service.name"] == (
        "dropmesh-ingest"
    )
    (span,) = resource.scope_spans[0].spans
    assert span.name == "a call"
