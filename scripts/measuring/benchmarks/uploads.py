"""Uploads through Envoy into the embedded store, beside FastAPI with python-multipart writing to disk.

All hash what comes and make it durable before they answer; ours also reads its metadata and keeps a catalog. They take
turns on the same bodies: one large video, then many small photos that all differ. What counts is the ratio. FastAPI
stands there twice: with `UploadFile`, as most services are written, and by hand, without form handling or copies.
No processor runs: what is measured is the way in, and nothing works on the photos meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av
import numpy as np
from PIL import Image

from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.loading.upload_mesh import await_port, upload_mesh

MIB = 1024 * 1024
BOUNDARY = "dropmesh-bench"
HEAD = (
    f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n'
    "content-type: application/octet-stream\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
PHOTO_BYTES = 200_000
OURS, USUAL, BY_HAND = "Dropmesh through Envoy", "FastAPI, UploadFile", "FastAPI, by hand"
REFERENCES = {USUAL: ("uploads_usual", 18491), BY_HAND: ("uploads_reference", 18492)}


def main() -> None:
    """Starts both, measures them in turns, prints each turn and the ratios of the medians."""
    parser = argparse.ArgumentParser(prog="scripts/bench uploads", description=__doc__)
    parser.add_argument("--size-mib", type=int, default=512, help="of the large upload")
    parser.add_argument("--photos", type=int, default=400, help="of 200 KB, in each turn")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    photo = small_photo()
    large: dict[str, list[float]] = defaultdict(list)
    small: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-bench-")))
        mesh = stack.enter_context(upload_mesh(folder / "mesh"))
        ports = {OURS: mesh.port}
        for name, (module, port) in REFERENCES.items():
            ports[name] = stack.enter_context(_reference(folder / module, module, port))
        for port in ports.values():
            send_photos(port, distinct(photo, 8, f"warm {port}"), 1)
        before = mesh.memory_bytes()
        for turn in range(1, arguments.turns + 1):
            for name, port in ports.items():
                large[name].append(send_large(port, arguments.size_mib * MIB, turn) / MIB)
                memory = f"  ingest {before // MIB} -> {mesh.memory_bytes() // MIB} MiB" if name == OURS else ""
                print(f"turn {turn}  {name:22} {large[name][-1]:8.1f} MiB/s{memory}", flush=True)
        for turn in range(1, arguments.turns + 1):
            photos = distinct(photo, arguments.photos, f"turn {turn}")
            for name, port in ports.items():
                small[name].append(send_photos(port, photos, arguments.clients))
                print(f"turn {turn}  {name:22} {small[name][-1]:8.1f} photos/s", flush=True)
        after = mesh.memory_bytes()
    for what, unit, rates in ((f"{arguments.size_mib} MiB", "MiB/s", large), ("200 KB photos", "a second", small)):
        ours = statistics.median(rates[OURS])
        for name in REFERENCES:
            other = statistics.median(rates[name])
            print(f"median  {what}: {ours:.1f} {unit} beside {other:.1f}, {ours / other:.2f} x {name}")
    print(f"RSS of ingest: {before / MIB:.0f} MiB before, {after / MIB:.0f} MiB after")


def small_photo() -> bytes:
    """A photo of about 200 KB, made of blurred noise."""
    noise = Image.frombytes("RGB", (320, 240), random.Random(1).randbytes(320 * 240 * 3))  # noqa: S311 - no secret
    picture = noise.resize((1280, 960), Image.Resampling.BICUBIC)
    for quality in range(90, 10, -4):
        output = io.BytesIO()
        picture.save(output, "JPEG", quality=quality)
        if output.tell() < PHOTO_BYTES - 100:
            return output.getvalue()
    raise AssertionError("no quality makes the photo small enough")


def distinct(photo: bytes, count: int, label: str) -> list[bytes]:
    """So many photos of 200 KB, each with a comment of its own in its header and otherwise alike."""
    bodies = []
    for number in range(count):
        comment = f"{label} {number} ".encode().ljust(PHOTO_BYTES - len(photo) - 4, b".")[:60_000]
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        bodies.append(HEAD + photo[:2] + segment + photo[2:] + TAIL)
    return bodies


def send_photos(port: int, bodies: list[bytes], clients: int) -> float:
    """Sends each once over so many connections; returns how many a second."""
    started = time.perf_counter()

    def go_on(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for body in bodies[client::clients]:
            connection.request("POST", "/v1/media", body, HEADERS)
            _check(connection)
        connection.close()

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(go_on, range(clients)))
    return len(bodies) / (time.perf_counter() - started)


def send_large(port: int, size_bytes: int, turn: int) -> float:
    """Sends one video of that size, another one each turn; returns bytes a second."""
    start = tiny_video() + f"turn {turn}".encode()
    block = random.Random(turn).randbytes(MIB)  # noqa: S311 - no secret

    def body() -> Iterator[bytes]:
        yield HEAD + start
        left = size_bytes - len(start)
        while left > 0:
            yield block[:left]
            left -= MIB
        yield TAIL

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    length = len(HEAD) + max(size_bytes, len(start)) + len(TAIL)
    started = time.perf_counter()
    connection.request("POST", "/v1/media", body(), {**HEADERS, "content-length": str(length)})
    _check(connection)
    seconds = time.perf_counter() - started
    connection.close()
    return size_bytes / seconds


def tiny_video() -> bytes:
    """A sound AVI; what follows its end, readers ignore."""
    output = io.BytesIO()
    with av.open(output, "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8))))
        container.mux(stream.encode())
    return output.getvalue()


def _check(connection: http.client.HTTPConnection) -> None:
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 201:
        raise SystemExit(f"{answer.status}: {text[:500]!r}")


@contextmanager
def _reference(folder: Path, module: str, port: int) -> Iterator[int]:
    folder.mkdir()
    environment = {**os.environ, "REFERENCE_FOLDER": str(folder)}
    command = [str(reference_python()), "-m", "uvicorn", f"scripts.measuring.benchmarks.{module}:app"]
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    with folder.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        await_port(port, 30)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    main()
