"""The ingest service: every write."""

from __future__ import annotations

import time
from datetime import timedelta

from dropmesh.v1 import ingest_service_pb2

from services.common.base.telemetry import Metrics, start_logging, start_tracing
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.rpc.auth import Authenticator
from services.common.rpc.guard import Guard
from services.common.rpc.server import run, serve
from services.common.rpc.tokens import Tokens
from services.common.settings import Settings, load_settings
from services.common.stores.open import open_stores
from services.ingest.drops.leftovers import DropLeftovers
from services.ingest.drops.outbox import DropQueue
from services.ingest.drops.outcomes import DropOutcomes
from services.ingest.drops.writes import DropWrites
from services.ingest.http.door import PlainDoor
from services.ingest.http.routes import plain_routes
from services.ingest.media.writes import MediaWrites

SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]


async def main(settings: Settings) -> None:
    """Opens the stores and serves until told to stop."""
    metrics = Metrics()
    tracer = start_tracing("ingest", settings.otlp_endpoint)
    stores = await open_stores(settings)
    media = MediaWrites(stores, settings)
    try:
        receipts = Receipts(stores.catalog, stores.objects)
        drops = DropQueue(stores.queue, receipts, time.time_ns)
        authenticator = Authenticator(Tokens(stores.catalog), settings.mode)
        guard = Guard(authenticator, metrics, max_in_flight=settings.max_in_flight, tracer=tracer)
        drop_writes = DropWrites(
            receipts,
            Measurements(stores.catalog),
            drops,
            DropOutcomes(receipts),
            max_drop_bytes=settings.max_drop_bytes,
            now_ns=time.time_ns,
        )
        servicers = (drop_writes, *media.servicers)
        door = PlainDoor(
            plain_routes(SERVICE, guard.handler(SERVICE, *servicers)),
            settings.plain_socket,
            max_whole_bytes=settings.max_drop_bytes,
            drain=timedelta(seconds=settings.drain_seconds),
        )
        leftovers = DropLeftovers(
            receipts, time.time_ns, sweep_seconds=settings.sweep_seconds, orphan_seconds=settings.orphan_seconds
        )
        loops = (door.run, drops.run, leftovers.run, *media.loops)
        await serve("ingest", settings, guard, metrics, SERVICE, servicers, loops)
    finally:
        media.close()
        await stores.close()


if __name__ == "__main__":
    loaded = load_settings()
    start_logging("ingest", loaded.log_level)
    run(lambda: main(loaded))
