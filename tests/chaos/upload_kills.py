"""Kills ingest again and again while files are uploaded by every way in, and looks for all of them afterwards.

What was acknowledged has to be there byte for byte. What was not has to be there as a whole, where only the answer was
lost, or leave nothing after one sweep. `python -m tests.chaos.upload_kills --kills 100 --store s3` does it at length.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.measuring.loading.upload_mesh import UploadMesh, upload_mesh
from tests.chaos.upload_remains import Remains, remains_after_one_sweep
from tests.chaos.upload_senders import Sender, Sent
from tests.servers.s3 import S3, s3

WAYS = ("raw", "multipart", "resumable", "invite")


@dataclass(frozen=True)
class Verdict:
    """What was seen, and what is wrong with it."""

    acknowledged: int
    unacknowledged: int
    remains: Remains
    faults: list[str] = field(default_factory=list)


def kill_uploads(mesh: UploadMesh, kills: int, seed: int) -> Verdict:
    """Uploads by all ways while ingest dies so often at random points, sweeps once, and looks."""
    sent = Sent()
    stopping = threading.Event()
    callers = threading.Thread(target=lambda: asyncio.run(_upload(mesh, seed, sent, stopping)))
    callers.start()
    chance = random.Random(seed)
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.1, 1.5))
            mesh.processes.kill("ingest")
            mesh.processes.start("ingest")
    finally:
        stopping.set()
        callers.join()
    mesh.processes.kill("ingest")
    remains = asyncio.run(remains_after_one_sweep(mesh.settings))
    faults = [*sent.faults, *remains.faults, *missing(mesh, sent.acknowledged)]
    return Verdict(len(sent.acknowledged), sent.unacknowledged, remains, faults)


async def _upload(mesh: UploadMesh, seed: int, sent: Sent, stopping: threading.Event) -> None:
    async with httpx.AsyncClient(base_url=mesh.url, headers=mesh.authorization, timeout=60) as http:
        link = await _invite(http)
        await asyncio.gather(*(Sender(http, way, link, seed, sent).run(stopping) for way in WAYS))


async def _invite(http: httpx.AsyncClient) -> str:
    while True:
        try:
            answer = await http.post("/v1/invites", json={"ttl": "86400s", "max_uploads": 100_000})
        except httpx.HTTPError:
            continue
        if answer.status_code < 300:
            uri: str = answer.json()["uri"]
            return uri
        await asyncio.sleep(0.1)


def missing(mesh: UploadMesh, acknowledged: dict[str, str]) -> Iterator[str]:
    """Yields what is wrong with the originals of acknowledged media."""
    with httpx.Client(base_url=mesh.url, headers=mesh.authorization, timeout=60) as http:
        for name, sha256 in acknowledged.items():
            digest = hashlib.sha256()
            with http.stream("GET", f"/v1/{name}/original") as answer:
                for chunk in answer.iter_bytes():
                    digest.update(chunk)
            if answer.status_code != 200 or digest.hexdigest() != sha256:
                yield f"{name} was acknowledged, and reading it answers {answer.status_code} with other bytes"


@contextmanager
def mesh_over(store: str, server: S3 | None = None) -> Iterator[UploadMesh]:
    """A mesh whose objects are in a directory or in S3."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-"))
        settings = {}
        if store == "s3":
            server = server or stack.enter_context(s3())
            settings = {
                "DROPMESH_OBJECTS": f"s3://chaos-{Path(folder).name[-8:].replace('_', '-')}0".lower(),
                "DROPMESH_S3_ENDPOINT": server.endpoint,
                "DROPMESH_S3_ACCESS_KEY": server.access_key,
                "DROPMESH_S3_SECRET_KEY": server.secret_key,
            }
        yield stack.enter_context(upload_mesh(Path(folder), settings))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.upload_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", choices=("directory", "s3"), default="directory")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with mesh_over(arguments.store) as mesh:
        verdict = kill_uploads(mesh, arguments.kills, arguments.seed)
    print(f"{arguments.kills} kills, {verdict.acknowledged} acknowledged, {verdict.unacknowledged} not")
    print(f"{verdict.remains.media} media in {verdict.remains.objects} objects, {len(verdict.faults)} faults")
    for fault in verdict.faults:
        print(f"  {fault}")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
