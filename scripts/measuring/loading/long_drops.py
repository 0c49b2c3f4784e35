"""Drops of 1,000,000 points through Envoy: how long each takes end to end, how right, and in what memory."""

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import sys
import time

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh

POINTS = 1_000_000
WARM = 5
# How often the memory is printed; the allocator keeps what the first few steps take.
TOLD = 10
TOLERANCE = 1e-12


def main() -> int:
    """Prints the figures; fails when a result is not right to 1e-12."""
    parser = argparse.ArgumentParser(prog="scripts/load long-drops", description=__doc__)
    parser.add_argument("--drops", type=int, default=20)
    drops = parser.parse_args().drops
    chance = random.Random(7)  # noqa: S311 - nothing secret
    points = [round(chance.gauss(20.0, 5.0), 6) for _ in range(POINTS)]
    data = json.dumps(points, separators=(",", ":"))
    with loaded_mesh() as mesh:
        seconds: list[float] = []
        size_bytes, errors = 0, [math.inf]
        memory: list[dict[str, int]] = []
        for number in range(WARM + drops):
            raw = f'{{"time_stamp":"2023-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z","data":{data}}}'.encode()
            size_bytes = len(raw)
            taken, answer = _drop(mesh, raw)
            errors = _errors(answer["measurements"][0], points)
            if number >= WARM:
                seconds.append(taken)
            if number * TOLD // drops > (number - 1) * TOLD // drops:
                memory.append(mesh.memory_bytes())
        memory.append(mesh.memory_bytes())
    seconds.sort()
    worst = max(errors)
    size = f"{size_bytes / 1e6:.1f} MB"
    times = f"median {seconds[len(seconds) // 2]:.2f} s, worst {seconds[-1]:.2f} s"
    print(f"{drops} drops of {POINTS} points ({size}), end to end: {times}")
    print(f"relative error against math.fsum: {worst:.1e} (at most {TOLERANCE:.0e})")
    for name in memory[0]:
        steps = ", ".join(str(held.get(name, 0) >> 20) for held in memory)
        print(f"memory of {name} in MiB, from the first drop to the last: {steps}")
    return 0 if worst <= TOLERANCE else 1


def _drop(mesh: LoadedMesh, raw: bytes) -> tuple[float, dict[str, list[dict[str, float]]]]:
    connection = http.client.HTTPConnection("127.0.0.1", mesh.port, timeout=120)
    began = time.perf_counter()
    connection.request("POST", "/v1/measurements?wait=10s", raw, {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    taken = time.perf_counter() - began
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {text[:500]!r}")
    return taken, json.loads(text)


def _errors(measurement: dict[str, float], points: list[float]) -> list[float]:
    mean = math.fsum(points) / len(points)
    spread = math.fsum((point - mean) ** 2 for point in points)
    expected = {
        "mean": mean,
        "population_stddev": math.sqrt(spread / len(points)),
        "sample_stddev": math.sqrt(spread / (len(points) - 1)),
    }
    return [abs(measurement[name] - value) / abs(value) for name, value in expected.items()]


if __name__ == "__main__":
    sys.exit(main())
