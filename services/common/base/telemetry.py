"""Telemetry for operators: JSON log lines with the ids of a request and its trace, and Prometheus metrics."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

request_id: ContextVar[str] = ContextVar("request_id", default="")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")
"""The span that this context works in, as W3C writes it; empty without traces."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class JsonLines(logging.Formatter):
    """One JSON object a line; what a record's `extra` holds stands beside the message."""

    _usual = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            line["request_id"] = identifier
        if parent := traceparent.get():
            line["trace_id"] = parent.split("-")[1]
        line.update({key: value for key, value in record.__dict__.items() if key not in self._usual})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start_logging(service: str, level: str) -> None:
    """Sends every log line of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dropmesh_requests_total", "Calls answered.", ("method", "code"), registry=self.registry
        )
        self.latency = Histogram(
            "dropmesh_request_seconds", "Time to the answer.", ("method",), buckets=SECONDS, registry=self.registry
        )
        self.in_flight = Gauge("dropmesh_requests_in_flight", "Calls being worked on.", registry=self.registry)
        self.waiting = Gauge(
            "dropmesh_requests_waiting", "Calls that wait: watchers, and drops with wait.", registry=self.registry
        )
        self.batch_size = Histogram(
            "dropmesh_batch_size", "Pieces of work done together.", ("work",), buckets=SIZES, registry=self.registry
        )
        self.queue_depth = Gauge(
            "dropmesh_queue_depth", "Messages that wait or are worked on.", ("topic",), registry=self.registry
        )
        self.dead_letters = Gauge(
            "dropmesh_dead_letters", "Messages given up; see scripts/queue.", ("topic",), registry=self.registry
        )
        self.store_answers = Gauge(
            "dropmesh_store_answers", "1 while the store answers, else 0.", ("store",), registry=self.registry
        )
        self.store_answer_seconds = Gauge(
            "dropmesh_store_answer_seconds",
            "Time of the last answer of the store to the question that it is asked every second.",
            ("store",),
            registry=self.registry,
        )
        self.store_free_bytes = Gauge(
            "dropmesh_store_free_bytes",
            "Free bytes on the disk of a store that is a folder or a file.",
            ("store",),
            registry=self.registry,
        )
        self.put_off = Gauge(
            "dropmesh_work_put_off",
            "1 while no such work is begun, since the machine or a store fails, else 0.",
            ("work",),
            registry=self.registry,
        )
        self.put_off_times = Counter(
            "dropmesh_work_put_off_times_total",
            "How often work was put off for a fault of the machine or of a store.",
            ("work",),
            registry=self.registry,
        )
        self.loops_running = Gauge(
            "dropmesh_loops_running", "Background loops that run.", ("loop",), registry=self.registry
        )
        self.loop_restarts = Counter(
            "dropmesh_loop_restarts_total",
            "Background loops that ended before the service and were started again.",
            ("loop",),
            registry=self.registry,
        )
        self.work_in_progress = Gauge(
            "dropmesh_work_in_progress", "Pieces of work claimed by this process.", ("work",), registry=self.registry
        )
        self.work_done = Counter(
            "dropmesh_work_total", "Pieces of work ended.", ("work", "outcome"), registry=self.registry
        )
