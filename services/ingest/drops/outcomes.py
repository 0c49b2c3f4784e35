"""The outcomes of drops, for the calls that wait for them: one reader polls for all of them together."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress

from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.receipts import Receipts

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.05


class DropOutcomes:
    """Watches receipts until they are settled, in one read for many callers, more slowly while nothing happens."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._awaited: defaultdict[str, set[asyncio.Future[Receipt]]] = defaultdict(set)
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._watching: asyncio.Task[None] | None = None

    async def wait_for(self, receipt: Receipt, seconds: float) -> Receipt:
        """The receipt once it is settled, or as it was when the time ran out."""
        if receipt.state is not ReceiptState.NEW or seconds <= 0:
            return receipt
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._awaited[receipt.id].add(future)
        self._pause_seconds = FIRST_PAUSE_SECONDS
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return receipt
        finally:
            futures = self._awaited[receipt.id]
            futures.discard(future)
            if not futures:
                del self._awaited[receipt.id]

    async def _watch(self) -> None:
        try:
            while self._awaited:
                await asyncio.sleep(self._pause_seconds)
                found = await self._receipts.get_many(list(self._awaited))
                settled = [receipt for receipt in found.values() if receipt.state is not ReceiptState.NEW]
                for receipt in settled:
                    _resolve(self._awaited.get(receipt.id, set()), receipt)
                self._pause_seconds = (
                    FIRST_PAUSE_SECONDS if settled else min(1.5 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
                )
                # Those who have their answer leave before the next look.
                await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            for futures in self._awaited.values():
                for future in futures:
                    with suppress(asyncio.InvalidStateError):
                        future.set_exception(error)


def _resolve(futures: set[asyncio.Future[Receipt]], receipt: Receipt) -> None:
    for future in futures:
        if not future.done():
            future.set_result(receipt)
