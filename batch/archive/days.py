"""Which parts a day of the archive has: each run writes a list of them, and the last list counts.

A part is stored before the list that names it, so a run that is stopped leaves the day as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from batch.archive.parts import PREFIX
from services.common.base.instants import to_ns
from services.common.objects import ObjectInfo, Objects

LISTS = f"{PREFIX}days/"
# A reader may still be at what the last run replaced.
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet object of a day."""

    table: str
    owner: str
    key: str
    rows: int
    size_bytes: int


class ArchivedDays:
    """The days of an archive in the objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def parts(self) -> dict[str, list[Part]]:
        """The parts of each archived day."""
        lists = {_day_of(info.key): info.key for info in await self._all(LISTS)}
        return {day: await self._read(key) for day, key in lists.items()}

    async def replace(self, day: str, parts: Sequence[Part], *, now_ns: int) -> bool:
        """Makes these the parts of a day; False where they were already."""
        lists = await self._all(f"{LISTS}{day}/")
        if lists and await self._read(lists[-1].key) == list(parts):
            return False
        text = json.dumps({"day": day, "parts": [asdict(part) for part in parts]}, ensure_ascii=False)
        await self._objects.put(f"{LISTS}{day}/{now_ns:020d}.json", text.encode())
        return True

    async def clean(self, day: str, tables: Sequence[str], *, now_ns: int) -> int:
        """Deletes lists that were replaced, and parts that the last list does not name; returns how many."""
        lists = await self._all(f"{LISTS}{day}/")
        named = {part.key for part in await self._read(lists[-1].key)} if lists else set()
        stored = [info for table in tables for info in await self._all(f"{PREFIX}{table}/{day}/")]
        before_ns = now_ns - to_ns(KEPT)
        old = [info.key for info in (*lists[:-1], *stored) if info.key not in named and info.modified_ns < before_ns]
        if old:
            await self._objects.delete(old)
        return len(old)

    async def _read(self, key: str) -> list[Part]:
        text = b"".join([chunk async for chunk in self._objects.read(key)])
        return [Part(**part) for part in json.loads(text)["parts"]]

    async def _all(self, prefix: str) -> list[ObjectInfo]:
        found: list[ObjectInfo] = []
        while page := await self._objects.list(prefix, after=found[-1].key if found else None):
            found += page
        return found


def _day_of(key: str) -> str:
    return key.removeprefix(LISTS).partition("/")[0]
