"""Start-up and shut-down, the same for every service: listen, report health, drain, end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import grpc
from dropmesh.v1 import ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from prometheus_client.exposition import generate_latest

from services.common.base.background import Background, Loop
from services.common.base.telemetry import Metrics
from services.common.rpc.grpc_methods import grpc_handler
from services.common.rpc.methods import Method
from services.common.settings import Settings

# Each service reflects all of them: at the edge one answers for all.
CONTRACT = [
    service.full_name
    for file in (ingest_service_pb2, processor_service_pb2, query_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
METADATA_BYTES = 128 * 1024
MAX_MESSAGE_BYTES = 80 * 1024 * 1024
COLLECT_AFTER_OBJECTS = 10_000
log = logging.getLogger(__name__)


async def serve(
    name: str,
    settings: Settings,
    metrics: Metrics,
    service: ServiceDescriptor,
    methods: Sequence[Method],
    background: Sequence[Loop] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, then drains; `background` loops run beside and end when the event is set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            # As much as the edge lets in: what gRPC refuses by itself would not have the shape of an error.
            ("grpc.max_metadata_size", METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES),
            ("grpc.so_reuseport", 0),
        )
    )
    server.add_generic_rpc_handlers((grpc_handler(service, methods),))
    health_servicer = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection([*CONTRACT, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    address = settings.socket(name)
    clear_socket(address)
    server.add_insecure_port(address)
    await server.start()
    metrics_server = await _serve_metrics(settings.metrics_socket(name), metrics)
    for told in ("", service.full_name):
        await health_servicer.set(told, health_pb2.HealthCheckResponse.SERVING)
    _spare_collections()
    log.info("serving", extra={"address": address})

    loops = asyncio.create_task(Background(metrics).run(background, stopping))
    await stopping.wait()
    log.info("stopping: no new calls, those under way may finish", extra={"seconds": settings.drain_seconds})
    await health_servicer.enter_graceful_shutdown()
    await server.stop(settings.drain_seconds)
    await loops
    metrics_server.close()
    log.info("stopped")


def _spare_collections() -> None:
    """Keeps the garbage collector from looking again and again through what start-up made, and through calls under way.

    It holds up all calls while it looks; what they leave is mostly freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)


def clear_socket(address: str) -> None:
    """Removes the socket that an earlier process left at unix:/path, and makes its folder."""
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)


async def _serve_metrics(address: str, metrics: Metrics) -> asyncio.AbstractServer:
    """Answers every HTTP request with the metrics, in Prometheus' text format."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            body = generate_latest(metrics.registry)
            head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {len(body)}\r\n"
            writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    clear_socket(address)
    if address.startswith("unix:"):
        return await asyncio.start_unix_server(answer, address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return await asyncio.start_server(answer, host or None, int(port))
