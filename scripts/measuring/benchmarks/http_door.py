"""CPU of ingest for a drop and for a photo of 300 KB: its own HTTP door, beside uvicorn before the same methods.

Both listen in one ingest process with the embedded stores, and take turns. uvicorn runs with httptools and a bare ASGI
app, and without access log, date or server header. What counts is the CPU time of that process, divided by requests;
the processes that read metadata are not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from scripts.measuring.benchmarks.references import ROOT, reference_python
from scripts.measuring.benchmarks.uploads import small_photo

DROP = b'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
PHOTO_BYTES = 300_000
CONNECTIONS = 16
OURS, UVICORN = "HTTP door", "uvicorn"


def main() -> None:
    """Starts ingest, sends by both ways in turns, prints each turn and the medians."""
    parser = argparse.ArgumentParser(prog="scripts/bench http_door", description=__doc__)
    parser.add_argument("--drops", type=int, default=8000, help="in each turn")
    parser.add_argument("--photos", type=int, default=400, help="in each turn")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-bench-") as folder:
        data = Path(folder)
        sockets = {OURS: data / "run" / "ingest.http.sock", UVICORN: data / "uvicorn.sock"}
        process = _start(data, sockets)
        try:
            photo = small_photo()
            for what, count in (("drop", arguments.drops), ("photo", arguments.photos)):
                seen: dict[str, list[float]] = {name: [] for name in sockets}
                for turn in range(arguments.turns + 1):
                    for name, path in sockets.items():
                        requests = _drops(count) if what == "drop" else _photos(photo, count, f"{name} {turn}")
                        before = _cpu_seconds(process.pid)
                        uvloop.run(_send(path, requests))
                        used = (_cpu_seconds(process.pid) - before) / count * 1e6
                        # The first turn warms everything up.
                        if turn:
                            seen[name].append(used)
                            print(f"turn {turn}  {name:10} {used:7.1f} µs a {what}", flush=True)
                ours, other = statistics.median(seen[OURS]), statistics.median(seen[UVICORN])
                print(f"median  a {what}: {ours:.1f} µs beside {other:.1f} with uvicorn, {other / ours - 1:+.1%}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _start(data: Path, sockets: dict[str, Path]) -> subprocess.Popen[bytes]:
    packages = next((reference_python().parents[1] / "lib").glob("python3*/site-packages"))
    environment = {
        **os.environ,
        "DROPMESH_DATA": str(data),
        "BENCH_UVICORN_SOCKET": str(sockets[UVICORN]),
        "BENCH_UVICORN_PACKAGES": str(packages),
    }
    with (data / "ingest.log").open("wb") as log:
        command = [sys.executable, "-m", "scripts.measuring.benchmarks.http_door_service"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    while not all(path.exists() for path in sockets.values()):
        if process.poll() is not None:
            raise SystemExit((data / "ingest.log").read_text())
        time.sleep(0.05)
    # A socket is there a moment before it listens.
    time.sleep(1)
    return process


def _cpu_seconds(pid: int) -> float:
    # To the nanosecond, as the scheduler counts it, over all threads.
    spent = (int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(spent) / 1e9


def _drops(count: int) -> list[bytes]:
    return [_request("/v1/measurements", DROP)] * count


def _photos(photo: bytes, count: int, label: str) -> list[bytes]:
    """So many photos that differ in a comment of their headers."""
    requests = []
    for number in range(count):
        body, left = photo[:2], PHOTO_BYTES - len(photo)
        comment = f"{label} {number} ".encode()
        while left > 4:
            text = comment.ljust(min(left - 4, 60_000), b".")
            body += b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
            left -= len(text) + 4
        requests.append(_request("/v1/media", body + photo[2:]))
    return requests


def _request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\nx-request-id: 5b9b1a2c-4d6f-4a55-9d0e-1f0f6d2f8c11\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _send(path: Path, requests: Sequence[bytes]) -> None:
    async def go_on(mine: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        for request in mine:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith((b"HTTP/1.1 202", b"HTTP/1.1 201")):
                raise SystemExit(head.decode())
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.close()

    await asyncio.gather(*(go_on(requests[number::CONNECTIONS]) for number in range(CONNECTIONS)))


if __name__ == "__main__":
    main()
