"""Mutated drops, pictures and videos, decompression bombs, huge forms and many uploads at once, through a whole mesh.

Whatever comes has to be taken or refused: no 5xx, no hang; what was taken ends as PROCESSED, QUARANTINED or FAILED.
Each bomb is counted with its time and the memory it took; afterwards memory, files and objects are back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import httpx

from scripts.measuring.families import cpu_of_family, private_memory_of_family
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from services.common.settings.reading import load_settings
from tests.chaos.upload_remains import remains_after_one_sweep
from tests.support.bombs import BOMBS
from tests.support.fuzz_media import mutants, mutate, seeds
from tests.support.media_samples import IMAGE_FORMATS, VIDEO_FORMATS

CALLERS = 4
MIB = 1024 * 1024
HANG_SECONDS = 120.0
BOMB_SECONDS, BOMB_MIB = 1.0, 200
# What allocators, caches and child processes that were started meanwhile still take.
KEPT_MIB = 400
SETTLED = ("PROCESSED", "QUARANTINED", "FAILED", "CANCELLED", "DELETED")
GOOD_DROP = b'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188], "site": {"name": "x"}}'


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each."""

    drops: int = 20_000
    media: int = 2_000
    parts: int = 100_000
    uploads: int = 64
    upload_mib: int = 50
    seed: int = 1


@dataclass
class Report:
    """What was answered, and what must not have been."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    bombs: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    slow_bombs: list[str] = field(default_factory=list)

    def count(self, kind: str, name: str, answer: httpx.Response | httpx.HTTPError) -> None:
        """Notes an answer; a server's error or none at all is a fault."""
        seen = str(answer.status_code) if isinstance(answer, httpx.Response) else type(answer).__name__
        self.statuses.setdefault(kind, Counter())[seen] += 1
        if isinstance(answer, httpx.HTTPError):
            self.faults.append(f"{name}: {answer!r}")
        elif answer.status_code >= 500:
            self.faults.append(f"{name}: {answer.status_code} {answer.text[:200]}")


def fuzz_all(amounts: Amounts) -> Report:
    """Sends everything to a mesh of its own."""
    report = Report()
    with loaded_mesh(settings={"DROPMESH_PULL_MODELS": "false", "DROPMESH_REQUESTS_PER_SECOND": "1000000"}) as mesh:
        asyncio.run(_Fuzz(mesh, amounts, report).run())
        remains = asyncio.run(remains_after_one_sweep(load_settings({"DROPMESH_DATA": str(mesh.data)})))
        report.faults += remains.faults
        report.faults += [f"{path} is left over" for path in (mesh.data / "work").glob("*")]
    return report


