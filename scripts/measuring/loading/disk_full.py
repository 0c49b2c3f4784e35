"""Fills the disk of a mesh after media were acknowledged, frees it later, and looks at what became of each.

The disk is a small file system in memory, which takes root. While it is full, the media wait: none may fail, health
says why, and all are processed soon after there is room.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh

DISK_MIB = 256
# Below this nothing fits any more; what a full disk leaves is never exactly nothing.
FILL_CHUNK = 64 * 1024
UNFINISHED = ("NEW", "PROCESSING")


def main() -> int:
    """Fails when any acknowledged media is not PROCESSED in time."""
    parser = argparse.ArgumentParser(prog="scripts/load disk-full", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long the disk stays full (30)")
    parser.add_argument("--media", type=int, default=100, help="how many are acknowledged before (100)")
    parser.add_argument("--within", type=float, default=120, help="seconds to process them in then (120)")
    arguments = parser.parse_args()
    settings = {"DROPMESH_PULL_MODELS": "false"}
    with (
        tempfile.TemporaryDirectory(prefix="dropmesh-") as name,
        _small_disk(Path(name)) as disk,
        loaded_mesh(settings=settings, data=disk / "data") as mesh,
    ):
        return _run(mesh, disk, arguments)


def _run(mesh: LoadedMesh, disk: Path, arguments: argparse.Namespace) -> int:
    with httpx.Client(base_url=mesh.url, timeout=60) as http:
        names = [_upload(http, number) for number in range(arguments.media)]
        _fill(disk)
        print(f"{len(names)} media acknowledged, then the disk is full for {arguments.minutes:g} minutes", flush=True)
        time.sleep(min(10.0, arguments.minutes * 30))
        is_said = _print_health(mesh)
        refused = _refusal(http)
        print(f"an upload answers {refused}", flush=True)
        time.sleep(max(0.0, arguments.minutes * 60 - 10))
        before = Counter(_states(http, names).values())
        print(f"before there is room: {_listed(before)}", flush=True)
        (disk / "filling").unlink()
        began = time.monotonic()
        states = _states(http, names)
        while any(state in UNFINISHED for state in states.values()) and time.monotonic() - began < arguments.within:
            time.sleep(0.5)
            states = _states(http, names)
        seconds = time.monotonic() - began
        counts = Counter(states.values())
        print(f"{seconds:.0f} s after there was room (at most {arguments.within:g}): {_listed(counts)}")
        is_well = not _is_unready(mesh)
        print(f"health {'said' if is_said else 'did not say'} that it was full, and is {'' if is_well else 'not '}well")
    return 0 if counts == {"PROCESSED": len(names)} and is_said and is_well and refused == "507 STORE_FULL" else 1


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(FILL_CHUNK)) == FILL_CHUNK:
                pass
        except OSError:
            return


def _upload(http: httpx.Client, number: int) -> str:
    answer = http.post("/v1/media", content=_photo(number), headers={"content-type": "image/jpeg"})
    return str(answer.raise_for_status().json()["results"][0]["media"]["name"])


def _photo(number: int) -> bytes:
    output = io.BytesIO()
    Image.effect_noise((900, 700), 40 + number % 100).save(output, "JPEG", comment=f"photo {number}")
    return output.getvalue()


def _refusal(http: httpx.Client) -> str:
    answer = http.post("/v1/media", content=_photo(10_000), headers={"content-type": "image/jpeg"})
    if answer.is_success:
        return str(answer.status_code)
    reasons = [detail["reason"] for detail in answer.json()["details"] if "reason" in detail]
    return f"{answer.status_code} {' '.join(reasons)}"


def _states(http: httpx.Client, names: list[str]) -> dict[str, str]:
    return {name: str(http.get(f"/v1/{name}").json().get("state", "LOST")) for name in names}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def _readiness(mesh: LoadedMesh, service: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{mesh.port + 1}/readyz/{service}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _print_health(mesh: LoadedMesh) -> bool:
    """Prints what each service says of its health; returns whether each says that a store is full."""
    said = []
    for service in ("ingest", "processor", "query"):
        status, text = _readiness(mesh, service)
        print(f"  {service}: {status} {text.strip()}", flush=True)
        said.append(status == 503 and "is full" in json.dumps(json.loads(text)))
    return all(said)


def _is_unready(mesh: LoadedMesh) -> bool:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        if all(_readiness(mesh, service)[0] == 200 for service in ("ingest", "processor", "query")):
            return False
        time.sleep(0.5)
    return True


if __name__ == "__main__":
    sys.exit(main())
