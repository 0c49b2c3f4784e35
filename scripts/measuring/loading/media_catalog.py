"""Fills a catalog with many media, and times what must not grow with their number: lists and statistics.

A folder that holds such a catalog already (`--data`) is only timed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx

from scripts.measuring.loading.drop_processes import ROOT
from scripts.measuring.loading.media_entries import CAMERAS, OWNER, entries
from scripts.measuring.loading.upload_mesh import upload_mesh
from services.common.base.instants import to_timestamp
from services.common.catalog import Insert
from services.common.catalog.opening import open_catalog
from services.common.media.store import MEDIA, media_document
from services.common.media.vocabulary import MediaState
from services.common.settings.reading import load_settings
from services.common.statistics.store import WHOLE_MESH, StatisticsStore
from services.common.stores.collections import COLLECTIONS
from services.processor.statistics.recounting import Recounting

DAY_NS = 86_400 * 10**9
STATISTICS_MS = 10
LIST_MS = 20
WRITTEN_AT_ONCE = 1000
TIMES = 50


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/load media_catalog", description=__doc__)
    parser.add_argument("--media", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="a folder to keep; left out, one that is removed afterwards")
    parser.add_argument("--only-make", action="store_true", help="time nothing")
    parser.add_argument("--check", action="store_true", help="count the statistics anew and compare")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        data = arguments.data or Path(folder)
        asyncio.run(make_media(data, arguments.media, check=arguments.check))
        return 0 if arguments.only_make else _time_all(data)


async def make_media(data: Path, count: int, *, check: bool = False) -> None:
    settings = load_settings({**os.environ, "DROPMESH_DATA": str(data)})
    catalog = await open_catalog(settings.catalog_url, COLLECTIONS)
    kept = StatisticsStore(catalog)
    recounting = Recounting(catalog, kept)
    try:
        if not await kept.version(WHOLE_MESH):
            began = time.perf_counter()
            made = entries(count, time.time_ns())
            while batch := list(itertools.islice(made, WRITTEN_AT_ONCE)):
                await catalog.batch([Insert(MEDIA, media_document(entry)) for entry in batch])
            print(f"{count} media made in {time.perf_counter() - began:.0f} s")
            began = time.perf_counter()
            await recounting.recompute(now_ns=time.time_ns())
            print(f"statistics counted from them in {time.perf_counter() - began:.0f} s")
        if check:
            differences = await recounting.check(now_ns=time.time_ns())
            print(f"counted anew, {len(differences)} of the kept statistics differ")
        totals = (await kept.read(None, now_ns=time.time_ns())).totals
        print(f"{sum(totals.states.values())} media in the catalog")
    finally:
        await catalog.close()


def _time_all(data: Path) -> int:
    with upload_mesh(data, {"DROPMESH_MODE": "tokens"}) as mesh:
        environment = {**os.environ, "DROPMESH_DATA": str(data)}
        command = [sys.executable, "-m", "scripts.mesh.token", "create", OWNER, "--scope", "read"]
        token = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        owner = {"authorization": f"Bearer {token}"}
        slow = [
            found
            for who, headers in ((OWNER, owner), ("all owners", mesh.authorization))
            for found in asyncio.run(_time_reads(mesh.url, who, headers))
        ]
    print(f"{len(slow)} slower than they may be", *slow, sep="\n  ")
    return 1 if slow else 0


async def _time_reads(url: str, who: str, headers: dict[str, str]) -> list[str]:
    """Times every read through the edge; returns those whose median is above the limit."""
    print(f"media of {who}: milliseconds through the edge, median and 95th percentile of {TIMES}; media on the page")
    slow: list[str] = []
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        taken, _ = await _time(partial(http.get, "/v1/statistics"))
        slow += _told("statistics", taken, "", STATISTICS_MS)
        for name, parameters in lists():
            taken, answer = await _time(partial(http.get, "/v1/media", params=parameters))
            slow += _told(name, taken, f"{len(answer.json()['media']):4}", LIST_MS)
    return slow


async def _time(read: Callable[[], Awaitable[httpx.Response]]) -> tuple[list[float], httpx.Response]:
    taken = []
    answer = await read()
    answer.raise_for_status()
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = await read()
        taken.append((time.perf_counter() - began) * 1000)
    return taken, answer


def _told(name: str, taken: list[float], more: str, limit_ms: float) -> list[str]:
    median = statistics.median(taken)
    print(f"  {name:32} {median:7.2f} {sorted(taken)[int(TIMES * 0.95)]:7.2f} {more}", flush=True)
    return [name] if median >= limit_ms else []


def lists() -> list[tuple[str, dict[str, str]]]:
    """Each filter, and each two of them together, with its parameters."""
    now_ns = time.time_ns()
    start, end = (to_timestamp(now_ns - days * DAY_NS).ToJsonString() for days in (200, 100))
    filters: dict[str, dict[str, str]] = {
        "kind=image": {"kind": "image"},
        "kind=video": {"kind": "video"},
        "camera": {"camera_model": CAMERAS[7]},
        "time": {"start": start, "end": end},
        **{f"state={state}": {"state": state.value} for state in MediaState},
    }
    pairs = [
        (f"{one}, {other}", {**filters[one], **filters[other]})
        for one, other in itertools.combinations(filters, 2)
        if not filters[one].keys() & filters[other].keys()
    ]
    return [("no filter", {}), *filters.items(), *pairs]


if __name__ == "__main__":
    sys.exit(main())
