"""The processes that read and change what clients send."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import httpx

from tests.e2e.mesh import Mesh, children, eventually, words
from tests.support.media_samples import image_bytes


def child_processes(service: int) -> list[int]:
    return [pid for pid in children(service) if "services.common.workers.child" in words(pid)]


def environment(pid: int) -> str:
    return os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes())


def test_a_child_knows_no_setting_and_no_secret_of_its_service(mesh: Mesh) -> None:
    answer = httpx.post(f"{mesh.url}/v1/media", content=image_bytes("png", size=(61, 17)), timeout=60)
    assert answer.status_code in {200, 201}, answer.text
    secrets = {value for name, value in mesh.environment.items() if name.startswith("DROPMESH_S3_SECRET")}
    secrets |= {mesh.environment[name] for name in ("DROPMESH_CATALOG", "DROPMESH_QUEUE") if name in mesh.environment}
    for service in (mesh.service("ingest"), mesh.service("processor")):
        assert all(secret in environment(service) for secret in secrets)
        eventually(partial(child_processes, service))
        for child in child_processes(service):
            assert "OMP_NUM_THREADS=" in environment(child)
            assert "DROPMESH_" not in environment(child)
            assert not [secret for secret in secrets if secret in environment(child) + words(child)]
