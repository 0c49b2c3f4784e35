"""Kills one of two of a service every few seconds while callers write and read, and looks for everything after.

The programs, settings and edge are those of k8s/overlays/dev, as processes on real servers. A pod that was killed is
started again, as a kubelet does. With --restart-stores RabbitMQ and S3 are then killed and started on their data, once
each; the test server of MongoDB's protocol keeps its documents in memory, so the way to it is cut instead.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx

from scripts.lib.kubernetes.overlays import render
from scripts.measuring.loading.mesh import free_port_pair
from scripts.measuring.loading.mixed_callers import PATIENCE_SECONDS, Callers
from scripts.measuring.loading.mixed_reader import Reader
from tests.cluster.node import METRICS, SERVICES, Node, answers, node
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq_node
from tests.servers.s3 import s3_node
from tests.servers.tools import Missing
from tests.servers.toxiproxy import toxiproxy

OF_EACH = 2
STARTED_WITHIN_SECONDS = 300.0
WARM_UP_SECONDS = 5.0
AWAY_SECONDS, AFTER_RESTART_SECONDS = 3.0, 10.0
# The edge asks an instance that was down four times a second.
NOTICED_SECONDS = 1.0
SETTLED = ("PROCESSED", "QUARANTINED")


def main() -> int:
    """Prints what was acknowledged, refused and lost, and how long calls failed after each kill."""
    parser = argparse.ArgumentParser(prog="scripts/load cluster", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long pods are killed (120)")
    parser.add_argument("--every", type=float, default=5, help="seconds from one kill to the next (5)")
    parser.add_argument("--callers", type=int, default=3, help="callers who write, of which one uploads photos (3)")
    parser.add_argument("--patience", type=float, default=120, help="seconds to finish in after the last kill (120)")
    parser.add_argument("--restart-stores", action="store_true", help="afterwards also restart each store once")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        with _cluster() as (cluster, stores, url, headers):
            return _run(cluster, stores if arguments.restart_stores else {}, url, headers, arguments)
    except Missing as missing:
        print(f"scripts/load cluster: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _run(
    cluster: Node,
    stores: Mapping[str, Callable[[], None]],
    url: str,
    headers: Mapping[str, str],
    arguments: argparse.Namespace,
) -> int:
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    kills: list[tuple[float, str]] = []
    with Callers(url, arguments.callers, headers) as callers, Reader(url, headers, callers) as reader:
        time.sleep(WARM_UP_SECONDS)
        callers.begin(f"a pod killed every {arguments.every:g} s for {arguments.seconds:g} s")
        ends = time.monotonic() + arguments.seconds
        while time.monotonic() < ends:
            name, number = _victim(cluster, chance)
            kills.append((time.monotonic(), f"{name}-{number}"))
            _kill(cluster.running[f"{name}-{number}"])
            cluster.pod(name, number)
            time.sleep(arguments.every)
        callers.begin("after the last kill")
        time.sleep(WARM_UP_SECONDS)
        read = reader.reads
        failures = Counter(answer for _, answer in reader.failures)
        recovered = {store: _restart(store, restart, callers, reader) for store, restart in stores.items()}
    for phase in callers.phases:
        print(phase.line(), flush=True)
    listed = ", ".join(f"{count} {answer}" for answer, count in failures.items())
    print(f"{read} reads while pods were killed, which the edge retries: {listed or 'none failed'}")
    recoveries = [_recovery(reader.failures, at, arguments.every) for at, _ in kills]
    print(f"{len(kills)} kills; reads failed for {max(recoveries, default=0):.2f} s after a kill at most")
    for store, seconds in recovered.items():
        print(f"{store} restarted: reads failed until {seconds:.1f} s after its end")
    return _verdict(url, headers, callers, arguments.patience) or (1 if failures else 0)


def _victim(cluster: Node, chance: random.Random) -> tuple[str, int]:
    """Any pod whose twin is ready and seen by the edge; on a slow machine one that was killed takes long to start."""
    while True:
        twins = [(name, number) for name in SERVICES for number in range(OF_EACH)]
        if ready := [(name, number) for name, number in twins if _is_ready(cluster, name, OF_EACH - 1 - number)]:
            time.sleep(NOTICED_SECONDS)
            return chance.choice(ready)
        time.sleep(0.2)


def _is_ready(cluster: Node, name: str, number: int) -> bool:
    return answers(f"http://{cluster.place(name, number)[METRICS]}/readyz")


def _restart(store: str, restart: Callable[[], None], callers: Callers, reader: Reader) -> float:
    """Takes a store away and brings it back; returns the seconds from its end to the last read that failed."""
    callers.begin(f"{store} restarted")
    began = time.monotonic()
    restart()
    time.sleep(AFTER_RESTART_SECONDS)
    return _recovery(reader.failures, began, time.monotonic() - began)


def _recovery(failures: list[tuple[float, str]], killed: float, within: float) -> float:
    """Seconds from a kill to the last failure before the next one."""
    return max((at - killed for at, _ in failures if 0 <= at - killed < within), default=0.0)


def _verdict(url: str, headers: Mapping[str, str], callers: Callers, patience: float) -> int:
    """Reads everything back that was acknowledged; returns 1 when something is lost, or is not done in time."""
    began, left, states = time.monotonic(), list(callers.names), Counter[str]()
    with httpx.Client(base_url=url, headers=dict(headers), timeout=PATIENCE_SECONDS) as http:
        while left and time.monotonic() - began < patience:
            still = []
            for name in left:
                answer = http.get(f"/v1/{name}")
                state = "lost" if answer.status_code == 404 else answer.json().get("state", "unknown")
                if state in (*SETTLED, "lost", "FAILED"):
                    states[state] += 1
                else:
                    still.append(name)
            left = still
            time.sleep(0.5)
    seconds = time.monotonic() - began
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    print(f"{len(callers.names)} acknowledged: {counts}; {states['lost']} lost, {len(left)} not done, {seconds:.0f} s")
    return 1 if left or set(states) - set(SETTLED) else 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def _cluster() -> Iterator[tuple[Node, Mapping[str, Callable[[], None]], str, Mapping[str, str]]]:
    """Two of each service of the dev overlay behind its edge: how to restart its stores, its address, a header."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-")))
        bucket, objects = stack.enter_context(s3_node())
        queue, database = stack.enter_context(rabbitmq_node()), f"load{uuid.uuid4().hex[:12]}"
        link = stack.enter_context(stack.enter_context(toxiproxy()).before(stack.enter_context(mongodb())))
        cluster = stack.enter_context(node(render("dev"), folder, link.url, bucket, queue.url, database))
        cluster.finish("prepare")
        for name in SERVICES:
            for number in range(OF_EACH):
                cluster.pod(name, number)
        port = free_port_pair()
        cluster.edge(port)
        cluster.await_health(port, STARTED_WITHIN_SECONDS)
        stores = {
            "RabbitMQ": partial(_bounce, queue.kill, queue.start_again),
            "S3": partial(_bounce, objects.kill, objects.start_again),
            "MongoDB": partial(_bounce, link.cut, link.heal),
        }
        yield cluster, stores, f"http://localhost:{port}", {"authorization": f"Bearer {cluster.token()}"}


def _bounce(end: Callable[[], None], start: Callable[[], None]) -> None:
    end()
    time.sleep(AWAY_SECONDS)
    start()


if __name__ == "__main__":
    sys.exit(main())