class _Fuzz:
    def __init__(self, mesh: LoadedMesh, amounts: Amounts, report: Report) -> None:
        self._mesh = mesh
        self._amounts = amounts
        self._report = report
        self._names: set[str] = set()

    async def run(self) -> None:
        """One kind after another, and then waits for the work."""
        amounts = self._amounts
        async with httpx.AsyncClient(base_url=self._mesh.url, timeout=HANG_SECONDS) as http:
            first = await http.post("/v1/media", content=seeds(("jpeg",))[0][1])
            # Once a child process has its models.
            await self._state(http, first.json()["results"][0]["media"]["name"])
            before = _memory(self._mesh)
            await self._many(http, "drops", "/v1/measurements", self._drops())
            await self._many(
                http,
                "media",
                "/v1/media",
                mutants(seeds((*IMAGE_FORMATS, *VIDEO_FORMATS)), amounts.media, amounts.seed),
            )
            # A bomb's time is its own, and not that of the work before it.
            for name in sorted(self._names):
                await self._state(http, name)
            for name, make in BOMBS.items():
                await self._bomb(http, name, await asyncio.to_thread(make))
            await self._form(http)
            await self._uploads(http)
            await self._settled(http)
            await self._memory_is_back(before)

    def _drops(self) -> Iterator[tuple[str, bytes]]:
        for number in range(self._amounts.drops):
            yield (
                f"drop {self._amounts.seed}/{number}",
                mutate(GOOD_DROP, random.Random(f"{self._amounts.seed}/{number}")),
            )

    async def _many(self, http: httpx.AsyncClient, kind: str, path: str, bodies: Iterable[tuple[str, bytes]]) -> None:
        waiting = iter(bodies)

        async def go_on() -> None:
            for name, body in waiting:
                await self._post(http, kind, name, path, body)

        await asyncio.gather(*(go_on() for _ in range(CALLERS)))

    async def _post(
        self,
        http: httpx.AsyncClient,
        kind: str,
        name: str,
        path: str,
        content: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response | httpx.HTTPError:
        answer: httpx.Response | httpx.HTTPError
        try:
            answer = await http.post(path, content=content, headers=headers)
        except httpx.HTTPError as error:
            answer = error
        self._report.count(kind, name, answer)
        if isinstance(answer, httpx.Response) and answer.is_success:
            for result in answer.json().get("results", [{"media": answer.json().get("receipt")}]):
                if result.get("media"):
                    self._names.add(result["media"]["name"])
        return answer

    async def _bomb(self, http: httpx.AsyncClient, name: str, content: bytes) -> None:
        with _Peak(self._mesh) as peak:
            began, used = time.monotonic(), _cpu_seconds(self._mesh)
            answer = await self._post(http, "bombs", name, "/v1/media", content)
            outcome = _reason(answer)
            if isinstance(answer, httpx.Response) and answer.status_code == 201:
                outcome = await self._state(http, answer.json()["results"][0]["media"]["name"])
            seconds = time.monotonic() - began
            cpu = _cpu_seconds(self._mesh) - used
        line = f"{len(content):>11,} bytes  {seconds:6.2f} s  {cpu:5.2f} s CPU  {peak.mebibytes:5.0f} MiB  {outcome}"
        self._report.bombs[name] = line
        if seconds > BOMB_SECONDS or peak.mebibytes > BOMB_MIB:
            self._report.slow_bombs.append(name)

    async def _form(self, http: httpx.AsyncClient) -> None:
        part = b'--b\r\ncontent-disposition: form-data; name="objects"\r\n\r\nface\r\n'
        headers = {"content-type": "multipart/form-data; boundary=b"}
        with _Peak(self._mesh) as peak:
            began, used = time.monotonic(), _cpu_seconds(self._mesh)
            content = part * self._amounts.parts + b"--b--\r\n"
            answer = await self._post(http, "forms", "form of many parts", "/v1/media", content, headers)
            seconds = time.monotonic() - began
            cpu = _cpu_seconds(self._mesh) - used
        took = f"{seconds:6.2f} s  {cpu:5.2f} s CPU  {peak.mebibytes:5.0f} MiB"
        line = f"{len(content):>11,} bytes  {took}  {_reason(answer)}"
        self._report.bombs[f"form of {self._amounts.parts:,} parts"] = line

    async def _uploads(self, http: httpx.AsyncClient) -> None:
        head = seeds(("jpeg",))[0][1]
        size_bytes = self._amounts.upload_mib * MIB

        async def body(number: int) -> AsyncIterator[bytes]:
            yield head + number.to_bytes(4)
            block = os.urandom(MIB)
            for _ in range(size_bytes // MIB):
                yield block

        with _Peak(self._mesh) as peak:
            began = time.monotonic()
            numbers = range(self._amounts.uploads)
            sending = (self._post(http, "uploads", f"upload {number}", "/v1/media", body(number)) for number in numbers)
            await asyncio.gather(*sending)
        name = f"{self._amounts.uploads} uploads of {self._amounts.upload_mib} MiB at once"
        self._report.bombs[name] = f"{'':>17}  {time.monotonic() - began:6.2f} s  {peak.mebibytes:5.0f} MiB"

    async def _state(self, http: httpx.AsyncClient, name: str) -> str:
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            found = (await http.get(f"/v1/{name}")).json()
            if found["state"] in SETTLED:
                error = found.get("processing", {}).get("error") or {}
                reasons = [detail.get("reason") for detail in error.get("details", ())]
                return " ".join(filter(None, [found["state"], *reasons]))
            if time.monotonic() > deadline:
                return str(found["state"])
            await asyncio.sleep(0.05)

    async def _settled(self, http: httpx.AsyncClient) -> None:
        """Waits for the end of all work that was taken."""
        outcomes: Counter[str] = Counter()
        for name in sorted(self._names):
            state = await self._state(http, name)
            outcomes[f"{name.partition('/')[0]} {state}"] += 1
            if state.split()[0] not in SETTLED or "PROCESSING_GIVEN_UP" in state:
                self._report.faults.append(f"{name} is {state}")
        self._report.statuses["taken"] = outcomes

    async def _memory_is_back(self, before: int) -> None:
        grown = 0
        for _ in range(60):
            grown = (_memory(self._mesh) - before) // MIB
            if grown < KEPT_MIB:
                break
            await asyncio.sleep(0.5)
        else:
            self._report.faults.append(f"the mesh holds {grown} MiB more than before")
        self._report.bombs["memory held at the end, beyond the start"] = f"{'':>17}  {'':>6}    {grown:5.0f} MiB"


class _Peak:
    """The most memory of all processes of the mesh while it lasts, beyond that at its begin."""

    def __init__(self, mesh: LoadedMesh) -> None:
        self._mesh = mesh
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    @property
    def mebibytes(self) -> float:
        return max(0, self._most - self._begin) / MIB

    def __enter__(self) -> _Peak:
        self._begin = _memory(self._mesh)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            self._most = max(self._most, _memory(self._mesh))


def _cpu_seconds(mesh: LoadedMesh) -> float:
    """What the mesh's processes and their children have used."""
    return sum(map(cpu_of_family, mesh.processes().values()))


def _memory(mesh: LoadedMesh) -> int:
    """The private memory of the mesh's processes and of their children."""
    return sum(map(private_memory_of_family, mesh.processes().values()))


def _reason(answer: httpx.Response | httpx.HTTPError) -> str:
    if isinstance(answer, httpx.HTTPError):
        return repr(answer)
    if answer.is_success:
        return str(answer.status_code)
    reasons = [detail["reason"] for detail in answer.json().get("details", ()) if "reason" in detail]
    return f"{answer.status_code} {' '.join(reasons)}"


def main() -> int:
    """Prints every count; fails on a fault, or on a bomb that takes long or much."""
    usual = Amounts()
    parser = argparse.ArgumentParser(prog="scripts/fuzz all", description=__doc__)
    for name in ("drops", "media", "parts", "uploads", "upload_mib", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(usual, name))
    report = fuzz_all(Amounts(**vars(parser.parse_args())))
    for kind, counts in report.statuses.items():
        print(f"{kind}: {', '.join(f'{count:,} {seen}' for seen, count in sorted(counts.items()))}")
    for name, line in report.bombs.items():
        print(f"  {name:40} {line}")
    print(f"{len(report.slow_bombs)} bombs took more than {BOMB_SECONDS:g} s or {BOMB_MIB} MiB: {report.slow_bombs}")
    print(f"{len(report.faults)} faults", *report.faults[:30], sep="\n")
    return 1 if report.faults or report.slow_bombs else 0


if __name__ == "__main__":
    sys.exit(main())
