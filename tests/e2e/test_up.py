"""scripts/up as a person meets it: what it says, what it leaves behind, and what it does not."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import onnxruntime
import pytest

from tests.e2e.mesh import ROOT, Mesh, descendants, eventually, free_port_pair, words

READING = {"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}
ENDS_WITHIN_SECONDS = 30


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as name:
        yield Path(name)


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


def refused(environment: Mapping[str, str], *arguments: str) -> str:
    """What scripts/up says when it cannot start; it says so on one line of standard error."""
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.up", *arguments],
        cwd=ROOT,
        env={**os.environ, "DROPMESH_PULL_MODELS": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1, ran.stdout
    assert "Traceback" not in ran.stderr
    assert ran.stderr.startswith("scripts/up: ")
    return ran.stderr


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
    drop = httpx.post(f"{first.mesh.url}/v1/measurements?wait=10s", json=READING, timeout=30).raise_for_status().json()
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


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["", "detached"])
def test_a_folder_that_is_in_use_is_named_with_its_holder(mesh, detach):
    said = refused({}, "--data", str(mesh.data), "--port", str(free_port_pair()), *detach)
    assert f"a mesh already runs on {mesh.data} (process {mesh.supervisor})" in said
    assert "scripts/down" in said
    assert "Dropmesh is up" in (mesh.data / "up.log").read_text()
    assert httpx.get(f"{mesh.operations_url}/healthz").status_code == 200


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 cannot be had" in refused({}, "--data", str(folder), "--port", port)
        said = refused({}, "--data", str(folder), "--port", str(free_port_pair()), "--operations-port", port)
        assert f"port {port} of 127.0.0.1 cannot be had" in said
        assert "--operations-port" in said


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["", "detached"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_folder_that_cannot_be_written_is_named(folder, below, detach):
    path = folder / "file"
    path.write_text("not a folder")
    said = refused({}, "--data", f"{path}{below}", "--port", str(free_port_pair()), *detach)
    assert f"the data folder {path}{below} cannot be written" in said
    assert "--data DIR" in said


def test_a_folder_too_deep_for_a_socket_is_named(folder):
    deep = folder / ("d" * 100)
    said = refused({}, "--data", str(deep), "--port", str(free_port_pair()))
    assert "too long for a unix socket" in said
    assert "d" * 100 in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DROPMESH_EDGE_PORT", "eighty", "DROPMESH_EDGE_PORT is 'eighty'"),
        ("DROPMESH_EDGE_PORT", "70000", "DROPMESH_EDGE_PORT is '70000'"),
        ("DROPMESH_LISTEN", "127.0.0.1:9000", "DROPMESH_LISTEN is '127.0.0.1:9000': that is for one service"),
        ("DROPMESH_METRICS", "unix:/socket", "DROPMESH_METRICS is 'unix:/socket': that is for one service"),
        ("DROPMESH_MODE", "closed", "DROPMESH_MODE is 'closed': Input should be 'open' or 'tokens'"),
        ("DROPMESH_EDGE_HOST", "0.0.0.0", "DROPMESH_EDGE_HOST is '0.0.0.0'"),
        ("DROPMESH_SETTINGS", "/nowhere/settings", "DROPMESH_SETTINGS is '/nowhere/settings'"),
        ("DROPMESH_CATALOG", "redis://user:hunter2@host/", "DROPMESH_CATALOG is (not shown): redis"),
        ("DROPMESH_CATALOG", "hunter2", "DROPMESH_CATALOG is (not shown): this is none of sqlite"),
        (
            "DROPMESH_CATALOG",
            "mongodb://user:hunter2@host/",
            "DROPMESH_CATALOG is (not shown): this is no such address",
        ),
        ("DROPMESH_OBJECTS", "ftp://user:hunter2@host/", "DROPMESH_OBJECTS is (not shown): ftp"),
        ("DROPMESH_QUEUE", "kafka://user:hunter2@host/", "DROPMESH_QUEUE is (not shown): kafka"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_no_secret_told(folder, name, value, said):
    text = refused({"DROPMESH_DATA": str(folder), name: value})
    assert said in text
    assert "hunter2" not in text


def test_every_store_that_does_not_answer_is_named_and_no_secret_told(folder):
    port = free_port_pair()
    text = refused(
        {
            "DROPMESH_DATA": str(folder),
            "DROPMESH_CATALOG": f"mongodb://user:hunter2@127.0.0.1:{port}/dropmesh",
            "DROPMESH_OBJECTS": "s3://bucket",
            "DROPMESH_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "DROPMESH_S3_ACCESS_KEY": "user",
            "DROPMESH_S3_SECRET_KEY": "hunter2",
            "DROPMESH_QUEUE": f"amqp://user:hunter2@127.0.0.1:{port}/",
        }
    )
    assert f"the catalog cannot be reached at mongodb://127.0.0.1:{port}/dropmesh (DROPMESH_CATALOG)" in text
    assert "the objects cannot be reached at s3://bucket (DROPMESH_OBJECTS)" in text
    assert f"of http://127.0.0.1:{port} (DROPMESH_S3_ENDPOINT)" in text
    assert f"the queue cannot be reached at amqp://127.0.0.1:{port}/ (DROPMESH_QUEUE)" in text
    assert "nothing was started" in text
    assert "hunter2" not in text
    assert list((folder / "logs").iterdir()) == []


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [("s3://user:hunter2@bucket", "http://127.0.0.1:1"), ("s3://bucket", "http://user:hunter2@:1")],
)
def test_an_address_of_no_use_is_named_and_no_secret_told(folder, address, endpoint):
    keys = {"DROPMESH_S3_ACCESS_KEY": "user", "DROPMESH_S3_SECRET_KEY": "hunter2"}
    stores = {"DROPMESH_OBJECTS": address, "DROPMESH_S3_ENDPOINT": endpoint, **keys}
    text = refused({"DROPMESH_DATA": str(folder), **stores})
    assert "the objects cannot be reached at s3://bucket (DROPMESH_OBJECTS)" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("name", "scheme", "store"), [("CATALOG", "sqlite", "catalog"), ("OBJECTS", "file", "objects")]
)
def test_a_store_in_a_folder_that_cannot_be_is_named(folder, name, scheme, store):
    (folder / "file").touch()
    address = f"{scheme}://{folder}/file/below"
    text = refused({"DROPMESH_DATA": str(folder), f"DROPMESH_{name}": address})
    assert f"the {store} cannot be reached at {address} (DROPMESH_{name})" in text


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine has cuda")
def test_a_provider_that_is_not_there_is_named_with_those_that_are(folder):
    said = refused({"DROPMESH_PROVIDER": "cuda"}, "--data", str(folder), "--detach")
    assert "DROPMESH_PROVIDER is 'cuda'" in said
    assert "CPUExecutionProvider" in said
    assert "onnxruntime-gpu" in said


@pytest.mark.parametrize("module", ["up", "down", "token", "statistics"])
def test_every_command_explains_itself(module):
    ran = subprocess.run(
        [sys.executable, "-m", f"scripts.mesh.{module}", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"usage: scripts/{module}")


def test_a_service_that_keeps_dying_is_started_again_ever_later(tight_mesh):
    for pause in ("0.5", "1", "2"):
        pid = tight_mesh.service("processor")
        os.kill(pid, signal.SIGKILL)
        told = f"processor ended (signal 9) and starts again in {pause} s"
        eventually(partial(_has_said, tight_mesh, told))
        eventually(partial(_has_another, tight_mesh, "processor", pid))
    eventually(lambda: httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 200, 60)


def _has_said(mesh: Mesh, text: str) -> bool:
    return text in (mesh.data / "up.log").read_text()


def _has_another(mesh: Mesh, service: str, pid: int) -> bool:
    return mesh.service(service) not in (0, pid)


def test_what_is_down_is_told_by_the_health_of_the_whole(tight_mesh):
    assert httpx.get(f"{tight_mesh.operations_url}/healthz").status_code == 200
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


@pytest.mark.parametrize("wrong", [("--days", "nan"), ("--days", "1e9"), ("--days", "soon")])
def test_a_token_that_cannot_be_made_is_explained(folder, wrong):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.token", "create", "alice", *wrong],
        cwd=ROOT,
        env={**os.environ, "DROPMESH_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "argument --days" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "command", [("token", "create", "alice"), ("token", "list"), ("statistics", "check"), ("statistics", "recompute")]
)
@pytest.mark.parametrize("is_last", [False, True])
def test_a_folder_that_no_mesh_has_is_told_and_stays_as_it_is(folder, command, is_last):
    name, *words = command
    data = ["--data", str(folder)]
    ran = subprocess.run(
        [sys.executable, "-m", f"scripts.mesh.{name}", *([*words, *data] if is_last else [*data, *words])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert f"scripts/{name}: no mesh has a catalog at {folder}/catalog.sqlite" in ran.stderr
    assert list(folder.iterdir()) == []


def test_a_relative_folder_counts_from_where_a_command_is_typed(folder):
    if not (Path(sys.prefix) / ".dropmesh-runtime").exists():
        pytest.skip("needs scripts/up: this virtual environment is not its own")
    # Nothing there is taken for a part of the product.
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").touch()
    for given, environment in ((["--data", "mesh"], {}), ([], {"DROPMESH_DATA": "mesh"})):
        ran = subprocess.run(
            [str(ROOT / "scripts" / "down"), *given],
            cwd=folder,
            env={**os.environ, "DROPMESH_VENV": os.path.relpath(sys.prefix, folder), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == f"no mesh ever ran on {folder}/mesh\n"


def test_a_mesh_that_never_ran_can_be_stopped(folder):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.down", "--data", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"no mesh ever ran on {folder}\n"
