"""The archive: the rows of each day as Parquet objects, one for each table and owner, and lists that name them.

Each run writes a list of a day's parts, and the last list counts. A part is stored before the list that names it, so a
run that is stopped leaves the day as it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise

from services.common.base.instants import to_ns
from services.common.objects import ObjectInfo, Objects

PREFIX = "archive/"
LISTS = f"{PREFIX}days/"
TABLES = ("measurements", "lineage", "media", "media_objects", "series")
# A reader may still be at what the last run replaced.
KEPT = timedelta(days=1)
_DIGITS = 20
_SEGMENT_MOST = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet object of a day."""

    table: str
    owner: str
    key: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Owned:
    """The lists of a day that name an owner, and its parts there, also those that no list names."""

    lists: tuple[str, ...]
    parts: tuple[ObjectInfo, ...]


class ArchivedDays:
    """The days of an archive in the objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def parts(self) -> dict[str, list[Part]]:
        """The parts of each archived day."""
        last = {_day_of(info.key): info.key for info in await self._all(LISTS) if _number_of(info.key)}
        return {day: _parts(await self._read(key)) for day, key in last.items()}

    async def days(self) -> list[str]:
        """The days of which anything may be stored."""
        return sorted({_day_of(info.key) for info in await self._all(LISTS)})

    async def begin(self, day: str) -> None:
        """Makes a day known before its first part is stored, by a list that does not count."""
        if not await self._all(f"{LISTS}{day}/"):
            await self._write(day, [], 0)

    async def replace(self, day: str, parts: Sequence[Part], *, now_ns: int) -> str | None:
        """Makes these the parts of a day; returns the key of the new list, or None where they were already."""
        lists = [info.key for info in await self._all(f"{LISTS}{day}/") if _number_of(info.key)]
        if lists and _parts(await self._read(lists[-1])) == list(parts):
            return None
        return await self._write(day, parts, now_ns)

    async def clean(self, day: str, *, now_ns: int) -> int:
        """Deletes lists a day after they were replaced, and parts that no list names any more; returns how many."""
        before_ns = now_ns - to_ns(KEPT)
        lists = await self._all(f"{LISTS}{day}/")
        replaced = [older.key for older, newer in pairwise(lists) if newer.modified_ns < before_ns]
        kept = [info.key for info in lists if info.key not in replaced]
        named = {part.key for key in kept for part in _parts(await self._read(key))}
        stored = [info for table in TABLES for info in await self._all(f"{PREFIX}{table}/{day}/")]
        # A part without a list may belong to a run that is not done yet.
        unnamed = [info.key for info in stored if info.key not in named and info.modified_ns < before_ns]
        if old := [*replaced, *unnamed]:
            await self._objects.delete(old)
        return len(old)

    async def of_owner(self, day: str, owner: str) -> Owned:
        """Returns the lists and parts of an owner in a day."""
        lists = [info.key for info in await self._all(f"{LISTS}{day}/")]
        texts = await asyncio.gather(*map(self._read, lists))
        # The name as JSON has it: most lists need not be parsed.
        name = json.dumps(owner, ensure_ascii=False).encode()
        naming = (
            key
            for key, text in zip(lists, texts, strict=True)
            if name in text and any(part.owner == owner for part in _parts(text))
        )
        stored = await asyncio.gather(*(self._all(f"{PREFIX}{table}/{day}/{segment(owner)}/") for table in TABLES))
        return Owned(tuple(naming), tuple(info for some in stored for info in some))

    async def forget(self, day: str, owner: str) -> None:
        """Removes an owner from a day; it may be repeated, and may meet a run that archives the day."""
        found = await self.of_owner(day, owner)
        if found.lists:
            last = (await self._all(f"{LISTS}{day}/"))[-1].key
            if last == found.lists[-1]:
                left = [part for part in _parts(await self._read(last)) if part.owner != owner]
                # Right after the list that it replaces: one that a run writes meanwhile still comes last.
                await self._write(day, left, _number_of(last) + 1)
        gone = [*found.lists, *(info.key for info in found.parts)]
        if gone:
            await self._objects.delete(gone)

    async def _write(self, day: str, parts: Sequence[Part], number: int) -> str:
        key = f"{LISTS}{day}/{number:0{_DIGITS}d}.json"
        text = json.dumps({"day": day, "parts": [asdict(part) for part in parts]}, ensure_ascii=False)
        await self._objects.put(key, text.encode())
        return key

    async def _read(self, key: str) -> bytes:
        return b"".join([chunk async for chunk in self._objects.read(key)])

    async def _all(self, prefix: str) -> list[ObjectInfo]:
        found: list[ObjectInfo] = []
        while page := await self._objects.list(prefix, after=found[-1].key if found else None):
            found += page
        return found


def part_key(table: str, day: str, owner: str, digest: str) -> str:
    """The key of a part with these bytes."""
    return f"{PREFIX}{table}/{day}/{segment(owner)}/{digest}.parquet"


def segment(owner: str) -> str:
    """An owner as a part of a key: letters, digits, dots and hyphens as they are, other bytes as _ and two digits."""
    quoted = re.sub(rb"[^A-Za-z0-9.-]", lambda found: b"_%02X" % found[0][0], owner.encode()).decode()
    is_plain = len(quoted) <= _SEGMENT_MOST and quoted.strip(".")
    return quoted if is_plain else f"_sha256_{hashlib.sha256(owner.encode()).hexdigest()}"


def _parts(text: bytes) -> list[Part]:
    return [Part(**part) for part in json.loads(text)["parts"]]


def _day_of(key: str) -> str:
    return key.removeprefix(LISTS).partition("/")[0]


def _number_of(key: str) -> int:
    """When a list was written; 0 of the one that only makes a day known."""
    return int(key.rpartition("/")[2].removesuffix(".json"))
