from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.common.base.errors import StoreUnavailable
from services.common.base.telemetry import JsonLines, traceparent
from services.common.tracing import Tracing, start_tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
UNWANTED = f"00-{TRACE}-b7ad6b7169203331-00"
METHOD = "dropmesh.v1.IngestService.UploadMedia"


class Sent:
    """A tracing, and the spans that it has sent."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider.get_tracer("test"))

    def __getitem__(self, name: str) -> ReadableSpan:
        (found,) = (span for span in self._exporter.get_finished_spans() if span.name == name)
        return found

    @property
    def names(self) -> set[str]:
        return {span.name for span in self._exporter.get_finished_spans()}


@pytest.fixture
def sent() -> Iterator[Sent]:
    # A call has a context of its own; these tests share one.
    token = traceparent.set("")
    yield Sent()
    traceparent.reset(token)


def parent_id(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def test_work_belongs_to_the_call_that_asked_for_it(sent):
    def call() -> str:
        with sent.tracing.call(METHOD, CALLER, "abc"):
            return traceparent.get()

    kept = contextvars.copy_context().run(call)
    with sent.tracing.work("photos", kept, since_ns=100, start_ns=300, media="m"):
        sent.tracing.steps((("decode", 20), ("detect", 30)), end_ns=400)
    spans = [sent[name] for name in (METHOD, "photos wait", "photos process", "decode", "detect")]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    called, waited, processed, decoded, detected = spans
    assert f"{parent_id(called):016x}" == "b7ad6b7169203331"
    assert parent_id(waited) == called.context.span_id
    assert parent_id(processed) == waited.context.span_id
    assert parent_id(decoded) == parent_id(detected) == processed.context.span_id
    assert (waited.start_time, waited.end_time) == (100, 300)
    assert (decoded.start_time, decoded.end_time, detected.end_time) == (350, 370, 400)


def test_work_that_is_over_has_the_same_spans(sent):
    sent.tracing.worked("drops", CALLER, since_ns=1, start_ns=2, end_ns=3, receipt="r")
    assert parent_id(sent["drops process"]) == sent["drops wait"].context.span_id
    assert sent["drops process"].end_time == 3
    assert sent["drops process"].attributes == {"receipt": "r"}


def test_a_caller_who_wants_no_trace_gets_none_and_leaves_nothing_in_documents(sent):
    with sent.tracing.call(METHOD, UNWANTED, "abc"):
        assert traceparent.get() == ""
    sent.tracing.worked("drops", "", since_ns=1, start_ns=2, end_ns=3)
    assert sent.names == set()


def test_what_is_no_traceparent_begins_a_trace(sent):
    with sent.tracing.call(METHOD, "nonsense", "abc"):
        pass
    assert sent[METHOD].parent is None


def test_a_refusal_has_its_code_and_a_fault_its_kind(sent):
    with pytest.raises(StoreUnavailable), sent.tracing.call("refused", "", ""):
        raise StoreUnavailable("catalog", "gone")
    with pytest.raises(ZeroDivisionError), sent.tracing.call("faulty", "", ""):
        raise ZeroDivisionError
    assert sent["refused"].attributes["rpc.grpc.status_code"] == 14
    assert sent["refused"].status.status_code is StatusCode.UNSET
    assert sent["faulty"].status.status_code is StatusCode.ERROR


def test_a_log_line_has_the_trace_of_its_call(sent):
    record = logging.makeLogRecord({"msg": "said"})
    with sent.tracing.work("photos", CALLER, since_ns=1, start_ns=2):
        assert json.loads(JsonLines("processor").format(record))["trace_id"] == TRACE
    assert "trace_id" not in json.loads(JsonLines("processor").format(record))


def test_without_an_endpoint_nothing_is_traced():
    tracing = start_tracing("ingest", "")
    assert not tracing.is_on
    with tracing.call(METHOD, CALLER, "abc"):
        assert traceparent.get() == ""
