"""A worker's hold on messages of drops: their leases are short, and extended while the work lasts.

So the work of a process that was killed is claimed by another one soon, however long a drop may take.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from services.common.base.errors import DropmeshError
from services.common.base.loops import pause
from services.common.queue import Claim, Queue

LEASE = timedelta(seconds=20)
# A drop holds up the other tasks of its process for two seconds at most.
EXTEND_SECONDS = 5.0
log = logging.getLogger(__name__)


@asynccontextmanager
async def holding(
    queue: Queue, claims: Sequence[Claim], *, extend_seconds: float = EXTEND_SECONDS
) -> AsyncIterator[None]:
    """Extends the leases of the claims until the block ends."""
    ended = asyncio.Event()
    extending = asyncio.create_task(_extend(queue, claims, ended, extend_seconds))
    try:
        yield
    finally:
        # A driver may swallow the cancellation: the loop ends all the same.
        ended.set()
        extending.cancel()
        await asyncio.wait((extending,))


async def _extend(queue: Queue, claims: Sequence[Claim], ended: asyncio.Event, seconds: float) -> None:
    while not await pause(seconds, ended):
        try:
            for claim in claims:
                await queue.extend(claim, LEASE)
        except DropmeshError as error:
            log.info("the leases of drops could not be extended", extra={"cause": error.message})
