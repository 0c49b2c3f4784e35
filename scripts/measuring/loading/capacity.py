"""Measures what one reading and one photo cost: CPU of each service, bytes in each store. From it: a table of capacity.

CPU seconds, not times: they say how much a core can do, and other programs on this machine hardly change them.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
import numpy as np
from PIL import Image

from scripts.measuring.families import cpu_of_family, memory_of_family
from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import send_load
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh

PHOTO_SIDES = (4000, 3000)
PATIENCE_SECONDS = 600.0
IDLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one of many alike: CPU seconds by service, bytes by store."""

    cpu: dict[str, float]
    stored: dict[str, float]


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="scripts/load capacity", description=__doc__)
    parser.add_argument("--photos", type=int, default=8, help="photos of 12 megapixels (8)")
    parser.add_argument("--drops", type=int, default=4000, help="readings of four numbers (4000)")
    arguments = parser.parse_args()
    pictures = [photo(number) for number in range(arguments.photos + 1)]
    settings = {"DROPMESH_WORKERS": "1", "DROPMESH_PULL_MODELS": "false"}
    with loaded_mesh(settings=settings) as mesh, httpx.Client(base_url=mesh.url, timeout=120) as http:
        upload(http, pictures[:1])  # The weights are loaded with the first.
        idle = _idle_shares(mesh)
        per_photo = _cost(mesh, idle, len(pictures) - 1, lambda: upload(http, pictures[1:]))
        memory = {name: memory_of_family(number) for name, number in mesh.processes().items()}
        per_drop = _cost(mesh, idle, arguments.drops, lambda: _drop(mesh, arguments.drops))
    size = sum(map(len, pictures)) / len(pictures)
    print(f"{'':28}{'a reading':>14}{f'a photo, {size / 1e6:.1f} MB':>18}")
    for name in ("edge", "ingest", "processor", "query"):
        print(f"{name + ', CPU':28}{per_drop.cpu[name] * 1e3:>11.2f} ms{per_photo.cpu[name] * 1e3:>15.0f} ms")
    for name in ("edge", "ingest", "processor"):
        print(f"{name + ', a second and core':28}{_rate(per_drop.cpu[name]):>14}{_rate(per_photo.cpu[name]):>18}")
    for name in per_drop.stored:
        print(f"{name + ', bytes':28}{per_drop.stored[name]:>14,.0f}{per_photo.stored[name]:>18,.0f}")
    print("memory after photos: " + ", ".join(f"{name} {held / 2**20:.0f} MiB" for name, held in memory.items()))
    return 0


def photo(number: int) -> bytes:
    """A picture of about 3 MB, each another one: soft shapes, with the noise of a sensor."""
    chance = np.random.default_rng(number)
    soft = Image.fromarray(chance.integers(0, 255, (30, 40, 3), np.uint8)).resize(PHOTO_SIDES, Image.Resampling.BICUBIC)
    noise = chance.normal(0, 6, (PHOTO_SIDES[1], PHOTO_SIDES[0], 1))
    pixels = np.clip(np.asarray(soft, np.float32) + noise, 0, 255).astype(np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "JPEG", quality=86)
    return output.getvalue()


def upload(http: httpx.Client, pictures: list[bytes]) -> None:
    """Uploads pictures and waits until all are processed."""
    for picture in pictures:
        answer = http.post("/v1/media", content=picture, headers={"content-type": "image/jpeg"})
        answer.raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(media["state"] != "PROCESSED" for media in http.get("/v1/media").json()["media"]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the photos were not processed within {PATIENCE_SECONDS:g} s")
        time.sleep(3)


def _drop(mesh: LoadedMesh, count: int) -> None:
    series = DropSeries(0, count)
    result = send_load(mesh.port, series.requests("/v1/measurements"), per_second=None, connections=32)
    if result.count(202) != count:
        raise RuntimeError(f"only {result.count(202)} of {count} readings were accepted")
    while mesh.queue_depth():
        time.sleep(0.5)
    time.sleep(2)


def _cost(mesh: LoadedMesh, idle: Mapping[str, float], count: int, work: Callable[[], None]) -> Cost:
    cpu, stored, began = _cpu(mesh), _stored(mesh), time.monotonic()
    work()
    cpu_after, stored_after, seconds = _cpu(mesh), _stored(mesh), time.monotonic() - began
    return Cost(
        {name: max(0.0, cpu_after[name] - used - seconds * idle[name]) / count for name, used in cpu.items()},
        {name: (stored_after[name] - held) / count for name, held in stored.items()},
    )


def _idle_shares(mesh: LoadedMesh) -> dict[str, float]:
    """The share of a core that each service takes without any work."""
    before = _cpu(mesh)
    time.sleep(IDLE_SECONDS)
    return {name: (used - before[name]) / IDLE_SECONDS for name, used in _cpu(mesh).items()}


def _cpu(mesh: LoadedMesh) -> dict[str, float]:
    """The CPU time of each service with its child processes."""
    return {name: cpu_of_family(number) for name, number in mesh.processes().items()}


def _stored(mesh: LoadedMesh) -> dict[str, int]:
    return {
        "catalog": sum(file.stat().st_size for file in mesh.data.glob("catalog.sqlite*")),
        "objects": sum(file.stat().st_size for file in (mesh.data / "objects").rglob("*") if file.is_file()),
    }


def _rate(seconds: float) -> str:
    return f"{1 / seconds:,.1f}" if seconds > 0 else "-"


if __name__ == "__main__":
    sys.exit(main())
