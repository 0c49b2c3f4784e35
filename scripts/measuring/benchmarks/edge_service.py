"""A query service whose one method answers at once: what is left is the price of the guard, gRPC and the edge."""

from __future__ import annotations

import os
import time
from pathlib import Path

import uvloop
from dropmesh.v1 import measurement_pb2, query_service_pb2

from services.common.base.telemetry import Metrics
from services.common.catalog.opening import open_catalog
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.guard import Guard
from services.common.rpc.identity import Scope
from services.common.rpc.server import serve
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.settings.reading import load_settings

SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]


class AtOnce:
    """Answers without looking anything up."""

    async def GetMeasurement(
        self, request: query_service_pb2.GetMeasurementRequest, _call: Call
    ) -> measurement_pb2.Measurement:
        """The same measurement for every instant."""
        return measurement_pb2.Measurement(name=request.name, count=3, mean=1.5, min=1, max=2, receipt="receipts/x")


async def main() -> None:
    """Makes a token, writes it to a file, and serves."""
    settings = load_settings()
    catalog = await open_catalog(settings.catalog_url, (TOKENS,))
    tokens = Tokens(catalog)
    _, text = await tokens.create("bench", (Scope.READ,), now_ns=time.time_ns())
    Path(os.environ["BENCH_TOKEN_FILE"]).write_text(text)  # noqa: ASYNC240 - before anything is served
    metrics = Metrics()
    guard = Guard(Authenticator(tokens, settings.mode), metrics, max_in_flight=settings.max_in_flight)
    await serve("query", settings, metrics, SERVICE, guard, guard.methods(SERVICE, AtOnce()))


if __name__ == "__main__":
    uvloop.run(main())
