"""scripts/up as a person meets it while it runs and when it ends: what it keeps, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.mesh import DROP, ROOT, Mesh, descendants, eventually, free_port_pair, words

ENDS_WITHIN_SECONDS = 30


@dataclass
class Terminal:
    """scripts/up in a terminal of its own."""

    process: subprocess.Popen[bytes]
    mesh: Mesh
    screen: Path

    def said(self, text: str) -> bool:
        return text in self.screen.read_text()

    def ends(self) -> int:
        """Waits for the end; its exit status."""
        return self.process.wait(ENDS_WITHIN_SECONDS)


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts scripts/up in the foreground."""
    with ExitStack() as stack:

        def start(*arguments: str, **settings: str) -> Terminal:
            port = free_port_pair()
            screen = folder / "screen"
            environment = {**os.environ, "DROPMESH_PULL_MODELS": "false", **settings}
            with screen.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", "scripts.mesh.up", "--data", str(folder), "--port", str(port), *arguments],
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            stack.callback(_end, process)
            terminal = Terminal(process, Mesh(folder, port, {}), screen)
            eventually(lambda: terminal.said("Ctrl-C stops it.") or process.poll() is not None, 90)
            assert process.poll() is None, screen.read_text()
            return terminal

        yield start


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait(60)


def gone(pids: list[int]) -> bool:
    """Whether none of the processes is there; one that only waits to be asked for its status is not."""
    return not [pid for pid in pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_everything(up, number):
    terminal = up()
    pids = descendants(terminal.process.pid)
    assert len(pids) >= 4
    # Ctrl-C and the end of a terminal reach every process of the foreground.
    os.killpg(terminal.process.pid, number)
    assert terminal.ends() == 0
    assert gone(pids), [words(pid) for pid in pids]
    assert terminal.said("stopping")
    assert "Traceback" not in terminal.screen.read_text()
    for log in (terminal.mesh.data / "logs").glob("*.log"):
        assert "Traceback" not in log.read_text()


def test_kill_9_of_the_supervisor_leaves_nothing_running(up):
    terminal = up()
    pids = descendants(terminal.process.pid)
    terminal.process.kill()
    terminal.process.wait()
    eventually(lambda: gone(pids), ENDS_WITHIN_SECONDS)


def test_a_second_mesh_finds_what_the_first_one_kept(up):
    first = up()
    drop = httpx.post(f"{first.mesh.url}/v1/measurements?wait=10s", content=DROP, timeout=30).raise_for_status().json()
    token = first.mesh.admin_token
    assert stat.S_IMODE((first.mesh.data / "admin-token").stat().st_mode) == 0o600
    first.process.terminate()
    assert first.ends() == 0
    second = up().mesh
    found = httpx.get(f"{second.url}/v1/{drop['measurements'][0]['name']}", timeout=30).raise_for_status().json()
    assert found == drop["measurements"][0]
    assert second.admin_token == token
    assert httpx.get(f"{second.url}/v1/statistics", headers=second.admin, timeout=30).status_code == 200


def test_what_a_mesh_keeps_is_for_its_owner_alone(mesh):
    seen = [path for path in mesh.data.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert seen == []


def test_a_service_that_is_killed_is_started_again_at_once(tight_mesh):
    for _ in range(3):
        pid = tight_mesh.service("processor")
        os.kill(pid, signal.SIGKILL)
        eventually(partial(_has_another, tight_mesh, "processor", pid))
    assert _has_said(tight_mesh, "processor ended (signal 9); restarting in 0.5 s")
    eventually(lambda: httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 200, 60)


def _has_said(mesh: Mesh, text: str) -> bool:
    return text in (mesh.data / "up.log").read_text()


def _has_another(mesh: Mesh, service: str, pid: int) -> bool:
    return mesh.service(service) not in (0, pid)


def test_what_is_down_is_told_by_the_health_of_the_whole(tight_mesh):
    eventually(lambda: httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 200)
    # Hung, not killed: the supervisor starts a dead one again before anyone can see that it was down.
    os.kill(tight_mesh.service("query"), signal.SIGSTOP)
    try:
        eventually(lambda: httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 503)
    finally:
        os.kill(tight_mesh.service("query"), signal.SIGCONT)
    eventually(lambda: httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 200, 60)


def test_with_a_certificate_the_edge_speaks_https_and_pages_of_named_sites_may_call(up, folder):
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*new, *subject, *files], check=True, capture_output=True)
    page = {"origin": "https://app.example.com"}
    terminal = up(
        DROPMESH_TLS_CERTIFICATE=str(certificate),
        DROPMESH_TLS_PRIVATE_KEY=str(key),
        DROPMESH_ORIGINS="https://app.example.com, https://other.example.com",
    )
    assert terminal.said(f"https://127.0.0.1:{terminal.mesh.port}")
    trusting = ssl.create_default_context(cafile=str(certificate))
    answer = httpx.get(f"https://localhost:{terminal.mesh.port}/v1/media", verify=trusting, headers=page)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, page["origin"])


def test_each_service_tells_its_metrics(mesh, client):
    client.get("/v1/media")
    told = httpx.get(f"{mesh.operations_url}/metrics/query").text
    assert 'dropmesh_requests_total{code="OK",method="dropmesh.v1.QueryService.ListMedia"}' in told
    for service in ("ingest", "processor"):
        assert "dropmesh_requests_in_flight" in httpx.get(f"{mesh.operations_url}/metrics/{service}").text
