"""A service from start to end: open the stores, wire, serve. Each service's `bootstrap.py` does the wiring."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from services.common.base.background import Loop, PutOff
from services.common.base.errors import StoreCorrupt, StoreUnavailable
from services.common.base.telemetry import Metrics, start_logging
from services.common.catalog import Catalog
from services.common.objects import Objects
from services.common.queue import Queue
from services.common.rpc.auth import Authenticator
from services.common.rpc.guard import Guard
from services.common.rpc.methods import Method
from services.common.rpc.server import serve
from services.common.rpc.tokens import Tokens
from services.common.settings import Mode, Settings, SettingsError
from services.common.settings.open_files import allow_open_files, most_waits
from services.common.settings.reading import load_settings
from services.common.stores.open import open_stores
from services.common.stores.probes import probed
from services.common.tracing import Tracing, start_tracing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The stores, settings and guard that a service's bootstrap may use."""

    descriptor: ServiceDescriptor
    settings: Settings
    metrics: Metrics
    guard: Guard
    catalog: Catalog
    objects: Objects
    queue: Queue
    put_off: PutOff
    tracing: Tracing

    def methods(self, *servicers: object) -> tuple[Method, ...]:
        """The service's methods, implemented by these servicers and guarded."""
        return self.guard.methods(self.descriptor, *servicers)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The result of a service's bootstrap: the methods to serve, and the loops that run beside them."""

    methods: Sequence[Method]
    loops: Sequence[Loop] = ()


Bootstrap = Callable[[Service], AbstractAsyncContextManager[Wiring]]


def run(name: str, descriptor: ServiceDescriptor, bootstrap: Bootstrap) -> None:
    """Runs a service on the fast event loop until it is stopped.

    An invalid setting, or a store that cannot be opened, ends it with one line.
    """
    import uvloop

    try:
        settings = load_settings()
        start_logging(name, settings.log_level)
        allow_open_files(settings)
        uvloop.run(_open_and_serve(name, descriptor, bootstrap, settings))
    except SettingsError as error:
        sys.exit(f"{name}: {error}")
    except (StoreUnavailable, StoreCorrupt) as error:
        log.error("cannot start: %s", error, extra={"cause": error.cause})  # noqa: TRY400 - the cause says it all
        sys.exit(1)


async def _open_and_serve(name: str, descriptor: ServiceDescriptor, bootstrap: Bootstrap, settings: Settings) -> None:
    metrics = Metrics()
    tracing = start_tracing(name, settings.otlp_endpoint)
    opened = await open_stores(settings)
    try:
        watched = probed(opened, metrics)
        stores = watched.stores
        authenticator = Authenticator(Tokens(stores.catalog), settings.mode)
        guard = Guard(
            authenticator,
            metrics,
            max_in_flight=settings.max_in_flight,
            max_waits=most_waits(settings),
            # In mode open every caller is one.
            shared=settings.mode is Mode.TOKENS,
            tracing=tracing,
        )
        put_off = PutOff(metrics)
        service = Service(
            descriptor, settings, metrics, guard, stores.catalog, stores.objects, stores.queue, put_off, tracing
        )
        async with bootstrap(service) as wiring:
            await serve(
                name, settings, metrics, descriptor, guard, wiring.methods, wiring.loops, watched.probes, put_off
            )
    finally:
        await opened.close()
