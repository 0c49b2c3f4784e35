"""Mutated series of every format, stored and appended through a whole mesh.

Whatever comes has to be taken or refused: no 5xx, no hang. What was taken can be read back, the others leave no series,
and the memory of the services is bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import numpy as np

from scripts.measuring.families import private_memory_of_family
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from tests.support.fuzz_media import mutate
from tests.support.series_bodies import arrow_body, csv_body, json_body, npy_body, parquet_body

CALLERS = 4
MIB = 1024 * 1024
HANG_SECONDS = 60.0
MOST_GROWN_MIB = 400
POINTS = 200
# Every so many bodies are appended to a series that is there.
APPEND_EACH = 4
FORMATS = {
    "json": "application/json",
    "csv": "text/csv",
    "npy": "application/x-npy",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "lines": "text/plain",
}


@dataclass
class Report:
    """The answers, and the faults among them."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    grown_mib: int = 0


def fuzz_series(count: int, seed: int) -> Report:
    """Sends `count` bodies of each format to a mesh of its own."""
    report = Report()
    with loaded_mesh(settings={"DROPMESH_PULL_MODELS": "false", "DROPMESH_REQUESTS_PER_SECOND": "1000000"}) as mesh:
        asyncio.run(_Fuzz(mesh, report).run(count, seed))
    return report


class _Fuzz:
    def __init__(self, mesh: LoadedMesh, report: Report) -> None:
        self._mesh = mesh
        self._report = report
        self._stored: dict[str, str] = {}
        """The number of points of each series, by name."""

    async def run(self, count: int, seed: int) -> None:
        """One format after another, and then looks at every series."""
        async with httpx.AsyncClient(base_url=self._mesh.url, timeout=HANG_SECONDS) as http:
            sound = sound_bodies()
            for name, body in sound.items():
                answer = await self._send(http, name, body, None)
                if not isinstance(answer, httpx.Response) or not answer.is_success:
                    self._report.faults.append(f"{name}: its sound body was refused: {answer!r}")
            before = self._memory()
            for name, body in sound.items():
                await self._many(http, name, body, count, seed)
                self._report.grown_mib = max(self._report.grown_mib, (self._memory() - before) // MIB)
            await self._read_all(http)
        if self._report.grown_mib > MOST_GROWN_MIB:
            self._report.faults.append(f"the mesh holds {self._report.grown_mib} MiB more than before")

    async def _many(self, http: httpx.AsyncClient, name: str, body: bytes, count: int, seed: int) -> None:
        def bodies() -> Iterator[tuple[int, bytes]]:
            for number in range(count):
                yield number, mutate(body, random.Random(f"{seed}/{name}/{number}"))

        waiting = bodies()

        async def go_on() -> None:
            for number, damaged in waiting:
                grown = random.Random(number).choice(sorted(self._stored)) if number % APPEND_EACH == 0 else None
                answer = await self._send(http, name, damaged, grown)
                said = str(answer.status_code) if isinstance(answer, httpx.Response) else type(answer).__name__
                self._report.statuses.setdefault(name, Counter())[said] += 1
                if not isinstance(answer, httpx.Response) or answer.status_code >= 500:
                    self._report.faults.append(f"{seed}/{name}/{number}: {_words(answer)}")

        await asyncio.gather(*(go_on() for _ in range(CALLERS)))

    async def _send(
        self, http: httpx.AsyncClient, name: str, body: bytes, grown: str | None
    ) -> httpx.Response | httpx.HTTPError:
        headers = {"content-type": FORMATS[name]}
        if name == "lines":
            path, params = "/api/v2/write", {"bucket": "fuzz"}
        elif grown is None:
            path, params = "/v1/series", {"sample_rate_hz": "100"} if name == "npy" else {}
        else:
            path, params = f"/v1/{grown}:append", {"offset": self._stored[grown]}
        try:
            answer = await http.post(path, params=params, content=body, headers=headers)
        except httpx.HTTPError as error:
            return error
        if answer.is_success and name != "lines":
            self._stored[answer.json()["name"]] = answer.json()["point_count"]
        return answer

    async def _read_all(self, http: httpx.AsyncClient) -> None:
        """Each series that was taken is whole: its points are as many as it says."""
        for name in self._stored:
            series = (await http.get(f"/v1/{name}")).json()
            points = await http.get(f"/v1/{name}/points", params={"format": "npy"})
            if points.status_code != 200:
                self._report.faults.append(
                    f"{name} of {series.get('point_count')} points cannot be read: {_words(points)}"
                )
        self._report.statuses["read back"] = Counter({"200": len(self._stored)})

    def _memory(self) -> int:
        return sum(map(private_memory_of_family, self._mesh.processes().values()))


def sound_bodies() -> dict[str, bytes]:
    """A body of each format that is taken as it is."""
    values = np.sin(np.arange(POINTS) / 7)
    columns = {"x": values, "y": values * 2}
    times = 1_700_000_000_000_000_000 + np.arange(POINTS) * 10_000_000
    lines = "\n".join(f"fuzz,at=here value={value} {time}" for value, time in zip(values, times, strict=True))
    return {
        "json": json_body(columns, times),
        "csv": csv_body(columns, times),
        "npy": npy_body([values]),
        "arrow": arrow_body(columns, times),
        "parquet": parquet_body(columns, times),
        "lines": lines.encode(),
    }


def _words(answer: httpx.Response | httpx.HTTPError) -> str:
    return f"{answer.status_code} {answer.text[:200]}" if isinstance(answer, httpx.Response) else repr(answer)


def main() -> int:
    """Prints every count; fails on a fault."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz series", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="bodies of each format (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    report = fuzz_series(arguments.count, arguments.seed)
    for kind, counts in report.statuses.items():
        print(f"{kind}: {', '.join(f'{count:,} {seen}' for seen, count in sorted(counts.items()))}")
    print(f"the services hold {report.grown_mib} MiB more than before, at most")
    print(f"{len(report.faults)} faults", *report.faults[:30], sep="\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
