"""The ingest service with its HTTP door, and uvicorn before the same methods on a second socket."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dropmesh.v1 import ingest_service_pb2

from scripts.measuring.benchmarks.http_door_asgi import DoorApp, start_uvicorn
from services.common.service import Service, Wiring, run
from services.ingest.bootstrap import wire
from services.ingest.http.routes import http_routes

SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]


@asynccontextmanager
async def wire_both(service: Service) -> AsyncIterator[Wiring]:
    """Ingest as it is, and the other server."""
    async with wire(service) as wiring:
        server = await start_uvicorn(DoorApp(http_routes(wiring.methods)), os.environ["BENCH_UVICORN_SOCKET"])
        yield wiring
        await server.shutdown()


if __name__ == "__main__":
    sys.path.append(os.environ["BENCH_UVICORN_PACKAGES"])
    run("ingest", SERVICE, wire_both)
