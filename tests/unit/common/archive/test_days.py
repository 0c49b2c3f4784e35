"""The days of an archive over objects in memory, whose clock the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import cast

from services.common.archive.days import ArchivedDays, Part, part_key
from services.common.base.instants import to_ns
from services.common.objects import ObjectInfo, Objects

DAY = "2026-01-31"
START_NS = 1_700_000_000_000_000_000


class MemoryObjects:
    """As much of the port as an archive needs."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self._stored: dict[str, tuple[bytes, int]] = {}

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        self._stored[key] = data, self.now_ns
        return ObjectInfo(key, len(data), self.now_ns)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        yield self._stored[key][0]

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self._stored[key]

    async def list(self, prefix: str, *, after: str | None = None) -> list[ObjectInfo]:
        found = sorted(key for key in self._stored if key.startswith(prefix) and key > (after or ""))
        return [ObjectInfo(key, len(self._stored[key][0]), self._stored[key][1]) for key in found]

    @property
    def stored(self) -> set[str]:
        return set(self._stored)


class Archive:
    """One day that is archived again and again."""

    def __init__(self) -> None:
        self.objects = MemoryObjects()
        self.days = ArchivedDays(cast(Objects, self.objects))

    def wait(self, hours: float) -> None:
        self.objects.now_ns += to_ns(timedelta(hours=hours))

    async def run(self, digest: str) -> str:
        """A run that finds other rows than the one before; returns the key of its part."""
        key = part_key("media", DAY, "ann", digest)
        await self.objects.put(key, b"rows")
        await self.days.replace(DAY, [Part("media", "ann", key, 1, 4)], now_ns=self.objects.now_ns)
        return key

    async def clean(self) -> int:
        return await self.days.clean(DAY, now_ns=self.objects.now_ns)


async def test_what_was_replaced_goes_a_day_after_that_however_old_it_is() -> None:
    archive = Archive()
    old = await archive.run("old")
    archive.wait(24 * 30)
    new = await archive.run("new")
    # A reader that has the old list may be at the old part.
    assert await archive.clean() == 0
    archive.wait(23)
    assert await archive.clean() == 0
    assert {old, new} < archive.objects.stored
    archive.wait(2)
    assert await archive.clean() == 2
    assert {key for key in archive.objects.stored if key.endswith(".parquet")} == {new}
    assert await archive.clean() == 0


async def test_a_part_that_no_list_names_stays_for_a_day() -> None:
    archive = Archive()
    await archive.run("named")
    await archive.objects.put(part_key("media", DAY, "ann", "unnamed"), b"rows")
    archive.wait(23)
    assert await archive.clean() == 0
    archive.wait(2)
    assert await archive.clean() == 1
