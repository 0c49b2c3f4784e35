"""What scripts/up says when it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import httpx
import onnxruntime
import pytest

from tests.e2e.mesh import ROOT, free_port_pair


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


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["", "detached"])
def test_a_folder_that_is_in_use_is_named_with_its_holder(mesh, detach):
    said = refused({}, "--data", str(mesh.data), "--port", str(free_port_pair()), *detach)
    assert f"a mesh already runs on {mesh.data} (process {mesh.supervisor})" in said
    assert "scripts/down" in said
    assert "Dropmesh is up" in (mesh.data / "up.log").read_text()
    assert httpx.get(f"{mesh.operations_url}/healthz").status_code == 200


def test_too_few_open_files_are_named_with_the_number_that_is_needed(folder):
    limited = ["-c", 'ulimit -n 64; exec "$0" -m scripts.mesh.up "$@"', sys.executable, "--data", str(folder)]
    ran = subprocess.run(["bash", *limited], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    said = "scripts/up: this process may open 64 files, and DROPMESH_MAX_IN_FLIGHT=512 needs 1408: raise the limit"
    assert ran.stderr.startswith(said)


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"cannot listen on port {port} of 127.0.0.1" in refused({}, "--data", str(folder), "--port", port)
        said = refused({}, "--data", str(folder), "--port", str(free_port_pair()), "--operations-port", port)
        assert f"cannot listen on port {port} of 127.0.0.1" in said
        assert "--operations-port" in said


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["", "detached"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_folder_that_cannot_be_written_is_named(folder, below, detach):
    path = folder / "file"
    path.write_text("not a folder")
    said = refused({}, "--data", f"{path}{below}", "--port", str(free_port_pair()), *detach)
    assert f"cannot write to the data folder {path}{below}" in said
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
        ("DROPMESH_LISTEN", "127.0.0.1:9000", "DROPMESH_LISTEN is '127.0.0.1:9000': it is only for a single service"),
        ("DROPMESH_METRICS", "unix:/socket", "DROPMESH_METRICS is 'unix:/socket': it is only for a single service"),
        ("DROPMESH_MODE", "closed", "DROPMESH_MODE is 'closed': Input should be 'open' or 'tokens'"),
        ("DROPMESH_EDGE_HOST", "0.0.0.0", "DROPMESH_EDGE_HOST is '0.0.0.0'"),
        ("DROPMESH_SETTINGS", "/nowhere/settings", "DROPMESH_SETTINGS is '/nowhere/settings'"),
        ("DROPMESH_CATALOG", "redis://user:hunter2@host/", "DROPMESH_CATALOG is (not shown): redis"),
        ("DROPMESH_CATALOG", "hunter2", "DROPMESH_CATALOG is (not shown): the value is not one of sqlite"),
        (
            "DROPMESH_CATALOG",
            "mongodb://user:hunter2@host/",
            "DROPMESH_CATALOG is (not shown): the address is malformed",
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
