"""Every workload of each overlay, its command, environment and configuration, as processes on real stores."""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from scripts.lib.kubernetes.overlays import OVERLAYS, render
from scripts.mesh.sample import ensure_sample
from tests.cluster.node import METRICS, SERVICES, Node, answers, node
from tests.e2e.mesh import bearer, eventually, free_port_pair
from tests.servers.tools import Missing
from tests.support.collector import Collector, collector

START_SECONDS = 180
TRACED = {
    "drops": "DropMeasurements",
    "photos": "UploadMedia",
    "statistics": "UploadMedia",
    "webhooks": "UploadMedia",
    "series": "CreateSeries",
}
DROP = b'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the sockets of the edge lie in it, and the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as name:
        yield Path(name)


@pytest.fixture
def kept() -> Iterator[Collector]:
    with collector() as found:
        yield found


@pytest.fixture(params=OVERLAYS)
def played(request, folder, mongo_url, s3, amqp_url, kept: Collector) -> Iterator[Node]:
    try:
        overlay = render(request.param, ("traces",))
    except Missing as missing:
        pytest.skip(str(missing))
    traced = {"DROPMESH_OTLP_ENDPOINT": kept.endpoint, "DROPMESH_TRACED_PERCENT": "100"}
    with node(overlay, folder, mongo_url, s3, amqp_url, f"node{free_port_pair()}", **traced) as found:
        found.added = {
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "DROPMESH_WEBHOOK_HTTP": "true",
            "DROPMESH_WEBHOOK_PRIVATE": "true",
        }
        yield found


@pytest.mark.timeout(900)
def test_the_overlay_answers_the_lines_of_the_readme_through_its_edge_and_runs_its_jobs(played: Node, kept: Collector):
    said = played.finish("prepare")
    assert "indexes" in said
    assert "queues are ready" in said
    for name in SERVICES:
        played.pod(name)
    port = free_port_pair()
    edge = played.edge(port)
    played.await_health(port, START_SECONDS)
    with client(played, port) as http:
        assert http.get("/v1/media").status_code == 401
        http.headers.update(bearer(played.token()))
        # No receiver listens there; an attempt has a span all the same.
        assert http.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"}).status_code == 201

        # The README's five lines.
        dropped = http.post("/v1/measurements", content=DROP, params={"wait": "10s"})
        assert dropped.status_code == 200, dropped.text
        assert http.get("/v1/measurements/2019-05-01T10:00:00Z").json()["count"] == "3"
        uploaded = http.post("/v1/media", files={"photo": ("photo.jpg", ensure_sample(played.folder).read_bytes())})
        assert uploaded.status_code == 201, uploaded.text
        name = uploaded.json()["results"][0]["media"]["name"]
        eventually(lambda: http.get(f"/v1/{name}").json()["state"] == "PROCESSED", START_SECONDS)
        assert [one["name"] for one in http.get("/v1/media").json()["media"]] == [name]
        assert http.get("/v1/statistics").json()["media_count"] == "1"

        assert http.post("/v1/series", json={"values": [1, 2, 3], "sample_rate_hz": 10}).status_code == 201
        for topic, method in TRACED.items():
            eventually(partial(is_one_trace, kept, topic, method))

        # Every CronJob, twice: the second time there is nothing left to do.
        for job in ("sweep", "recount", "refit", "reprocess"):
            played.finish(job)
            played.finish(job)
        assert "8 days with 0 rows" in played.finish("archive")
        assert http.get("/healthz").status_code == 200

        scraped(played)
        drain(played, edge, http)


def is_one_trace(kept: Collector, topic: str, method: str) -> bool:
    """Whether a trace leads from the edge through ingest's method and the wait to the processor's work."""
    services = ["dropmesh-edge", "dropmesh-ingest", "dropmesh-processor", "dropmesh-processor"]
    names = [f"dropmesh.v1.IngestService.{method}", f"{topic} wait", f"{topic} process"]
    return any(
        [service for service, _ in way] == services and [name for _, name in way[1:]] == names
        for way in kept.ways_to(f"{topic} process")
    )


def client(played: Node, port: int) -> httpx.Client:
    """Reaches the edge as the overlay's clients do: where it has a certificate, over TLS alone."""
    certificate = played.folder / "edge-etc-dropmesh-edge-tls" / "tls.crt"
    if not certificate.exists():
        return httpx.Client(base_url=f"http://localhost:{port}", timeout=30)
    assert not answers(f"http://localhost:{port}/healthz")
    trusted = ssl.create_default_context(cafile=str(certificate))
    return httpx.Client(base_url=f"https://localhost:{port}", verify=trusted, timeout=30)


def scraped(played: Node) -> None:
    """Every pod has metrics where Prometheus reads them; that port answers nothing else of Envoy's."""
    for pod, places in played.places.items():
        text = httpx.get(f"http://{places[METRICS]}/metrics").text
        assert ("envoy_http_downstream_rq_xx" if pod == "edge-0" else "dropmesh_requests_total") in text
    at = played.places["edge-0"][METRICS]
    assert [httpx.get(f"http://{at}/{path}").status_code for path in ("config_dump", "stats", "")] == [404, 404, 404]


def drain(played: Node, edge, http: httpx.Client) -> None:
    """What preStop runs: answers ask clients to close their connections, and calls are answered meanwhile."""
    program = played.workloads["edge"].container["lifecycle"]["preStop"]["exec"]["command"]
    began = time.monotonic()
    stopping = played.beside("edge", [*program[:-1], "6"])
    closing = []
    while stopping.poll() is None:
        answer = http.get("/v1/media")
        assert answer.status_code == 200
        closing.append(answer.headers.get("connection") == "close")
        time.sleep(0.1)
    assert stopping.returncode == 0, played.log("edge-scripts.mesh.drain_edge")
    assert time.monotonic() - began >= 6
    assert any(closing)
    assert edge.poll() is None
