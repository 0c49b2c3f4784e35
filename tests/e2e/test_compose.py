"""The compose files, their commands and environments run as processes: a wrong variable, path or name is found here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from scripts.lib.compose import read_compose
from tests.e2e.mesh import bearer, eventually, free_port_pair
from tests.servers.process import free_port
from tests.servers.rabbitmq import rabbitmq
from tests.servers.tools import Missing
from tests.support.classify_dir import ROOT, draw_images, rows
from tests.support.containers import Containers, Program

OURS = "dropmesh:local"
PASSWORDS = dict.fromkeys(("MONGO_PASSWORD", "S3_PASSWORD", "RABBITMQ_PASSWORD"), "secret")
START_SECONDS = 240
END_SECONDS = 60


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short path: the sockets of services lie in it, and the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        yield Path(folder)


class Compose(Containers):
    """Plays docker compose for one file."""

    model: dict[str, Any]

    def start_service(self, name: str, *more: str, **options: Any) -> subprocess.Popen[bytes]:
        """Starts a service of ours; `more` goes to the end of its command."""
        service = self.model["services"][name]
        assert service["image"] == OURS
        command = [*(service.get("entrypoint") or []), *service["command"]]
        given = {key: "" if value is None else str(value) for key, value in (service.get("environment") or {}).items()}
        return self.start(Program(name, command, given, self._volumes(name, service)), *more, **options)

    def _volumes(self, name: str, service: dict[str, Any]) -> dict[str, Path]:
        """A folder for each volume, shared by name, and for each tmpfs, its own."""
        targets = (entry.split(":")[0] for entry in service.get("tmpfs", []))
        volumes = {target: self.folder / f"{name}{target.replace('/', '-')}" for target in targets}
        shared = {one["target"]: self.folder / Path(one["source"]).name for one in service.get("volumes", [])}
        return volumes | shared


@contextmanager
def composed(file: str, folder: Path, hosts: dict[str, str], **settings: str) -> Iterator[Compose]:
    try:
        model = read_compose(file, {**PASSWORDS, **settings})
    except Missing as missing:
        pytest.skip(str(missing))
    played = Compose(folder, hosts)
    played.model = model
    try:
        yield played
    finally:
        played.stop()


@pytest.fixture
def broker() -> Iterator[str]:
    try:
        with rabbitmq() as url:
            yield url
    except Missing as missing:
        pytest.skip(str(missing))


def place_of(url: str) -> str:
    """user:password@host:port of a server."""
    return urlsplit(url).netloc


@pytest.mark.timeout(600)
def test_compose_classify_labels_the_folder_leaves_the_results_there_and_every_program_ends(broker, tmp_path):
    images = tmp_path / "pictures"
    draw_images(images, 20)
    hosts = {"classify:only-inside@rabbitmq:5672": place_of(broker)}
    with composed("compose.classify.yaml", tmp_path, hosts, IMAGES="./pictures") as compose:
        services = compose.model["services"]
        assert not any("ports" in service for service in services.values())
        classifier = compose.start_service("classifier")
        # RabbitMQ's own program is played by a sleep; what ends it is not.
        services["rabbitmq"] |= {"image": OURS, "command": ["sleep", "600"]}
        server = compose.start_service("rabbitmq")
        platform = compose.start_service("platform")

        assert platform.wait(START_SECONDS) == 0, compose.log("platform") + compose.log("classifier")
        assert classifier.wait(END_SECONDS) == 0, compose.log("classifier")
        assert server.wait(END_SECONDS) == 0
    assert rows(images / "results.db", "SELECT count(*), count(DISTINCT image) FROM results WHERE rank = 1") == [
        (20, 20)
    ]
    assert (images / "run.log").read_text().count("  stored  ") == 20


def test_compose_classify_ends_with_a_code_of_its_own_when_every_classifier_has_died(broker, tmp_path):
    draw_images(tmp_path / "pictures", 2)
    hosts = {"classify:only-inside@rabbitmq:5672": place_of(broker)}
    with composed("compose.classify.yaml", tmp_path, hosts, IMAGES="./pictures") as compose:
        services = compose.model["services"]
        # A program that fails is started again, as its exit code says; one that ends with the platform is not.
        assert {name: service.get("restart") for name, service in services.items()} == {
            "rabbitmq": "on-failure:5",
            "classifier": "on-failure:5",
            "platform": None,
        }
        services["classifier"]["command"] = ["sh", "-c", "exit 7"]
        assert compose.start_service("classifier").wait(END_SECONDS) == 7
        services["rabbitmq"] |= {"image": OURS, "command": ["sleep", "600"]}
        server = compose.start_service("rabbitmq")
        services["platform"]["environment"]["DROPMESH_CLASSIFY_CLASSIFIER_SECONDS"] = "1"

        platform = compose.start_service("platform")
        assert platform.wait(START_SECONDS) == 4, compose.log("platform")
        assert "no classifier took requests for 1 s" in compose.log("platform")
        assert server.wait(END_SECONDS) == 0


def test_compose_classify_stops_like_a_run_in_a_terminal(broker, tmp_path):
    draw_images(tmp_path / "pictures", 2)
    hosts = {"classify:only-inside@rabbitmq:5672": place_of(broker)}
    with composed("compose.classify.yaml", tmp_path, hosts, IMAGES="./pictures") as compose:
        platform = compose.start_service("platform")
        log = tmp_path / "pictures" / "run.log"
        eventually(lambda: log.exists() and "  sent  " in log.read_text(), START_SECONDS)
        platform.terminate()
        assert platform.wait(END_SECONDS) == 130, compose.log("platform")
        assert (tmp_path / "signal" / "ended").exists()


@pytest.mark.timeout(600)
def test_compose_runs_the_mesh_on_real_stores_behind_the_edge_with_tokens(mongo_url, s3, broker, tmp_path):
    peers = ("ingest", "processor", "query")
    port = free_port_pair()
    hosts = {
        "dropmesh:secret@mongo:27017/dropmesh?authSource=admin": f"{place_of(mongo_url)}/compose{port}",
        "s3:7070": urlsplit(s3.endpoint).netloc,
        "dropmesh:secret@rabbitmq:5672": place_of(broker),
        "secret": s3.secret_key,
    }
    with composed("compose.yaml", tmp_path, hosts) as compose:
        services = compose.model["services"]
        published = {name: service["ports"] for name, service in services.items() if "ports" in service}
        assert {name: [entry["host_ip"] for entry in ports] for name, ports in published.items()} == {
            "edge": ["127.0.0.1"]
        }
        for name, service in services.items():
            assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}, name
            assert service["healthcheck"]["test"], name
            assert set(service.get("depends_on", {})) <= set(services), name
        assert {name: services[name]["deploy"]["replicas"] for name in peers} == dict.fromkeys(peers, 2)

        (tmp_path / "models").mkdir()
        at = []
        for name in peers:
            places = {number: f"127.0.0.1:{free_port()}" for number in (9000, 9001, 9100)}
            at += [f"--at={name}:{number}={place}" for number, place in places.items()]
            compose.start_service(name, listen={f"0.0.0.0:{number}": place for number, place in places.items()})
        with ExitStack() as stack:
            compose.start_service("edge", *at, listen={"8080": str(port)})
            http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
            eventually(lambda: answers(f"http://127.0.0.1:{port + 1}/healthz"), START_SECONDS)
            assert http.get("/v1/media").status_code == 401

            create = ["-m", "scripts.mesh.token", "create", "me", "--scope", "admin"]
            environment = {"DROPMESH_CATALOG": f"mongodb://{place_of(mongo_url)}/compose{port}"}
            token = subprocess.run(
                [sys.executable, *create], cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True
            ).stdout
            http.headers.update(bearer(token.decode().strip()))
            drop = {"time_stamp": "2019-05-01T06:00:00-04:00", "data": [1, 2, 3]}
            answer = http.post("/v1/measurements", json=drop, params={"wait": "10s"})
            assert answer.status_code == 200, answer.text
            assert http.get("/v1/measurements/2019-05-01T10:00:00Z").json()["mean"] == 2


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.2)
        return False
