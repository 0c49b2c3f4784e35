"""Programs that are not curl reach the same mesh: README's example, a client over the wheel, grpcurl."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc_testing  # type: ignore[import-untyped]
import pytest
from dropmesh.v1 import ingest_service_pb2, measurement_pb2

from tests.e2e.errors import error_of
from tests.e2e.mesh import ROOT, Mesh

READING = '{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
MEAN = (0.379 + 1.589 + 2.188) / 3
README = (ROOT / "README.md").read_text()
# What a client program installs with the wheel; nothing else of this environment is on its path.
DEPENDENCIES = ("grpc", "google", "typing_extensions.py")


def code_block(language: str, word: str) -> str:
    """The block of the README in this language that holds this word."""
    return next(str(block) for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if word in block)


@pytest.fixture(scope="module")
def example() -> str:
    return code_block("python", "import grpc")


def test_the_example_runs_against_the_mesh(mesh, example):
    here = example.replace("127.0.0.1:8080", mesh.address)
    assert here != example
    ran = subprocess.run([sys.executable, "-c", here], input=READING, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    assert float(ran.stdout) == pytest.approx(MEAN)


def test_the_example_runs_against_a_channel_of_grpcs_own_for_tests(example):
    service = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
    channel = grpc_testing.channel([service], grpc_testing.strict_real_time())
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    with ThreadPoolExecutor() as pool:
        mean = pool.submit(names["drop"], channel, READING)
        _, request, call = channel.take_unary_unary(service.methods_by_name["DropMeasurements"])
        assert request.body.data == READING.encode()
        assert request.wait.seconds == 5
        call.send_initial_metadata(())
        answer = ingest_service_pb2.DropMeasurementsResponse(measurements=[measurement_pb2.Measurement(mean=1.5)])
        call.terminate(answer, (), grpc.StatusCode.OK, "")
        assert mean.result(timeout=10) == 1.5


@pytest.fixture(scope="module")
def client_path() -> Iterator[Path]:
    """A folder with the contract's wheel and what it depends on, and nothing else of this project."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-wheel-") as name:
        folder = Path(name)
        source = folder / "proto"
        source.mkdir()
        # A copy: building writes beside its sources.
        for entry in ("pyproject.toml", "python"):
            subprocess.run(["cp", "-r", ROOT / "proto" / entry, source], check=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
        subprocess.run(list(map(str, build)), check=True)
        (wheel,) = folder.glob("dropmesh_api-*.whl")
        path = folder / "path"
        subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", path, wheel], check=True)
        libraries = Path(sysconfig.get_path("purelib"))
        for library in libraries.iterdir():
            if library.name in DEPENDENCIES:
                (path / library.name).symlink_to(library)
        yield path


def with_the_wheel(path: Path, program: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program that sees the wheel, its dependencies and the standard library."""
    isolated = f"import sys; sys.path.append({str(path)!r})\n{program}"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", isolated, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=path,
    )


def test_the_wheel_is_all_that_a_client_needs(mesh, example, client_path):
    ran = with_the_wheel(client_path, example.replace("127.0.0.1:8080", mesh.address), given=READING)
    assert ran.stderr == ""
    assert float(ran.stdout) == pytest.approx(MEAN)


def test_the_wheel_holds_the_contract_and_nothing_of_the_services(client_path):
    ran = with_the_wheel(client_path, "import services")
    assert "No module named 'services'" in ran.stderr
    # A package `buf` of its own would overwrite that of other wheels.
    assert not (client_path / "buf").exists()
    typed = [file.name for file in (client_path / "dropmesh" / "v1").glob("*")]
    assert "py.typed" in typed
    assert "media_pb2.pyi" in typed
    assert "query_service_pb2_grpc.py" in typed


REFUSED = """
import json
import grpc
from dropmesh.v1 import query_service_pb2, query_service_pb2_grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
with grpc.insecure_channel(sys.argv[1]) as channel:
    try:
        query_service_pb2_grpc.QueryServiceStub(channel).GetMedia(query_service_pb2.GetMediaRequest(name="media/none"))
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        print(json_format.MessageToJson(status))
"""


def test_all_clients_see_the_same_error(mesh, client, client_path, tool):
    expected = error_of(client.get("/v1/media/none"))
    ran = with_the_wheel(client_path, REFUSED, mesh.address)
    assert ran.stderr == ""
    assert json.loads(ran.stdout) == expected
    called = grpcurl(tool, mesh, "dropmesh.v1.QueryService/GetMedia", data='{"name": "media/none"}')
    assert called.returncode != 0
    assert json.loads(called.stderr) == expected


def test_grpcurl_finds_everything_by_reflection(mesh, tool):
    services = grpcurl(tool, mesh, "list").stdout.split()
    for name in ("dropmesh.v1.IngestService", "dropmesh.v1.ProcessorService", "dropmesh.v1.QueryService"):
        assert name in services
        assert "rpc " in grpcurl(tool, mesh, "describe", name).stdout
    request = {"body": {"data": "bm8gSlNPTg=="}, "wait": "5s"}
    refused = grpcurl(tool, mesh, "dropmesh.v1.IngestService/DropMeasurements", data=json.dumps(request))
    status = json.loads(refused.stderr)
    assert [detail["@type"].rpartition(".")[2] for detail in status["details"]] == ["ErrorInfo", "BadRequest"]
    assert status["details"][0]["reason"] == "DROP_QUARANTINED"
    assert status["details"][1]["field_violations"][0]["field"] == "$"


def grpcurl(tool: Callable[[str], Path], mesh: Mesh, *words: str, data: str = "") -> subprocess.CompletedProcess[str]:
    """Runs grpcurl over the edge; it knows nothing but what reflection tells it."""
    given = ["-d", data] if data else []
    command = [str(tool("grpcurl")), "-plaintext", "-format-error", *given, mesh.address, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_five_lines_of_the_readme_work_when_pasted(mesh, tmp_path):
    lines = [line for line in code_block("sh", "curl -X POST").splitlines() if line]
    assert len(lines) == 5
    answers = pasted(mesh, lines, tmp_path)
    assert answers[0]["measurements"][0]["mean"] == pytest.approx(MEAN)
    assert answers[1]["name"] == "measurements/2019-05-01T10:00:00Z"
    assert answers[2]["results"][0]["media"]["name"].startswith("media/")
    assert (tmp_path / "covered.jpg").read_bytes().startswith(b"\xff\xd8")
    assert int(answers[4]["media_count"]) >= 1


def test_the_five_lines_that_up_prints_work_when_pasted(tokens_mesh, tmp_path):
    text = (tokens_mesh.data / "up.log").read_text()
    lines = [line.strip() for line in text.splitlines() if line.startswith("  curl ")]
    assert len(lines) == 5
    answers = pasted(tokens_mesh, lines, tmp_path)
    assert answers[1]["name"] == "measurements/2019-05-01T10:00:00Z"


def pasted(mesh: Mesh, lines: list[str], folder: Path) -> list[Any]:
    """What curl lines answer in a shell, on the mesh's port and folder."""
    answers = []
    for line in lines:
        here = line.replace("127.0.0.1:8080", mesh.address).replace(".dropmesh/", f"{mesh.data}/")
        flags = "curl --silent --show-error --fail-with-body "
        ran = subprocess.run(
            ["bash", "-c", here.replace("curl ", flags, 1)], cwd=folder, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{here}\n{ran.stdout}{ran.stderr}"
        # One line writes a picture to a file.
        answers.append(json.loads(ran.stdout) if ran.stdout else None)
    return answers


def test_the_documentation_needs_no_internet(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    outside = [address for address in re.findall(r"""(?:src|href)=["']([^"']+)""", page.text) if "//" in address]
    assert outside == []
    assert isinstance(client.get("/openapi.json").json()["paths"], dict)


def test_grpc_web_reaches_the_same_method(client):
    headers = {"content-type": "application/grpc-web+proto", "accept": "application/grpc-web+proto", "x-grpc-web": "1"}
    answer = client.post("/dropmesh.v1.QueryService/ListMedia", content=b"\0\0\0\0\0", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/grpc-web+proto")
    assert b"grpc-status:0" in answer.content


@pytest.mark.parametrize("service", ["", "dropmesh.v1.QueryService"])
def test_a_grpc_client_asks_for_the_health_of_the_mesh(mesh, tool, service):
    asked = grpcurl(tool, mesh, "grpc.health.v1.Health/Check", data=json.dumps({"service": service}))
    assert json.loads(asked.stdout) == {"status": "SERVING"}, asked.stderr
