"""How long one photo takes on an idle mesh, from its POST until it is seen as PROCESSED, step by step.

Also how many durable syncs it takes until half a second later, and the CPU of each process.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from scripts.measuring.benchmarks.syncs import sync_count
from scripts.measuring.loading.mesh import loaded_mesh

SHARED = Path(os.environ.get("DROPMESH_SHARED") or Path(__file__).resolve().parents[4] / "shared")
MOST_MILLISECONDS = 250.0
PIXELS = 1_000_000
QUALITY = 90
WARM_UP = 5
STEPS = {
    "accept": "accepted by ingest",
    "claim": "queued, and claimed by a worker",
    "fetch": "bytes read",
    "decode": "decoded",
    "detect": "objects detected",
    "classify": "classified",
    "cover": "objects covered",
    "encode": "encoded",
    "store": "stored",
    "rest": "leases, states, to the worker process and back",
    "see": "seen as PROCESSED",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The time of one photo in milliseconds, by step; the steps add up to the whole."""

    steps: Mapping[str, float]
    answered: float
    objects: int

    @property
    def whole(self) -> float:
        """From the POST to the state."""
        return sum(self.steps.values())


def main() -> int:
    """Starts a mesh, sends it one photo at a time, prints the medians; fails when the median is too long."""
    parser = argparse.ArgumentParser(prog="scripts/bench latency", description=__doc__)
    parser.add_argument("--photos", type=int, default=20, help="how many, after some to warm up (20)")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds in which the mesh is idle between two (0.3)")
    arguments = parser.parse_args()
    bodies = megapixel_photos(WARM_UP + arguments.photos)
    mirror = {"DROPMESH_MODELS_MIRROR": str(SHARED / "models")} if (SHARED / "models").is_dir() else {}
    taken: list[Taken] = []
    first, models = 0.0, ""
    with (
        tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder,
        loaded_mesh(settings={**mirror, **(syncs := sync_count(Path(folder), "mesh")).environment}) as mesh,
    ):
        synced, used = 0, mesh.cpu_seconds()
        for number, body in enumerate(bodies):
            time.sleep(arguments.pause)
            if number == WARM_UP:
                synced, used = syncs.count or 0, mesh.cpu_seconds()
            one, media = process(mesh.port, body)
            first = first or one.whole
            if number >= WARM_UP:
                taken.append(one)
            models = ", ".join(used["model"].removeprefix("models/") for used in media["processing"]["models"])
        time.sleep(0.5)
        synced = (syncs.count or 0) - synced
        used = {name: (seconds - used[name]) / len(taken) * 1e3 for name, seconds in mesh.cpu_seconds().items()}
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{len(taken)} photos of {PIXELS / 1e6:g} megapixel, {sum(map(len, bodies)) // len(bodies) // 1000} kB each;")
    print(f"models {models}; {os.cpu_count()} processors, load {load}\n")
    good = report(taken)
    print(f"  {'the very first of a new mesh, which loads the models':52} {first:7.1f} ms")
    print(f"  {'durable syncs of a photo':52} {synced / len(taken):7.1f}")
    for name, milliseconds in used.items():
        print(f"  {'CPU of a photo: ' + name:52} {milliseconds:7.1f} ms")
    return good


def process(port: int, body: bytes) -> tuple[Taken, dict[str, Any]]:
    """Posts a photo and watches it, in the words that the product has for when and how long."""
    poster, watcher = (http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(2))
    for connection in (poster, watcher):
        connection.connect()
    began_ns = time.time_ns()
    poster.request("POST", "/v1/media", body, {"content-type": "image/jpeg"})
    answer = poster.getresponse()
    text = answer.read()
    answered_ns = time.time_ns()
    if answer.status != 201:
        sys.exit(f"{answer.status}: {text[:500]!r}")
    name = json.loads(text)["results"][0]["media"]["name"]
    media = _watched(watcher, name)
    seen_ns = time.time_ns()
    poster.close()
    watcher.close()
    if media["state"] != "PROCESSED":
        sys.exit(f"{name} is {media['state']}: {media['processing'].get('error')}")
    processing = media["processing"]
    created_ns, started_ns, ended_ns = (
        _nanoseconds(text) for text in (media["create_time"], processing["start_time"], processing["end_time"])
    )
    steps = {step["step"]: 1000 * float(step["duration"].removesuffix("s")) for step in processing["steps"]}
    told = {
        "accept": (created_ns - began_ns) / 1e6,
        "claim": (started_ns - created_ns) / 1e6,
        **steps,
        "rest": (ended_ns - started_ns) / 1e6 - sum(steps.values()),
        "see": (seen_ns - ended_ns) / 1e6,
    }
    objects = sum(int(count["count"]) for count in media["object_counts"])
    return Taken(told, (answered_ns - began_ns) / 1e6, objects), media


def report(taken: Sequence[Taken]) -> int:
    """Prints the medians by step, the whole and the worst."""
    names = [*STEPS, *(name for name in taken[0].steps if name not in STEPS)]
    for name in names:
        if any(name in one.steps for one in taken):
            median = statistics.median(one.steps.get(name, 0.0) for one in taken)
            print(f"  {STEPS.get(name, name):52} {median:7.1f} ms")
    whole = [one.whole for one in taken]
    median = statistics.median(whole)
    answered = statistics.median(one.answered for one in taken)
    print(f"  {'from POST to PROCESSED, median':52} {median:7.1f} ms  (at most {MOST_MILLISECONDS:g})")
    print(f"  {'worst':52} {max(whole):7.1f} ms")
    print(f"  {'the POST was answered after':52} {answered:7.1f} ms")
    print(f"  {sum(one.objects for one in taken)} objects in all")
    return 0 if median < MOST_MILLISECONDS else 1


def megapixel_photos(count: int) -> list[bytes]:
    """So many JPEGs of a megapixel that all differ: shared photos where they are, else blurred shapes."""
    paths = sorted((SHARED / "media" / "photos").glob("*.jpg"))
    return [_photo(paths[number * 7 % len(paths)] if paths else None, number) for number in range(count)]


def _photo(path: Path | None, number: int) -> bytes:
    if path is None:
        small = Image.effect_noise((40, 30), 80 + number).convert("RGB")
        image = small.resize((1155, 866), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    else:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        scale = (PIXELS / (image.width * image.height)) ** 0.5
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    image.save(output, "JPEG", quality=QUALITY, comment=f"photo {number}")
    return output.getvalue()


def _watched(connection: http.client.HTTPConnection, name: str) -> dict[str, Any]:
    """Returns the media as :watch last sent it."""
    connection.request("GET", f"/v1/{name}:watch")
    answer = connection.getresponse()
    media: dict[str, Any] = {}
    for media in _messages(answer):
        if media["state"] in {"PROCESSED", "FAILED"}:
            break
    return media


def _messages(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The elements of a JSON list that comes in pieces, each as soon as it is there."""
    decoder, text = json.JSONDecoder(), ""
    while chunk := answer.read1():
        text += chunk.decode()
        while start := text.find("{") + 1:
            try:
                message, end = decoder.raw_decode(text, start - 1)
            except json.JSONDecodeError:
                break
            text = text[end:]
            yield message


def _nanoseconds(text: str) -> int:
    """An instant of the contract's JSON, down to the nanosecond."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = (datetime.fromisoformat(f"{whole}+00:00") - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // (
        timedelta(seconds=1)
    )
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


if __name__ == "__main__":
    sys.exit(main())
