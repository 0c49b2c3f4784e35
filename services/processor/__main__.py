"""The processor: every computation."""

from __future__ import annotations

import sys

from dropmesh.v1 import processor_service_pb2

from services.common.base.telemetry import Metrics, start_logging, start_tracing
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.rpc.auth import Authenticator
from services.common.rpc.guard import Guard
from services.common.rpc.server import run, serve
from services.common.rpc.tokens import Tokens
from services.common.settings import Settings, load_settings
from services.common.statistics.store import StatisticsStore
from services.common.stores.open import open_stores
from services.processor.bootstrap import open_pixels
from services.processor.drops.code_version import measurement_code_version
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules
from services.processor.drops.verify import MeasurementChecks
from services.processor.drops.worker import DropWorker
from services.processor.models.errors import ModelError
from services.processor.statistics.folding import StatisticsFolding

SERVICE = processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"]


async def main(settings: Settings) -> None:
    """Opens the stores, works and serves until told to stop."""
    metrics = Metrics()
    tracer = start_tracing("processor", settings.otlp_endpoint)
    stores = await open_stores(settings)
    try:
        receipts, measurements = Receipts(stores.catalog, stores.objects), Measurements(stores.catalog)
        code_version = measurement_code_version()
        limits = DropLimits(max_bytes=settings.max_drop_bytes, max_points=settings.max_drop_points)
        drops = DropWorker(stores.queue, receipts, measurements, DropRules(limits, code_version), metrics)
        folding = StatisticsFolding(StatisticsStore(stores.catalog))
        guard = Guard(
            Authenticator(Tokens(stores.catalog), settings.mode),
            metrics,
            max_in_flight=settings.max_in_flight,
            tracer=tracer,
        )
        async with open_pixels(stores, settings, metrics) as pixels:
            servicers = (MeasurementChecks(receipts, measurements, code_version), *pixels.servicers)
            loops = (drops.run, drops.run_large, folding.run, *pixels.loops)
            await serve("processor", settings, guard, metrics, SERVICE, servicers, loops)
    finally:
        await stores.close()


if __name__ == "__main__":
    loaded = load_settings()
    start_logging("processor", loaded.log_level)
    try:
        run(lambda: main(loaded))
    except ModelError as error:
        # The operator's to mend: no trace of ours makes it clearer.
        sys.exit(f"the processor cannot start: {error}")
