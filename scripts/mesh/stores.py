"""Whether the servers that the settings name as stores are there, told by address before anything starts."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from scripts.mesh.preflight import CannotStart
from services.common.catalog.opening import open_catalog
from services.common.errors import StoreUnavailable
from services.common.opening import open_objects
from services.common.settings import Settings
from services.common.stores.tokens import TOKENS

PATIENCE_SECONDS = 6.0
# Where MongoDB's driver begins to tell how it is set up.
ASIDES = re.compile(r" \(configured timeouts|, Timeout:|\n")


class _Store(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Server:
    """A store on a server: its name, how a person finds it, and its opening."""

    store: str
    place: str
    opening: Awaitable[_Store]


async def present_stores(settings: Settings) -> None:
    """Fails, with every address that is of no use, when a server of the settings cannot be reached or used."""
    faults = await asyncio.gather(*map(_fault, _servers(settings)))
    if told := [fault for fault in faults if fault]:
        raise CannotStart("\n".join([*told, "nothing was started; start what is missing, or correct the setting"]))


def _servers(settings: Settings) -> Iterator[_Server]:
    if not settings.catalog_url.startswith("sqlite:"):
        place = f"{_without_secrets(settings.catalog_url)} (DROPMESH_CATALOG)"
        yield _Server("catalog", place, open_catalog(settings.catalog_url, (TOKENS,)))
    if not settings.objects_url.startswith("file:"):
        server = f" of {_without_secrets(settings.s3_endpoint)}" if settings.s3_endpoint else ""
        place = f"{settings.objects_url}{server} (DROPMESH_OBJECTS, DROPMESH_S3_ENDPOINT)"
        yield _Server("objects", place, open_objects(settings))
    if settings.queue_url != "embedded":
        from services.common.queue.rabbitmq import RabbitQueue

        # It tells its failures twice.
        logging.getLogger("aiormq").addHandler(logging.NullHandler())
        place = f"{_without_secrets(settings.queue_url)} (DROPMESH_QUEUE)"
        yield _Server("queue", place, RabbitQueue.open(settings.queue_url))


def _without_secrets(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


async def _fault(server: _Server) -> str | None:
    try:
        opened = await asyncio.wait_for(server.opening, PATIENCE_SECONDS)
    except StoreUnavailable as error:
        cause = ASIDES.split(error.cause)[0]
    except FileNotFoundError as error:
        cause = f"what answers there is no such store ({error})"
    except TimeoutError:
        cause = f"no answer within {PATIENCE_SECONDS:g} s"
    else:
        await opened.close()
        return None
    return f"the {server.store} cannot be reached at {server.place}: {cause}"
