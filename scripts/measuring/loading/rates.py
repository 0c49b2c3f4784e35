"""The rates of drops and photos on embedded stores, on servers, and with two of each service on servers, in one run."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
from PIL import Image

from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.highest_rate import PATH
from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from scripts.measuring.loading.reading_back import ACCEPTED, read_back
from scripts.measuring.loading.server_mesh import server_mesh
from tests.servers.tools import Missing

READ_BACK_SECONDS = 300.0
SETTINGS = {"DROPMESH_PULL_MODELS": "false", "DROPMESH_REQUESTS_PER_SECOND": "1000000"}
PHOTOS_AT_ONCE = 4


def main() -> int:
    """Prints a line for each world; fails when a drop was lost."""
    parser = argparse.ArgumentParser(prog="scripts/load rates", description=__doc__)
    parser.add_argument("--drops", type=int, default=5000, help="in each world, after 500 to warm up (5,000)")
    parser.add_argument("--photos", type=int, default=50, help="of 640 x 480 (50)")
    arguments = parser.parse_args()
    worlds: dict[str, Callable[[], AbstractContextManager[LoadedMesh]]] = {
        "embedded, one of each": lambda: loaded_mesh(settings=SETTINGS),
        "servers, one of each": lambda: _on_servers(1),
        "servers, two of each": lambda: _on_servers(2),
    }
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    lost = 0
    try:
        for name, world in worlds.items():
            with world() as mesh:
                lost += _measure(name, mesh, arguments.drops, arguments.photos)
    except Missing as missing:
        print(f"scripts/load rates: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2
    return 1 if lost else 0


@contextmanager
def _on_servers(instances: int) -> Iterator[LoadedMesh]:
    with server_mesh(instances, SETTINGS) as servers:
        yield servers.mesh


def _measure(name: str, mesh: LoadedMesh, drops: int, photos: int) -> int:
    send_load(mesh.port, DropSeries(0, 500).requests(PATH), per_second=None)
    series = DropSeries(500, drops)
    began = time.monotonic()
    result = send_load(mesh.port, series.requests(PATH), per_second=None)
    read = read_back(mesh, [(series, result)], READ_BACK_SECONDS)
    processed = drops / (time.monotonic() - began)
    rate = asyncio.run(_photos(mesh, photos))
    print(
        f"{name:24}{result.count(ACCEPTED):>7} drops at {result.answered_per_second:>6.0f}/s, "
        f"p99 {result.percentile(99) * 1000:>6.0f} ms, processed at {processed:>6.0f}/s, {read.lost} lost, "
        f"{read.wrong} wrong; photos {rate:.1f}/s",
        flush=True,
    )
    return read.lost + read.wrong


async def _photos(mesh: LoadedMesh, count: int) -> float:
    """Photos a second, from the first upload until the last is processed."""
    async with httpx.AsyncClient(base_url=mesh.url, timeout=300) as http:
        # The child processes load their models.
        await _process(http, iter([_photo(0)]))
        contents = iter([_photo(number) for number in range(1, count + 1)])
        began = time.monotonic()
        await asyncio.gather(*(_process(http, contents) for _ in range(PHOTOS_AT_ONCE)))
        return count / (time.monotonic() - began)


async def _process(http: httpx.AsyncClient, contents: Iterator[bytes]) -> None:
    """Uploads one after the other, each once the one before is processed."""
    for content in contents:
        answer = await http.post("/v1/media", content=content)
        name = answer.raise_for_status().json()["results"][0]["media"]["name"]
        while (await http.get(f"/v1/{name}")).json()["state"] in ("NEW", "PROCESSING"):  # noqa: ASYNC110 - only the service knows
            await asyncio.sleep(0.05)


def _photo(number: int) -> bytes:
    output = io.BytesIO()
    Image.effect_noise((640, 480), 40 + number).save(output, "JPEG", comment=f"photo {number}")
    return output.getvalue()


if __name__ == "__main__":
    sys.exit(main())
