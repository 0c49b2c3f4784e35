"""The three stores over TLS, with certificates of a private authority, as k8s/components/stores-tls sets them up."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.rabbitmq import rabbitmq_over_tls
from tests.servers.s3 import s3_over_tls
from tests.servers.tools import Missing
from tests.support.certificates import make_certificates, tls_before

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def addresses(mongo_url, tmp_path) -> Iterator[dict[str, str]]:
    """The settings of a mesh on stores that take TLS alone; `{CATALOG}` and so on stand for an authority's file."""
    certificates, name = make_certificates(tmp_path / "right"), uuid.uuid4().hex
    with ExitStack() as stack:
        mongo_port = stack.enter_context(tls_before(urlsplit(mongo_url).port or 27017, certificates))
        try:
            queue, objects = (stack.enter_context(run(certificates)) for run in (rabbitmq_over_tls, s3_over_tls))
        except Missing as missing:
            pytest.skip(str(missing))
        yield {
            "DROPMESH_CATALOG": f"mongodb://localhost:{mongo_port}/tls_{name}?tls=true&tlsCAFile={{catalog}}",
            "DROPMESH_QUEUE": f"{queue}?cafile={{queue}}",
            "DROPMESH_OBJECTS": f"s3://tls-{name}",
            "DROPMESH_S3_ENDPOINT": objects.endpoint,
            "DROPMESH_S3_ACCESS_KEY": objects.access_key,
            "DROPMESH_S3_SECRET_KEY": objects.secret_key,
            "AWS_CA_BUNDLE": "{objects}",
        }


def test_stores_are_reached_over_tls_and_only_with_their_authority(addresses, tmp_path):
    wrong = make_certificates(tmp_path / "wrong") / "ca.crt"
    trusted = dict.fromkeys(("catalog", "objects", "queue"), tmp_path / "right" / "ca.crt")
    with ThreadPoolExecutor() as threads:
        good = threads.submit(prepare, addresses, trusted, tmp_path)
        bad = {store: threads.submit(prepare, addresses, trusted | {store: wrong}, tmp_path) for store in trusted}
    code, said = good.result()
    assert code == 0, said
    assert "queues are ready" in said
    for store, refused in bad.items():
        code, said = refused.result()
        assert code == 1, said
        assert f"dropmesh: the {store} " in said
        assert "CERTIFICATE_VERIFY_FAILED" in said
        assert "Traceback" not in said


def prepare(addresses: Mapping[str, str], authorities: Mapping[str, Path], data: Path) -> tuple[int, str]:
    """Runs the Job of a roll-out, which opens each store, and returns its exit code and what it printed."""
    settings = {name: value.format(**authorities) for name, value in addresses.items()}
    environment = {**os.environ, "DROPMESH_DATA": str(data), **settings}
    command = [sys.executable, "-m", "scripts.mesh.prepare"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
