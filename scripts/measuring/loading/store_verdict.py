"""The fate of all acknowledged work, checked once the stores are back: lost, FAILED or stuck."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from scripts.measuring.loading.mesh import LoadedMesh
from scripts.measuring.loading.mixed_callers import PATIENCE_SECONDS, Callers

UNFINISHED = ("NEW", "PROCESSING")
UNFINISHED_LISTS = ("/v1/receipts?state=new", "/v1/media?state=new", "/v1/media?state=processing")
READERS = 4


def verdict(mesh: LoadedMesh, callers: Callers, loops_before: Counter[str], patience: float) -> int:
    """Waits until all is done, prints the counts, and returns 1 when anything is wrong."""
    seconds = _await_done(mesh, patience)
    states = states_of(mesh, callers.names, patience - seconds)
    left = [name for name, state in states.items() if state in (*UNFINISHED, "unknown")]
    counts = Counter(f"{name.partition('/')[0]} {state}" for name, state in states.items())
    bad = {name: state for name, state in states.items() if state != expected_state(name, callers)}
    missing = loops_before - loops(mesh)
    restarts = sum(
        _metric(mesh, service, "dropmesh_loop_restarts_total").total() for service in ("ingest", "processor")
    )
    letters = _metric(mesh, "processor", "dropmesh_dead_letters").total()
    print(f"{len(states)} acknowledged: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}")
    print(f"{sum(state == 'LOST' for state in states.values())} lost, ", end="")
    print(f"{sum(state == 'FAILED' for state in states.values())} FAILED, {len(left)} stuck")
    is_late = seconds > patience
    print(f"all done {seconds:.0f} s after the last fault (at most {patience:g})" if not is_late else "not all done")
    print(f"loops: {loops_before.total()} ran before, {missing.total()} of them missing; {restarts} restarts")
    print(f"dead letters: {letters}")
    if letters:
        print(_dead_letters(mesh))
    for name, state in list(bad.items())[:10]:
        print(f"  {name} is {state}")
    for name in missing:
        print(f"  {name} does not run")
    return 1 if bad or missing or is_late else 0


def _dead_letters(mesh: LoadedMesh) -> str:
    """Each with its reason."""
    pairs = Path(f"/proc/{mesh.instances('processor')[0]}/environ").read_text().split("\0")
    settings = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    command = [sys.executable, "-m", "scripts.mesh.queue", "list"]
    listed = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    return listed.stdout + listed.stderr


def states_of(mesh: LoadedMesh, names: Sequence[str], patience: float) -> dict[str, str]:
    """The state of each name, once none is unfinished any more or the time is over; LOST if it is gone."""
    began = time.monotonic()
    states: dict[str, str] = {}
    with _client(mesh) as http, ThreadPoolExecutor(READERS) as readers:
        left, is_last = list(names), False
        while left and not is_last:
            # A look at thousands of names may take longer than the patience: what was seen early has a second look.
            is_last = bool(states) and time.monotonic() - began > patience
            states.update(zip(left, readers.map(partial(_state, http), left), strict=True))
            left = [name for name in left if states[name] in (*UNFINISHED, "unknown")]
            time.sleep(0.5)
    return states


def _await_done(mesh: LoadedMesh, patience: float) -> float:
    """Waits until nothing of the whole mesh is unfinished; returns the seconds that it took, or gives up."""
    began = time.monotonic()
    with _client(mesh) as http:
        while not all(_is_empty(http, path) for path in UNFINISHED_LISTS) and time.monotonic() - began <= patience:
            time.sleep(0.5)
    return time.monotonic() - began


def _is_empty(http: httpx.Client, path: str) -> bool:
    try:
        answer = http.get(path)
    except httpx.HTTPError:
        return False
    return answer.is_success and not any(value for value in answer.json().values())


def _client(mesh: LoadedMesh) -> httpx.Client:
    return httpx.Client(base_url=mesh.url, headers=mesh.admin, timeout=PATIENCE_SECONDS)


def expected_state(name: str, callers: Callers) -> str:
    """The state in which what was acknowledged has to end."""
    if name in callers.deleted:
        return "DELETED"
    return "ACTIVE" if name.startswith("invites/") else "PROCESSED"


def loops(mesh: LoadedMesh) -> Counter[str]:
    """The background loops that run, by service and name."""
    return Counter(
        {
            f"{service} {loop}": count
            for service in ("ingest", "processor")
            for loop, count in _metric(mesh, service, "dropmesh_loops_running").items()
        }
    )


def _metric(mesh: LoadedMesh, service: str, name: str) -> Counter[str]:
    """A metric of a service by the value of its only label."""
    text = httpx.get(f"http://127.0.0.1:{mesh.port + 1}/metrics/{service}", timeout=10).text
    found = re.findall(rf'^{name}\{{\w+="([^"]*)"\}} (\S+)$', text, re.MULTILINE)
    return Counter({label: round(float(value)) for label, value in found})


def _state(http: httpx.Client, name: str) -> str:
    try:
        answer = http.get(f"/v1/{name}")
    except httpx.HTTPError:
        return "unknown"
    if answer.status_code == 404:
        return "LOST"
    return str(answer.json()["state"]) if answer.is_success else "unknown"
