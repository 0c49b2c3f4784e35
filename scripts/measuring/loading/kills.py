"""Kills the services and the edge of a mesh again and again while callers write and read, and looks for everything.

The callers come over REST through the edge, as clients do: drops, uploads whole, as a form, in pieces and through an
invite, and downloads. The supervisor starts again what was killed. Then every acknowledged id and hash is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from scripts.lib.checkouts import ROOT
from scripts.measuring.loading.killed_callers import DropCaller, Dropped, Reader
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from services.common.settings.reading import load_settings
from tests.chaos.upload_remains import remains_after_one_sweep
from tests.chaos.upload_senders import Sender, Sent

VICTIMS = ("ingest", "processor", "query", "edge")
WAYS = ("raw", "multipart", "invite", "resumable")
# A call that was under way at a kill is answered or ends within this.
PATIENCE_SECONDS = 20.0
# So many kills wait until the mesh is healthy again; the others hit it while it recovers.
ALONE = 0.8
HEALTHY_WITHIN_SECONDS = 30.0
# What was acknowledged is stuck once nothing more of it was finished for so long.
STUCK_SECONDS = 120.0
CHECKS_AT_ONCE = 8


@dataclass
class Found:
    """The kills, the acknowledged calls and the faults of a run."""

    kills: Counter[str] = field(default_factory=Counter)
    dropped: Dropped = field(default_factory=Dropped)
    sent: Sent = field(default_factory=Sent)
    reads: int = 0
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Prints the verdict; fails when anything is lost, wrong or left over."""
    parser = argparse.ArgumentParser(prog="scripts/load kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--drop-callers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with loaded_mesh(settings={"DROPMESH_PULL_MODELS": "false"}) as mesh:
        found = asyncio.run(_run(mesh, arguments))
        remains = asyncio.run(remains_after_one_sweep(load_settings({"DROPMESH_DATA": str(mesh.data)})))
        found.faults += remains.faults
        found.faults += _damage(mesh)
    kills = ", ".join(f"{count} of {name}" for name, count in sorted(found.kills.items()))
    print(f"{found.kills.total()} kills ({kills}) in {time.monotonic() - began:.0f} s")
    drops, media = len(found.dropped.acknowledged), len(found.sent.acknowledged)
    print(f"{drops} drops and {media} media acknowledged, each checked; {found.reads} whole downloads meanwhile")
    print(f"{remains.objects} objects after a sweep")
    print(f"{len(found.faults)} faults")
    for fault in found.faults[:30]:
        print(f"  {fault}")
    return 1 if found.faults else 0


async def _run(mesh: LoadedMesh, arguments: argparse.Namespace) -> Found:
    found, stopping = Found(), threading.Event()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=mesh.url, timeout=PATIENCE_SECONDS, limits=limits) as http:
        link = await _invite_link(mesh, http)
        senders = [Sender(http, way, link, arguments.seed, found.sent) for way in WAYS]
        drops = [DropCaller(http, number, found.dropped) for number in range(arguments.drop_callers)]
        reader = Reader(http, found.sent.acknowledged, arguments.seed)
        callers: list[Sender | DropCaller | Reader] = [*senders, *drops, reader]
        tasks = [asyncio.create_task(caller.run(stopping)) for caller in callers]
        await _kill(mesh, arguments.kills, random.Random(arguments.seed), found.kills)  # noqa: S311 - no secret
        stopping.set()
        await asyncio.gather(*tasks)
        found.reads = reader.reads
        found.faults += [*found.sent.faults, *reader.faults]
        stopped = time.monotonic()
        await _check(http, found)
        print(f"all done and checked {time.monotonic() - stopped:.0f} s after the callers")
    return found


async def _invite_link(mesh: LoadedMesh, http: httpx.AsyncClient) -> str:
    token = (mesh.data / "admin-token").read_text()
    made = await http.post("/v1/invites", json={"ttl": "86400s"}, headers={"authorization": f"Bearer {token}"})
    return httpx.URL(made.raise_for_status().json()["uri"]).path


async def _kill(mesh: LoadedMesh, kills: int, chance: random.Random, counts: Counter[str]) -> None:
    while counts.total() < kills:
        if chance.random() < ALONE:
            await _healthy(mesh)
        await asyncio.sleep(chance.uniform(0.2, 3))
        victim = chance.choice(VICTIMS)
        process = (await asyncio.to_thread(mesh.processes)).get(victim)
        if process is not None:
            os.kill(process, signal.SIGKILL)
            counts[victim] += 1


async def _healthy(mesh: LoadedMesh) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{mesh.port + 1}", timeout=2) as http:
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                if (await http.get("/healthz")).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)


async def _check(http: httpx.AsyncClient, found: Found) -> None:
    """Looks at each acknowledged drop and media, and waits until all work is done."""
    places = asyncio.Semaphore(CHECKS_AT_ONCE)
    last_finished = time.monotonic()

    async def settled(name: str) -> str:
        nonlocal last_finished
        while True:
            async with places:
                state = await _state(http, name)
            if state not in ("NEW", "PROCESSING", "unknown"):
                last_finished = time.monotonic()
                return state
            if time.monotonic() > last_finished + STUCK_SECONDS:
                return state
            await asyncio.sleep(1)

    async def check_drop(receipt: str, instant: str, mean: float) -> None:
        state = await settled(receipt)
        if state != "PROCESSED":
            found.faults.append(f"{receipt} is {state}")
            return
        async with places:
            answer = await http.get(f"/v1/measurements/{instant}")
        if not answer.is_success or answer.json()["mean"] != mean:
            found.faults.append(f"{receipt}: measurements/{instant} is not its own: {answer.text[:200]}")

    async def check_media(name: str, sha256: str) -> None:
        state = await settled(name)
        if state != "PROCESSED":
            found.faults.append(f"{name} is {state}")
        async with places:
            fault = await Reader.fault(http, name, sha256)
        if fault:
            found.faults.append(fault)

    drops = (check_drop(*drop) for drop in found.dropped.acknowledged)
    media = (check_media(*media) for media in found.sent.acknowledged.items())
    await asyncio.gather(*drops, *media)


async def _state(http: httpx.AsyncClient, name: str) -> str:
    try:
        answer = await http.get(f"/v1/{name}")
    except httpx.HTTPError:
        return "unknown"
    if answer.status_code == 404:
        return "LOST"
    return str(answer.json()["state"]) if answer.is_success else "unknown"


def _damage(mesh: LoadedMesh) -> list[str]:
    """Returns the faults that the check of the catalog and the verification of all objects find."""
    faults = []
    for command in (["scripts.mesh.check_store"], ["batch", "verify-objects"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "--data", str(mesh.data)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip())
        if done.returncode:
            faults.append(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
