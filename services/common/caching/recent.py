"""Values that were read lately and can never change: points of a stored object, versions of a document."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from services.common.base.loops import pause

# A person looks at a page again within this; what was deleted is in memory little longer.
KEPT_SECONDS = 60.0


class Recent:
    """Keeps values of so many bytes at most, and none that was not read for a minute. A value's key says what it is."""

    def __init__(self, limit_bytes: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._limit_bytes = limit_bytes
        self._seconds = seconds
        # Each value with its size and the time at which it was read last, in the order of these times.
        self._kept: OrderedDict[Hashable, tuple[Any, int, float]] = OrderedDict()
        self.held_bytes = 0

    def get(self, key: Hashable) -> Any:
        """The value of a key; None if it is not kept."""
        found = self._kept.pop(key, None)
        if found is None:
            return None
        value, size_bytes, _ = found
        self._kept[key] = value, size_bytes, self._seconds()
        return value

    def keep(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Keeps a value, in place of those that were not read for longest."""
        if key in self._kept or size_bytes > self._limit_bytes:
            return
        while self.held_bytes + size_bytes > self._limit_bytes:
            self._drop_oldest()
        self._kept[key] = value, size_bytes, self._seconds()
        self.held_bytes += size_bytes

    def forget(self, key: Hashable) -> None:
        """Drops the value of a key."""
        found = self._kept.pop(key, None)
        if found is not None:
            self.held_bytes -= found[1]

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether values that are read together leave room for others; those that do not would only push these out."""
        return size_bytes <= self._limit_bytes // 2

    def forget_unread(self) -> None:
        """Drops what was not read for a minute."""
        before = self._seconds() - KEPT_SECONDS
        while self._kept and next(iter(self._kept.values()))[2] < before:
            self._drop_oldest()

    async def run(self, stopping: asyncio.Event) -> None:
        """Forgets until the service stops."""
        while not await pause(KEPT_SECONDS / 4, stopping):
            self.forget_unread()

    def _drop_oldest(self) -> None:
        _, (_, size_bytes, _) = self._kept.popitem(last=False)
        self.held_bytes -= size_bytes
