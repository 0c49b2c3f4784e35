"""Kills one of two of each service every few seconds while callers write and read, and looks for everything after.

The programs, settings and edge are those of k8s/overlays/dev, as processes on real servers. A pod that was killed is
started again, as a kubelet does.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from scripts.lib.kubernetes.overlays import render
from scripts.measuring.loading.mesh import free_port_pair
from scripts.measuring.loading.mixed_callers import PATIENCE_SECONDS, Callers
from tests.cluster.node import SERVICES, Node, node
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq
from tests.servers.s3 import s3
from tests.servers.tools import Missing

OF_EACH = 2
STARTED_WITHIN_SECONDS = 300.0
WARM_UP_SECONDS = 5.0
READ_PAUSE_SECONDS = 0.05
SETTLED = ("PROCESSED", "QUARANTINED")


def main() -> int:
    """Prints what was acknowledged, refused and lost, and how long calls failed after each kill."""
    parser = argparse.ArgumentParser(prog="scripts/load cluster", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long pods are killed (120)")
    parser.add_argument("--every", type=float, default=5, help="seconds from one kill to the next (5)")
    parser.add_argument("--callers", type=int, default=3, help="callers who write, of which one uploads photos (3)")
    parser.add_argument("--patience", type=float, default=120, help="seconds to finish in after the last kill (120)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        with _cluster() as (cluster, url, headers):
            return _run(cluster, url, headers, arguments)
    except Missing as missing:
        print(f"scripts/load cluster: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _run(cluster: Node, url: str, headers: Mapping[str, str], arguments: argparse.Namespace) -> int:
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    kills: list[tuple[float, str]] = []
    with Callers(url, arguments.callers, headers) as callers, Reader(url, headers, callers) as reader:
        time.sleep(WARM_UP_SECONDS)
        callers.begin(f"a pod killed every {arguments.every:g} s for {arguments.seconds:g} s")
        ends = time.monotonic() + arguments.seconds
        while time.monotonic() < ends:
            name, number = chance.choice(SERVICES), chance.randrange(OF_EACH)
            kills.append((time.monotonic(), f"{name}-{number}"))
            _kill(cluster.running[f"{name}-{number}"])
            cluster.pod(name, number)
            time.sleep(arguments.every)
        callers.begin("after the last kill")
        time.sleep(WARM_UP_SECONDS)
    for phase in callers.phases:
        print(phase.line(), flush=True)
    failures = Counter(answer for _, answer in reader.failures)
    listed = ", ".join(f"{count} {answer}" for answer, count in failures.items())
    print(f"{reader.reads} reads, which the edge retries: {listed or 'none failed'}")
    recoveries = [_recovery(reader.failures, at, arguments.every) for at, _ in kills]
    print(f"{len(kills)} kills; reads failed for {max(recoveries, default=0):.2f} s after a kill at most")
    return _verdict(url, headers, callers, arguments.patience) or (1 if failures else 0)


@dataclass
class Reader:
    """Reads what was acknowledged, one after the other, and notes each answer that is no success."""

    url: str
    headers: Mapping[str, str]
    callers: Callers
    reads: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Reader:
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        with httpx.Client(base_url=self.url, headers=dict(self.headers), timeout=PATIENCE_SECONDS) as http:
            while not self._stop.wait(READ_PAUSE_SECONDS):
                name = self.callers.names[-1] if self.callers.names else "media"
                self.reads += 1
                try:
                    answer = http.get(f"/v1/{name}")
                except httpx.HTTPError as error:
                    self.failures.append((time.monotonic(), type(error).__name__))
                else:
                    if not answer.is_success:
                        self.failures.append((time.monotonic(), str(answer.status_code)))


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
def _cluster() -> Iterator[tuple[Node, str, Mapping[str, str]]]:
    """Two of each service of the dev overlay behind its edge; its address, and the header of a caller."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-")))
        bucket, database = stack.enter_context(s3()), f"load{uuid.uuid4().hex[:12]}"
        mongo_url, amqp_url = stack.enter_context(mongodb()), stack.enter_context(rabbitmq())
        cluster = stack.enter_context(node(render("dev"), folder, mongo_url, bucket, amqp_url, database))
        cluster.finish("prepare")
        for name in SERVICES:
            for number in range(OF_EACH):
                cluster.pod(name, number)
        port = free_port_pair()
        cluster.edge(port)
        cluster.await_health(port, STARTED_WITHIN_SECONDS)
        yield cluster, f"http://localhost:{port}", {"authorization": f"Bearer {cluster.token()}"}


if __name__ == "__main__":
    sys.exit(main())
