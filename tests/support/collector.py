"""An OpenTelemetry collector that keeps the spans that it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class Span:
    """A span as it was sent; ids are hexadecimal, and the parent of a first span is empty."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans over OTLP."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)

    def Export(self, request, context):
        for resource in request.resource_spans:
            service = _values(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(service, sent) for sent in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of_trace(self, trace: str) -> list[Span]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    def ways_to(self, name: str) -> list[list[tuple[str, str]]]:
        """For each span of a name, the service and name of each span from the first of its trace down to it."""
        sent = list(self.spans)
        by_id = {(span.trace, span.id): span for span in sent}
        ways = []
        for last in (span for span in sent if span.name == name):
            way = [last]
            while (above := by_id.get((last.trace, way[0].parent))) is not None:
                way.insert(0, above)
            ways.append([(span.service, span.name) for span in way])
        return ways


@contextmanager
def collector() -> Iterator[Collector]:
    """Runs a collector on a port of this machine."""
    kept, server = Collector(), grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)
    kept.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield kept
    finally:
        server.stop(None).wait()


def _span(service: str, sent: Any) -> Span:
    ids = (sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex())
    times = (sent.start_time_unix_nano, sent.end_time_unix_nano)
    return Span(service, sent.name, *ids, *times, _values(sent.attributes))


def _values(attributes: Any) -> dict[str, Any]:
    return {entry.key: getattr(entry.value, entry.value.WhichOneof("value")) for entry in attributes}
