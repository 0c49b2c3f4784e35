"""Plays a node of a cluster: the workloads of an overlay as processes, their Secrets and names of hosts filled in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.lib.kubernetes.overlays import Overlay, Workload, workloads
from scripts.lib.kubernetes.settings import certificate_files
from tests.servers.process import free_port
from tests.servers.s3 import S3
from tests.support.containers import Containers, Program

SERVICES = ("ingest", "processor", "query")
METRICS = 9100
PORTS = (9000, 9001, METRICS)


@dataclass
class Node(Containers):
    """Runs any number of each Deployment; the edge finds them all by the names of their Services."""

    workloads: Mapping[str, Workload] = field(default_factory=dict)
    stores: Mapping[str, str] = field(default_factory=dict)
    """The values of variables that the overlay sets for its own stores."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Variables that every program gets besides."""
    places: dict[str, dict[int, str]] = field(default_factory=dict)
    """The address that stands for each port of each pod."""

    def pod(self, name: str, number: int = 0) -> subprocess.Popen[bytes]:
        """Starts a pod of a Deployment, at the addresses that it had before if it ran before."""
        key = f"{name}-{number}"
        listen = {f"0.0.0.0:{port}": place for port, place in self.place(name, number).items()}
        return self.start(self._program(name, key), listen=listen)

    def place(self, name: str, number: int) -> Mapping[int, str]:
        """The addresses of a pod; an edge that starts later looks for the pod there."""
        return self.places.setdefault(f"{name}-{number}", {port: f"127.0.0.1:{free_port()}" for port in PORTS})

    def edge(self, port: int, key: str = "edge") -> subprocess.Popen[bytes]:
        """Starts an edge on a port; its operations port is the next one."""
        at = [
            f"--at={pod.rpartition('-')[0]}:{number}={place}"
            for pod, places in self.places.items()
            if pod.startswith(SERVICES)
            for number, place in places.items()
        ]
        program = self._program("edge", key)
        own = program.environment["DROPMESH_EDGE_PORT"]
        metrics = f"127.0.0.1:{free_port()}"
        self.places[f"{key}-0"] = {METRICS: metrics}
        listen = {own: str(port), "8081": str(port + 1), f"0.0.0.0:{METRICS}": metrics}
        return self.start(program, *at, listen=listen)

    def job(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        """Starts a Job, or the program of a CronJob."""
        return self.start(self._program(name, name), *more)

    def finish(self, name: str, *more: str) -> str:
        """Runs a Job to its end and returns what it printed."""
        code = self.job(name, *more).wait(120)
        said = self.log(name)
        assert code == 0, said
        return said

    def await_health(self, port: int, within_seconds: float) -> None:
        """Waits until the edge on this port sees every service."""
        deadline = time.monotonic() + within_seconds
        while not answers(f"http://127.0.0.1:{port + 1}/healthz"):
            if time.monotonic() > deadline:
                logs = "\n".join(f"{name}: {self.log(name)[-1000:]}" for name in self.running)
                raise RuntimeError(f"the node did not start:\n{logs}")
            time.sleep(0.2)

    def token(self) -> str:
        """A token with every right, as an operator makes one in a pod of ingest."""
        program = self.beside("ingest-0", ["python", "-m", "scripts.mesh.token", "create", "me", "--scope", "admin"])
        if program.wait(60) != 0:
            raise RuntimeError(self.log("ingest-0-scripts.mesh.token"))
        return self.log("ingest-0-scripts.mesh.token").strip().splitlines()[-1]

    def _program(self, name: str, key: str) -> Program:
        workload = self.workloads[name]
        volumes = {}
        for path, kind in workload.mounts().items():
            place = self.folder / f"{key}{path.replace('/', '-')}"
            volumes[path] = certificate_files(place) if kind == "secret" else place
        environment = {name: self.stores.get(name, value) for name, value in workload.environment().items()}
        environment |= self.added
        return Program(key, workload.container["command"], environment, volumes)


def answers(url: str) -> bool:
    """Whether a GET of an address is answered with 200."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def node(
    overlay: Overlay, folder: Path, mongo_url: str, s3: S3, amqp_url: str, database: str, **settings: str
) -> Iterator[Node]:
    """A node whose stores are the given servers, in place of those that the overlay names."""
    mongo, amqp = urlsplit(mongo_url).netloc, urlsplit(amqp_url).netloc
    stores = {
        "DROPMESH_CATALOG": f"mongodb://{mongo}/{database}",
        "DROPMESH_QUEUE": f"amqp://{amqp}/?prefix={database}",
        "DROPMESH_OBJECTS": f"s3://{database}",
        "DROPMESH_S3_ENDPOINT": s3.endpoint,
        "DROPMESH_S3_ACCESS_KEY": s3.access_key,
        "DROPMESH_S3_SECRET_KEY": s3.secret_key,
        **settings,
    }
    played = Node(folder, {}, workloads={workload.name: workload for workload in workloads(overlay)}, stores=stores)
    try:
        yield played
    finally:
        played.stop()
