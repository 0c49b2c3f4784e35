"""Fills a catalog of its own with many media, and times what must not grow with their number: lists and statistics."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.common.catalog import Insert
from services.common.catalog.opening import open_catalog
from services.common.identity import Caller, Scope
from services.common.ids import new_id
from services.common.stores.media import MEDIA, MediaFilter, MediaStore, media_document
from services.common.stores.media_models import Content, Media, MediaKind, MediaState, Metadata
from services.common.stores.schema import COLLECTIONS
from services.common.stores.statistics import StatisticsStore
from services.processor.statistics.recounting import Recounting

OWNER = Caller("ann", "ann", frozenset({Scope.READ}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
STATES = [MediaState.PROCESSED] * 90 + [MediaState.FAILED] * 2 + [MediaState.DELETED] * 7 + [MediaState.NEW]
CAMERAS = [f"Camera {number}" for number in range(300)]
LISTS = {
    "no filter": MediaFilter(),
    "state=processed": MediaFilter(state=MediaState.PROCESSED),
    "state=failed": MediaFilter(state=MediaState.FAILED),
    "state=deleted": MediaFilter(state=MediaState.DELETED),
    "kind=video": MediaFilter(kind=MediaKind.VIDEO),
    "camera": MediaFilter(camera_model=CAMERAS[7]),
    "camera, kind=video": MediaFilter(camera_model=CAMERAS[7], kind=MediaKind.VIDEO),
    "state=failed, kind=video": MediaFilter(state=MediaState.FAILED, kind=MediaKind.VIDEO),
}
WRITTEN_AT_ONCE = 1000
TIMES = 50


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/load media_catalog", description=__doc__)
    parser.add_argument("--media", type=int, default=1_000_000)
    parser.add_argument("--catalog", help="its URL; left out, a SQLite file that is removed afterwards")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(arguments.catalog or f"sqlite:///{Path(folder)}/catalog.sqlite", arguments.media))


async def _run(url: str, count: int) -> None:
    catalog = await open_catalog(url, COLLECTIONS)
    media, kept = MediaStore(catalog), StatisticsStore(catalog)
    try:
        began = time.perf_counter()
        entries = _entries(count)
        while batch := list(itertools.islice(entries, WRITTEN_AT_ONCE)):
            await catalog.batch([Insert(MEDIA, media_document(entry)) for entry in batch])
        print(f"{count} media made in {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        await Recounting(catalog, kept).recompute(now_ns=time.time_ns())
        print(f"statistics counted from them in {time.perf_counter() - began:.0f} s")
        for caller in (OWNER, ADMIN):
            print(f"as {caller.subject}: milliseconds, median and 95th percentile of {TIMES}")
            owner = None if caller.is_admin else caller.owner
            await _time("statistics", partial(kept.read, owner, now_ns=time.time_ns()))
            for name, wanted in LISTS.items():
                await _time(f"list, {name}", partial(media.page, caller, wanted, after=None, limit=100))
    finally:
        await catalog.close()


async def _time(name: str, read: Callable[[], Awaitable[object]]) -> None:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await read()
        taken.append((time.perf_counter() - began) * 1000)
    print(f"  {name:28} {statistics.median(taken):7.2f} {sorted(taken)[int(TIMES * 0.95)]:7.2f}")


def _entries(count: int) -> Iterator[Media]:
    """Media of a year, as workers left them; half of them belong to one owner."""
    chance = random.Random(7)  # noqa: S311 - the same ones each time
    now_ns = time.time_ns()
    for number in range(count):
        created_ns = now_ns - chance.randrange(365 * 86_400) * 10**9
        kind = MediaKind.VIDEO if chance.random() < 0.05 else MediaKind.IMAGE
        media_format = "mp4" if kind is MediaKind.VIDEO else chance.choice(("jpeg", "jpeg", "png", "heic"))
        content = Content(f"{number:064x}", "contents/x", "x", media_format, f"{kind}/{media_format}", 200_000)
        media = Media(
            id=new_id(created_ns),
            owner="ann" if number % 2 else f"owner{number % 100}",
            state=chance.choice(STATES),
            kind=kind,
            filename=f"{number}.{media_format}",
            create_time_ns=created_ns,
            update_time_ns=created_ns,
            original=content,
            metadata=Metadata(4000, 3000, camera_model=chance.choice(CAMERAS), camera_make="Acme"),
            anonymized=content,
            object_counts={"face": chance.randrange(5)},
        )
        yield replace(media, counted=media.contribution())


if __name__ == "__main__":
    main()
