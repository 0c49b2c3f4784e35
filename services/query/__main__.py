"""The query service: every read."""

from __future__ import annotations

from dropmesh.v1 import query_service_pb2

from services.common.base.telemetry import Metrics, start_logging, start_tracing
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.rpc.auth import Authenticator
from services.common.rpc.guard import Guard
from services.common.rpc.server import run, serve
from services.common.rpc.tokens import Tokens
from services.common.settings import Settings, load_settings
from services.common.stores.open import open_stores
from services.query.bootstrap import media_reads
from services.query.docs.pages import DocumentReads
from services.query.drops.measurements import MeasurementReads
from services.query.drops.receipts import ReceiptReads

SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]


async def main(settings: Settings) -> None:
    """Opens the stores and serves until told to stop."""
    metrics = Metrics()
    tracer = start_tracing("query", settings.otlp_endpoint)
    stores = await open_stores(settings)
    try:
        authenticator = Authenticator(Tokens(stores.catalog), settings.mode)
        guard = Guard(authenticator, metrics, max_in_flight=settings.max_in_flight, tracer=tracer)
        receipts = Receipts(stores.catalog, stores.objects)
        servicers = (
            DocumentReads(),
            MeasurementReads(Measurements(stores.catalog), receipts),
            ReceiptReads(receipts),
            *media_reads(stores, settings),
        )
        await serve("query", settings, guard, metrics, SERVICE, servicers)
    finally:
        await stores.close()


if __name__ == "__main__":
    loaded = load_settings()
    start_logging("query", loaded.log_level)
    run(lambda: main(loaded))
