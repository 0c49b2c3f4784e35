"""An owner's erasure as an administrator meets it, with ingest killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.mesh import ROOT, Mesh, bearer, eventually, running_mesh
from tests.support.media_samples import image_bytes

OWNER = "anna-of-the-erasure"
READINGS = 3000


@pytest.fixture
def own_mesh() -> Iterator[Mesh]:
    settings = {"DROPMESH_MODE": "tokens", "DROPMESH_ERASURE_SETTLE_SECONDS": "2"}
    # A socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), settings) as mesh:
        yield mesh


def verify(mesh: Mesh, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.mesh.erasure", *arguments],
        cwd=ROOT,
        env={**os.environ, **mesh.environment},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def fill(client: httpx.Client) -> None:
    picture = image_bytes("jpeg", size=(320, 240))
    assert client.post("/v1/media", content=picture, params={"filename": f"{OWNER}.jpg"}).status_code == 201
    drop = [
        {"time_stamp": f"2019-05-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z", "data": [n]}
        for n in range(READINGS)
    ]
    answer = client.post("/v1/measurements", content=json.dumps(drop), params={"wait": "10s"})
    assert answer.json()["receipt"]["measurement_count"] == str(READINGS)
    assert client.post("/v1/measurements", content=b'{"time_stamp": "the secret"}').status_code == 202
    assert client.post("/v1/invites", json={"display_name": "Wedding"}).status_code == 201
    assert client.post("/v1/uploads", json={"filename": "film.mp4"}).status_code == 201
    assert client.post("/v1/series", json={"values": [1, 2, 3]}).status_code == 201
    # A refusal is logged, and says nothing of what was sent.
    assert client.get("/v1/media/gone", params={"view": OWNER}).status_code in {400, 404}


def erasure_of(admin: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/v1/{name}").json()
    return found


def test_an_erased_owner_leaves_nothing_though_ingest_is_killed(own_mesh: Mesh, tmp_path: Path) -> None:
    mesh, inventory = own_mesh, str(tmp_path / "inventory.json")
    owner = httpx.Client(base_url=mesh.url, headers=bearer(mesh.token(OWNER)), timeout=60)
    admin = httpx.Client(base_url=mesh.url, headers=mesh.admin, timeout=60)
    with owner, admin:
        fill(owner)
        assert owner.post(f"/v1/owners/{OWNER}:erase", json={}).status_code == 403
        code, listed = verify(mesh, "inventory", OWNER, inventory)
        assert code == 0, listed
        assert f"{READINGS} documents in measurements" in listed

        begun = admin.post(f"/v1/owners/{OWNER}:erase", json={})
        assert begun.status_code == 202
        name = begun.json()["name"]
        os.kill(mesh.service("ingest"), signal.SIGKILL)
        eventually(lambda: erasure_of(admin, name)["state"] == "DONE", within_seconds=120)

        certificate = erasure_of(admin, name)
        counts = {count["kind"]: int(count["documents"]) for count in certificate["counts"]}
        assert counts["measurements"] == counts["lineage"] == READINGS
        assert (counts["tokens"], counts["receipts"], counts["invites"], counts["uploads"]) == (1, 2, 1, 1)
        assert OWNER not in json.dumps(certificate)
        assert owner.get("/v1/media").status_code == 401
        assert admin.get("/v1/erasures").json()["erasures"] == [certificate]
        code, left = verify(mesh, "verify", OWNER, "--inventory", inventory)
        assert (code, left.splitlines()[-1]) == (0, "0 in all"), left
