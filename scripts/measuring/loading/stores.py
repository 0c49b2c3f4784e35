"""Takes the stores away while callers drop, upload, invite and delete, and looks for everything acknowledged."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product

import httpx

from scripts.measuring.loading.mesh import LoadedMesh
from scripts.measuring.loading.mixed_callers import Callers
from scripts.measuring.loading.server_mesh import ServerMesh, server_mesh
from scripts.measuring.loading.store_verdict import loops, verdict
from tests.servers.tools import Missing
from tests.servers.toxiproxy import Link

FAULTS: dict[str, Callable[[Link], None]] = {
    "cut": Link.cut,
    "reset": Link.reset,
    "black hole": Link.swallow,
    "300 ms delay": partial(Link.delay, seconds=0.15),
}
# Those in which a store answers nothing, so that readiness has to say so.
AWAY = ("cut", "black hole")
READINESS_SECONDS = 5.0
GIVE_UP_SECONDS = 30.0
WARM_UP_SECONDS = 5.0


def main() -> int:
    """Prints what was acknowledged, refused, lost, FAILED and stuck; fails when anything was not right in the end."""
    parser = argparse.ArgumentParser(prog="scripts/load stores", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long each store is away (20)")
    parser.add_argument("--faults", type=int, default=5, help="random faults before each store (5)")
    parser.add_argument("--callers", type=int, default=3, help="callers at once, of which one does all but drop (3)")
    parser.add_argument("--wipe-queue", action="store_true", help="at last kill the broker and delete what it keeps")
    parser.add_argument("--patience", type=float, default=60, help="seconds to finish in after the last fault (60)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        with server_mesh() as servers:
            return _run(servers, arguments)
    except Missing as missing:
        print(f"scripts/load stores: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _run(servers: ServerMesh, arguments: argparse.Namespace) -> int:
    mesh, links = servers.mesh, servers.links
    with Callers(mesh.url, arguments.callers, mesh.admin, is_mixed=True) as callers:
        time.sleep(WARM_UP_SECONDS)
        before = loops(mesh)
        told: list[tuple[str, float, float]] = []
        for name, kind in product(links, AWAY) if arguments.seconds else ():
            callers.begin(f"{name} away for {arguments.seconds:g} s, {kind}")
            with _broken(links[name], FAULTS[kind]):
                red = _seconds_until(mesh, name, answers=False)
                time.sleep(max(0.0, arguments.seconds - red))
            told.append((f"{name}, {kind}", red, _seconds_until(mesh, name, answers=True)))
            time.sleep(2)
        chance = random.Random(arguments.seed)  # noqa: S311 - no secret
        faults = [(name, kind) for name in links for kind in chance.choices(list(FAULTS), k=arguments.faults)]
        chance.shuffle(faults)
        callers.begin(f"{len(faults)} random faults, {arguments.faults} before each store")
        for name, kind in faults:
            with _broken(links[name], FAULTS[kind]):
                time.sleep(chance.uniform(0.5, 3))
            time.sleep(chance.uniform(0.5, 2))
        if arguments.wipe_queue:
            callers.begin("the broker is killed and its data deleted")
            servers.broker.kill()
            servers.broker.wipe()
            servers.broker.start_again()
            time.sleep(WARM_UP_SECONDS)
    for phase in callers.phases:
        print(phase.line(), flush=True)
    for what, red, green in told:
        print(f"readiness, {what}: red after {red:.1f} s, green after {green:.1f} s (at most {READINESS_SECONDS:g})")
    is_late = any(max(red, green) > READINESS_SECONDS for _, red, green in told)
    return verdict(mesh, callers, before, arguments.patience) or int(is_late)


def _seconds_until(mesh: LoadedMesh, store: str, *, answers: bool) -> float:
    """How long it takes until readiness says that a store answers, or that it does not."""
    began = time.monotonic()
    while (seconds := time.monotonic() - began) < GIVE_UP_SECONDS:
        ready = httpx.get(f"http://127.0.0.1:{mesh.port + 1}/readyz/ingest", timeout=10)
        if (ready.json()["stores"][store] == "answers") is answers:
            break
        time.sleep(0.1)
    return seconds


@contextmanager
def _broken(link: Link, fault: Callable[[Link], None]) -> Iterator[None]:
    fault(link)
    try:
        yield
    finally:
        link.heal()


if __name__ == "__main__":
    sys.exit(main())
