"""Photos of 300 KB, and one large body, into a mesh, beside plain services that store them as durably.

The plain ones hash a photo, read its size in pixels, write it to a file, and commit its row to SQLite before they
answer; rows that wait share a commit. The mesh also reads its metadata, in a process of its own, and looks for the same
bytes. No processor runs: what is measured is the way in. All take turns, since the machine has other work too.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path

import av
import numpy as np
from PIL import Image

from scripts.measuring.benchmarks.contenders import MESH, Contender
from scripts.measuring.benchmarks.figures import Figures, Way, in_turns, print_figures
from scripts.measuring.benchmarks.photo_contenders import PATH, PEERS, contenders
from scripts.measuring.loading.http_load import send_load

MIB = 1024 * 1024
CONNECTIONS = (1, 16, 64)
PHOTO_BYTES = 300_000
CREATED = 201
HEAD = "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n"


def main() -> int:
    """Prints a table for each number of connections, and one of the large body."""
    parser = argparse.ArgumentParser(prog="scripts/bench uploads", description=__doc__)
    parser.add_argument("--photos", type=int, default=400, help="of a turn; a fourth of them over one connection")
    parser.add_argument("--size-mib", type=int, default=200, help="of the large body")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    numbers = count()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    names = [*PEERS, MESH]
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder, contenders(Path(folder), names) as running:
        warm_up(running, numbers)
        for connections in CONNECTIONS:
            found = in_turns(photo_ways(running, numbers, arguments.photos, connections), arguments.turns)
            print_figures(f"photos of 300 KB, {connections} connections", "photos/s", found, MESH)
        found = in_turns(large_ways({MESH: running[MESH]}, numbers, arguments.size_mib), arguments.turns)
        print_figures(f"a body of {arguments.size_mib} MiB", "MiB/s", found, MESH)
    return 0


def warm_up(running: Mapping[str, Contender], numbers: count[int]) -> None:
    """Has each take a few photos."""
    for way in photo_ways(running, numbers, 20, 4).values():
        way()


def photo_ways(running: Mapping[str, Contender], numbers: count[int], amount: int, connections: int) -> dict[str, Way]:
    """A turn of each: so many photos; a fourth of them over one connection."""
    amount = max(1, amount // 4) if connections == 1 else amount
    photo = small_photo()
    return {name: partial(_photos, one, photo, numbers, amount, connections) for name, one in running.items()}


def large_ways(running: Mapping[str, Contender], numbers: count[int], size_mib: int) -> dict[str, Way]:
    """A turn of each: one video of that size; the rate and the CPU are those of a MiB."""
    return {name: partial(_large, one, numbers, size_mib) for name, one in running.items()}


def small_photo() -> bytes:
    """A photo of about 300 KB, made of blurred noise."""
    noise = Image.frombytes("RGB", (320, 240), random.Random(1).randbytes(320 * 240 * 3))  # noqa: S311 - no secret
    picture = noise.resize((1280, 960), Image.Resampling.BICUBIC)
    for quality in range(96, 10, -4):
        output = io.BytesIO()
        picture.save(output, "JPEG", quality=quality)
        if output.tell() < PHOTO_BYTES - 100:
            return output.getvalue()
    raise AssertionError("no quality makes the photo small enough")


def _photos(one: Contender, photo: bytes, numbers: count[int], amount: int, connections: int) -> Figures:
    requests = [_request(_distinct(photo, next(numbers)), "image/jpeg") for _ in range(amount)]
    return _sent(one, requests, connections, amount)


def _large(one: Contender, numbers: count[int], size_mib: int) -> Figures:
    start = tiny_video() + f"body {next(numbers)}".encode()
    body = start + random.Random(size_mib).randbytes(size_mib * MIB - len(start))  # noqa: S311 - no secret
    return _sent(one, [_request(body, "video/x-msvideo")], 1, size_mib)


def _sent(one: Contender, requests: list[bytes], connections: int, units: int) -> Figures:
    cpu, syncs = one.cpu_seconds(), one.syncs.count
    result = send_load(one.port, requests, per_second=None, connections=connections)
    if result.count(CREATED) != len(requests):
        raise RuntimeError(f"{one.name} took {result.count(CREATED)} of {len(requests)}: {set(result.statuses)}")
    return Figures(
        result.answered_per_second * units / len(requests),
        (one.cpu_seconds() - cpu) / units * 1e6,
        None if syncs is None else ((one.syncs.count or 0) - syncs) / units,
        result.percentile(50),
        result.percentile(99),
    )


def _request(body: bytes, content_type: str) -> bytes:
    return HEAD.format(PATH, content_type, len(body)).encode() + body


def _distinct(photo: bytes, number: int) -> bytes:
    """The photo with a comment of its own in its header, and of the size that all have."""
    comment = f"photo {number} ".encode().ljust(max(20, min(60_000, PHOTO_BYTES - len(photo) - 4)), b".")
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def tiny_video() -> bytes:
    """A sound AVI; what follows its end, readers ignore."""
    output = io.BytesIO()
    with av.open(output, "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8))))
        container.mux(stream.encode())
    return output.getvalue()


if __name__ == "__main__":
    sys.exit(main())
