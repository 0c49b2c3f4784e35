"""Start-up and shut-down, the same for every service: listen, report health, drain, end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from functools import partial

import grpc
from dropmesh.v1 import ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from services.common.base.background import Background, Loop, PutOff, give_back_memory
from services.common.base.loops import pause
from services.common.base.probes import ANSWERS, StoreProbe
from services.common.base.telemetry import Metrics
from services.common.rpc.grpc_methods import MAX_MESSAGE_BYTES, GuardedReflection, grpc_handler
from services.common.rpc.guard import Guard
from services.common.rpc.methods import Method
from services.common.rpc.operations import Readiness, clear_socket, serve_operations
from services.common.settings import Settings

# Each service reflects all of them: at the edge one answers for all.
CONTRACT = [
    service.full_name
    for file in (ingest_service_pb2, processor_service_pb2, query_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
METADATA_BYTES = 128 * 1024
COLLECT_AFTER_OBJECTS = 10_000
log = logging.getLogger(__name__)


async def serve(
    name: str,
    settings: Settings,
    metrics: Metrics,
    service: ServiceDescriptor,
    guard: Guard,
    methods: Sequence[Method],
    background: Sequence[Loop] = (),
    probes: Sequence[StoreProbe] = (),
    put_off: PutOff | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains; `background` loops run beside and end when the event is set.

    After SIGTERM it announces its end and goes on serving for `notice_seconds`, so that the edge sends new calls to
    another instance. SIGINT, or a second SIGTERM, ends the notice.
    """
    leaving, stopping = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def leave(*, at_once: bool) -> None:
        if at_once or leaving.is_set():
            stopping.set()
        leaving.set()

    loop.add_signal_handler(signal.SIGTERM, partial(leave, at_once=False))
    loop.add_signal_handler(signal.SIGINT, partial(leave, at_once=True))

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
    described = [*CONTRACT, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(GuardedReflection(guard, described), server)
    address = settings.socket(name)
    clear_socket(address)
    server.add_insecure_port(address)
    await server.start()
    loops = Background(metrics)

    def readiness() -> Readiness:
        stores = {probe.store: probe.state for probe in probes}
        causes = {} if put_off is None else put_off.causes
        faults = (leaving.is_set(), loops.failing, causes, any(state != ANSWERS for state in stores.values()))
        return Readiness(stores, loops.failing, causes, is_leaving=leaving.is_set(), is_ready=not any(faults))

    operations = await serve_operations(settings.metrics_socket(name), metrics, readiness, guard.recognize)
    for told in ("", service.full_name):
        await health_servicer.set(told, health_pb2.HealthCheckResponse.SERVING)
    log.info("serving", extra={"address": address})

    running = asyncio.create_task(
        loops.run((*background, give_back_memory, *(probe.run for probe in probes)), stopping)
    )
    await asyncio.to_thread(guard.prepare)
    _spare_collections()
    await leaving.wait()
    await health_servicer.enter_graceful_shutdown()
    log.info("leaving: calls are served until the edge has noticed", extra={"seconds": settings.notice_seconds})
    await pause(settings.notice_seconds, stopping)
    stopping.set()
    log.info("stopping: no new calls, those under way may finish", extra={"seconds": settings.drain_seconds})
    await server.stop(settings.drain_seconds)
    await running
    operations.close()
    log.info("stopped")


def _spare_collections() -> None:
    """Keeps the garbage collector from looking again and again through what start-up made, and through calls under way.

    It holds up all calls while it looks; what they leave is mostly freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)
