"""Watchers on one mesh: whether downloads suffer, how late an event is sent, and what an idle watcher costs."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
import numpy as np
from dropmesh.v1 import event_pb2, query_service_pb2, query_service_pb2_grpc
from PIL import Image

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from services.common.base.loops import pause

# Watchers share invites, so that an event goes to some of them.
INVITES = 200
# A connection of the edge carries 1,000 streams.
STREAMS_A_CHANNEL = 100
DOWNLOADERS = 8
WORKED_SECONDS = 60.0
LATE_MOST_MILLISECONDS = 10.0
RATIO_LEAST = 0.9


@dataclass
class Watchers:
    """Streams of events over gRPC; each notes how late its events come."""

    port: int
    late_milliseconds: list[float] = field(default_factory=list)
    connected: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    async def open(self, invites: list[str], count: int) -> None:
        """Opens so many streams, and waits for the first message of each."""
        for number in range(count):
            if number % STREAMS_A_CHANNEL == 0:
                options = (("grpc.use_local_subchannel_pool", 1),)
                self.channels.append(grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options))
            stub = query_service_pb2_grpc.QueryServiceStub(self.channels[-1])
            self.tasks.append(asyncio.create_task(self._watch(stub, invites[number % len(invites)])))
        while self.connected < count:
            failed = [task for task in self.tasks if task.done()]
            if failed:
                failed[0].result()
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Ends all streams."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for channel in self.channels:
            await channel.close(None)

    async def _watch(self, stub: query_service_pb2_grpc.QueryServiceAsyncStub, invite: str) -> None:
        request = query_service_pb2.WatchEventsRequest(invite=invite, types=[event_pb2.Event.MEDIA_PROCESSED])
        is_first = True
        async for event in stub.WatchEvents(request):
            now_ns = time.time_ns()
            self.connected += is_first
            is_first = False
            if event.type == event_pb2.Event.MEDIA_PROCESSED:
                self.late_milliseconds.append((now_ns - event.time.ToNanoseconds()) / 1e6)
                self.arrived.set()


def main() -> int:
    """Starts a mesh and prints the figures; fails where downloads suffer or events are late."""
    parser = argparse.ArgumentParser(prog="scripts/load watchers", description=__doc__)
    parser.add_argument("--watchers", type=int, default=1000, help="how many (1,000)")
    parser.add_argument("--photos", type=int, default=50, help="how many are processed while they watch (50)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement (8)")
    arguments = parser.parse_args()
    with loaded_mesh() as mesh:
        return asyncio.run(measure(mesh, arguments.watchers, arguments.photos, arguments.seconds))


async def measure(mesh: LoadedMesh, count: int, photos: int, seconds: float) -> int:
    """Prints the figures of one mesh."""
    token = (mesh.data / "admin-token").read_text().strip()
    made = [await asyncio.to_thread(invite, mesh.port, token) for _ in range(INVITES)]
    # The first photo loads the models.
    name = await asyncio.to_thread(upload, mesh.port, made[0][1])
    await asyncio.sleep(5.0)
    before = await downloads(mesh, name, seconds)
    memory, watchers = mesh.memory_bytes(), Watchers(mesh.port)
    await watchers.open([invite_name for invite_name, _ in made], count)
    await asyncio.sleep(2.0)
    idle_cpu = mesh.cpu_seconds()
    await asyncio.sleep(seconds)
    idle_cpu = _spent(idle_cpu, mesh.cpu_seconds())
    held = {name: bytes_ - memory[name] for name, bytes_ in mesh.memory_bytes().items()}
    during = await downloads(mesh, name, seconds)
    for number in range(photos):
        await asyncio.to_thread(upload, mesh.port, made[number % len(made)][1])
        await asyncio.sleep(0.5)
    due = photos * count // len(made)
    # The photos wait for the processor, the longer the busier the machine is.
    until = time.monotonic() + WORKED_SECONDS
    while len(watchers.late_milliseconds) < due and time.monotonic() < until:
        watchers.arrived.clear()
        await pause(1.0, watchers.arrived)
    await watchers.close()
    await asyncio.sleep(2.0)
    after = await downloads(mesh, name, seconds)

    without = (before.rate + after.rate) / 2
    cpu_without = (before.cpu_milliseconds + after.cpu_milliseconds) / 2
    late = np.percentile(watchers.late_milliseconds or [float("inf")], [50, 99])
    sent = len(watchers.late_milliseconds)
    print(f"{count} watchers; {photos} photos, each for {count // len(made)} of them: {sent} of {due} events came")
    print(f"  done to received       median {late[0]:6.1f} ms   p99 {late[1]:6.1f} ms")
    rates = f"without {without:6.0f}      with {during.rate:6.0f}"
    print(f"  downloads a second     {rates}   ratio {during.rate / without:.2f}")
    print(f"  CPU of a download      without {cpu_without:6.2f} ms   with {during.cpu_milliseconds:6.2f} ms")
    for service in ("query", "edge"):
        share = 1e6 * idle_cpu[service] / seconds / count
        kibibytes = held[service] / count / 1024
        print(f"  an idle watcher costs {service:6} {kibibytes:6.1f} KiB and {share:6.1f} µs of CPU a second")
    return int(sent < due or late[1] > LATE_MOST_MILLISECONDS or during.rate < RATIO_LEAST * without)


@dataclass(frozen=True, slots=True)
class Downloads:
    """How many a second, and the CPU time that the mesh spent on each."""

    rate: float
    cpu_milliseconds: float


async def downloads(mesh: LoadedMesh, name: str, seconds: float) -> Downloads:
    """Downloads a media again and again over some connections."""
    began, cpu = time.monotonic(), mesh.cpu_seconds()
    counts = await asyncio.gather(
        *(asyncio.to_thread(_download, mesh.port, name, began + seconds) for _ in range(DOWNLOADERS))
    )
    spent = _spent(cpu, mesh.cpu_seconds())
    total = sum(counts)
    return Downloads(total / (time.monotonic() - began), 1000 * (spent["query"] + spent["edge"]) / max(1, total))


def _download(port: int, name: str, until: float) -> int:
    connection, done = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
    while time.monotonic() < until:
        connection.request("GET", f"/v1/{name}/original")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            sys.exit(f"a download was answered with {answer.status}")
        done += 1
    connection.close()
    return done


def invite(port: int, token: str) -> tuple[str, str]:
    """Makes an invite; its name and the path of its link."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    made = _call(port, "POST", "/v1/invites", json.dumps({"ttl": "3600s"}).encode(), headers)
    return str(made["name"]), "/v1/" + str(made["uri"]).partition("/v1/")[2]


def upload(port: int, link: str) -> str:
    """Uploads a photo that no other is like; its name."""
    noise = np.random.default_rng().integers(0, 255, (240, 320, 3), dtype=np.uint8)
    body = io.BytesIO()
    Image.fromarray(noise).save(body, "JPEG", quality=80)
    stored = _call(port, "POST", link, body.getvalue(), {"content-type": "image/jpeg"})
    return str(stored["results"][0]["media"]["name"])


def _call(
    port: int, verb: str, path: str, body: bytes, headers: Mapping[str, str]
) -> dict[str, list[dict[str, dict[str, object]]]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(verb, path, body, dict(headers))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != http.HTTPStatus.CREATED:
        sys.exit(f"{path}: {answer.status} {text[:300]!r}")
    found: dict[str, list[dict[str, dict[str, object]]]] = json.loads(text)
    return found


def _spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}


if __name__ == "__main__":
    sys.exit(main())
