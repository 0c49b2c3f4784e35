"""Upgrades a mesh of an older commit to this checkout and rolls it back, while callers write, and looks for everything.

With --stores servers, two of each service of k8s/overlays/dev run as processes on real servers. Each is replaced in the
order of scripts/deploy and as Kubernetes does it: the new one starts, and the old one ends once the edge sends calls to
the new one. With --stores embedded the mesh is stopped and started again on its data folder. After each way every
acknowledged name is read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.lib.checkouts import ROOT, export
from scripts.lib.kubernetes.overlays import render, workloads
from scripts.measuring.loading.mesh import LoadedMesh, free_port_pair, loaded_mesh
from scripts.measuring.loading.mesh_commands import run_command
from scripts.measuring.loading.mixed_callers import Callers
from scripts.measuring.loading.mixed_reader import Reader
from scripts.measuring.loading.store_verdict import expected_state, states_of
from tests.cluster.node import METRICS, SERVICES, Node, answers, node
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq
from tests.servers.s3 import s3
from tests.servers.tools import Missing

OF_EACH = 2
NEW_EDGE = "edge-new"
READY_SECONDS = 240.0
# The edge asks an instance that was down four times a second.
NOTICED_SECONDS = 2.0
# In a cluster a pod that ends first leaves the edge's list of names; here it announces its end and serves on.
NOTICE = {"DROPMESH_NOTICE_SECONDS": "3"}
# Callers of one part of the run count from here on; a multiple of what they do in turns.
NUMBERS_OF_EACH = 100_000


def main() -> int:
    """Returns 0 when nothing acknowledged is lost or unfinished, and no service of two refused a call."""
    parser = argparse.ArgumentParser(prog="scripts/load upgrade", description=__doc__)
    parser.add_argument("commit", help="the version to upgrade from; it runs with the packages of this checkout")
    parser.add_argument("--stores", choices=("embedded", "servers"), default="servers", help="(servers)")
    parser.add_argument("--seconds", type=float, default=8, help="how long callers write before and after each way (8)")
    parser.add_argument(
        "--callers", type=int, default=2, help="callers at each edge, of which one does all but drop (2)"
    )
    parser.add_argument("--patience", type=float, default=180, help="seconds to finish in after each way (180)")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="dropmesh-") as name:
            older = export(arguments.commit, Path(name) / "older")
            drill = _embedded if arguments.stores == "embedded" else _on_servers
            return drill(older, Path(name), arguments)
    except Missing as missing:
        print(f"scripts/load upgrade: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _embedded(older: Path, folder: Path, arguments: argparse.Namespace) -> int:
    data, written, faults = folder / "data", list[Callers](), 0
    with ExitStack() as stack:
        mesh = stack.enter_context(loaded_mesh(data=data, root=older))
        for turn, (way, before, after) in enumerate((("upgraded", older, ROOT), ("rolled back", ROOT, older))):
            first = turn * NUMBERS_OF_EACH
            with Callers(mesh.url, arguments.callers, mesh.admin, is_mixed=True, first=first) as callers:
                time.sleep(arguments.seconds)
                callers.begin(f"is {way}")
                run_command({"DROPMESH_DATA": str(data)}, "scripts.mesh.down", root=before)
                stack.enter_context(loaded_mesh(data=data, root=after, port=mesh.port))
                callers.begin(way)
                time.sleep(arguments.seconds)
            written.append(callers)
            _print_phases(callers)
            faults += _verdict(way, mesh, written, arguments.patience)
            settings = {"DROPMESH_DATA": str(data)}
            faults += sum(run_command(settings, "batch", job, root=after) for job in ("recount", "verify-objects"))
    return 1 if faults else 0


def _on_servers(older: Path, folder: Path, arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        stores = stack.enter_context(mongodb()), stack.enter_context(s3()), stack.enter_context(rabbitmq())
        database = f"load{uuid.uuid4().hex[:12]}"
        played = stack.enter_context(node(render("dev", root=older), folder, *stores, database))
        old = replace(played, root=older, added=NOTICE)
        new_workloads = {workload.name: workload for workload in workloads(render("dev"))}
        new = replace(played, workloads=new_workloads, added=NOTICE)
        old.finish("prepare")
        running = {name: list(range(OF_EACH)) for name in SERVICES}
        for name, numbers in running.items():
            old.place(name, OF_EACH)
            for number in numbers:
                old.pod(name, number)
        meshes = [LoadedMesh(free_port_pair(), folder) for _ in range(2)]
        old.edge(meshes[0].port)
        old.await_health(meshes[0].port, READY_SECONDS)
        (folder / "admin-token").write_text(old.token())
        drill = _Drill(old, new, meshes[0], meshes[1], running, arguments)
        faults = 0
        for way, after, run in (("upgraded", new, drill.upgrade), ("rolled back", old, drill.roll_back)):
            faults += run() + _verdict(way, drill.old_edge, drill.written, arguments.patience)
            faults += sum(_batch(after, f"ingest-{running['ingest'][0]}", job) for job in ("recount", "verify-objects"))
    return 1 if faults else 0


@dataclass
class _Drill:
    """Both versions, their edges, and the instances of each service that run; callers write at each edge that runs."""

    old: Node
    new: Node
    old_edge: LoadedMesh
    new_edge: LoadedMesh
    running: dict[str, list[int]]
    arguments: argparse.Namespace
    written: list[Callers] = field(default_factory=list)

    def upgrade(self) -> int:
        """Services first, then the edge; returns 1 when a call was refused."""
        with self._callers(self.old_edge) as (callers, reader):
            time.sleep(self.arguments.seconds)
            self._roll(self.new, callers, "is upgraded")
            self.new.edge(self.new_edge.port, NEW_EDGE)
            self.new.await_health(self.new_edge.port, READY_SECONDS)
            with self._callers(self.new_edge) as (others, other_reader):
                callers.begin("upgraded")
                others.begin("upgraded, at its own edge")
                time.sleep(self.arguments.seconds)
        return _refusals((callers, others), (reader, other_reader))

    def roll_back(self) -> int:
        """The edge first, then services; returns 1 when a call was refused."""
        with self._callers(self.old_edge) as (callers, reader):
            with self._callers(self.new_edge) as (others, other_reader):
                time.sleep(self.arguments.seconds)
            _end(self.new.running[NEW_EDGE])
            self._roll(self.old, callers, "is rolled back")
            callers.begin("rolled back")
            time.sleep(self.arguments.seconds)
        return _refusals((callers, others), (reader, other_reader))

    def _roll(self, after: Node, callers: Callers, phase: str) -> None:
        callers.begin(phase)
        began = time.monotonic()
        after.finish("prepare")
        for name in SERVICES:
            self.running[name] = _roll_service(after, name, self.running[name])
        print(f"each of two of every service was replaced in {time.monotonic() - began:.0f} s", flush=True)

    @contextmanager
    def _callers(self, mesh: LoadedMesh) -> Iterator[tuple[Callers, Reader]]:
        first = len(self.written) * NUMBERS_OF_EACH
        callers = Callers(mesh.url, self.arguments.callers, mesh.admin, is_mixed=True, first=first)
        self.written.append(callers)
        with callers, Reader(mesh.url, mesh.admin, callers) as reader:
            yield callers, reader


def _roll_service(after: Node, name: str, numbers: Sequence[int]) -> list[int]:
    """Starts each instance anew in the place that is free, then ends the one that it replaces."""
    left = list(numbers)
    for number in numbers:
        (free,) = set(range(OF_EACH + 1)) - set(left)
        after.pod(name, free)
        _await_ready(after, name, free)
        time.sleep(NOTICED_SECONDS)
        _end(after.running[f"{name}-{number}"])
        left = [free if one == number else one for one in left]
    return left


def _await_ready(after: Node, name: str, number: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(f"http://{after.place(name, number)[METRICS]}/readyz"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not start:\n{after.log(f'{name}-{number}')[-2000:]}")
        time.sleep(0.2)


def _verdict(way: str, mesh: LoadedMesh, written: Sequence[Callers], patience: float) -> int:
    """Reads every acknowledged name; returns 1 when one is lost, failed or not done in time."""
    began, counts, bad = time.monotonic(), Counter[str](), 0
    for callers in written:
        states = states_of(mesh, callers.names, patience)
        counts.update(states.values())
        bad += sum(state != expected_state(name, callers) for name, state in states.items())
    listed = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    print(f"{way}: {counts.total()} acknowledged: {listed}; {counts['LOST']} lost, {bad} not as expected", end="")
    print(f" ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if bad else 0


def _batch(after: Node, pod: str, job: str) -> int:
    """Runs a batch job in a pod; returns 1 when it failed."""
    program = after.beside(pod, ["python", "-m", "batch", job])
    code = program.wait(READY_SECONDS)
    print(f"batch {job}: {after.log(f'{pod}-batch').strip().splitlines()[-1]}", flush=True)
    return 1 if code else 0


def _refusals(callers: Sequence[Callers], readers: Sequence[Reader]) -> int:
    """Prints what callers and readers met; returns 1 when a call was refused."""
    for one in callers:
        _print_phases(one)
    refused = sum(phase.refused.total() for one in callers for phase in one.phases)
    unread = Counter(answer for reader in readers for _, answer in reader.failures)
    reads = sum(reader.reads for reader in readers)
    print(
        f"{refused} calls that write were refused; {reads} reads, of which {unread.total()} failed {dict(unread) or ''}"
    )
    return 1 if refused or unread else 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(READY_SECONDS)


def _print_phases(callers: Callers) -> None:
    for phase in callers.phases:
        print(phase.line(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
