"""Another process that writes to a catalog until it is done or killed: `python -m …child URL WHAT NAME`.

It prints each thing it was promised as soon as it was.
"""

from __future__ import annotations

import asyncio
import sys

from services.common.catalog import Catalog, Delete, Increment, Insert, Replace, Upsert
from services.common.catalog.opening import open_catalog
from tests.contract.catalog.collections import COLLECTIONS, COUNTERS, EVENTS, NOTES


async def write_forever(catalog: Catalog, name: str) -> None:
    """Twenty callers at once, each writing documents in all ways; prints keys with the value that was acknowledged."""

    async def write(caller: int) -> None:
        for turn in range(1_000_000):
            key = f"{name}-{caller}-{turn}"
            (inserted,) = await catalog.batch([Insert(EVENTS, {"_id": key, "value": 1})])
            assert inserted.document is not None
            print("events", key, 1, flush=True)
            await catalog.batch(
                [Replace(EVENTS, {**inserted.document, "value": 2}, 1), Upsert(NOTES, {"_id": key, "value": 3})]
            )
            print("events", key, 2, flush=True)
            print("notes", key, 3, flush=True)
            if turn % 5 == 4:
                await catalog.batch([Delete(NOTES, key)])
                print("notes", key, "deleted", flush=True)

    await asyncio.gather(*(write(caller) for caller in range(20)))


async def claim_names(catalog: Catalog, name: str) -> None:
    """Tries to take each of 40 names in a unique index; prints those it got."""

    async def claim(turn: int) -> None:
        (outcome,) = await catalog.batch([Insert(NOTES, {"_id": f"{name}-{turn}", "owner": "o", "name": f"{turn}"})])
        if outcome.applied:
            print(turn, flush=True)

    await asyncio.gather(*(claim(turn) for turn in range(40)))


async def number(catalog: Catalog, name: str) -> None:
    """Inserts 60 events one after the other; prints the number of each."""
    for turn in range(60):
        (outcome,) = await catalog.batch([Insert(EVENTS, {"_id": f"{name}-{turn}"})])
        assert outcome.document is not None
        print(outcome.document["number"], flush=True)


async def count(catalog: Catalog, name: str) -> None:
    """Counts to 50 beside others, with 50 callers."""
    await asyncio.gather(*(catalog.batch([Increment(COUNTERS, "shared", {"n": 1})]) for _ in range(50)))
    print(name, flush=True)


async def main(url: str, what: str, name: str) -> None:
    """Opens the catalog and does one of the above."""
    catalog = await open_catalog(url, COLLECTIONS)
    print("open", flush=True)
    works = {"write_forever": write_forever, "claim_names": claim_names, "number": number, "count": count}
    await works[what](catalog, name)
    await catalog.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
