"""The cost of reads while a mesh grows: a catalog of so many media and ten times as many drops, again and again larger.

For each kind of read it prints the CPU of the edge and the services, in microseconds, and how much more it is with the
most than with the fewest. Also the bytes that a media and a drop take in the catalog.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.measuring.benchmarks.load import get_request
from scripts.measuring.loading.drop_catalog import make_drops
from scripts.measuring.loading.drop_processes import ROOT
from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.media_catalog import make_media
from scripts.measuring.loading.media_entries import CAMERAS, OWNER
from scripts.measuring.loading.upload_mesh import UploadMesh, upload_mesh

DROPS_OF_A_MEDIA = 10
MOST_TIMES = 1.5
OK = 200


@dataclass(frozen=True, slots=True)
class Grown:
    """The CPU of each kind of read in microseconds, and the bytes of a media and of a drop."""

    media: int
    reads: dict[str, float]
    media_bytes: float
    drop_bytes: float


def main() -> int:
    """Prints a column for each size; fails where a read costs too much more."""
    parser = argparse.ArgumentParser(prog="scripts/load million", description=__doc__)
    parser.add_argument("--media", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--reads", type=int, default=400, help="of each kind, in each of three turns")
    arguments = parser.parse_args()
    sizes = [_measured(count, arguments.reads) for count in sorted(arguments.media)]
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; CPU of a read in µs, by the number of media")
    print(f"{'':44}" + "".join(f"{size.media:>12,}" for size in sizes) + "   times")
    slow = [name for name in sizes[0].reads if not _print_read(name, sizes)]
    for name in ("media_bytes", "drop_bytes"):
        print(
            f"{'bytes of a ' + name.removesuffix('_bytes'):44}"
            + "".join(f"{getattr(one, name):12,.0f}" for one in sizes)
        )
    return 1 if slow else 0


def _print_read(name: str, sizes: list[Grown]) -> bool:
    times = sizes[-1].reads[name] / sizes[0].reads[name]
    is_flat = times <= MOST_TIMES
    print(
        f"{name:44}"
        + "".join(f"{one.reads[name]:12,.0f}" for one in sizes)
        + f"{times:8.2f}{'' if is_flat else ' LOST'}"
    )
    return is_flat


def _measured(count: int, reads: int) -> Grown:
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        data = Path(folder)
        began = time.perf_counter()
        asyncio.run(make_media(data, count))
        media_bytes = _catalog_bytes(data)
        asyncio.run(make_drops(data, OWNER, count * DROPS_OF_A_MEDIA))
        drop_bytes = _catalog_bytes(data) - media_bytes
        print(f"made in {time.perf_counter() - began:.0f} s", flush=True)
        with upload_mesh(data, {"DROPMESH_MODE": "tokens"}) as mesh:
            costs = _costs(mesh, data, count, reads)
    return Grown(count, costs, media_bytes / count, drop_bytes / (count * DROPS_OF_A_MEDIA))


def _catalog_bytes(data: Path) -> int:
    return sum(path.stat().st_size for path in data.glob("catalog.sqlite*") if path.suffix != ".sqlite-shm")


def _costs(mesh: UploadMesh, data: Path, count: int, reads: int) -> dict[str, float]:
    authorization = {"authorization": f"Bearer {_token(data)}"}
    with httpx.Client(base_url=mesh.url, headers=authorization, timeout=60) as http:
        listed = http.get("/v1/media", params={"page_size": 50}).raise_for_status().json()
        receipts = http.get("/v1/receipts", params={"page_size": 1}).raise_for_status().json()
    middle = DropSeries(count * DROPS_OF_A_MEDIA // 2, 1).start
    paths = {
        "a media": f"/v1/{listed['media'][0]['name']}",
        "a receipt": f"/v1/{receipts['receipts'][0]['name']}",
        "a measurement": f"/v1/measurements/{middle}",
        "50 media, newest first": "/v1/media?page_size=50",
        "50 media, the second page": f"/v1/media?page_size=50&page_token={listed['next_page_token']}",
        "50 media of a camera": f"/v1/media?page_size=50&camera_model={CAMERAS[7].replace(' ', '%20')}",
        "50 media that are processed": "/v1/media?page_size=50&state=PROCESSED",
        "50 measurements": "/v1/measurements?page_size=50",
        "50 measurements from the middle on": f"/v1/measurements?page_size=50&start={middle}",
        "statistics": "/v1/statistics",
    }
    return {name: _cost(mesh, get_request(path, authorization), reads) for name, path in paths.items()}


def _cost(mesh: UploadMesh, request: bytes, reads: int) -> float:
    """The median of three turns, after one that warms up."""
    turns = []
    for _ in range(4):
        before = mesh.cpu_seconds()
        result = send_load(mesh.port, [request] * reads, per_second=None, connections=4)
        if result.count(OK) != reads:
            raise RuntimeError(f"{set(result.statuses)}: {request!r}")
        turns.append((mesh.cpu_seconds() - before) / reads * 1e6)
    return statistics.median(turns[1:])


def _token(data: Path) -> str:
    command = [sys.executable, "-m", "scripts.mesh.token", "create", OWNER, "--scope", "read"]
    environment = {**os.environ, "DROPMESH_DATA": str(data)}
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return made.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
