"""Mutated images and multipart bodies sent through a mesh of its own: `scripts/fuzz media --count 100000`.

Whatever comes has to be taken or refused: no 5xx, no broken connection, no crash of ingest, no growth of its memory.
Each body depends on the seed and its number alone.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.measuring.loading.upload_mesh import UploadMesh, upload_mesh
from tests.support.fuzz_media import mutate, seeds
from tests.support.media_samples import IMAGE_FORMATS

CALLERS = 4
MIB = 1024 * 1024
# What allocators and caches still take once everything was used.
GROWTH_MIB = 32
WARM = 0.2
_FIELDS = ("filename", "objects", "mode", "sha256", "anonymize", "", "é", "x" * 300)
_VALUES = ("face", "blur", "0" * 64, "", "\0", "face,vehicle", "x" * 5000, "../../etc/passwd")


@dataclass(frozen=True, slots=True)
class Body:
    """One request; its name repeats it."""

    name: str
    content: bytes
    content_type: str


@dataclass
class Report:
    """What was answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    warm_bytes: int = 0
    end_bytes: int = 0

    @property
    def growth_bytes(self) -> int:
        """How much more memory ingest had at the end than once it was warm."""
        return self.end_bytes - self.warm_bytes


def bodies(count: int, seed: int, first: int = 0) -> Iterator[Body]:
    """So many requests, the same ones for the same seed."""
    samples = seeds(IMAGE_FORMATS)
    for number in range(first, first + count):
        rng = random.Random(f"{seed}/{number}")
        name = f"{seed}/{number}"
        if rng.random() < 0.5:
            yield Body(f"{name} raw", mutate(rng.choice(samples)[1], rng), "application/octet-stream")
        else:
            yield _form(name, samples, rng)


def _form(name: str, samples: list[tuple[str, bytes]], rng: random.Random) -> Body:
    """A form of files and fields; in every second one the form is damaged, in the others the files."""
    damaged_form = rng.random() < 0.5
    boundary = rng.choice(("b", "x" * 70, "----WebKitFormBoundary7MA4", "a'()+_,-./:=?"))
    content = bytearray()
    for _ in range(rng.randrange(4)):
        content += f"--{boundary}\r\n".encode()
        if rng.random() < 0.4:
            content += f'content-disposition: form-data; name="{rng.choice(_FIELDS)}"\r\n\r\n'.encode()
            content += rng.choice(_VALUES).encode()
        else:
            data = rng.choice(samples)[1]
            content += b'content-disposition: form-data; name="f"; filename="f.jpg"\r\ncontent-type: image/jpeg\r\n\r\n'
            content += data if damaged_form else mutate(data, rng)
        content += b"\r\n"
    content += f"--{boundary}--\r\n".encode()
    content_type = f'multipart/form-data; boundary="{boundary}"'
    if damaged_form:
        content = bytearray(mutate(bytes(content), rng))
        if rng.random() < 0.3:
            damaged = mutate(content_type.encode(), rng)
            # What HTTP itself forbids in a header does not reach the service.
            content_type = "".join(chr(byte) for byte in damaged if 32 <= byte < 127).strip()
    return Body(f"{name} form", bytes(content), content_type)


async def send_all(mesh: UploadMesh, requests: Iterator[Body], count: int) -> Report:
    """Sends every request and counts what is answered."""
    report = Report()
    sent = 0

    async def go_on() -> None:
        nonlocal sent
        for body in requests:
            await _send(http, body, report)
            sent += 1
            if sent == max(1, round(count * WARM)):
                report.warm_bytes = mesh.memory_bytes()

    async with httpx.AsyncClient(base_url=mesh.url, headers=mesh.authorization, timeout=60) as http:
        await asyncio.gather(*(go_on() for _ in range(CALLERS)))
    if mesh.processes.has_ended("ingest"):
        report.faults.append("ingest has crashed")
    else:
        report.end_bytes = mesh.memory_bytes()
    return report


async def _send(http: httpx.AsyncClient, body: Body, report: Report) -> None:
    try:
        answer = await http.post("/v1/media", content=body.content, headers={"content-type": body.content_type})
    except httpx.HTTPError as error:
        report.faults.append(f"{body.name}: {error!r}")
        return
    report.statuses[answer.status_code] += 1
    if answer.status_code >= 500:
        report.faults.append(f"{body.name}: {answer.status_code} {answer.text[:200]}")


def fuzz_uploads(count: int, seed: int, first: int = 0) -> Report:
    """Sends so many requests to a mesh of its own."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-fuzz-") as folder, upload_mesh(Path(folder)) as mesh:
        return asyncio.run(send_all(mesh, bodies(count, seed, first), count))


def _main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz media", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first request, to repeat one")
    arguments = parser.parse_args()
    report = fuzz_uploads(arguments.count, arguments.seed, arguments.first)
    print(" ".join(f"{status}: {times}" for status, times in sorted(report.statuses.items())))
    print(f"memory of ingest: {report.warm_bytes / MIB:.0f} MiB warm, {report.end_bytes / MIB:.0f} MiB at the end")
    if report.growth_bytes > GROWTH_MIB * MIB:
        report.faults.append(f"memory grew by more than {GROWTH_MIB} MiB")
    print(f"{len(report.faults)} faults", *report.faults[:20], sep="\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(_main())
