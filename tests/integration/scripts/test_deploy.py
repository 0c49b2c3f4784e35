"""scripts/deploy against a kubectl that builds overlays as the real one does and notes everything else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "registry.example.com/dropmesh@sha256:" + "0" * 64
STUB = """#!/bin/sh
echo "$*" >>{calls}
case "$*" in
    kustomize*) exec {kubectl} "$@" ;;
    "apply -k"*) {kubectl} kustomize "$3" | grep -c "image: {image}" >>{images} ;;
esac
case "$*" in {fails}) exit 1 ;; esac
"""


@pytest.fixture
def deploy(tool, tmp_path):
    def run(fails: str = "nothing") -> tuple[int, list[str], str]:
        stub, calls = tmp_path / "kubectl", tmp_path / "calls"
        text = STUB.format(calls=calls, kubectl=tool("kubectl"), image=IMAGE, images=tmp_path / "images", fails=fails)
        stub.write_text(text)
        stub.chmod(0o755)
        environment = {**os.environ, "KUBECTL": str(stub), "PATIENCE": "1s"}
        command = [str(ROOT / "scripts" / "deploy"), "prod", IMAGE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        lines = [line for line in calls.read_text().splitlines() if not line.startswith("kustomize")]
        return done.returncode, lines, done.stdout + done.stderr

    return run


def test_stores_are_prepared_before_programs_roll_and_every_program_has_the_image(deploy, tmp_path):
    code, calls, said = deploy()
    assert code == 0, said
    steps = [
        "delete job prepare",
        "--selector dropmesh.dev/rolls!=true",
        "wait --for=condition=complete job/prepare",
        "--selector dropmesh.dev/rolls=true,app.kubernetes.io/component!=edge",
        *(f"rollout status deployment/{name}" for name in ("ingest", "processor", "query")),
        "apply -k",
        "rollout status deployment/edge",
    ]
    assert len(calls) == len(steps)
    for call, step in zip(calls, steps, strict=True):
        assert step in call
    assert all("--namespace dropmesh" in call for call in calls if "apply" not in call)
    # Four Deployments, the Job and five CronJobs.
    assert (tmp_path / "images").read_text().split() == ["10", "10", "10"]
    assert "runs in the namespace dropmesh" in said


def test_nothing_rolls_while_the_stores_are_not_ready(deploy):
    code, calls, said = deploy('*"wait --for"*')
    assert code == 1
    assert "nothing was rolled out" in said
    assert not any("rollout" in call for call in calls)


@pytest.mark.parametrize(
    ("name", "undone"),
    [
        # The edge is still of the version before.
        ("processor", ["ingest", "processor", "query"]),
        ("edge", ["edge", "ingest", "processor", "query"]),
    ],
)
def test_a_program_that_does_not_start_takes_what_rolled_back_to_the_version_before(deploy, name, undone):
    code, calls, said = deploy(f'*"rollout status deployment/{name}"*')
    assert code == 1
    assert f"{name} does not start: going back" in said
    assert [call.rpartition("/")[2] for call in calls if "rollout undo" in call] == undone
