"""Checks that the stores of the settings can be reached, before anything starts."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Protocol

from scripts.mesh.preflight import CannotStart
from services.common.base.errors import StoreUnavailable
from services.common.catalog.opening import open_catalog
from services.common.settings import Settings
from services.common.stores.collections import COLLECTIONS
from services.common.stores.open import open_objects

PATIENCE_SECONDS = 6.0
# Where a message of MongoDB's driver begins to list its configuration.
ASIDES = re.compile(r" \(configured timeouts|, Timeout:|\n")


class _Store(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a store is: its name, how a person finds it, and its opening."""

    store: str
    address: str
    opening: Awaitable[_Store]


async def present_stores(settings: Settings) -> None:
    """Raises CannotStart, which lists every store that cannot be reached and its address."""
    faults = await asyncio.gather(*map(_fault, _places(settings)))
    if found := [fault for fault in faults if fault]:
        raise CannotStart("\n".join([*found, "nothing was started; start the missing store, or correct the setting"]))


def _places(settings: Settings) -> Iterator[_Place]:
    if settings.catalog:
        address = f"{_without_secrets(settings.catalog)} (DROPMESH_CATALOG)"
        yield _Place("catalog", address, open_catalog(settings.catalog, COLLECTIONS, replace_indexes=True))
    if settings.objects:
        address = f"{_without_secrets(settings.objects)} (DROPMESH_OBJECTS)"
        if settings.objects.startswith("s3:") and settings.s3_endpoint:
            address += f" of {_without_secrets(settings.s3_endpoint)} (DROPMESH_S3_ENDPOINT)"
        yield _Place("objects", address, open_objects(settings))
    if settings.queue_url != "embedded":
        from services.common.queue.rabbitmq.queue import RabbitQueue

        # Its failures would be logged twice.
        logging.getLogger("aiormq").addHandler(logging.NullHandler())
        address = f"{_without_secrets(settings.queue)} (DROPMESH_QUEUE)"
        yield _Place("queue", address, RabbitQueue.open(settings.queue))


def _without_secrets(address: str) -> str:
    return _without_users(address).partition("?")[0]


def _without_users(text: str) -> str:
    return re.sub("://[^/]*@", "://", text)


async def _fault(place: _Place) -> str | None:
    try:
        opened = await asyncio.wait_for(place.opening, PATIENCE_SECONDS)
    except StoreUnavailable as error:
        cause = ASIDES.split(error.cause)[0]
    except TimeoutError:
        cause = f"no answer within {PATIENCE_SECONDS:g} s"
    except FileNotFoundError as error:
        cause = f"it does not exist ({error})"
    except ValueError as error:
        # The store's own client cannot parse the address.
        cause = str(error)
    else:
        await opened.close()
        return None
    return f"the {place.store} cannot be reached at {place.address}: {_without_users(cause)}"
