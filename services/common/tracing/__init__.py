"""Traces: a span for each call and each piece of queued work, sent to an OpenTelemetry collector where one is set.

Work has the span of the call that asked for it in its own document, as a W3C traceparent. So its spans belong to the
trace of that call in every process, after any delay and after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from services.common.base.errors import DropmeshError
from services.common.base.telemetry import traceparent

TRACEPARENT = "traceparent"
# A collector that does not answer holds up a service that stops for so long.
EXPORT_SECONDS = 5
_NO_SPAN = nullcontext()


class Tracing:
    """The spans of one process. Without a tracer nothing is sent, and a block costs one comparison."""

    def __init__(self, tracer: Any = None) -> None:
        self._tracer = tracer

    @property
    def is_on(self) -> bool:
        """Whether spans are sent."""
        return self._tracer is not None

    def call(self, name: str, parent: str, request_id: str) -> AbstractContextManager[None]:
        """A span around the work on a call; `parent` is the caller's traceparent, or empty."""
        if self._tracer is None:
            return _NO_SPAN
        service, _, method = name.rpartition(".")
        attributes = {"request.id": request_id, "rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        return self._call(name, parent, attributes)

    def work(
        self, name: str, parent: str, *, since_ns: int, start_ns: int, **attributes: str | int
    ) -> AbstractContextManager[None]:
        """A span of the wait of queued work since an instant, and below it one around the work.

        Without a parent nothing is sent: its call was not traced.
        """
        if self._tracer is None or not parent:
            return _NO_SPAN
        return self._work(name, parent, since_ns, start_ns, attributes)

    def worked(
        self, name: str, parent: str, *, since_ns: int, start_ns: int, end_ns: int, **attributes: str | int
    ) -> None:
        """As `work`, for work that is over."""
        if self._tracer is not None and parent:
            waited = self._wait(name, parent, since_ns, start_ns, attributes)
            self._start(f"{name} process", waited, "CONSUMER", start_ns, attributes).end(end_ns)

    def steps(self, steps: Iterable[tuple[str, int]], *, end_ns: int) -> None:
        """Spans below the running one: steps with their nanoseconds, one after the other until `end_ns`."""
        parent = traceparent.get()
        if self._tracer is None or not parent:
            return
        done = list(steps)
        start_ns = end_ns - sum(duration_ns for _, duration_ns in done)
        for name, duration_ns in done:
            self._start(name, parent, "INTERNAL", start_ns, {}).end(start_ns + duration_ns)
            start_ns += duration_ns

    def close(self) -> None:
        """Sends the last spans; the end of the process does so too."""
        if self._tracer is not None:
            self._tracer.span_processor.shutdown()

    @contextmanager
    def _call(self, name: str, parent: str, attributes: dict[str, str]) -> Iterator[None]:
        span = self._start(name, parent, "SERVER", None, attributes)
        # Each call has a context of its own, which ends with it.
        traceparent.set(_parent_of(span))
        try:
            yield
        except BaseException as error:
            _note(span, error)
            raise
        finally:
            span.end()

    @contextmanager
    def _work(self, name: str, parent: str, since_ns: int, start_ns: int, attributes: Any) -> Iterator[None]:
        waited = self._wait(name, parent, since_ns, start_ns, attributes)
        span = self._start(f"{name} process", waited, "CONSUMER", start_ns, attributes)
        token = traceparent.set(_parent_of(span))
        try:
            yield
        except BaseException as error:
            _note(span, error)
            raise
        finally:
            traceparent.reset(token)
            span.end()

    def _wait(self, name: str, parent: str, since_ns: int, start_ns: int, attributes: Any) -> str:
        span = self._start(f"{name} wait", parent, "INTERNAL", min(since_ns, start_ns), attributes)
        span.end(start_ns)
        return _parent_of(span)

    def _start(self, name: str, parent: str, kind: str, start_ns: int | None, attributes: Any) -> Any:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # Read as a header is: what is no traceparent begins a trace of its own.
        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}, Context())
        return self._tracer.start_span(name, context, SpanKind[kind], attributes, start_time=start_ns)


def start_tracing(service: str, endpoint: str) -> Tracing:
    """Returns the tracing of a service; without an endpoint it sends nothing."""
    if not endpoint:
        return Tracing()
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"dropmesh-{service}"}))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("dropmesh"))


def _parent_of(span: Any) -> str:
    """The traceparent that makes other spans its children; empty where the caller wants no trace."""
    context = span.get_span_context()
    if not context.trace_flags.sampled:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def _note(span: Any, error: BaseException) -> None:
    """Marks a span that failed; a refusal is the caller's fault and has its code alone."""
    from opentelemetry.trace import Status, StatusCode

    if isinstance(error, DropmeshError):
        span.set_attribute("rpc.grpc.status_code", error.code.value)
    elif isinstance(error, Exception):
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
